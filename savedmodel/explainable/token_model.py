"""A model fed at the vectors of tokens, which path methods take as dense tensors of rows whose lengths are held."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.model.interface import Tensor, Tensors
from tfx_explain.savedmodel.analysis.cut import CutModel
from tfx_explain.savedmodel.explainable.token_features import (
    FIXED,
    FLAT,
    OPEN,
    TokenFeature,
    TokenRows,
    by_row,
    token_rows,
)

_LENGTHS, _RAW = "/lengths", "raw/"


class TokenModel:
    """As `CutModel`; rows of tensors with any number of entries may be ragged, or dense with their lengths beside them.

    Attributes:
        players: as of `CutModel`.
        baselines: as of `CutModel`; of tokens' tensors `[baselines, 1, ...]`, the same for every entry.
        traces: as of `CutModel`.
        features: those with tokens, by name.
    """

    autograph = False

    def __init__(self, model: CutModel, features: Mapping[str, TokenFeature], raw: Callable[[Any], Tensors]) -> None:
        """Wraps a model that is cut at the tokens' tensors.

        Args:
            model: the model.
            features: what it is fed for tokens, by feature.
            raw: from rows to the raw tensors of these features.
        """
        self.players, self.baselines = model.players, model.baselines
        self.traces: dict[Any, Callable[..., Any]] = {}
        self.features = dict(features)
        self._model, self._raw = model, raw
        self._pads = {key: pad for feature in features.values() for key, pad in feature.pads.items()}
        keys = [key for feature in features.values() for key in feature.keys]
        self._kinds = {key.key: key.kind for key in keys}
        self._padded = {key.key for key in keys if key.is_padded}
        self._open = {n: [k.key for k in one.keys if k.kind == OPEN] for n, one in self.features.items()}

    def encode(self, rows: Any) -> dict[str, Tensor]:
        """As `CutModel.encode`, and what `read` takes besides."""
        return self._model.encode(rows) | {_RAW + key: tensor for key, tensor in self._raw(rows).items()}

    def read(self, encoded: Tensors) -> tuple[dict[str, Tensor], dict[str, TokenRows]]:
        """The model's inputs, from what `encode` returns, ragged where rows have any number of entries; and the tokens.

        Raises:
            tf.errors.OpError: if the tokens of a row can't be followed through the graph.
        """
        inputs = {key: tensor for key, tensor in encoded.items() if not key.startswith(_RAW)}
        raw = {key.removeprefix(_RAW): tensor for key, tensor in encoded.items() if key.startswith(_RAW)}
        tokens = {}
        for name, feature in self.features.items():
            found = feature.reader.read(raw)
            tokens[name] = token_rows(feature, found, raw[feature.raw])
            for key in feature.keys:
                if key.kind != FIXED:
                    splits, inner = by_row(found.entries[key.gather].shapes, key.kind)
                    values = found.entries[key.gather].values
                    values = values.reshape(-1, *inner, *values.shape[1:])
                    inputs[key.key] = tf.RaggedTensor.from_row_splits(values, splits, validate=False)
        return inputs, tokens

    def sizes(self, inputs: Tensors) -> np.ndarray:
        """Int64 `[rows, keys + 1]`, by which rows may be made dense together: those with the same sizes.

        Not the size of the longest row that comes along: a row's numbers must not depend on it. So where a batch is
        padded to its longest row, and no row is known to make the model pad others, those of one length go together.
        """
        sizes = {"": np.zeros(int(next(iter(inputs.values())).shape[0]), np.int64)}
        for key, kind in self._kinds.items():
            if kind != FIXED:
                lengths = inputs[key].row_lengths().numpy()
                sizes[key] = lengths if key in self._padded else _rounded(lengths)
        for name, keys in self._open.items():
            every = [sizes[key] for key in keys]
            for row, of_row in enumerate(zip(*every, strict=True)):
                if self.features[name].filler({*of_row}) is None:
                    for key, own in zip(keys, every, strict=True):
                        own[row] = inputs[key].row_lengths()[row]
        return np.stack([*sizes.values()], axis=1)

    def densified(self, inputs: Tensors) -> dict[str, Tensor]:
        """Pads the ragged tensors of rows whose sizes are the same, and puts their rows' lengths beside them."""
        dense = dict(inputs)
        for key, kind in self._kinds.items():
            if kind != FIXED:
                lengths, flat = inputs[key].row_lengths(), inputs[key].flat_values.numpy()
                size = int(_rounded(lengths.numpy()).max(initial=1))
                padded = np.zeros((len(lengths), size, *flat.shape[1:]), flat.dtype)
                padded[np.arange(size) < lengths.numpy()[:, None]] = flat
                dense[key], dense[key + _LENGTHS] = tf.constant(padded), lengths
        return dense

    def numbers(self, inputs: Tensors) -> int:
        """How many numbers a row of `inputs`, dense, has for tokens, where the rows' sizes are the same."""
        total = 0
        for key, kind in self._kinds.items():
            inner = inputs[key].shape[1:] if kind == FIXED else inputs[key].flat_values.shape[1:]
            size = 1 if kind == FIXED else int(_rounded(inputs[key].row_lengths().numpy()).max(initial=1))
            total += size * (inner.num_elements() or 1)
        return total

    def outputs(self, inputs: Tensors) -> tf.Tensor:
        """See `CutModel.outputs`."""
        return self._model.outputs(self._fed(inputs))

    def predict(self, inputs: Tensors, targets: tf.Tensor) -> tf.Tensor:
        """See `CutModel.predict`."""
        called, of_called = self._filled(inputs, targets)
        return self._model.predict(self._fed(called), of_called)[: tf.shape(targets)[0]]

    def gradients(self, inputs: Tensors, targets: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """See `CutModel.gradients`; each of the shape of the dense tensor."""
        called, of_called = self._filled(inputs, targets)
        fed = self._fed(called)
        outputs, gradients = self._model.gradients(fed, of_called)
        for key, kind in self._kinds.items():
            if key not in gradients or kind == FIXED:
                continue
            gradient, size = gradients[key], inputs[key].shape[1]
            if kind == FLAT:
                gradients[key] = fed[key].with_flat_values(gradient).to_tensor(shape=[None, *inputs[key].shape[1:]])
            else:
                own = _padded(gradient, called[key + _LENGTHS], tf.zeros_like(gradient[:1, :1]))
                missing = [[0, 0], [0, size - tf.shape(own)[1]], *[[0, 0]] * (own.shape.rank - 2)]
                gradients[key] = tf.pad(own, missing)
        return tf.nest.map_structure(lambda tensor: tensor[: tf.shape(targets)[0]], (outputs, gradients))

    def _filled(self, inputs: Tensors, targets: tf.Tensor) -> tuple[Tensors, tf.Tensor]:
        """Adds a row, where one is known that makes the model pad rows to the sizes of dense tensors."""
        last: dict[str, Tensor] = {}
        for name, keys in self._open.items():
            filler = self.features[name].filler({int(inputs[key].shape[1]) for key in keys}) or {}
            last |= {key: tensor for key, tensor in filler.items() if key in inputs}
            last |= {key + _LENGTHS: tf.constant([inputs[key].shape[1]], tf.int64) for key in keys if filler}
        if not last:
            return inputs, targets
        longer = {key: tf.concat([tensor, last.get(key, tensor[-1:])], axis=0) for key, tensor in inputs.items()}
        return longer, tf.concat([targets, targets[-1:]], axis=0)

    def _fed(self, inputs: Tensors) -> dict[str, Tensor]:
        """What the model is fed: without the padding of dense tensors."""
        fed = {key: tensor for key, tensor in inputs.items() if not key.endswith(_LENGTHS)}
        for key, kind in self._kinds.items():
            value = fed[key]
            if kind == FLAT and not isinstance(value, tf.RaggedTensor):
                fed[key] = tf.RaggedTensor.from_tensor(value, inputs[key + _LENGTHS])
            elif kind == OPEN:
                is_ragged = isinstance(value, tf.RaggedTensor)
                both = (value.to_tensor(), value.row_lengths()) if is_ragged else (value, inputs[key + _LENGTHS])
                fed[key] = _padded(*both, self._pads.get(key, self.baselines[key][:1]))
        return fed


def _rounded(lengths: np.ndarray) -> np.ndarray:
    """The next powers of two, so that there are few sizes."""
    return 2 ** np.ceil(np.log2(np.maximum(lengths, 1))).astype(np.int64)


def _padded(dense: tf.Tensor, lengths: tf.Tensor, pad: Any) -> tf.Tensor:
    """Rows as long as the longest, with `pad`, `[1, 1, ...]`, behind their ends."""
    dense = dense[:, : tf.reduce_max(lengths)]
    there = tf.sequence_mask(lengths, tf.shape(dense)[1])
    return tf.where(tf.reshape(there, tf.concat([tf.shape(there), [1] * (dense.shape.rank - 2)], 0)), dense, pad)
