"""Choosing each number of many narrow tensors from a row or from a baseline, for a whole batch in one call."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.model.interface import Model, Tensors
from tfx_explain.attribution.model.matrices import Layout, apart, owners_of, side_by_side


class Mixture(NamedTuple):
    """Choices of terms, each of a few numbers of all rows: a matrix product whose sums have one term that is not 0."""

    members: tf.Tensor  # [choices * terms], 1 of what is in a choice, else 0
    terms: tf.Tensor  # [terms * rows * columns] of one tensor, [columns * terms * rows] of several
    count: tf.Tensor  # int32 [1], how many terms there are


class Mixed:
    """Dense tensors of one dtype, side by side as columns of one matrix, some of whose values can be absent."""

    def __init__(
        self, layout: Layout, tensors: Tensors, absent: Tensors, owners: Mapping[str, int | np.ndarray]
    ) -> None:
        """Puts tensors side by side.

        Args:
            layout: which they are.
            tensors: finite, `[rows, ...]`.
            absent: finite, `[rows or 1, ...]`, what stands for absent values.
            owners: the feature of a tensor, or of each column of its last axis, -1 for those that are always present.
        """
        most = max(len(absent[columns.key]) for columns in layout)
        self._values = side_by_side(layout, tensors)
        self._absent = side_by_side(layout, {k: np.broadcast_to(absent[k], (most, *shape)) for k, shape in layout})
        # Where absent values are 0, only the present ones need a term.
        self._has_absent = bool(self._absent.any())
        self._owners, self._several = owners_of(layout, owners), len(layout) > 1

    def choose(self, rows: np.ndarray, present: np.ndarray, places: np.ndarray, choices: int) -> Mixture:
        """Says what `Chosen` has to choose; its sums are exact.

        Args:
            rows: int `[rows]`.
            present: bool `[coalitions, places]`, the last of which is always present.
            places: int `[rows, features]`, the place of each feature.
            choices: how many, at least as many as coalitions; any follow these.
        """
        count, last = len(rows), present.shape[1] - 1
        seats = np.where(self._owners < 0, last, places[:, self._owners])
        row, column = np.arange(count)[:, None], np.arange(len(self._owners))
        shape = (1 + self._has_absent, last + 1, count)
        if self._several:
            flat = np.zeros((len(self._owners), *shape), self._values.dtype)
            terms = np.moveaxis(flat, 0, 3)
        else:
            flat = terms = np.zeros((*shape, len(self._owners)), self._values.dtype)
        terms[0, seats, row, column] = self._values[rows]
        if self._has_absent:
            terms[1, seats, row, column] = self._absent[rows] if len(self._absent) > 1 else self._absent
            present = np.concatenate([present, ~present], axis=1)
        members = present[np.minimum(np.arange(choices), len(present) - 1)].astype(terms.dtype)
        return Mixture(*map(tf.constant, (members.reshape(-1), flat.reshape(-1), [present.shape[1]])))


@dataclasses.dataclass(frozen=True)
class Chosen:
    """A program for `TracedModel.run`: the model's outputs where numbers of narrow tensors are chosen.

    Attributes:
        layouts: of the matrices.
    """

    layouts: tuple[Layout, ...]

    def __call__(
        self,
        model: Model,
        mixtures: Sequence[Mixture],
        others: dict[str, tf.Tensor],
        targets: tf.Tensor,
        sizes: tf.Tensor,
    ) -> tf.Tensor:
        """Evaluates the model.

        Args:
            model: the model.
            mixtures: of each matrix.
            others: the model's other inputs, `[size, ...]`.
            targets: int32 `[rows]`.
            sizes: int32 `[1]`, how many of the choices for all rows count, one choice after the other: the first ones.

        Returns:
            `[size]`.
        """
        inputs, size = dict(others), sizes[0]
        for mixture, layout in zip(mixtures, self.layouts, strict=True):
            terms, width = mixture.count[0], sum(columns.width for columns in layout)
            members = tf.reshape(mixture.members, [-1, terms])
            if len(layout) == 1:
                chosen = members @ tf.reshape(mixture.terms, [terms, -1])
                inputs |= apart(tf.reshape(chosen, [-1, width])[:size], layout)
            else:
                chosen = members @ tf.reshape(mixture.terms, [width, terms, -1])
                inputs |= apart(tf.reshape(chosen, [width, -1])[:, :size], layout)
        of_each = tf.tile(targets, -(-sizes // tf.shape(targets)))[:size]
        return tf.reshape(model.predict(inputs, of_each), [-1])
