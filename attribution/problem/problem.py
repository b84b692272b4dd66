"""One request for attributions, checked: rows, baselines, players and targets in one form for every method."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.model.blocks import whole_vectors
from tfx_explain.attribution.model.functions import ONLY_KEY, as_model
from tfx_explain.attribution.model.interface import Model, Tensor, Tensors
from tfx_explain.attribution.problem.blur import Blurred
from tfx_explain.attribution.problem.extremes import Extremes
from tfx_explain.attribution.problem.randomness import row_keys

# A tensor key, or one column of a dense tensor: (tensor key, index along its last axis).
Part: TypeAlias = str | tuple[str, int]
Players: TypeAlias = Mapping[str, Sequence[Part]]

# What one batch of inputs may take; the model's own activations take a multiple of it.
_BATCH_BYTES = 2**24
# What its largest tensor takes, if some rows are less: larger ones leave the processor's cache between two operations,
# and the memory of each is had from the system anew.
_TENSOR_BYTES = 2**22


@dataclasses.dataclass(frozen=True)
class Problem:
    """Rows to explain against one or more baselines.

    Attributes:
        model: the model.
        inputs: every tensor that the model takes, `[rows, ...]`.
        baselines: of each key that has a player, `[baselines, ...]`; or `[baselines, rows, ...]` where rows have their
            own, of which there may be a single one for all of the baselines.
        given: the same as the request has them.
        own: the keys where each row has its own baselines.
        features: the players' names.
        owners: of each key that has a player, the player's index, or int64 `[columns]` with the index of each column's
            player and -1 for columns that are held at the row's value.
        targets: int32 `[rows]`, the class to explain.
        failures: `[rows]` '' or the feature whose value in the row is not finite.
    """

    model: Model
    inputs: Tensors
    baselines: Tensors
    given: Mapping[str, Any]
    own: frozenset[str]
    features: tuple[str, ...]
    owners: Mapping[str, int | np.ndarray]
    targets: np.ndarray
    failures: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.failures)

    @property
    def num_baselines(self) -> int:
        """Number of baselines, over which attributions are averaged."""
        return max([1, *(int(tensor.shape[0]) for tensor in self.baselines.values())])

    def absent(self, key: str, baseline: int) -> Tensor:
        """Returns what stands for an absent feature: the tensor of the baseline of that index, `[1 or rows, ...]`."""
        tensor = self.baselines[key]
        if tensor.shape[0] == 1 and key not in self.own:
            # To take a part of it takes as long as hundreds of evaluations.
            return tensor
        at = min(baseline, tensor.shape[0] - 1)
        return tensor[at] if key in self.own else tensor[at : at + 1]

    def batch_rows(self, batch_size: int, besides: int = 0) -> int:
        """Returns how many rows to give the model at once: `batch_size`, or fewer where a row's tensors are large.

        Whole vectors of rows; where rows take more than a third of a MiB, as many as fit, whatever `batch_size` is. A
        row's dense tensors are counted, and so many bytes `besides`.
        """
        dense = [tensor for tensor in self.inputs.values() if isinstance(tensor, tf.Tensor)]
        row_bytes = [tensor.dtype.size * int(np.prod([size or 0 for size in tensor.shape[1:]])) for tensor in dense]
        at_most = max(1, _BATCH_BYTES // max(1, sum(row_bytes) + besides))
        quick = _TENSOR_BYTES // max([1, *row_bytes])
        return min(whole_vectors(min(batch_size, at_most, quick)), at_most)

    def differing(self, baseline: int) -> np.ndarray:
        """Returns bool `[rows, features]`, whether a feature's value is another than in the baseline of that index."""
        differing = np.zeros((self.rows, len(self.features)), bool)
        for key, owner in self.owners.items():
            tensor, absent = self.inputs[key], self.absent(key, baseline)
            if isinstance(owner, np.ndarray):
                unequal = (np.asarray(tensor) != np.asarray(absent)).any(axis=tuple(range(1, tensor.shape.rank - 1)))
                for column in np.flatnonzero(owner >= 0):
                    differing[:, owner[column]] |= unequal[:, column]
            else:
                differing[:, owner] |= row_keys({key: tensor}) != row_keys({key: absent})
        return differing

    def parts(self) -> dict[str, list[Part]]:
        """Returns the players in the form in which `prepare` takes them."""
        parts: dict[str, list[Part]] = {feature: [] for feature in self.features}
        for key, owner in self.owners.items():
            if not isinstance(owner, np.ndarray):
                parts[self.features[owner]].append(key)
                continue
            for column in np.flatnonzero(owner >= 0):
                parts[self.features[owner[column]]].append((key, int(column)))
        return parts

    def whole_tensors(self) -> dict[str, str]:
        """Returns, by feature, the key of those that are one tensor as a whole."""
        parts = self.parts()
        return {name: own[0] for name, own in parts.items() if len(own) == 1 and isinstance(own[0], str)}

    def sound_rows(self) -> np.ndarray:
        """Returns int64 indices of the rows whose input is finite."""
        return np.flatnonzero([not failure for failure in self.failures])


