"""Choosing each number and tensor from a row or from a baseline, for a whole batch in the call that evaluates it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.model.interface import Model, Tensor, Tensors
from tfx_explain.attribution.model.matrices import Layout, apart, owners_of, side_by_side


class Mixed(NamedTuple):
    """Dense tensors of one dtype, side by side as columns of one matrix, some of whose values can be absent."""

    values: tf.Tensor  # finite, [rows, columns]
    absent: tuple[tf.Tensor, ...]  # finite, [rows or 1, columns], what stands for absent values; none where that is 0
    owners: tf.Tensor  # int32 [columns], see `seats_of`

    @classmethod
    def of(cls, layout: Layout, tensors: Tensors, absent: Tensors, owners: Mapping[str, int | np.ndarray]) -> Mixed:
        """Puts tensors side by side.

        Args:
            layout: which they are.
            tensors: finite, `[rows, ...]`.
            absent: finite, `[rows or 1, ...]`, what stands for absent values.
            owners: the feature of a tensor, or of each column of its last axis, -1 for those that are always present.
        """
        most = max(len(absent[columns.key]) for columns in layout)
        others = side_by_side(layout, {key: np.broadcast_to(absent[key], (most, *shape)) for key, shape in layout})
        return cls(
            tf.constant(side_by_side(layout, tensors)),
            (tf.constant(others),) if others.any() else (),
            seats_of(owners_of(layout, owners)),
        )


class Columns(NamedTuple):
    """A dense tensor of which each column belongs to a feature, or is always present."""

    values: tf.Tensor  # [rows, ..., columns]
    absent: tf.Tensor  # [rows or 1, ..., columns]
    owners: tf.Tensor  # int32 [columns], see `seats_of`


class Whole(NamedTuple):
    """A tensor that belongs to one feature as a whole."""

    tensor: Tensor  # [rows + those that stand for absent ones, ...]
    away: tf.Tensor  # int32 [rows], where in it that is which stands for each row's
    owners: tf.Tensor  # int32 [1], see `seats_of`


class Coalitions(NamedTuple):
    """Which coalitions to evaluate for which rows: all of them for each, in several batches."""

    rows: tf.Tensor  # int32 [rows]
    places: tf.Tensor  # int32 [rows, 1 + features], of what is always present, and of each feature
    present: tf.Tensor  # bool [coalitions * places], the last place is always present


def seats_of(owners: int | np.ndarray) -> tf.Tensor:
    """Returns where features, or what is always present (-1), have their places in a row of `Coalitions.places`."""
    return tf.constant(np.reshape(owners, -1) + 1, tf.int32)


@dataclasses.dataclass(frozen=True)
class Chosen:
    """A program for `TracedModel.run`: the model's outputs where numbers and tensors are chosen.

    Attributes:
        layouts: of the matrices.
    """

    layouts: tuple[Layout, ...]

    def __call__(
        self,
        model: Model,
        matrices: Sequence[Mixed],
        columns: Mapping[str, Columns],
        wholes: Mapping[str, Whole],
        held: Tensors,
        targets: tf.Tensor,
        coalitions: Coalitions,
        sizes: tf.Tensor,
    ) -> tf.Tensor:
        """Evaluates the model.

        Args:
            model: the model.
            matrices: narrow tensors.
            columns: others of whose columns some belong to features.
            wholes: those that belong to a feature as a whole.
            held: those without a player, `[rows, ...]`.
            targets: int32 `[rows]`.
            coalitions: what to evaluate.
            sizes: int32 `[6]`, of a batch: its first row and where its rows end, its coalitions likewise, and how many
                outputs and places there are.

        Returns:
            `[outputs]`, one coalition for all rows after the other; more outputs than there are follow.
        """
        choices = _Choices.of(coalitions, sizes)
        inputs = {key: tf.gather(tensor, choices.each) for key, tensor in held.items()}
        for matrix, layout in zip(matrices, self.layouts, strict=True):
            inputs |= apart(choices.mixed(matrix, several=len(layout) > 1), layout)
        inputs |= {key: choices.columns(one) for key, one in columns.items()}
        inputs |= {key: choices.whole(one) for key, one in wholes.items()}
        return tf.reshape(model.predict(inputs, tf.gather(targets, choices.each)), [-1])


class _Choices(NamedTuple):
    """A batch, cut to its rows, with as many coalitions as fill it."""

    rows: tf.Tensor  # int32 [rows]
    places: tf.Tensor  # int32 [rows, 1 + features]
    present: tf.Tensor  # bool [coalitions, places]
    each: tf.Tensor  # int32 [outputs], the row of each

    @classmethod
    def of(cls, coalitions: Coalitions, sizes: tf.Tensor) -> _Choices:
        first_row, last_row, first, last, size, places = tf.unstack(sizes, num=6)
        rows = coalitions.rows[first_row:last_row]
        count = -(-size // (last_row - first_row))
        which = tf.minimum(first + tf.range(count), last - 1)
        present = tf.gather(tf.reshape(coalitions.present, [-1, places]), which)
        return cls(rows, coalitions.places[first_row:last_row], present, tf.tile(rows, [count])[:size])

    def mixed(self, matrix: Mixed, several: bool) -> tf.Tensor:
        """Returns `[outputs, columns]`, or, of several tensors, `[columns, outputs]`.

        By a matrix product, whose sums have one term that is not 0 and are exact: to choose number by number takes
        longer. There is a term for each place, and as many for what stands for absent values, unless that is 0.
        """
        axis, size = int(several), tf.shape(self.each)[0]
        seats, members = tf.gather(self.places, matrix.owners, axis=1), tf.cast(self.present, matrix.values.dtype)
        terms = [tf.gather(matrix.values, self.rows), *(_of_rows(absent, self.rows) for absent in matrix.absent)]
        if several:
            seats, terms = tf.transpose(seats), [tf.transpose(one) for one in terms]
        at = tf.one_hot(seats, tf.shape(members)[1], axis=axis, dtype=members.dtype)
        # Whose sign is plus where it is 0, as that of what is chosen.
        terms = [tf.math.multiply_no_nan(tf.expand_dims(one, axis), at) for one in terms]
        members, joined = tf.concat([members, 1 - members][: len(terms)], axis=1), tf.concat(terms, axis)
        width = matrix.values.shape[1]
        if several:
            return tf.reshape(members @ joined, [width, -1])[:, :size]
        chosen = members @ tf.reshape(joined, [tf.shape(members)[1], -1])
        return tf.reshape(chosen, [-1, width])[:size]

    def columns(self, one: Columns) -> tf.Tensor:
        """Returns `[outputs, ..., columns]`."""
        shape = one.values.shape[1:]
        mask = tf.reshape(self._mask(one.owners), [-1, tf.shape(self.rows)[0], *[1] * (len(shape) - 1), shape[-1]])
        chosen = tf.where(mask, tf.gather(one.values, self.rows), _of_rows(one.absent, self.rows))
        return tf.reshape(chosen, [-1, *shape])[: tf.shape(self.each)[0]]

    def whole(self, one: Whole) -> Tensor:
        """Returns `[outputs, ...]`."""
        taken = tf.where(self._mask(one.owners), self.rows, tf.gather(one.away, self.rows))
        return tf.gather(one.tensor, tf.reshape(taken, [-1])[: tf.shape(self.each)[0]])

    def _mask(self, owners: tf.Tensor) -> tf.Tensor:
        """Returns who is present, bool `[coalitions, rows * owners]`; to gather from a first axis takes a third."""
        seats = tf.reshape(tf.gather(self.places, owners, axis=1), [-1])
        return tf.transpose(tf.gather(tf.transpose(self.present), seats))


def _of_rows(absent: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """Returns what stands for absent values in rows `[rows]`, of what may be one for all."""
    return tf.gather(absent, tf.minimum(rows, tf.shape(absent)[0] - 1))
