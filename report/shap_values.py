"""Attributions as shap's own object, which all of shap's plots take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from tfx_explain.report.extras import needs
from tfx_explain.report.records import ATTRIBUTION, OUTPUT, ROW, VALUE, as_numbers
from tfx_explain.storage import columns

if TYPE_CHECKING:
    import shap

_LONGEST = 40  # Of several values, as shap has them in a label.


def to_shap(frame: pd.DataFrame, model: str = columns.CANDIDATE) -> shap.Explanation:
    """Returns attributions as shap has them; needs shap (`tfx-explain[shap]`).

    Rows that could not be explained are left out, since few of shap's plots know what to do with them.

    Args:
      frame: Of `read_attributions`.
      model: "candidate" or "baseline".

    Returns:
      `values` `[explained rows, features]`, `base_values` `[explained rows]`; `data` of the same shape as `values`,
        float64, for colours and axes, in which texts are their place in alphabetical order and NaN is what the records
        lack; `display_data`, as they stand, several values of a row as a text.

    Raises:
      ValueError: The frame has no attributions of the model.
      ImportError: There is no shap.
    """
    with needs("shap", "`to_shap`"):
        import shap
    if not any(column[:2] == (model, ATTRIBUTION) for column in frame.columns):
        raise ValueError(f"There are no attributions of the model {model!r} in this frame.")
    explained = np.isfinite(frame[model][ATTRIBUTION].to_numpy(np.float64)).all(axis=1)
    if not explained.any():
        raise ValueError(f"No row in this frame has all its attributions of the model {model!r}.")
    attributions = frame[model][ATTRIBUTION]
    raw = frame[ROW][VALUE] if ROW in frame.columns.levels[0] else pd.DataFrame(index=frame.index)
    raw = raw.reindex(columns=attributions.columns)
    return shap.Explanation(
        values=attributions.to_numpy(np.float64)[explained],
        base_values=frame[model, OUTPUT, columns.BASELINE_OUTPUT_VALUE].to_numpy(np.float64)[explained],
        data=np.column_stack([as_numbers(values) for _, values in raw.items()])[explained],
        display_data=np.column_stack([_shown(values) for _, values in raw.items()])[explained],
        feature_names=list(attributions.columns),
    )


def _shown(values: pd.Series) -> np.ndarray:
    """Returns what a label says of a feature, object `[rows]`; shap makes arrays of them, which take no lists."""
    found = np.empty(len(values), object)
    found[:] = [_in_short(str(one)) if isinstance(one, list) else one for one in values]
    return found


def _in_short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}\N{HORIZONTAL ELLIPSIS}"
