"""What a traced model does at points of paths: makes the points, and of its gradients the slopes of the features."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from tfx_explain.attribution.model.interface import Model, Tensors
from tfx_explain.attribution.model.matrices import NARROW, Layout, apart


class Points(NamedTuple):
    """Points of some paths, equally many of each, at which the model gets rows: a path's, then the next one's."""

    ends: list[
        tf.Tensor
    ]  # matrices [paths, 2, columns]: the steps from where paths start to where they end; the starts
    alphas: tf.Tensor  # where on them, [paths * points]
    held: dict[str, tf.Tensor]  # the model's other inputs, [rows, ...]
    targets: tf.Tensor  # int32 [rows]; rows are at most as many as points: of these, the first ones count


def _inputs(layouts: tuple[Layout, ...], points: Points) -> Tensors:
    """Returns the model's inputs, by key `[rows, ...]`."""
    alphas = tf.reshape(points.alphas, [tf.shape(points.ends[0])[0], -1, 1])
    inputs, size = dict(points.held), tf.shape(points.targets)[0]
    for matrix, layout in zip(points.ends, layouts, strict=True):
        places = tf.cast(alphas, matrix.dtype)
        shares = tf.concat([places, tf.ones_like(places)], axis=2)
        for columns, ends in apart(matrix, layout):
            # A product of small matrices writes the points once; a product and a sum would go over them twice.
            inputs[columns.key] = tf.reshape(shares @ ends, [-1, *columns.shape])[:size]
    return inputs


@dataclasses.dataclass(frozen=True)
class Outputs:
    """A program for `TracedModel.run`: the model's outputs `[rows]` at points.

    Attributes:
        layouts: of the matrices that paths are in.
    """

    layouts: tuple[Layout, ...]

    def __call__(self, model: Model, points: Points) -> tf.Tensor:
        """Evaluates the model at points."""
        return tf.reshape(model.predict(_inputs(self.layouts, points), points.targets), [-1])


@dataclasses.dataclass(frozen=True)
class Slopes:
    """A program for `TracedModel.run`: outputs at points, and by how much each feature changes them there.

    Attributes:
        layouts: of the matrices that paths are in.
        owners: of each tensor, the feature, or those of its last axis' columns: -1 of what is held.
        features: how many there are.
        dtype: of slopes.
        kept: the keys of tensors whose gradients are returned as well.
        sizes: whether absolute gradients are wanted, instead of gradients times steps.
    """

    layouts: tuple[Layout, ...]
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
        of all points of a path. A slope is 0 where the step is, whatever the gradient.
        """
        outputs, found = model.gradients(_inputs(self.layouts, points), points.targets)
        count = tf.shape(points.alphas)[0] // tf.shape(points.ends[0])[0]
        paths = tf.shape(points.targets)[0] // count
        pieces, owners = [], iter(self.owners)
        for matrix, layout in zip(points.ends, self.layouts, strict=True):
            for columns, step in apart(tf.cast(matrix[:paths, 0], self.dtype), layout):
                gradient = tf.cast(tf.convert_to_tensor(found[columns.key])[: paths * count], self.dtype)
                gradient = tf.reshape(gradient, [paths, count, columns.width])
                pieces.append(self._by_player(gradient, step, next(owners)))
        slopes = pieces[0] if self.is_by_row else self._by_feature(pieces)
        return tf.reshape(outputs, [-1]), slopes, {key: found[key] for key in self.kept}

    def _by_player(self, gradient: tf.Tensor, step: tf.Tensor, owner: int | tuple[int, ...]) -> tf.Tensor:
        """Multiplies gradients `[paths, points, width]` by steps `[paths, width]`; returns `[rows, players]` sums."""
        width, players = int(step.shape[1]), 1 if isinstance(owner, int) else len(owner)
        if players == 1 and width > NARROW and not self.sizes:
            return _along(gradient, step)
        products = tf.abs(gradient) if self.sizes else tf.math.multiply_no_nan(gradient, step[:, None])
        if players == width:
            return tf.reshape(products, [-1, width])
        return tf.reduce_sum(tf.reshape(products, [-1, width // players, players]), axis=1)

    def _by_feature(self, pieces: Sequence[tf.Tensor]) -> tf.Tensor:
        """Sums `[rows, players]` of the tensors by feature."""
        owners = [one for owner in self.owners for one in ((owner,) if isinstance(owner, int) else owner)]
        by_player = [tf.reshape(piece, [1, -1]) if piece.shape[1] == 1 else tf.transpose(piece) for piece in pieces]
        rows = by_player[0] if len(by_player) == 1 else tf.concat(by_player, axis=0)
        if owners == list(range(self.features)):
            return rows
        # No product with ones and zeros: 0 times what is not finite would spoil the other features.
        return tf.math.unsorted_segment_sum(rows, tf.constant(owners), self.features)


def _along(gradient: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
    """Multiplies wide gradients `[paths, points, width]` by steps, and sums to `[rows, 1]`, going over them once."""
    sums = tf.reshape(gradient @ step[:, :, None], [-1, 1])
    known = tf.math.is_finite(sums)

    def of_what_moves() -> tf.Tensor:
        products = tf.math.multiply_no_nan(gradient, step[:, None])
        return tf.where(known, sums, tf.reshape(tf.reduce_sum(products, axis=2), [-1, 1]))

    return tf.cond(tf.reduce_all(known), lambda: sums, of_what_moves)