def prepare(
    model: Model | Callable[..., tf.Tensor],
    inputs: Tensors | Any,
    baselines: Tensors | Any,
    players: Players | None,
    targets: Any,
) -> Problem:
    """Checks a request and brings it into the form that the methods use.

    Args:
        model: a model, or a TensorFlow function (see `from_function`).
        inputs: tensors `[rows, ...]` by key; or one dense tensor `[rows, columns]`, of which each column is a player.
        baselines: of each key with a player, a tensor `[baselines, ...]`, all of one leading size, whose other axes
            may be 1 for any size; or a scalar, which fills one baseline; or `Blurred` or `Extremes`, for images. With
            one input tensor: the same for it.
        players: the tensor keys (or columns, `(key, index)`) of each feature. None: each key, or each column of the
            only tensor, is a feature.
        targets: int32 `[rows]` or one class index for all rows. None: 0.

    Returns:
        The problem.

    Raises:
        ValueError: if a key, column or baseline is missing, doubled or of the wrong shape.
    """
    tensors = as_tensors(inputs)
    if not isinstance(inputs, Mapping):
        baselines = {ONLY_KEY: baselines}
        if players is None and tensors[ONLY_KEY].shape.rank == 2:
            players = {f"{ONLY_KEY}[{i}]": ((ONLY_KEY, i),) for i in range(tensors[ONLY_KEY].shape[1])}
    if players is None:
        players = {key: (key,) for key in tensors}
    rows = _common_size(tensors, "rows")
    owners = _owners(players, tensors)
    given = {key: _given(key, baselines) for key in owners}
    own = frozenset(key for key, baseline in given.items() if isinstance(baseline, Blurred | Extremes))
    prepared = {key: _prepared(key, baseline, tensors[key]) for key, baseline in given.items()}
    _check_baselines(prepared, own)
    return Problem(
        model=as_model(model),
        inputs=tensors,
        baselines=prepared,
        given=given,
        own=own,
        features=tuple(players),
        owners=owners,
        targets=np.broadcast_to(np.asarray(0 if targets is None else targets, np.int32), [rows]),
        failures=_failures(tensors, owners, tuple(players), rows),
    )


def as_tensors(inputs: Tensors | Any) -> dict[str, Tensor]:
    """Returns inputs, tensors by key or one tensor, as tensors by key."""
    if not isinstance(inputs, Mapping):
        return {ONLY_KEY: tf.convert_to_tensor(inputs)}
    return {key: _tensor(value) for key, value in inputs.items()}


def _tensor(value: Any) -> Tensor:
    return value if isinstance(value, tf.RaggedTensor) else tf.convert_to_tensor(value)


def _common_size(tensors: Tensors, axis: str) -> int:
    sizes = {key: len(t) if isinstance(t, tf.Tensor) else int(t.nrows()) for key, t in tensors.items()}
    if len(set(sizes.values())) > 1:
        raise ValueError(f"every tensor needs the same number of {axis} as its first axis, but they have {sizes}.")
    return next(iter(sizes.values()), 0)


def _owners(players: Players, tensors: Tensors) -> dict[str, int | np.ndarray]:
    if not players:
        raise ValueError("players is empty; name at least one feature with its tensor keys.")
    owners: dict[str, int | np.ndarray] = {}
    for index, (feature, parts) in enumerate(players.items()):
        for part in parts:
            key, column = (part, None) if isinstance(part, str) else part
            if key not in tensors:
                raise ValueError(f"player {feature!r} names the tensor {key!r}; the inputs are {sorted(tensors)}.")
            if column is None:
                taken = key in owners
                owners[key] = index
            else:
                size = _columns(feature, key, column, tensors[key])
                if key not in owners:
                    owners[key] = np.full(size, -1)
                columns = owners[key]
                taken = not isinstance(columns, np.ndarray) or columns[column] >= 0
                if isinstance(columns, np.ndarray):
                    columns[column] = index
            if taken:
                raise ValueError(f"player {feature!r} names {part!r}, which a player has already; give each part once.")
    return owners


