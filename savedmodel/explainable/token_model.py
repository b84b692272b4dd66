"""A model fed at the vectors of tokens, which path methods take as dense tensors of rows whose lengths are held."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.model.interface import Tensor, Tensors
from tfx_explain.attribution.problem.tokens import splits_of, taken
from tfx_explain.savedmodel.analysis.cut import CutModel
from tfx_explain.savedmodel.explainable.alone import NotTogetherError
from tfx_explain.savedmodel.explainable.places import places
from tfx_explain.savedmodel.explainable.tokens import ReadTokens, TokenReader

# How a batch's rows lie in a tensor of entries: as an axis of their own, of one size or that of the longest, or not.
FIXED, OPEN, FLAT = "fixed", "open", "flat"
_LENGTHS, _RAW = "/lengths", "raw/"


@dataclass(frozen=True)
class TokenKey:
    """A tensor that is fed, with a slice for each entry.

    Attributes:
        key: the tensor.
        gather: the number of the gather whose entries it has.
        kind: `fixed`, `open` or `flat`.
        is_padded: of `flat`, whether what pads rows to the longest of their batch has entries, too.
    """

    key: str
    gather: int
    kind: str
    is_padded: bool = False


@dataclass(frozen=True)
class TokenRows:
    """The tokens of a batch of rows, which a model's graph makes.

    Attributes:
        row_splits: int64 `[rows + 1]`.
        texts: bytes, object `[tokens]`.
        owners: by key, the token of its row that each entry is of, int64 `[entries, ...]`, -1 where it is none's.
        entry_splits: by key, int64 `[rows + 1]`, where each row's entries begin, and where the last one's end.
        begin: int64 `[tokens]` byte offsets, -1 in rows where they are not known.
        end: int64 `[tokens]`, likewise.
        shared: int64 `[tokens]`, the first token of its row with which each shares what its entries have, evenly.
    """

    row_splits: np.ndarray
    texts: np.ndarray
    owners: Mapping[str, np.ndarray]
    entry_splits: Mapping[str, np.ndarray]
    begin: np.ndarray
    end: np.ndarray
    shared: np.ndarray

    def take(self, rows: np.ndarray) -> TokenRows:
        """Returns the tokens of some rows, int `[taken]`, in that order."""
        splits, index = taken(self.row_splits, rows)
        entries = {key: taken(of_key, rows) for key, of_key in self.entry_splits.items()}
        owners = {key: self.owners[key][which] for key, (_, which) in entries.items()}
        of_entries = {key: own for key, (own, _) in entries.items()}
        of_tokens = (one[index] for one in (self.begin, self.end, self.shared))
        return TokenRows(splits, self.texts[index], owners, of_entries, *of_tokens)


@dataclass(frozen=True)
class TokenFeature:
    """A feature with tokens.

    Attributes:
        reader: reads them.
        keys: the tensors fed for it that have the tokens' axis.
        raw: the tensor of its values.
    """

    reader: TokenReader
    keys: tuple[TokenKey, ...]
    raw: str


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
        keys = [key for feature in features.values() for key in feature.keys]
        self._kinds = {key.key: key.kind for key in keys}
        # Rows are explained with those of their own length only.
        self._exact = {key.key for key in keys if key.kind == OPEN or key.is_padded}

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
            tokens[name] = _token_rows(feature, found, raw[feature.raw])
            for key in feature.keys:
                if key.kind != FIXED:
                    splits, inner = _by_row(found.entries[key.gather].shapes, key.kind)
                    values = found.entries[key.gather].values
                    values = values.reshape(-1, *inner, *values.shape[1:])
                    inputs[key.key] = tf.RaggedTensor.from_row_splits(values, splits, validate=False)
        return inputs, tokens

    def sizes(self, inputs: Tensors) -> np.ndarray:
        """Int64 `[rows, keys + 1]`, by which rows may be made dense together: those with the same sizes.

        Not the size of the longest row that comes along: a row's numbers must not depend on it.
        """
        sizes = [np.zeros(int(next(iter(inputs.values())).shape[0]), np.int64)]
        for key, kind in self._kinds.items():
            if kind != FIXED:
                lengths = inputs[key].row_lengths().numpy()
                sizes.append(lengths if key in self._exact else _rounded(lengths))
        return np.stack(sizes, axis=1)

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
        return self._model.predict(self._fed(inputs), targets)

    def gradients(self, inputs: Tensors, targets: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """See `CutModel.gradients`; each of the shape of the dense tensor."""
        fed = self._fed(inputs)
        outputs, gradients = self._model.gradients(fed, targets)
        for key, kind in self._kinds.items():
            if key not in gradients or kind == FIXED:
                continue
            if kind == FLAT:
                rows = fed[key].with_flat_values(gradients[key])
            else:
                rows = tf.RaggedTensor.from_tensor(gradients[key])
            gradients[key] = rows.to_tensor(shape=[None, *inputs[key].shape[1:]])
        return outputs, gradients

    def _fed(self, inputs: Tensors) -> dict[str, Tensor]:
        """What the model is fed: without the padding of dense tensors."""
        fed = {key: tensor for key, tensor in inputs.items() if not key.endswith(_LENGTHS)}
        for key, kind in self._kinds.items():
            if isinstance(fed[key], tf.RaggedTensor):
                fed[key] = fed[key] if kind == FLAT else _padded(fed[key], self.baselines[key])
            elif kind == FLAT:
                fed[key] = tf.RaggedTensor.from_tensor(fed[key], inputs[key + _LENGTHS])
            elif kind == OPEN:
                fed[key] = fed[key][:, : tf.reduce_max(inputs[key + _LENGTHS])]
        return fed


def _rounded(lengths: np.ndarray) -> np.ndarray:
    """The next powers of two, so that there are few sizes."""
    return 2 ** np.ceil(np.log2(np.maximum(lengths, 1))).astype(np.int64)


def _padded(ragged: tf.RaggedTensor, baselines: Any) -> tf.Tensor:
    """Rows as long as the longest, as the model pads them."""
    dense = ragged.to_tensor()
    there = tf.sequence_mask(ragged.row_lengths(), tf.shape(dense)[1])
    return tf.where(
        tf.reshape(there, tf.concat([tf.shape(there), [1] * (dense.shape.rank - 2)], 0)), dense, baselines[:1]
    )


def _by_row(shapes: np.ndarray, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Where each row's entries begin, int64 `[rows + 1]`, and the shape of each."""
    axis = 0 if kind == FLAT else 1
    inner = shapes[:, axis + 1 :]
    if (inner != inner[:1]).any():
        raise NotTogetherError("entries of several rows have not the same shape")
    return splits_of(shapes[:, axis]), inner[0]


def _token_rows(feature: TokenFeature, found: ReadTokens, raw: Tensor) -> TokenRows:
    is_text = isinstance(raw, tf.Tensor) and raw.dtype == tf.string and raw.shape[1:].num_elements() == 1
    begin, end = np.full((2, len(found.texts)), -1, np.int64)
    # Where the tokens of a row stand, if it is a single text.
    for row, text in enumerate(tf.reshape(raw, [-1]).numpy() if is_text else []):
        which = slice(*found.row_splits[row : row + 2])
        own = places(text, list(found.texts[which]))
        if own is not None:
            begin[which], end[which] = own
    owners, splits = {}, {}
    for key in feature.keys:
        entries = found.entries[key.gather]
        splits[key.key], inner = _by_row(entries.shapes, key.kind)
        owners[key.key] = entries.owners.reshape(-1, *inner)
    return TokenRows(found.row_splits, found.texts, owners, splits, begin, end, found.shared)
