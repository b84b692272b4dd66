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
        inputs, size = dict(points.held), tf.shape(points.targets)[0]
        for matrix, layout in zip(points.ends, self.layouts, strict=True):
            inputs |= apart(self._along(matrix, points.alphas, layout)[:size], layout)
        return inputs

    def _along(self, ends: tf.Tensor, alphas: tf.Tensor, layout: Layout) -> tf.Tensor:
        """Returns the points of a matrix, `[rows, columns]`."""
        alphas, paths, width = tf.cast(alphas, ends.dtype), tf.shape(ends)[0], sum(each.width for each in layout)
        if self.by_point:
            spread = tf.reshape(tf.repeat(alphas, width), [-1, paths * width])
            return tf.reshape(spread * tf.reshape(ends[:, 0], [1, -1]) + tf.reshape(ends[:, 1], [1, -1]), [-1, width])
        pairs = tf.reshape(tf.stack([alphas, tf.ones_like(alphas)], axis=1), [paths, -1, 2])
        return tf.reshape(pairs @ ends, [-1, width])

    def beside(self, gradient: tf.Tensor, ends: tf.Tensor, points: Points) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns gradients `[rows, columns]` and steps in shapes in which they multiply.

        Without the last rows, where these are not of all points of a path, or of all paths.
        """
        paths, size, step = tf.shape(ends)[0], tf.shape(points.targets)[0], ends[:, 0]
        if self.by_point:
            flat = tf.reshape(step, [1, -1])
            return tf.reshape(gradient[: size // paths * paths], [-1, tf.size(step)]), flat
        count = tf.shape(points.alphas)[0] // paths
        whole = size // count
        return tf.reshape(gradient[: whole * count], [whole, count, step.shape[1]]), step[:whole, None]


class Entries(NamedTuple):
    """The features of a tensor `[rows, entries, ...]`, by entry."""

    features: tuple[int, ...]


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
        owners: of each tensor, the feature, or those of its last axis' columns: -1 of what is held; or of its entries.
        features: how many there are.
        dtype: of slopes.
        kept: the keys of tensors whose gradients are returned as well.
        sizes: whether absolute gradients are wanted, instead of gradients times steps.
    """

    along: Along
    owners: tuple[int | tuple[int, ...] | Entries, ...]
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
        sums, features, owners = [], [], iter(self.owners)
        for matrix, layout in zip(points.ends, self.along.layouts, strict=True):
            own = [tf.reshape(tf.convert_to_tensor(found[columns.key]), [-1, columns.width]) for columns in layout]
            gradient = tf.cast(own[0] if len(own) == 1 else tf.concat(own, axis=1), self.dtype)
            step = tf.cast(matrix, self.dtype)
            gradient, step = self.along.beside(gradient, step, points)
            products = tf.abs(gradient) if self.sizes else tf.math.multiply_no_nan(gradient, step)
            own_of = [next(owners) for _ in layout]
            of_layout = [
                (columns.width, _players(owner, columns.width)) for columns, owner in zip(layout, own_of, strict=True)
            ]
            width = sum(width for width, _ in of_layout)
            if len(layout) == 1 and isinstance(own_of[0], Entries):
                entries = own_of[0].features
                products = tf.reduce_sum(tf.reshape(products, [-1, len(entries), width // len(entries)]), axis=2)
                features += entries
            elif len(layout) == 1:  # summed in pairs, which is more exact where it is wide
                (_, players), *_ = of_layout
                products = tf.reduce_sum(tf.reshape(products, [-1, width // len(players), len(players)]), axis=1)
                features += players
            else:
                products = tf.reshape(products, [-1, width])
                features += [one for width, players in of_layout for one in players * (width // len(players))]
            sums.append(products)
        return sums[0] if self.is_by_row else self._by_feature(sums, features)

    def _by_feature(self, sums: Sequence[tf.Tensor], features: Sequence[int]) -> tf.Tensor:
        """Sums columns of `[rows, columns]` by the feature that each is of."""
        columns = [tf.transpose(matrix) for matrix in sums]
        rows = columns[0] if len(columns) == 1 else tf.concat(columns, axis=0)
        if list(features) == list(range(self.features)):
            return rows
        # No product with ones and zeros: 0 times what is not finite would spoil the other features.
        return tf.math.unsorted_segment_sum(rows, tf.constant(features), self.features)


def _players(owner: int | tuple[int, ...] | Entries, width: int) -> tuple[int, ...]:
    """The features of the columns of a tensor, which repeat along its other axes."""
    if isinstance(owner, Entries):
        each = width // len(owner.features)
        return tuple(feature for feature in owner.features for _ in range(each))
    return (owner,) if isinstance(owner, int) else owner