def _columns(feature: str, key: str, column: int, tensor: Tensor) -> int:
    rank = tensor.shape.rank
    if isinstance(tensor, tf.RaggedTensor) or rank is None or rank < 2:
        raise ValueError(f"player {feature!r} names a column of {key!r}; columns need a dense tensor [rows, columns].")
    if not 0 <= column < tensor.shape[-1]:
        raise ValueError(f"player {feature!r} names column {column} of {key!r}, which has {tensor.shape[-1]} columns.")
    return int(tensor.shape[-1])


def _given(key: str, baselines: Tensors | Any) -> Any:
    if not isinstance(baselines, Mapping):
        return baselines
    if key not in baselines:
        raise ValueError(f"tensor {key!r} belongs to a player but has no baseline; baselines has {sorted(baselines)}.")
    return baselines[key]


def _prepared(key: str, baseline: Any, tensor: Tensor) -> Tensor:
    if isinstance(baseline, Blurred):
        return baseline(key, tensor)[None]
    return baseline(key, tensor) if isinstance(baseline, Extremes) else _baseline(key, baseline, tensor)


def _check_baselines(baselines: Tensors, own: frozenset[str]) -> None:
    """Refuses baselines of which there are not equally many; rows' own may be one for all, and others one for them."""
    shared = _common_size({key: baseline for key, baseline in baselines.items() if key not in own}, "baselines")
    of_rows = {key: int(baselines[key].shape[0]) for key in own}
    if shared > 1 and any(size not in (1, shared) for size in of_rows.values()):
        raise ValueError(f"there are {shared} baselines, but {of_rows} of the rows' own; give as many, or one.")


def _baseline(key: str, baseline: Any, tensor: Tensor) -> Tensor:
    if isinstance(tensor, tf.RaggedTensor):
        if not isinstance(baseline, tf.RaggedTensor):
            dense = tf.convert_to_tensor(baseline, tensor.dtype)
            baseline = tf.RaggedTensor.from_tensor(dense, ragged_rank=tensor.ragged_rank)
        return baseline.with_row_splits_dtype(tensor.row_splits.dtype)
    baseline = tf.convert_to_tensor(baseline, tensor.dtype)
    if baseline.shape.rank == 0:
        return tf.fill([1, *tensor.shape[1:]], baseline)
    shape = [baseline.shape[0], *tensor.shape[1:]]
    if baseline.shape.rank == len(shape) and all(
        own in (1, size) for own, size in zip(baseline.shape, shape, strict=True)
    ):
        baseline = tf.broadcast_to(baseline, shape)
    if not baseline.shape[1:].is_compatible_with(tensor.shape[1:]) or baseline.shape[0] == 0:
        expected = ["baselines", *tensor.shape[1:]]
        raise ValueError(f"the baseline of {key!r} has shape {baseline.shape}; it must be a scalar or {expected}.")
    return baseline


def _failures(
    tensors: Tensors, owners: Mapping[str, int | np.ndarray], features: tuple[str, ...], rows: int
) -> tuple[str, ...]:
    failures = np.full(rows, "", dtype=object)
    for key, tensor in tensors.items():
        if not tensor.dtype.is_floating:
            continue
        for name, good in _finite(key, tensor, owners.get(key, -1), features):
            failures[~good & (failures == "")] = f"{name} is not finite"
    return tuple(failures)


def _finite(
    key: str, tensor: Tensor, owner: int | np.ndarray, features: tuple[str, ...]
) -> Iterator[tuple[str, np.ndarray]]:
    """Yields what to call a part of the tensor, and bool `[rows]` whether it is finite; the same part at most once."""
    if isinstance(tensor, tf.RaggedTensor):
        good = tf.ragged.map_flat_values(tf.math.is_finite, tensor)
        while isinstance(good, tf.RaggedTensor):
            good = tf.reduce_all(good, axis=-1)
        finite = good.numpy()
        finite = finite.reshape(len(finite), int(np.prod(finite.shape[1:])))
    else:
        finite = np.isfinite(np.asarray(tensor))
        finite = finite[:, None] if finite.ndim == 1 else finite.all(axis=tuple(range(1, finite.ndim - 1)))
    if finite.all():
        return
    indices = np.broadcast_to(owner, finite.shape[1:])
    for index in np.unique(indices):
        name = f"feature {features[index]!r}" if index >= 0 else f"tensor {key!r}, which no feature owns,"
        yield name, finite[:, indices == index].all(axis=1)
