"""The shape of a row where the signature leaves it open: what metadata, the weights or the data say of it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence

import tensorflow as tf

from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.analysis.widths import last_size

_MOST_TRIED = 64
Shapes = dict[str, tf.TensorShape]


def settle(read: ReadModel, given: Mapping[str, Sequence[int]]) -> ReadModel:
    """The model with the axes of its inputs known that the weights or `given`, a row's shape by input, settle.

    An input without any shape gets that of `given`, also an empty one: a number a row. Axes of -1 are left open.
    """
    shapes: Shapes = {}
    for name, shape in _open(read).items():
        row = [size if size > 0 else None for size in given.get(name, ())]
        if shape.rank is None and name in given:
            shape = tf.TensorShape([None, *row])
        elif shape.rank == 1 + len(row):
            shape = tf.TensorShape([None, *(size or other for size, other in zip(shape[1:], row, strict=True))])
        if shape.rank and shape.rank > 1 and shape[-1] is None:
            shape = shape[:-1].concatenate([last_size(read, read.features.by_name[name])])
        shapes[name] = shape
    return read.with_input_shapes(shapes)


def settle_by_rows(read: ReadModel, examples: Sequence[bytes]) -> ReadModel:
    """The same for one open axis an input, from how many values its rows have, where they all have as many."""
    shapes: Shapes = {}
    for name, shape in _open(read).items():
        count = _values_per_row(read, name, examples)
        inner = shape[1:].as_list() if shape.rank else []
        known = math.prod(size for size in inner if size)
        if count and inner.count(None) == 1 and count % known == 0:
            shapes[name] = tf.TensorShape([None, *(size or count // known for size in inner)])
    return read.with_input_shapes(shapes)


def shapes_to_try(read: ReadModel, examples: Sequence[bytes]) -> Iterator[Shapes]:
    """What the inputs without any shape may have, the likeliest first: numbers, vectors of one or of known width."""
    guesses = {}
    for name in (name for name, shape in _open(read).items() if shape.rank is None):
        count = _values_per_row(read, name, examples)
        width = count or last_size(read, read.features.by_name[name])
        guesses[name] = [[None], [None, 1]] if width in (None, 1) else [[None, width]]
        if not count and width not in (None, 1):
            guesses[name] += [[None], [None, 1]]
    for tried in itertools.islice(itertools.product(*guesses.values()), _MOST_TRIED):
        yield {name: tf.TensorShape(shape) for name, shape in zip(guesses, tried, strict=True)}


def refuse_open(read: ReadModel) -> None:
    """Checks that a row's list of values fills the inputs.

    Raises:
        ValueError: if an axis other than that of rows is left open; it says how to settle it.
    """
    for name, shape in _open(read).items():
        raise ValueError(
            f"Input {name!r} of the signature has shape {shape}: besides the axis of rows it leaves another open, so "
            "that a row's list of values does not fill it in one way. Say what a row's shape is, by "
            f"inputs.{name}.input_tensor_shape in the metadata or `overrides`, or by `examples` that all have as many "
            "values; or export a signature whose other axes are known, or one on serialized tf.Examples."
        )


def _open(read: ReadModel) -> Shapes:
    """The shapes of inputs, other than serialized tf.Examples, that leave more open than the number of rows."""
    if read.features.serialized:
        return {}
    shapes = {name: spec.shape for name, spec in read.signature.input_specs.items()}
    return {name: shape for name, shape in shapes.items() if shape.rank is None or not shape[1:].is_fully_defined()}


def _values_per_row(read: ReadModel, name: str, examples: Sequence[bytes]) -> int | None:
    """How many values of an input every example has; None where they differ, or there are none."""
    dtype = read.signature.input_specs[name].dtype
    if dtype != tf.string:
        dtype = tf.float32 if dtype.is_floating else tf.int64
    if not examples:
        return None
    try:
        parsed = tf.io.parse_example(tf.constant(examples), {name: tf.io.RaggedFeature(dtype)})[name]
    except tf.errors.OpError:  # is told where they are read
        return None
    counts = set(parsed.row_lengths().numpy().tolist())
    return counts.pop() if len(counts) == 1 else None
