"""The models of a job, asked of single rows and of a few together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from tfx_explain.attribution import Attributions
from tfx_explain.beam.explaining.engine import Engine, Inputs
from tfx_explain.beam.explaining.job import ExplanationJob
from tfx_explain.beam.reading import decode
from tfx_explain.proto.printable import printable
from tfx_explain.savedmodel import ExplainedOutput, Feature, read_once
from tfx_explain.storage import columns
from tfx_explain.storage.tfrecords import as_records

_CATEGORICAL = "categorical"  # A modality of explanation metadata.


@dataclass(frozen=True)
class Predictions:
    """What the models say of some rows.

    Attributes:
      outputs: By model, float64 `[rows, outputs]`; NaN in the rows that a model doesn't take.
      failures: By row number, why it doesn't, a sentence.
    """

    outputs: Mapping[str, np.ndarray]
    failures: Mapping[int, str]


class Models:
    """Candidate and, where there is one, baseline model, each opened once.

    Attributes:
      features: What the models read of a row, by name.
      explained: By model, what is explained of it.
      categories: The features whose values are names, be they numbers.
      job: The job, with the baseline model's metadata.
    """

    def __init__(self, job: ExplanationJob, examples: np.ndarray) -> None:
        """Opens the models.

        Args:
          job: What to explain, and how.
          examples: Some serialized tf.Examples, for baseline models that accept no made-up rows.

        Raises:
          ValueError: A model can't be explained as asked.
        """
        with read_once():
            self.job = job.completed(examples.tolist())
            self._engine = Engine(self.job)
        self.features: Mapping[str, Feature] = self._engine.row_features
        self.explained: Mapping[str, ExplainedOutput] = self._engine.explained
        candidate, inputs = self._engine.models[columns.CANDIDATE], job.metadata.inputs
        self.categories = frozenset(
            feature.name for name, feature in candidate.raw_features.items() if inputs[name].modality == _CATEGORICAL
        )
        self._decoder = decode.RowDecoder({name: feature.dtype for name, feature in self.features.items()})

    def decode(self, records: np.ndarray) -> tuple[pa.RecordBatch, np.ndarray, Mapping[int, str]]:
        """Returns the columns that the models read, of the rows that can be read; see `RowDecoder.decode`."""
        return self._decoder.decode(records)

    def predict(self, records: np.ndarray) -> Predictions:
        """Asks for all outputs of rows, serialized tf.Examples, object `[rows]`."""
        batch, readable, failures = self._decoder.decode(records)
        inputs = Inputs(records[readable], batch)
        lacking = self._engine.lacking_rows(batch)
        whole = np.setdiff1d(np.arange(len(readable)), list(lacking))
        refused = decode.isolate(whole, lambda rows: self._engine.outputs(inputs.take(rows)), decode.MODEL_ERRORS)
        good = np.setdiff1d(whole, list(refused))
        why = {row: error for row, (_, error) in lacking.items()} | refused
        failures = failures | {int(readable[row]): error for row, error in why.items()}
        outputs = self._engine.outputs(inputs.take(good)) if len(good) else {}
        spread = {}
        for model in self.explained:
            found = outputs.get(model, np.empty((0, 0)))
            spread[model] = np.full((len(records), found.shape[1]), np.nan)
            spread[model][readable[good]] = found
        return Predictions(spread, {row: _sentence(error) for row, error in failures.items()})

    def targets(self, outputs: np.ndarray) -> list[int]:
        """Returns the outputs of the candidate that can be explained, that which is explained by default first.

        Args:
          outputs: Of a row, the candidate's, float64 `[outputs]`.
        """
        choice = self._engine.choice
        chosen = choice.of_rows(outputs[None])[0].tolist()
        others = range(len(outputs)) if choice.needs_outputs else ()
        every = np.array(list(dict.fromkeys([*chosen, *others])), np.int32)
        there = np.all([self.of_model(model, every) >= 0 for model in self.explained], axis=0)
        return every[there].tolist()

    def default_targets(self, outputs: np.ndarray) -> np.ndarray:
        """Returns the output that is explained by default, int32 `[rows]`, by the candidate's, `[rows, outputs]`."""
        return self._engine.choice.of_rows(outputs)[:, 0]

    def of_model(self, model: str, targets: np.ndarray) -> np.ndarray:
        """Returns the outputs of a model that stand for the candidate's, int32 of the same shape; -1: none does."""
        return self._engine.choice.of_model(model, targets)

    def explain(self, record: bytes, target: int) -> dict[str, Attributions]:
        """Attributes one output of a row, by model, `[1, features]` each.

        Args:
          record: A serialized tf.Example.
          target: The candidate's output; the baseline model's is that which stands for it.

        Raises:
          ValueError: A model doesn't take the row, or it has no attribution; a sentence says why.
        """
        records = as_records([record])
        batch, _, failures = self._decoder.decode(records)
        if not failures:
            failures = {row: error for row, (_, error) in self._engine.lacking_rows(batch).items()}
        if failures:
            raise ValueError(_sentence(failures[0]))
        try:
            results = self._engine.results(Inputs(records, batch), np.array([[target]], np.int32))
        except decode.MODEL_ERRORS as error:
            raise ValueError(_sentence(decode.one_line(error))) from error
        if found := results.failures():
            model, error = found[0]
            whose = "" if model == columns.CANDIDATE else f"The {model} model: "
            raise ValueError(_sentence(whose + error))
        return {model: outputs[0] for model, outputs in results.of_models.items()}


def _sentence(error: str) -> str:
    return printable(f"{error[:1].upper()}{error[1:].rstrip('.')}.")
