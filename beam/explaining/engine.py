"""The models of a job and the method that explains them, applied to rows that the models accept."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import tensorflow as tf

from tfx_explain.attribution import Attributions
from tfx_explain.attribution.coalitions.method import CoalitionMethod
from tfx_explain.beam.explaining.areas import areas_of_maps
from tfx_explain.beam.explaining.calls import SteadyModel
from tfx_explain.beam.explaining.coalitions import TokenCoalitions
from tfx_explain.beam.explaining.images import prepare_images
from tfx_explain.beam.explaining.job import ExplanationJob, load_models, unshared_features
from tfx_explain.beam.explaining.method import Method, Request, make_method, needs_gradients
from tfx_explain.beam.explaining.outputs import choose_outputs
from tfx_explain.beam.explaining.results import Failures, Results, of_one_size
from tfx_explain.beam.explaining.tokens import baseline_of, chosen_features
from tfx_explain.beam.reading import decode
from tfx_explain.beam.reading.sample import row_hashes
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import ExplainableModel, Feature, TokenModel
from tfx_explain.storage import columns


@dataclasses.dataclass(frozen=True)
class Inputs:
    """Readable records.

    Attributes:
      records: Serialized tf.Examples, object `[rows]`.
      batch: The columns that the models read, `[rows]`; None where every model parses the records itself.
    """

    records: np.ndarray
    batch: pa.RecordBatch | None = None

    def take(self, rows: np.ndarray) -> Inputs:
        """Returns some rows, int `[taken]`, in that order."""
        if len(rows) == len(self.records):
            return self
        return Inputs(self.records[rows], None if self.batch is None else self.batch.take(pa.array(rows)))

    def for_model(self, model: ExplainableModel) -> tf.Tensor | dict[str, tf.Tensor]:
        """Returns what the model's signature takes."""
        if model.takes_examples:
            return tf.constant(self.records, tf.string, [len(self.records)])
        assert self.batch is not None
        return decode.dense_inputs(self.batch, model.input_specs)


