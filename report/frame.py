"""Attributions for notebooks: a pandas frame, which shows what is in it."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence

import numpy as np
import pandas as pd
import tensorflow as tf

from tfx_explain.gate.reading.shards import split_folders
from tfx_explain.metrics.naming import unknown_name
from tfx_explain.metrics.rows import ModelRows
from tfx_explain.proto.printable import printable
from tfx_explain.report.fragments import explained
from tfx_explain.report.records import ATTRIBUTION, LEVELS, OUTPUT, SmallestHashes, decode, read_records, to_frame
from tfx_explain.report.totals import Totals
from tfx_explain.storage import columns
from tfx_explain.storage.paths import names_in

_LEFT_OUT = "features_left_out"
_SPLIT = "Split-"


class AttributionFrame(pd.DataFrame):
    """Attribution records as `read_attributions` gives them: a pandas frame like any other.

    In a notebook it shows what its rows say together, every feature's part, and itself behind that; so do some of its
    rows, `frame[frame["row", "value", "sex"] == "Male"]`. What has other columns shows itself, as pandas does.
    """

    @property
    def _constructor(self) -> type[AttributionFrame]:
        return AttributionFrame

    def _repr_html_(self) -> str | None:
        table = super()._repr_html_()  # pyright: ignore[reportCallIssue]
        # What was grouped or described has the columns too, but its rows are no records.
        has_records = self.index.inferred_type == "integer" and self.index.name is None
        totals = totals_of(self) if has_records and list(self.columns.names) == LEVELS else {}
        if not table or not totals:
            return table
        # pandas escapes what HTML means, and leaves what turns the direction of writing.
        table = "\n".join(map(printable, table.split("\n")))
        return explained("attributions.html", totals, len(self), table=table, left_out=self.attrs.get(_LEFT_OUT, 0))


def read_attributions(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    features: Collection[str] | None = None,
    sample: int | None = None,
    class_name: str = "",
) -> AttributionFrame:
    """Reads the attribution records that an Explainer wrote.

    ```python
    frame = read_attributions("attributions", sample=1000)
    frame["candidate"]["attribution"]  # [rows, features], in the unit of the explained output, log-odds for example
    frame["candidate"]["output"]  # baseline_output_value, instance_output_value, approximation_error, ...
    frame["row"]["value"]  # the features as the records have them
    ```

    Files are read a thousand records at a time, of which what is asked for is kept.

    Args:
      path: The Explainer's directory, the `uri` of its artifact, of which all splits are read; or the folder of one
        split; or several of these.
      features: The features to keep; None: all. A few of them take memory for a few.
      sample: At most so many rows, those with the smallest hashes: the same ones each time, in the same order. Memory
        is bounded by it. None: all rows, in the order of the files.
      class_name: Of which class, by name or index; empty: the first one of each record.

    Returns:
      A row a record; a column a number or value, by (of, what, name): `("candidate", "attribution", feature)`,
      `("candidate", "output", field)` of `storage.columns.FIELDS` and "explained_quantity", the same of "baseline"
      where the records explain a baseline model, and `("row", "value", feature)`. float64, but for the quantity, a
      text, and values, which are numbers or texts as in the records, or lists where a row has several. NaN or None
      where a record lacks one.

    Raises:
      ValueError: There are no attributions at the path, or none of a feature or class, or a file is damaged or missing.
    """
    if isinstance(features, str):
        raise ValueError(f"features={features!r}: give a list of names, such as [{features!r}].")
    if sample is not None and sample < 1:
        raise ValueError(f"sample={sample}: give a number of rows, 1 or more.")
    places = [os.fspath(one) for one in ([path] if isinstance(path, (str, os.PathLike)) else path)]
    said = ", ".join(places) or "no path at all"
    frames, there = [], set()
    for batch in _batches([folder for place in places for folder in _folders(place)], sample):
        decoded = decode(batch)
        there.update(decoded.schema.names)
        frames.append(to_frame(decoded, class_name, features))
    if not frames:
        raise ValueError(f"There are no records in {said}.")
    left_out = _verify(there, said, features)
    frame = frames[0] if len(frames) == 1 else _joined(frames)
    if class_name and not (frame[columns.CANDIDATE, OUTPUT, columns.OUTPUT_INDEX] >= 0).any():
        raise ValueError(f"No record in {said} explains a class {class_name!r}; leave it out for each record's first.")
    result = AttributionFrame(frame)
    if left_out:
        result.attrs[_LEFT_OUT] = left_out
    return result


def totals_of(frame: pd.DataFrame) -> dict[str, Totals]:
    """Returns the sums over a frame's rows, by model; none where it has no attributions."""
    result = {}
    for model in columns.MODELS:
        names = sorted(name for of, what, name in frame.columns if (of, what) == (model, ATTRIBUTION))
        if names:
            parts = [(model, ATTRIBUTION, name) for name in names], [(model, OUTPUT, one) for one in columns.FIELDS]
            numbers = [frame.reindex(columns=pd.MultiIndex.from_tuples(part)).to_numpy(np.float64) for part in parts]
            result[model] = Totals(tuple(names))
            result[model].add_rows(ModelRows(tuple(names), *numbers))
    return result


def _batches(folders: Sequence[str], sample: int | None) -> Iterator[np.ndarray]:
    """Yields serialized records, object `[some]`: all of them, or the sample's."""
    records = (batch for batch in read_records(list(dict.fromkeys(folders))) if len(batch))
    if sample is None:
        yield from records
        return
    chosen = SmallestHashes(sample)
    for batch in records:
        chosen.add(batch)
    if len(chosen.records()):
        yield chosen.records()


def _joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Returns all rows; columns that came later stand where they would have stood."""
    joined = pd.concat(frames, ignore_index=True)
    if all(len(frame.columns) == len(joined.columns) for frame in frames):
        return joined
    order = {(of, what): place for place, (of, what, _) in reversed(list(enumerate(joined.columns)))}
    fields = {name: place for place, name in enumerate((*columns.FIELDS, columns.EXPLAINED_QUANTITY))}
    by_name = sorted(joined.columns, key=lambda one: (order[one[:2]], fields.get(one[2], -1), one[2]))
    return joined.reindex(columns=pd.MultiIndex.from_tuples(by_name, names=LEVELS))


def _folders(path: str) -> list[str]:
    path = path.removeprefix("file://").rstrip("/") or path
    if not tf.io.gfile.isdir(path):
        raise ValueError(f"There is no folder {path}; give what an Explainer wrote, or one of its splits.")
    is_split = os.path.basename(path).startswith(_SPLIT) or any(name.endswith(".gz") for name in names_in(path))
    return [path] if is_split else split_folders(path)


def _verify(there: Collection[str], path: str, features: Collection[str] | None) -> int:
    """Returns how many attributed features are left out.

    Raises:
      ValueError: Records with such columns have no attributions, or lack a feature.
    """
    attributed = {name for model in columns.MODELS for name in columns.attributed_features(there, model)}
    if not columns.attributed_features(there, columns.CANDIDATE):
        raise ValueError(
            f"There are no attributions in the records of {path}: they lack the columns "
            f"{columns.attribution_column(columns.CANDIDATE, '<feature>')} that an Explainer writes."
        )
    known = {*attributed, *(name for name in there if not columns.is_explanation_column(name))}
    for name in sorted(set(features or ()) - known):
        raise ValueError(f"The records of {path} have an {unknown_name('feature', name, known)}")
    return 0 if features is None else len(attributed - set(features))
