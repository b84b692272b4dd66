"""One batch of records through the models: the work of one call on one worker, without Beam."""

from __future__ import annotations

import collections
import dataclasses
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from tfx_explain.attribution.model.blocks import near_equal_slices
from tfx_explain.beam.explaining.engine import Engine, Inputs
from tfx_explain.beam.explaining.job import ExplanationJob
from tfx_explain.beam.explaining.results import Failures, Results
from tfx_explain.beam.reading import decode
from tfx_explain.beam.reading.batches import RowBatch
from tfx_explain.beam.writing import records
from tfx_explain.savedmodel import ExplainedOutput
from tfx_explain.storage import columns
from tfx_explain.storage.integrity import records_digest
from tfx_explain.storage.summary import Summary

# One row in as many is looked at for the features that it has, and all where none of those has one of them.
_LOOKED_AT = 16
# What is found of rows, in numbers of eight bytes, before it is written; a few copies of it are made on the way.
_MOST_NUMBERS = 2**23


@dataclasses.dataclass(frozen=True)
class ExplainedBatch:
    """The outcome of a batch.

    Attributes:
      records: Attribution records, serialized tf.Examples, object `[explained]`.
      dead_letters: The rows set aside, serialized tf.Examples with `record`, `error` and `shard`.
      summary: The counts.
    """

    records: np.ndarray
    dead_letters: list[bytes]
    summary: Summary


class RowExplainer:
    """Explains batches of records; bad rows are set aside singly, the others go on."""

    def __init__(self, job: ExplanationJob) -> None:
        """Loads the models of a completed job.

        Raises:
          ValueError: A model can't be explained with this metadata and method; the message says what to do.
        """
        started = time.perf_counter()
        self._engine = Engine(job)
        self._kept = list(job.parameters.kept_features.names) if job.parameters.HasField("kept_features") else None
        features = self._engine.row_features
        self._decoder = decode.RowDecoder({name: feature.dtype for name, feature in features.items()})
        # Told once, to whichever thread asks first.
        self._load_seconds = iter([time.perf_counter() - started])

    @property
    def features(self) -> tuple[str, ...]:
        """The features that have an attribution column in each record, sorted: those of any model."""
        return tuple(sorted({name for model in self._engine.models.values() for name in model.features}))

    def parts(self, batch: RowBatch) -> Iterator[RowBatch]:
        """Cuts a batch of which many features, classes or baselines make much; rows do not depend on each other."""
        not_sampled = batch.not_sampled
        rows = _MOST_NUMBERS // self._engine.numbers_per_row
        for part in list(near_equal_slices(len(batch.records), max(1, rows))) or [slice(0)]:
            yield RowBatch(batch.records[part], batch.shard, not_sampled)
            not_sampled = 0

    def explain(self, batch: RowBatch) -> ExplainedBatch:
        """Explains a batch."""
        found = self._quickly(batch.records) or self._carefully(batch.records)
        written = np.empty(0, object)
        if found.results is not None:
            originals = records.kept_features(batch.records[found.rows], self._kept)
            written = records.attribution_records(
                originals, found.results, self._engine.explained, self._engine.unshared
            )
        failures = found.failures
        return ExplainedBatch(
            written,
            [records.dead_letter(batch.records[row], _worded(*failures[row]), batch.shard) for row in sorted(failures)],
            Summary(
                rows_read=len(batch.records),
                rows_explained=len(written),
                rows_unreadable=found.unreadable,
                rows_not_sampled=batch.not_sampled,
                feature_counts=found.feature_counts,
                records_digest=records_digest(written),
                **_failed(failures),
                **_cost(found.results),
                **_influence(found.results, self._engine.explained),
                **self._own_cost(),
            ),
        )

    def _quickly(self, rows: np.ndarray) -> _Found | None:
        """Explains rows without decoding them first, which takes a tenth of the time; None where one is bad."""
        if not self._engine.parses or not len(rows):
            return None
        try:
            results = self._engine.results(Inputs(rows))
        except decode.MODEL_ERRORS:
            return None
        counts = self._feature_counts(self._decoder.decode(rows[::_LOOKED_AT])[0])
        if not all(counts.values()):
            counts = self._feature_counts(self._decoder.decode(rows)[0])
        return _found(np.arange(len(rows)), results, {}, 0, counts)

    def _carefully(self, rows: np.ndarray) -> _Found:
        """Explains rows of which some may be bad, and finds out what is wrong with these."""
        decoded, readable, unreadable = self._decoder.decode(rows)
        # A record that can't be read has nothing to do with one of the models; the candidate stands for both.
        failures: Failures = {row: (columns.CANDIDATE, error) for row, error in unreadable.items()}
        lacking = self._engine.lacking_rows(decoded)
        failures |= {int(readable[row]): why for row, why in lacking.items()}
        whole = np.setdiff1d(np.arange(len(readable)), list(lacking))
        counts = self._feature_counts(decoded)
        if not len(whole):
            return _Found(whole, None, failures, len(unreadable), counts)
        numbers = readable[whole]
        parts, results, failed = self._engine.explain(Inputs(rows[readable], decoded).take(whole))
        failures |= {int(numbers[row]): why for row, why in failed.items()}
        if not results:
            return _Found(np.empty(0, np.int64), None, failures, len(unreadable), counts)
        return _found(numbers[np.concatenate(parts)], Results.joined(results), failures, len(unreadable), counts)

    def _own_cost(self) -> dict[str, Any]:
        """What the explainer is and has cost since this was asked last."""
        return {
            "model_load_seconds": next(self._load_seconds, 0.0),
            "model_call_seconds": self._engine.take_seconds(),
            "features_of_one_model": self._engine.unshared,
            "explained_quantity": {name: output.quantity for name, output in self._engine.explained.items()},
        }

    def _feature_counts(self, decoded: pa.RecordBatch) -> dict[str, int]:
        return {
            feature: int(np.count_nonzero(decode.value_counts(decoded, feature)))
            for feature in self._engine.models[columns.CANDIDATE].row_features
        }


