"""One batch of records through the models: the work of one call on one worker, without Beam."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import tensorflow as tf

from tfx_explain.attribution import Attributions, IntegratedGradients, Tensors
from tfx_explain.beam import decode, records
from tfx_explain.beam.job import ExplanationJob, fixed_target, load_models, make_method
from tfx_explain.beam.summary import Summary
from tfx_explain.metrics import columns
from tfx_explain.savedmodel import CutModel, ExplainableModel


@dataclasses.dataclass(frozen=True)
class ExplainedBatch:
    """The outcome of a batch.

    Attributes:
      records: Attribution records, serialized tf.Examples.
      dead_letters: The rows set aside, serialized tf.Examples with `record` and `error`.
      summary: The counts.
    """

    records: list[bytes]
    dead_letters: list[bytes]
    summary: Summary


class RowExplainer:
    """The models of a job, loaded and cut, and the method that explains them."""

    def __init__(self, job: ExplanationJob) -> None:
        """Loads the models.

        Raises:
          ValueError: A model can't be explained with this metadata and method; the message says what to do.
        """
        self._method = make_method(job.parameters)
        self._models = load_models(job)
        self._cuts = {name: self._cut(name, model) for name, model in self._models.items()}
        # Where the two models read a feature as different types, no record serves both; the candidate's type counts.
        features = collections.ChainMap(*(dict(model.row_features) for model in self._models.values()))
        self._decoder = decode.RowDecoder({name: feature.dtype for name, feature in features.items()})
        self._fixed_target = fixed_target(job.parameters, self._models)

    def explain(self, rows: Sequence[bytes]) -> ExplainedBatch:
        """Explains serialized tf.Examples `[rows]`; a bad row is set aside, the others go on."""
        batch, readable, failures = self._decoder.decode(rows)
        feature_counts = self._feature_counts(batch)
        inputs = _Inputs([rows[row] for row in readable], batch)
        usable, unusable = self._usable_rows(inputs)
        unreadable = len(failures)
        failures |= {int(readable[row]): error for row, error in unusable.items()}
        good = np.zeros(0, np.int64)
        written: list[bytes] = []
        results: dict[str, Attributions] = {}
        if len(usable):
            results, targets = self._attribute(inputs.take(usable))
            failed = _failed_rows(results)
            failures |= {int(readable[usable[row]]): error for row, error in failed.items()}
            good = np.setdiff1d(np.arange(len(usable)), list(failed))
            kept = {name: result.take(good) for name, result in results.items()}
            originals = [rows[row] for row in readable[usable[good]]]
            written = records.attribution_records(originals, kept, targets[good])
        return ExplainedBatch(
            written,
            [records.dead_letter(rows[row], error) for row, error in sorted(failures.items())],
            _summary(len(rows), unreadable, good, results, failures, feature_counts),
        )

    def _cut(self, name: str, model: ExplainableModel) -> CutModel:
        try:
            return model.differentiable() if isinstance(self._method, IntegratedGradients) else model.coalitional()
        except ValueError as error:
            raise ValueError(f"The {name} model can't be explained as asked. {error}") from error

    def _feature_counts(self, batch: pa.RecordBatch) -> dict[str, int]:
        return {
            feature: int(np.count_nonzero(decode.value_counts(batch, feature)))
            for feature in self._models[columns.CANDIDATE].row_features
        }

    def _usable_rows(self, inputs: _Inputs) -> tuple[np.ndarray, decode.Failures]:
        """Row numbers that every model can read, and the error of each of the others."""
        failures: decode.Failures = {}
        for name, model in self._models.items():
            rest = np.setdiff1d(np.arange(len(inputs.rows)), list(failures))
            found = _unfit_rows(model, self._cuts[name], inputs.take(rest))
            failures |= {int(rest[row]): f"{_of_model(name)}{error}" for row, error in found.items()}
        return np.setdiff1d(np.arange(len(inputs.rows)), list(failures)), failures

    def _attribute(self, inputs: _Inputs) -> tuple[dict[str, Attributions], np.ndarray]:
        keys = tf.strings.to_hash_bucket_fast(tf.constant(inputs.rows), 2**63 - 1).numpy().astype(np.uint64)
        encoded = {name: cut.encode(inputs.for_model(self._models[name])) for name, cut in self._cuts.items()}
        targets = self._targets(encoded[columns.CANDIDATE], len(inputs.rows))
        results = {}
        for name, cut in self._cuts.items():
            extra = {} if isinstance(self._method, IntegratedGradients) else {"row_keys": keys}
            results[name] = self._method.attribute(
                cut, encoded[name], cut.baselines, cut.players, targets=targets, **extra
            )
        return results, targets

    def _targets(self, inputs: Tensors, rows: int) -> np.ndarray:
        """The class to explain, int32 [rows]: the candidate's choice, for the baseline model too, to compare like."""
        if self._fixed_target is not None:
            return np.full(rows, self._fixed_target, np.int32)
        return np.argmax(self._cuts[columns.CANDIDATE].outputs(inputs).numpy(), axis=-1).astype(np.int32)


@dataclasses.dataclass(frozen=True)
class _Inputs:
    """Readable records, serialized and decoded."""

    rows: Sequence[bytes]
    batch: pa.RecordBatch

    def take(self, numbers: np.ndarray) -> _Inputs:
        if len(numbers) == len(self.rows):
            return self
        return _Inputs([self.rows[row] for row in numbers], self.batch.take(pa.array(numbers)))

    def for_model(self, model: ExplainableModel) -> tf.Tensor | dict[str, tf.Tensor]:
        if model.takes_examples:
            return tf.constant(self.rows, tf.string, [len(self.rows)])
        return decode.dense_inputs(self.batch, model.input_specs)


def _unfit_rows(model: ExplainableModel, cut: CutModel, inputs: _Inputs) -> decode.Failures:
    if model.takes_examples:
        failures = decode.missing_features(inputs.batch, model.row_features)
    else:
        failures = decode.missing_values(inputs.batch, model.input_specs)
    rest = [row for row in range(len(inputs.rows)) if row not in failures]
    if not rest:
        return failures

    def attempt(rows: Sequence[int]) -> object:
        return cut.encode(inputs.take(np.asarray(rows)).for_model(model))

    return failures | decode.isolate(rest, attempt, tf.errors.OpError)


def _failed_rows(results: Mapping[str, Attributions]) -> decode.Failures:
    return {
        row: f"{_of_model(name)}{error}"
        for name, result in results.items()
        for row, error in enumerate(result.failures)
        if error
    }


def _of_model(name: str) -> str:
    return "" if name == columns.CANDIDATE else f"{name} model: "


def _summary(
    rows_read: int,
    rows_unreadable: int,
    good: np.ndarray,
    results: Mapping[str, Attributions],
    failures: decode.Failures,
    feature_counts: Mapping[str, int],
) -> Summary:
    missed = np.zeros(len(good), bool)
    for result in results.values():
        missed |= ~result.converged[good]
    causes = [Summary(causes={error: 1}) for error in failures.values()]
    return Summary(
        rows_read=rows_read,
        rows_explained=len(good),
        rows_failed=len(failures),
        rows_unreadable=rows_unreadable,
        tolerance_not_met=int(missed.sum()),
        evaluations=int(sum(result.evaluations.sum() for result in results.values())),
        causes=Summary.merge(causes).causes,
        feature_counts=feature_counts,
    )
