"""What a traced model does at points of paths: makes the points, and of its gradients the slopes of the features."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import tensorflow as tf

from tfx_explain.attribution.model.interface import Model, Tensors
from tfx_explain.attribution.model.matrices import Columns, Layout, apart


class Points(NamedTuple):
    """Points of some paths, at each of which the model gets a row."""

    starts: list[tf.Tensor]  # matrices [paths, columns], where paths start
    steps: list[tf.Tensor]  # [paths, columns], from there to where they end
    alphas: tf.Tensor  # where on them: [points] of all paths, or [paths * points]
    held: dict[str, tf.Tensor]  # the model's other inputs, [rows, ...]
    targets: tf.Tensor  # int32 [rows]; rows are at most as many as points of paths: of these, the first ones count


@dataclasses.dataclass(frozen=True)
class Along:
    """How paths are laid out.

    Attributes:
        layouts: of the matrices that paths are in.
        alike: whether points are at the same places of all paths. Rows are then the paths at the first point, those at
            the second and so on; else the first path's points, the second's and so on.
    """

    layouts: tuple[Layout, ...]
    alike: bool

    def inputs(self, points: Points) -> Tensors:
        """Returns the model's inputs, by key `[rows, ...]`."""
        lines = 1 if self.alike else tf.shape(points.steps[0])[0]
        alphas = tf.reshape(points.alphas, [lines, -1, 1])
        inputs, size = dict(points.held), tf.shape(points.targets)[0]
        for (columns, start), (_, step) in zip(self.apart(points.starts), self.apart(points.steps), strict=True):
            places = tf.cast(alphas, step.dtype)
            ends = tf.stack([tf.reshape(step, [lines, -1]), tf.reshape(start, [lines, -1])], axis=1)
            # A product of small matrices writes the points once; a product and a sum would go over them twice.
            along = tf.matmul(tf.concat([places, tf.ones_like(places)], axis=2), ends)
            inputs[columns.key] = tf.reshape(along, [-1, *columns.shape])[:size]
        return inputs

    def apart(self, matrices: Sequence[tf.Tensor]) -> Iterator[tuple[Columns, tf.Tensor]]:
        """Yields what each tensor has of matrices `[paths, columns]`: `[paths, own columns]`."""
        for matrix, layout in zip(matrices, self.layouts, strict=True):
            yield from apart(matrix, layout)


@dataclasses.dataclass(frozen=True)
class Outputs:
    """A program for `TracedModel.run`: the model's outputs `[rows]` at points."""

    along: Along

    def __call__(self, model: Model, points: Points) -> tf.Tensor:
        """Evaluates the model at points."""
        return tf.reshape(model.predict(self.along.inputs(points), points.targets), [-1])


@dataclasses.dataclass(frozen=True)
class Slopes:
    """A program for `TracedModel.run`: outputs at points, and by how much each feature changes them there.

    Attributes:
        along: how paths are laid out.
        owners: of each tensor, the feature, or those of its last axis' columns: -1 of what is held.
        features: how many there are.
        dtype: of slopes.
        kept: the keys of tensors whose gradients are returned as well.
        sizes: whether absolute gradients are wanted, instead of gradients times steps.
    """

    along: Along
    owners: tuple[int | tuple[int, ...], ...]
    features: int
    dtype: tf.DType
    kept: tuple[str, ...] = ()
    sizes: bool = False

    @property
    def is_by_row(self) -> bool:
        """Whether slopes are `[rows, features]`: those of the only tensor, whose columns are the features, in order."""
        return self.owners == (tuple(range(self.features)),)

    def __call__(self, model: Model, points: Points) -> tuple[tf.Tensor, tf.Tensor, Tensors]:
        """Returns outputs `[rows]`, slopes, and gradients `[rows, ...]` of the keys kept.

        Slopes are `[features, rows]` or, see `is_by_row`, `[rows, features]`; without the last rows where these are not
        of all points of a path, or of all paths. A slope is 0 where the step is, whatever the gradient.
        """
        outputs, found = model.gradients(self.along.inputs(points), points.targets)
        paths = tf.shape(points.steps[0])[0]
        unit = paths if self.along.alike else tf.shape(points.alphas)[0] // paths
        units = tf.shape(points.targets)[0] // unit
        pieces = []
        for (columns, step), owner in zip(self.along.apart(points.steps), self.owners, strict=True):
            gradient = tf.cast(tf.convert_to_tensor(found[columns.key])[: units * unit], self.dtype)
            products = tf.abs(gradient) if self.sizes else self._products(gradient, tf.cast(step, self.dtype), units)
            pieces.append(_by_player(products, columns.width, 1 if isinstance(owner, int) else len(owner)))
        slopes = pieces[0] if self.is_by_row else self._by_feature(pieces)
        return tf.reshape(outputs, [-1]), slopes, {key: found[key] for key in self.kept}

    def _products(self, gradient: tf.Tensor, step: tf.Tensor, units: tf.Tensor) -> tf.Tensor:
        """Multiplies gradients `[rows, ...]` by the steps `[paths, columns]` of their paths."""
        if self.along.alike:
            step = tf.reshape(step, [1, -1])
            return tf.math.multiply_no_nan(tf.reshape(gradient, [-1, tf.size(step)]), step)
        step = step[:units, None]
        return tf.math.multiply_no_nan(tf.reshape(gradient, [units, -1, step.shape[2]]), step)

    def _by_feature(self, pieces: Sequence[tf.Tensor]) -> tf.Tensor:
        """Sums `[rows, players]` of the tensors by feature."""
        owners = [one for owner in self.owners for one in ((owner,) if isinstance(owner, int) else owner)]
        by_player = [tf.reshape(piece, [1, -1]) if piece.shape[1] == 1 else tf.transpose(piece) for piece in pieces]
        rows = by_player[0] if len(by_player) == 1 else tf.concat(by_player, axis=0)
        if owners == list(range(self.features)):
            return rows
        # No product with ones and zeros: 0 times what is not finite would spoil the other features.
        return tf.math.unsorted_segment_sum(rows, tf.constant(owners), self.features)


def _by_player(products: tf.Tensor, width: int, players: int) -> tf.Tensor:
    """Sums products of rows' `width` numbers to `[rows, players]`, a player for each column or one for all."""
    if players == width:
        return tf.reshape(products, [-1, width])
    return tf.reduce_sum(tf.reshape(products, [-1, width // players, players]), axis=1)
