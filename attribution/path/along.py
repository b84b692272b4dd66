"""What a traced model does at points of paths: makes the points, and of its gradients the slopes of the features."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from tfx_explain.attribution.model.interface import Model, Tensors
from tfx_explain.attribution.model.matrices import NARROW, Layout, apart

# Only models' own Python may need AutoGraph, which takes many times as long to trace what is done for each tensor.
_as_it_is = tf.autograph.experimental.do_not_convert


class Points(NamedTuple):
    """Points of some paths, equally many of each, at which the model gets rows."""

    ends: list[
        tf.Tensor
    ]  # matrices [paths, 2, columns]: the steps from where paths start to where they end; the starts
    alphas: tf.Tensor  # where on them, [points * paths] or [paths * points], as rows are ordered
    held: dict[str, tf.Tensor]  # the model's other inputs, [rows, ...]
    targets: tf.Tensor  # int32 [rows]; rows are at most as many as points: of these, the first ones count


@dataclasses.dataclass(frozen=True)
class Along:
    """How paths are laid out, and how points of theirs are made.

    Attributes:
        layouts: of the matrices that paths are in.
    """

    layouts: tuple[Layout, ...]

    @property
    def by_point(self) -> bool:
        """Whether the first points of all paths come first, not all points of the first path.

        Operations on narrow tensors are then long ones, over all paths. Of wide ones, products of a path's own matrices
        write the points once, where a product and a sum would go over them twice.
        """
        return all(columns.width <= NARROW for layout in self.layouts for columns in layout)

    @_as_it_is
    def inputs(self, points: Points) -> Tensors:
        """Returns the model's inputs, by key `[rows, ...]`."""
        inputs, paths, size = dict(points.held), tf.shape(points.ends[0])[0], tf.shape(points.targets)[0]
        for matrix, layout in zip(points.ends, self.layouts, strict=True):
            alphas = tf.cast(points.alphas, matrix.dtype)
            pairs = tf.reshape(tf.stack([alphas, tf.ones_like(alphas)], axis=1), [paths, -1, 2])
            spread = {
                width: tf.repeat(alphas, width) for width in {columns.width for columns in layout if self.by_point}
            }
            for columns, ends in apart(matrix, layout):
                if self.by_point:
                    along = tf.reshape(spread[columns.width], [-1, paths * columns.width])
                    along = along * tf.reshape(ends[:, 0], [1, -1]) + tf.reshape(ends[:, 1], [1, -1])
                else:
                    along = pairs @ ends
                inputs[columns.key] = tf.reshape(along, [-1, *columns.shape])[:size]
        return inputs

    def beside(self, gradient: tf.Tensor, ends: tf.Tensor, points: Points) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns gradients `[rows, ...]` and steps in shapes in which they multiply.

        Without the last rows, where these are not of all points of a path, or of all paths.
        """
        paths, size, step = tf.shape(ends)[0], tf.shape(points.targets)[0], ends[:, 0]
        if self.by_point:
            flat = tf.reshape(step, [1, -1])
            return tf.reshape(gradient[: size // paths * paths], [-1, tf.size(step)]), flat
        count = tf.shape(points.alphas)[0] // paths
        whole = size // count
        return tf.reshape(gradient[: whole * count], [whole, count, step.shape[1]]), step[:whole, None]


@dataclasses.dataclass(frozen=True)
class Outputs:
    """A program for `TracedModel.run`: the model's outputs `[rows]` at points.

    Attributes:
        along: how paths are laid out.
    """

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

        Slopes are `[features, rows]` or, see `is_by_row`, `[rows, features]`; the last rows,
        which don't count, may be missing. A slope is 0 where the step is, whatever the gradient.
        """
        outputs, found = model.gradients(self.along.inputs(points), points.targets)
        return tf.reshape(outputs, [-1]), self._slopes(found, points), {key: found[key] for key in self.kept}

    @_as_it_is
    def _slopes(self, found: Tensors, points: Points) -> tf.Tensor:
        """Returns the slopes of gradients."""
        pieces, owners = [], iter(self.owners)
        for matrix, layout in zip(points.ends, self.along.layouts, strict=True):
            for columns, ends in apart(tf.cast(matrix, self.dtype), layout):
                gradient = tf.cast(tf.convert_to_tensor(found[columns.key]), self.dtype)
                both = self.along.beside(gradient, ends, points)
                pieces.append(self._by_player(*both, columns.width, next(owners)))
        return pieces[0] if self.is_by_row else self._by_feature(pieces)

    def _by_player(self, gradient: tf.Tensor, step: tf.Tensor, width: int, owner: int | tuple[int, ...]) -> tf.Tensor:
        """Multiplies gradients by steps, of rows of some width; returns `[rows, players]` sums."""
        players = 1 if isinstance(owner, int) else len(owner)
        products = tf.abs(gradient) if self.sizes else tf.math.multiply_no_nan(gradient, step)
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
