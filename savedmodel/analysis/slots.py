"""Stage 8: the places where a cut graph is fed, and the functions that compute what is fed there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import tensorflow as tf

from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.graph.parts import import_cut

Tensor: TypeAlias = "tf.Tensor | tf.RaggedTensor"
Tensors: TypeAlias = Mapping[str, Tensor]


@dataclass(frozen=True)
class Slot:
    """A place where a CutModel is fed.

    Attributes:
        key: name of the tensor, of a sparse feature that of its values.
        tensors: the graph tensors fed: one, or a sparse feature's values, indices and dense shape, or a ragged
            feature's values and row splits.
        specs: their dtypes and shapes.
    """

    key: str
    tensors: tuple[str, ...]
    specs: tuple[tf.TensorSpec, ...]

    @property
    def is_ragged(self) -> bool:
        """Whether rows have different numbers of values, and are given as a tf.RaggedTensor."""
        return len(self.tensors) > 1

    @property
    def levels(self) -> tuple[int, ...]:
        """By level of rows with any number of values, how many tensors say where each row's are: one, or two."""
        return (len(self.tensors) - 1,) if self.is_ragged else ()


@dataclass(frozen=True)
class NestedSlot(Slot):
    """A place that is fed lists of lists, `[rows, (lists), (values)]`: values, then what says where each list's are,
    then what says where each row's lists are.

    Attributes:
        sizes: how many tensors each of these is: where each begins; or indices and dense shape.
    """

    sizes: tuple[int, ...]

    @property
    def levels(self) -> tuple[int, ...]:
        """See `Slot`."""
        return self.sizes


@dataclass(frozen=True)
class FlatSlot(Slot):
    """A place that is fed one slice for each value of any number of rows, the rows' one after the other.

    The second tensor, if any, says where among the slices a value's is; each gets its own.
    """


def slot_of(read: ReadModel, tensor: str) -> Slot:
    """The slot for feeding `tensor`; any tensor of a sparse or ragged feature stands for all of them."""
    feature = read.sparse.get(tensor)
    if feature:
        shapes = ([None], [None]) if feature.row_splits else ([None], [None, 2], [2])
        dtypes = (read.specs[name].dtype for name in feature.tensors)
        return Slot(feature.values, feature.tensors, tuple(map(tf.TensorSpec, shapes, dtypes)))
    spec = read.specs[tensor]
    shape = spec.shape if spec.shape.rank is None else tf.TensorShape([None]).concatenate(spec.shape[1:])
    return Slot(tensor, (tensor,), (tf.TensorSpec(shape, spec.dtype),))


def encoder(read: ReadModel, slots: Sequence[Slot]) -> Callable[[Any], dict[str, Tensor]]:
    """A function from rows (serialized examples, or signature inputs by name) to the tensors of `slots`.

    It raises a ValueError on rows without the signature's inputs.
    """
    input_specs = read.signature.input_specs
    names = list(input_specs)
    fetches = [tensor for slot in slots for tensor in slot.tensors]
    function = import_cut(read.graph, {read.graph.inputs[name]: input_specs[name] for name in names}, fetches)

    def encode(rows: Any) -> dict[str, Tensor]:
        given = rows if isinstance(rows, Mapping) else {names[0]: rows}
        missing = [name for name in names if name not in given]
        if missing:
            raise ValueError(
                f"The rows lack the inputs {missing} of the signature, only {sorted(given)}; give a tensor for each."
            )
        computed = iter(function(*(tf.convert_to_tensor(given[name], input_specs[name].dtype) for name in names)))
        return {slot.key: _joined(slot, [next(computed) for _ in slot.tensors]) for slot in slots}

    return encode


def raw_encoder(read: ReadModel, raw: Iterable[str], slots: Sequence[Slot]) -> Callable[[Tensors], dict[str, Tensor]]:
    """A function from the values of raw tensors to the tensors of `slots`: an encoder that parses nothing.

    Args:
        read: the model.
        raw: the keys of the tensors fed; those that the graph has no use for are passed over.
        slots: what to compute.
    """
    features = read.features
    fed = [slot_of(read, tensor) for tensor in raw if tensor in read.specs]
    feeds = {tensor: spec for slot in fed for tensor, spec in zip(slot.tensors, slot.specs, strict=True)}
    examples = [features.serialized] if features.serialized else []
    fetches = [tensor for slot in slots for tensor in slot.tensors]
    function = import_cut(read.graph, feeds | dict.fromkeys(examples, tf.TensorSpec([None], tf.string)), fetches)

    def encode(values: Tensors) -> dict[str, Tensor]:
        arguments = [tensor for slot in fed for tensor in parts(slot, values[slot.key])]
        rows = next(iter(values.values())).shape[0]
        computed = iter(function(*arguments, *(tf.fill([rows], "") for _ in examples)))  # only their number is read
        return {slot.key: _joined(slot, [next(computed) for _ in slot.tensors]) for slot in slots}

    return encode


def parts(slot: Slot, value: Tensor) -> tuple[tf.Tensor, ...]:
    """The tensors to feed for the value of a slot."""
    if isinstance(slot, FlatSlot):
        flat = value.flat_values
        return (flat, *(tf.cast(tf.range(tf.shape(flat)[0]), spec.dtype) for spec in slot.specs[1:]))
    partitions: list[tf.Tensor] = []
    ragged: Any = value
    for size in reversed(slot.levels):
        partitions = [*((ragged.row_splits,) if size == 1 else _sparse(ragged)), *partitions]
        ragged = ragged.values
    return (ragged, *(tf.cast(one, spec.dtype) for one, spec in zip(partitions, slot.specs[1:], strict=True)))


def _sparse(value: tf.RaggedTensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The indices and the dense shape of what a ragged tensor has, be it lists."""
    numbers = value.with_values(tf.range(value.row_splits[-1])).to_sparse()
    return numbers.indices, numbers.dense_shape


def _joined(slot: Slot, tensors: Sequence[tf.Tensor]) -> Tensor:
    value, partitions = tensors[0], list(tensors[1:])
    for size in slot.levels:
        if size == 1:
            value = tf.RaggedTensor.from_row_splits(value, tf.cast(partitions[0], tf.int64), validate=False)
        else:
            indices, dense_shape = partitions[:2]
            value = tf.RaggedTensor.from_value_rowids(value, indices[:, 0], nrows=dense_shape[0], validate=False)
        del partitions[:size]
    return value