@dataclasses.dataclass(frozen=True)
class _Found:
    """What became of a batch's rows.

    Attributes:
      rows: Numbers of the rows that were explained, int `[explained]`.
      results: What was found for them.
      failures: The other rows.
      unreadable: How many of those could not be read at all.
      feature_counts: How many of the rows looked at have each feature.
    """

    rows: np.ndarray
    results: Results | None
    failures: Failures
    unreadable: int
    feature_counts: dict[str, int]


def _found(rows: np.ndarray, results: Results, failures: Failures, unreadable: int, counts: dict[str, int]) -> _Found:
    """What became of rows that the models took, of which some may still have no attribution."""
    failed = results.failures()
    good = np.setdiff1d(np.arange(len(rows)), list(failed))
    failures = failures | {int(rows[row]): why for row, why in failed.items()}
    return _Found(rows[good], results.take(good), failures, unreadable, counts)


def _failed(failures: Failures) -> dict[str, Any]:
    return {
        "rows_failed": len(failures),
        "rows_failed_by_model": dict(collections.Counter(model for model, _ in failures.values())),
        "causes": dict(collections.Counter(_worded(*why) for why in failures.values())),
    }


def _cost(results: Results | None) -> dict[str, Any]:
    if results is None:
        return {}
    missed = {name: results.missed(name) for name in results.of_models}
    evaluations = {name: results.evaluations(name) for name in results.of_models}
    return {
        "tolerance_not_met": int(np.any(list(missed.values()), axis=0).sum()),
        "tolerance_not_met_by_model": {name: int(rows.sum()) for name, rows in missed.items()},
        "evaluations": sum(evaluations.values()),
        "evaluations_by_model": evaluations,
        "tokens_left_out": results.tokens_left_out(),
    }


def _influence(results: Results | None, explained: Mapping[str, ExplainedOutput]) -> dict[str, Any]:
    """How many rows explain each class, and in how many of them no feature has any influence on it."""
    if results is None:
        return {}
    every, without = collections.Counter[str](), collections.Counter[str]()
    for model, output in explained.items():
        targets, lacking = results.targets[model], results.lacks_influence(model)
        for counts, of_class in ((every, targets), (without, targets[lacking])):
            indices, numbers = np.unique(of_class, return_counts=True)
            names = [output.names[index] if output.names else str(index) for index in indices]
            counts.update({f"{model}/{name}": int(number) for name, number in zip(names, numbers, strict=True)})
    return {"rows_by_class": dict(every), "rows_without_influence_by_class": dict(without)}


def _worded(model: str, error: str) -> str:
    return error if model == columns.CANDIDATE else f"{model} model: {error}"
