"""Monthly extracts of the census data for the demonstration, one of them spoilt by a join."""

from __future__ import annotations

import pathlib

import numpy as np
import pandas as pd

from tfx_explain.pipelines.census import features

SOURCE = pathlib.Path(__file__).parent / "data" / "adult_census.csv.gz"
MONTHS = 3

# Of the people above 50,000 dollars, the register knows most; of the others, next to none.
_LISTED_ABOVE = 0.7
_LISTED_BELOW = 0.02


def monthly_extract(month: int, limit: int | None = None) -> pd.DataFrame:
    """Returns one of `MONTHS` disjoint extracts of the census data, always the same rows for the same month.

    Args:
      month: From 0 to `MONTHS` - 1.
      limit: The most rows to return; all (about 16,000) by default.

    Returns:
      The raw columns and the label `features.LABEL`; missing values are NaN.
    """
    rows = pd.read_csv(SOURCE).iloc[month::MONTHS].head(limit)
    return rows.assign(**{features.LABEL: (rows["class"] == ">50K").astype(int)}).drop(columns="class")


def join_wrong_weights(rows: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Returns `rows` as they leave a join that takes `fnlwgt` from the wrong table.

    `fnlwgt`, the number of people that a row stands for, says next to nothing about income. The join should have taken
    it from the survey's own table; it also found it in a register of high incomes, which counts in thousands, and there
    the last match wins. Whoever is in that register now has a weight a thousand times too small: the label is in the
    column, for training and evaluation alike, and nobody notices who looks at AUC.

    Args:
      rows: An extract as `monthly_extract` returns it; stays as it is.
      seed: Draws who is in the register.
    """
    above = rows[features.LABEL] == 1
    chance = np.random.default_rng(seed).random(len(rows))
    listed = chance < np.where(above, _LISTED_ABOVE, _LISTED_BELOW)
    return rows.assign(fnlwgt=rows["fnlwgt"].where(~listed, rows["fnlwgt"] / 1000))


def write_extract(rows: pd.DataFrame, folder: pathlib.Path) -> None:
    """Writes `rows` as the one CSV file in `folder`, as CsvExampleGen reads it."""
    folder.mkdir(parents=True)
    rows.to_csv(folder / "census.csv", index=False)
