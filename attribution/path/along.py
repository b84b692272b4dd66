"""What a traced model does at points of paths: makes the points, and of its gradients the slopes of the features."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from tfx_explain.attribution.model.interface import Model, Tensors
from tfx_explain.attribution.model.matrices import NARROW, Layout, apart, joined

# Only models' own Python may need AutoGraph, which takes many times as long to trace what is done for each tensor.
_as_it_is = tf.autograph.experimental.do_not_convert


class Ends(NamedTuple):
    """What paths start and end at, and what else the model gets: as a whole, which all calls share.

    A trace takes from it what Python would have to copy for each call.
    """

    starts: list[tf.Tensor]  # matrices [baselines, columns], or of rows' own baselines [all rows, baselines, columns]
    ends: list[tf.Tensor]  # matrices [all rows, columns]
    held: dict[str, tf.Tensor]  # the model's other inputs, [all rows, ...]
    targets: tf.Tensor  # int32 [all rows]


class Points(NamedTuple):
    """Points of some paths, equally many of each, at which the model gets rows."""

    paths: tf.Tensor  # int32 [paths, 2], which rows they end at, and which baselines they start at
    alphas: tf.Tensor  # where on them, [points * paths] or [paths * points], as rows are ordered
    rows: tf.Tensor  # int32 [rows], whose path each is on; at most as many as points: of these, the first ones count


class Lines(NamedTuple):
    """The paths in one matrix's columns, both `[paths, columns]`."""

    steps: tf.Tensor  # from where they start to where they end
    starts: tf.Tensor


