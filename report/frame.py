"""Attributions for notebooks: a pandas frame, and shap's own object, which all of shap's plots take."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import tensorflow as tf

from tfx_explain.gate.reading.shards import split_folders
from tfx_explain.metrics.naming import unknown_name
from tfx_explain.report.records import ATTRIBUTION, OUTPUT, ROW, VALUE, SmallestHashes, decode, read_records, to_frame
from tfx_explain.storage import columns
from tfx_explain.storage.paths import names_in

if TYPE_CHECKING:
    import shap


def read_attributions(
    path: str, features: Collection[str] | None = None, sample: int | None = None, class_name: str = ""
) -> pd.DataFrame:
    """Reads the attribution records that an Explainer wrote.

    ```python
    frame = read_attributions("attributions", sample=1000)
    frame["candidate"]["attribution"]  # [rows, features], in the unit of the explained output, log-odds for example
    frame["candidate"]["output"]  # baseline_output_value, instance_output_value, approximation_error, ...
    frame["row"]["value"]  # the features as the records have them
    ```

    Args:
      path: The Explainer's directory, of which all splits are read, or the folder of one split.
      features: The features to keep; None: all. A few of them take memory for a few.
      sample: At most so many rows, those with the smallest hashes: the same ones each time, in the same order. Memory
        is bounded by it. None: all rows, in the order of the files.
      class_name: Of which class, by name or index; empty: the first one of each record.

    Returns:
      A row a record; a column a number or value, by (of, what, name): `("candidate", "attribution", feature)`,
      `("candidate", "output", field)` of `storage.columns.FIELDS`, the same of "baseline" where the records explain a
      baseline model, and `("row", "value", feature)`. float64, but for values, which are numbers or texts as in the
      records, or lists where a row has several. NaN or None where a record lacks one.

    Raises:
      ValueError: There are no attributions at the path or none of a feature, or a file is damaged or missing.
    """
    records = read_records(_folders(path))
    if sample is not None:
        chosen = SmallestHashes(sample)
        for batch in records:
            chosen.add(batch)
        records = iter([chosen.records()])
    frames, there = [], set()
    for batch in (decode(batch) for batch in records if len(batch)):
        there.update(batch.schema.names)
        frames.append(to_frame(batch, class_name, features))
    if not frames:
        raise ValueError(f"There are no records in {path}.")
    _verify(there, path, features)
    return frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)


def to_shap(frame: pd.DataFrame, model: str = columns.CANDIDATE) -> shap.Explanation:
    """Returns attributions as shap has them; needs shap (`tfx-explain[shap]`).

    Args:
      frame: Of `read_attributions`.
      model: "candidate" or "baseline".

    Returns:
      `values` `[rows, features]`, `base_values` `[rows]`; `data` `[rows, features]`, float64, for colours and axes,
        in which texts are their place in alphabetical order and NaN is what the records lack;
        `display_data`, as they stand.

    Raises:
      ValueError: The frame has no attributions of the model.
    """
    import shap  # An extra.

    if not any(column[:2] == (model, ATTRIBUTION) for column in frame.columns):
        raise ValueError(f"There are no attributions of the model {model!r} in this frame.")
    attributions = frame[model][ATTRIBUTION]
    raw = frame[ROW][VALUE] if ROW in frame.columns.levels[0] else pd.DataFrame(index=frame.index)
    raw = raw.reindex(columns=attributions.columns)
    return shap.Explanation(
        values=attributions.to_numpy(),
        base_values=frame[model, OUTPUT, columns.BASELINE_OUTPUT_VALUE].to_numpy(),
        data=np.column_stack([as_numbers(values) for _, values in raw.items()]),
        display_data=raw.to_numpy(object),
        feature_names=list(attributions.columns),
    )


def as_numbers(values: pd.Series) -> np.ndarray:
    """Returns a raw feature as float64 `[rows]`: texts, and lists, by their place in order; NaN: missing."""
    if pd.api.types.is_numeric_dtype(values):
        return values.to_numpy(np.float64)
    codes = pd.Categorical(values.map(str, na_action="ignore")).codes.astype(np.float64)
    return np.where(codes < 0, np.nan, codes)


def _folders(path: str) -> list[str]:
    is_split = tf.io.gfile.isdir(path) and any(name.endswith(".gz") for name in names_in(path))
    return [path] if is_split else split_folders(path)


def _verify(there: Collection[str], path: str, features: Collection[str] | None) -> None:
    """Raises a ValueError where records with such columns have no attributions, or lack a feature."""
    attributed = columns.attributed_features(there, columns.CANDIDATE)
    if not attributed:
        raise ValueError(
            f"There are no attributions in the records of {path}: they lack the columns "
            f"{columns.attribution_column(columns.CANDIDATE, '<feature>')} that an Explainer writes."
        )
    known = {*attributed, *(name for name in there if not columns.is_explanation_column(name))}
    for name in sorted(set(features or ()) - known):
        raise ValueError(f"The records of {path} have an {unknown_name('feature', name, known)}")