class Engine:
    """Explains rows with every model of a job.

    Attributes:
      models: By `columns.CANDIDATE` and perhaps `columns.BASELINE`.
      explained: By model, what is explained.
      unshared: By model, the features that the other lacks; empty where there is one model.
      choice: Which outputs are explained where none are named.
      row_features: What the models read of a row, by tf.Example key; the candidate's, where the two read one as
        different types, so that no record serves both.
      parses: Whether every model parses serialized tf.Examples itself.
    """

    def __init__(self, job: ExplanationJob) -> None:
        """Loads the models of a completed job.

        Raises:
          ValueError: A model can't be explained with this metadata and method; the message says what to do.
        """
        self._along_path = needs_gradients(make_method(job.parameters))
        self.models: Mapping[str, ExplainableModel] = load_models(job)
        self.explained = {name: model.output for name, model in self.models.items()}
        self.unshared = unshared_features(self.models)
        self._tokenized: dict[str, TokenModel] = {}
        self._coalitions: dict[str, TokenCoalitions] = {}
        self._calls = {name: self._cut(name, model, job.parameters) for name, model in self.models.items()}
        metadata = {columns.CANDIDATE: job.metadata, columns.BASELINE: job.baseline_model_metadata}
        prepared = {
            name: prepare_images(job.parameters, metadata[name] or job.metadata, model.players, model.baselines)
            for name, model in self._calls.items()
        }
        self._images = {name: images for name, (images, _) in prepared.items()}
        self._baselines = {name: baselines for name, (_, baselines) in prepared.items()}
        # Both models' own, as far as both have them: one method finds the parts of a picture for both.
        shared = set.intersection(*map(set, self._images.values()))
        self._measured = job.parameters.measure_maps
        self._max_tokens = job.parameters.tokens.max_tokens
        self._methods = self._make_methods(job.parameters, sorted(shared))
        self.choice = choose_outputs(job.parameters, self.models)
        self.row_features: Mapping[str, Feature] = collections.ChainMap(
            *(dict(model.row_features) for model in self.models.values())
        )
        self.parses = all(model.takes_examples for model in self.models.values())

    @property
    def numbers_per_row(self) -> int:
        """How many numbers are kept of a row: of each feature those of every model's outputs, and one a baseline."""
        features = max(len(model.features) for model in self.models.values())
        outputs = self.choice.most(self.models[columns.CANDIDATE].num_outputs) * len(self.models)
        baselines = (tensor.shape[0] or 1 for model in self._calls.values() for tensor in model.baselines.values())
        return features * (outputs + max(baselines, default=1))

    def lacking_rows(self, batch: pa.RecordBatch) -> Failures:
        """Finds the rows without a value that a model takes."""
        lacking: Failures = {}
        for name, model in self.models.items():
            if model.takes_examples:
                found = decode.missing_features(batch, model.row_features)
            else:
                found = decode.missing_values(batch, model.input_specs)
            lacking = {row: (name, error) for row, error in found.items()} | lacking
        return lacking

    def explain(self, inputs: Inputs) -> tuple[list[np.ndarray], list[Results], Failures]:
        """Explains rows; those for which TensorFlow fails, alone or for want of memory together, harm no other.

        Args:
          inputs: Rows that lack nothing, at least one.

        Returns:
          Row numbers and results of parts of the rows, and the failures of the others.
        """
        rows = np.arange(len(inputs.records))
        try:
            return [rows], [self.results(inputs)], {}
        except decode.MODEL_ERRORS:
            refused = self._refused_rows(inputs)
        rest = np.setdiff1d(rows, list(refused))
        parts, results, failures = self._explain_halved(inputs, rest) if len(rest) else ([], [], {})
        parts, results, odd = of_one_size(parts, results)
        return parts, results, failures | refused | odd

    def outputs(self, inputs: Inputs) -> dict[str, np.ndarray]:
        """Returns every model's outputs, float `[rows, outputs]`, of rows that lack nothing, at least one.

        Raises:
          decode.MODEL_ERRORS: A model can't take one of the rows, or not so many at once.
        """
        return {
            name: model.outputs(self._request(name, inputs, row_hashes(inputs.records)).inputs)
            .numpy()
            .astype(np.float64)
            for name, model in self._calls.items()
        }

    def results(self, inputs: Inputs, targets: np.ndarray | None = None) -> Results:
        """Explains rows.

        Args:
          inputs: Rows, at least one.
          targets: The candidate's outputs to explain, int32 `[rows, chosen]`; None: those of `choice`.

        Raises:
          decode.MODEL_ERRORS: A model can't take one of the rows, or not so many at once.
        """
        keys = row_hashes(inputs.records)
        requests = {name: self._request(name, inputs, keys) for name in self._calls}
        chosen = self._targets(requests[columns.CANDIDATE], len(keys)) if targets is None else targets
        of_models = {name: self.choice.of_model(name, chosen) for name in requests}
        found = {
            name: [self._explained(name, request, target, inputs) for target in of_models[name].T]
            for name, request in requests.items()
        }
        return Results(of_models, found, self._areas(requests, of_models, found))

    def _areas(
        self,
        requests: Mapping[str, Request],
        targets: Mapping[str, np.ndarray],
        found: Mapping[str, Sequence[Attributions]],
    ) -> dict[str, dict[str, np.ndarray]]:
        """How good the maps are, where that is asked for."""
        if not self._measured:
            return {}
        return {
            name: areas_of_maps(request, self._images[name], targets[name], found[name], self.explained[name].quantity)
            for name, request in requests.items()
        }

    def _explained(self, name: str, request: Request, targets: np.ndarray, inputs: Inputs) -> Attributions:
        found = request.explain(self._methods[name], targets, list(self._images[name].values()))
        if name not in self._coalitions:
            return found
        return self._coalitions[name].with_words(found, inputs.for_model(self.models[name]))

    def take_seconds(self) -> float:
        """Returns the time spent in the models since this was asked last."""
        return sum(model.take_seconds() for model in self._calls.values())

    def _cut(
        self, name: str, model: ExplainableModel, parameters: explanation_pb2.ExplanationParameters
    ) -> SteadyModel:
        try:
            if not parameters.tokens.features:
                return SteadyModel(model.differentiable() if self._along_path else model.coalitional())
            is_required = name == columns.CANDIDATE
            if not self._along_path:
                self._coalitions[name] = TokenCoalitions(parameters.tokens, model, is_required=is_required)
                return SteadyModel(self._coalitions[name].model())
            features = chosen_features(parameters.tokens, model, model.why_no_tokens, is_required)
            self._tokenized[name] = model.tokenized(features, baseline_of(parameters.tokens))
            return SteadyModel(self._tokenized[name])
        except ValueError as error:
            raise ValueError(f"The {name} model can't be explained as asked. {error}") from error

    def _make_methods(
        self, parameters: explanation_pb2.ExplanationParameters, images: Sequence[str]
    ) -> dict[str, Method]:
        if not parameters.tokens.features:  # which have keys of each model's own
            return dict.fromkeys(self.models, make_method(parameters, images))
        return {name: self._method(name, parameters, images) for name in self.models}

    def _method(self, name: str, parameters: explanation_pb2.ExplanationParameters, images: Sequence[str]) -> Method:
        method = make_method(parameters, images, self._token_keys(name))
        if name not in self._coalitions:
            return method
        assert isinstance(method, CoalitionMethod)
        return self._coalitions[name].method(method)

    def _token_keys(self, name: str) -> dict[str, int]:
        features = self._tokenized[name].features.values() if name in self._tokenized else ()
        return {key.key: key.axes for feature in features for key in feature.keys}

    def _request(self, name: str, inputs: Inputs, keys: np.ndarray) -> Request:
        model, encoded = self._calls[name], self._encode(name, inputs)
        tokenized, tokens = self._tokenized.get(name), {}
        if tokenized is not None:
            encoded, tokens = tokenized.read(encoded)
        return Request(model, encoded, self._baselines[name], model.players, keys, tokenized, tokens, self._max_tokens)

    def _encode(self, name: str, inputs: Inputs) -> dict[str, tf.Tensor]:
        return self._calls[name].encode(inputs.for_model(self.models[name]))

    def _readable(self, name: str, inputs: Inputs) -> None:
        """Raises `decode.MODEL_ERRORS` where a model can't take one of the rows."""
        self._request(name, inputs, row_hashes(inputs.records))

    def _refused_rows(self, inputs: Inputs) -> Failures:
        """Finds the rows that a model can't parse or encode, which is cheap to try."""
        refused: Failures = {}
        for name in self.models:
            rest = np.setdiff1d(np.arange(len(inputs.records)), list(refused))
            found = decode.isolate(
                rest, lambda rows, of=name: self._readable(of, inputs.take(rows)), decode.MODEL_ERRORS
            )
            refused |= {row: (name, error) for row, error in found.items()}
        return refused

    def _explain_halved(self, inputs: Inputs, rows: np.ndarray) -> tuple[list[np.ndarray], list[Results], Failures]:
        try:
            return [rows], [self.results(inputs.take(rows))], {}
        except decode.MODEL_ERRORS as error:
            if len(rows) == 1:
                return [], [], {int(rows[0]): (columns.CANDIDATE, decode.one_line(error))}
        first, second = (self._explain_halved(inputs, half) for half in np.array_split(rows, 2))
        return first[0] + second[0], first[1] + second[1], first[2] | second[2]

    def _targets(self, candidate: Request, rows: int) -> np.ndarray:
        if not self.choice.needs_outputs:
            return self.choice.of_rows(np.empty((rows, 0)))
        return self.choice.of_rows(self._calls[columns.CANDIDATE].outputs(candidate.inputs).numpy())