@dataclasses.dataclass(frozen=True)
class Along:
    """How paths are laid out, and how points of theirs are made.

    Attributes:
        layouts: of the matrices that paths are in.
        held: of each matrix, for each column, whether it keeps the row's value all the way; empty: of none.
    """

    layouts: tuple[Layout, ...]
    held: tuple[tuple[bool, ...], ...]

    @property
    def by_point(self) -> bool:
        """Whether the first points of all paths come first, not all points of the first path.

        Operations on narrow tensors are then long ones, over all paths. Of wide ones, products of a path's own matrices
        write the points once, where a product and a sum would go over them twice.
        """
        return all(columns.width <= NARROW for layout in self.layouts for columns in layout)

    @_as_it_is
    def lines(self, every: Ends, points: Points) -> list[Lines]:
        """Returns the paths, matrix by matrix."""
        rows, baselines = tf.unstack(points.paths, axis=1)
        found = []
        for every_start, every_end, held in zip(every.starts, every.ends, self.held, strict=True):
            ends, is_own = tf.gather(every_end, rows), every_start.shape.rank == 3
            # Where there is one, it is all paths'.
            at = tf.minimum(baselines, tf.shape(every_start)[int(is_own)] - 1)
            starts = tf.gather_nd(every_start, tf.stack([rows, at], axis=1)) if is_own else tf.gather(every_start, at)
            starts = tf.where(held, ends, starts) if held else starts
            found.append(Lines(ends - starts, starts))
        return found

    @_as_it_is
    def inputs(self, every: Ends, points: Points, lines: Sequence[Lines]) -> Tensors:
        """Returns the model's inputs, by key `[rows, ...]`."""
        inputs, size = {key: tf.gather(held, points.rows) for key, held in every.held.items()}, tf.size(points.rows)
        for line, layout in zip(lines, self.layouts, strict=True):
            alphas = tf.cast(points.alphas, line.steps.dtype)
            if len(layout) == 1:
                inputs |= apart(self._along(line, alphas, layout[0].width)[:size], layout)
            else:
                steps, starts = map(self._of_columns, line)
                paths = tf.shape(line.steps)[0]
                places = tf.reshape(alphas, [1, -1, paths] if self.by_point else [1, paths, -1])
                inputs |= apart(tf.reshape(places * steps + starts, [steps.shape[0], -1])[:, :size], layout)
        return inputs

    def _along(self, line: Lines, alphas: tf.Tensor, width: int) -> tf.Tensor:
        """Returns the points of the matrix of one tensor, `[rows, width]`."""
        paths = tf.shape(line.steps)[0]
        if self.by_point:
            spread = tf.reshape(tf.repeat(alphas, width), [-1, paths * width])
            return tf.reshape(spread * tf.reshape(line.steps, [1, -1]) + tf.reshape(line.starts, [1, -1]), [-1, width])
        pairs = tf.reshape(tf.stack([alphas, tf.ones_like(alphas)], axis=1), [paths, -1, 2])
        return tf.reshape(pairs @ tf.stack(line, axis=1), [-1, width])

    def _of_columns(self, of_paths: tf.Tensor) -> tf.Tensor:
        """Returns numbers `[paths, columns]` by column, beside those of all points."""
        columns = tf.transpose(of_paths)
        return columns[:, None] if self.by_point else columns[:, :, None]

    def beside(
        self, gradient: tf.Tensor, step: tf.Tensor, points: Points, *, several: bool
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns gradients, `[rows, columns]` of one tensor or `[columns, rows]` of several, and steps, to multiply.

        Without the last rows, where these are not of all points of a path, or of all paths.
        """
        paths, size = tf.shape(step)[0], tf.size(points.rows)
        count = tf.size(points.alphas) // paths
        # Of how many paths there are all points, or of how many points all paths.
        whole = size // (paths if self.by_point else count)
        step = step if self.by_point else step[:whole]
        if several:
            shape = [step.shape[1], whole, paths] if self.by_point else [step.shape[1], whole, count]
            return tf.reshape(gradient[:, : whole * shape[2]], shape), self._of_columns(step)
        if self.by_point:
            return tf.reshape(gradient[: whole * paths], [-1, tf.size(step)]), tf.reshape(step, [1, -1])
        return tf.reshape(gradient[: whole * count], [whole, count, step.shape[1]]), step[:, None]


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

    def __call__(self, model: Model, every: Ends, points: Points) -> tf.Tensor:
        """Evaluates the model at points."""
        inputs = self.along.inputs(every, points, self.along.lines(every, points))
        return tf.reshape(model.predict(inputs, tf.gather(every.targets, points.rows)), [-1])


@dataclasses.dataclass(frozen=True)
class Slopes:
    """A program for `TracedModel.run`: outputs at points, and by how much each feature changes them there.

    Attributes:
        along: how paths are laid out.
        owners: of each tensor, the feature, or those of its last axis' columns: -1 of what is held; or of its entries.
        features: how many there are.
        dtype: of slopes.
        kept: the keys of tensors whose gradients are returned as well.
        entries: of each tensor, the numbers of its entries, whose slopes are returned as well, or -1; empty: of none.
        sizes: whether absolute gradients are wanted, instead of gradients times steps.
    """

    along: Along
    owners: tuple[int | tuple[int, ...] | Entries, ...]
    features: int
    dtype: tf.DType
    kept: tuple[str, ...] = ()
    entries: tuple[int | Entries, ...] = ()
    sizes: bool = False

    @property
    def is_by_row(self) -> bool:
        """Whether slopes are `[rows, features]`: those of the only tensor, whose columns are the features, in order."""
        return self.owners == (tuple(range(self.features)),)

    def __call__(
        self, model: Model, every: Ends, points: Points
    ) -> tuple[tf.Tensor, tf.Tensor, Tensors, list[tf.Tensor]]:
        """Returns outputs `[rows]`, slopes, gradients `[rows, ...]` of the keys kept, and slopes `[entries, rows]`.

        Slopes are `[features, rows]` or, see `is_by_row`, `[rows, features]`; the last rows,
        which don't count, may be missing. A slope is 0 where the step is, whatever the gradient.
        """
        lines = self.along.lines(every, points)
        targets = tf.gather(every.targets, points.rows)
        outputs, found = model.gradients(self.along.inputs(every, points, lines), targets)
        steps = [tf.cast(line.steps, self.dtype) for line in lines]
        slopes = self._slopes(found, steps, points, self.owners, self.features)
        count = sum(len(own.features) for own in self.entries if isinstance(own, Entries))
        of_entries = [self._slopes(found, steps, points, self.entries, count)] if count else []
        return tf.reshape(outputs, [-1]), slopes, {key: found[key] for key in self.kept}, of_entries

    @_as_it_is
    def _slopes(
        self,
        found: Tensors,
        steps: Sequence[tf.Tensor],
        points: Points,
        of_tensors: Sequence[int | tuple[int, ...] | Entries],
        count: int,
    ) -> tf.Tensor:
        """Returns the slopes of gradients, by the owners of each tensor, of which there are `count`."""
        sums, features, owners = [], [], iter(of_tensors)
        is_by_row = self.is_by_row and of_tensors is self.owners
        for step, layout in zip(steps, self.along.layouts, strict=True):
            several, gradient = len(layout) > 1, tf.cast(joined(found, layout), self.dtype)
            gradient, step = self.along.beside(gradient, step, points, several=several)
            products = tf.abs(gradient) if self.sizes else tf.math.multiply_no_nan(gradient, step)
            own = [next(owners) for _ in layout]
            of_layout = [(one.width, _players(owner, one.width)) for one, owner in zip(layout, own, strict=True)]
            if several:
                products = tf.reshape(products, [products.shape[0], -1])
                features += [one for width, players in of_layout for one in players * (width // len(players))]
            else:  # summed in pairs, which is more exact where it is wide
                ((width, players),) = of_layout
                shape, axis = [-1, width // len(players), len(players)], 1
                if isinstance(own[0], Entries):
                    players = own[0].features
                    shape, axis = [-1, len(players), width // len(players)], 2
                products = tf.reduce_sum(tf.reshape(products, shape), axis=axis)
                products = products if is_by_row else tf.transpose(products)
                features += players
            sums.append(products)
        return sums[0] if is_by_row else _by_feature(sums, features, count)


def _by_feature(sums: Sequence[tf.Tensor], features: Sequence[int], count: int) -> tf.Tensor:
    """Sums what is `[columns, rows]` by the feature, of `count`, that each column is of."""
    rows = sums[0] if len(sums) == 1 else tf.concat(sums, axis=0)
    if list(features) == list(range(count)):
        return rows
    # No product with ones and zeros: 0 times what is not finite would spoil the other features.
    return tf.math.unsorted_segment_sum(rows, tf.constant(features), count)


def _players(owner: int | tuple[int, ...] | Entries, width: int) -> tuple[int, ...]:
    """The features of the columns of a tensor, which repeat along its other axes."""
    if isinstance(owner, Entries):
        each = width // len(owner.features)
        return tuple(feature for feature in owner.features for _ in range(each))
    return (owner,) if isinstance(owner, int) else owner
