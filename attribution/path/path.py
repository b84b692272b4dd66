"""The straight path from a baseline to each row, and the gradients along it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.model.blocks import call_size, extended, near_equal_slices
from tfx_explain.attribution.model.matrices import Layout, layouts, owners_of, side_by_side
from tfx_explain.attribution.model.traced import run_each
from tfx_explain.attribution.path.along import Along, Ends, Entries, Outputs, Points, Slopes
from tfx_explain.attribution.path.probes import probes, surprises, unsure_places
from tfx_explain.attribution.path.quadrature import KNOWS_NEIGHBOURS, with_ends
from tfx_explain.attribution.path.sums import add_by_path, secant_sums, weighted_sums
from tfx_explain.attribution.problem.joined import with_joins
from tfx_explain.attribution.problem.problem import Problem

Arrays = dict[str, np.ndarray]
# The most entries of a tensor, or neighbours together, that have slopes of their own.
_GROUPS = 64
_NO_ENTRIES: Mapping[str, int] = {}


class Path:
    """Evaluates, at any points of the paths from baselines to rows, the output and its derivative by feature.

    Attributes:
        batch_size: most rows in one call.
        dtype: of slopes.
        feature_of: int `[features and groups]`, the feature of each of those that slopes are told by.
    """

    def __init__(
        self, problem: Problem, batch_size: int, apart: Collection[str] = (), entries: Mapping[str, int] = _NO_ENTRIES
    ) -> None:
        """Prepares the paths.

        Args:
            problem: the problem.
            batch_size: gradients are asked in batches of at most so many rows.
            apart: keys of tensors that are features as a whole. Of those that are `[rows, entries, numbers]`, entries
                have slopes of their own, neighbours together in at most `_GROUPS`, which follow those of the features:
                what is off with one entry may cancel in the sum.
            entries: by some of these keys, how many axes of a row are those of its entries, of which maps have sums.

        Raises:
            ValueError: if a feature's tensor is ragged or not float, so that there is no straight path.
        """
        self._problem = problem = with_joins(problem, {*apart, *entries})
        self.batch_size = problem.batch_rows(batch_size)
        tensors = {key: problem.inputs[key] for key in problem.owners}
        for key, tensor in tensors.items():
            if isinstance(tensor, tf.RaggedTensor) or not tensor.dtype.is_floating:
                raise ValueError(
                    f"tensor {key!r} is {'ragged' if isinstance(tensor, tf.RaggedTensor) else tensor.dtype.name}; path "
                    "methods need dense float tensors. Explain it with SampledShapley, or at its encoded tensor."
                )
        # Narrower sums, of half precision, would lose what the mesh is refined by.
        self.dtype = np.float64 if any(tensor.dtype == tf.float64 for tensor in tensors.values()) else np.float32
        every = layouts(tensors, problem.own)
        held = (owners_of(layout, problem.owners) < 0 for layout in every)
        self._along = Along(every, tuple(tuple(one.tolist()) if one.any() else () for one in held))
        self._every = Ends(
            starts=[_matrix(layout, problem.baselines) for layout in every],
            ends=[_matrix(layout, tensors) for layout in every],
            held={key: tensor for key, tensor in problem.inputs.items() if key not in problem.owners},
            targets=tf.constant(problem.targets),
        )
        owners, self.feature_of, self._columns = _owners_apart(problem, apart)
        self._owners = tuple(owners[columns.key] for layout in every for columns in layout)
        self._shapes: dict[str, Any] = {
            key: tuple(problem.inputs[key].shape[1 : 1 + axes]) for key, axes in entries.items()
        }
        ends = np.cumsum([0, *(math.prod(shape) for shape in self._shapes.values())]).tolist()
        self._places = dict(zip(entries, map(slice, ends, ends[1:]), strict=True))
        self._entries = tuple(self._entries_of(columns.key) for layout in every for columns in layout)

    def _entries_of(self, key: str) -> int | Entries:
        of_all = self._places.get(key)
        return -1 if of_all is None else Entries(tuple(range(of_all.start, of_all.stop)))

    def columns(self, keys: Collection[str]) -> dict[str, slice] | None:
        """By key, where among features and groups the slopes are of each entry by itself; None if not of all `keys`."""
        if all(key in self._columns and self._shapes.get(key) == (_size(self._columns[key]),) for key in keys):
            return {key: self._columns[key] for key in keys}
        return None

    def slopes(
        self, baselines: int | np.ndarray, rows: np.ndarray, alphas: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Evaluates points on paths.

        Args:
            baselines: where paths start, one baseline for all or int `[paths]`.
            rows: int `[paths]`, where they end.
            alphas: float `[paths, points]`, where on them, from 0 at the baseline to 1 at the row.

        Returns:
            Outputs `[paths, points]`, float64, and derivatives by alpha `[paths, points, features]`, float32 or the
            gradients' own wider type: the gradient times the step from baseline to row, summed over each feature's
            tensors. The sum over features is the output's own derivative.
        """
        outputs, slopes = np.empty(alphas.shape), self._empty_slopes(alphas)
        for part, points, found in self._found(self._program(), baselines, rows, alphas):
            outputs[part, points], slopes[part, points], _ = found
        return outputs, slopes

    def weighted_slopes(
        self, baseline: int, rows: np.ndarray, rule: str, points: int, maps: Arrays
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Sums slopes at a rule's points, and at 0 and 1, which are the same of all paths.

        Args:
            baseline: where paths start.
            rows: int `[paths]`, where they end.
            rule: one of `quadrature.RULES`.
            points: of the rule.
            maps: of the keys of some features, as `empty_maps`; the rule's sum of each of their numbers' slopes, or of
                their entries', is added there, but for those that are not finite.

        Returns:
            Outputs, float64 `[paths, points + 2]`, their own derivatives, float64 of the same shape, and the sums of
            slopes that `integrate_fixed` takes, float64 `[paths, sums, features]`.
        """
        nodes, weights = with_ends(rule, points)
        alphas = np.tile(nodes, (len(rows), 1))
        outputs, slopes = np.empty(alphas.shape), self._empty_slopes(alphas)
        for part, some, found in self._found(self._program(maps), baseline, rows, alphas):
            outputs[part, some], slopes[part, some], gradients = found
            for key, total in maps.items():
                add_by_path(gradients[key], np.tile(weights[0, some], (len(rows[part]), 1)), total[part])
        for key, total in maps.items():
            total *= self._step(baseline, rows, key)
        rises = np.ascontiguousarray(slopes.T.sum(axis=0, dtype=np.float64).T)
        sums = [weighted_sums(slopes, weights)]
        if count := probes(points, slopes.shape[2]):
            intervals, within = unsure_places(nodes, outputs, rises, slopes, count)
            _, found = self.slopes(baseline, rows, nodes[intervals] + within * np.diff(nodes)[intervals])
            # Products, and sums over features, take them row by row.
            slopes_by_row, found = np.ascontiguousarray(slopes), np.ascontiguousarray(found)
            sums.append(surprises(rule, nodes, slopes_by_row, intervals, within, found)[:, None])
        if rule in KNOWS_NEIGHBOURS:
            sums.append(secant_sums(nodes, outputs, rises, slopes)[:, None])
        return outputs, rises, np.concatenate(sums, axis=1)

    def _empty_slopes(self, alphas: np.ndarray) -> np.ndarray:
        """Returns room for slopes `[paths, points, features]` at alphas `[paths, points]`.

        In memory features come first and paths last, so that what is done over points or features is done for all paths
        in one long operation.
        """
        return np.empty((len(self.feature_of), *alphas.T.shape), self.dtype).T

    def maps(self, baseline: int, rows: np.ndarray, rule: np.ndarray, keys: Collection[str]) -> Arrays:
        """Sums the slopes of some features' numbers, or entries, by each path's own rule, in a gradient for each point.

        Args:
            baseline: where paths start.
            rows: int `[paths]`, where they end.
            rule: float64 `[paths, points, 2]`, alphas and weights; the last ones, of weight 0, cost nothing.
            keys: of tensors that are features as a whole.

        Returns:
            By key, float64 `[paths, ...]`. A slope that is not finite counts 0: where one is, its weight is next to 0,
            or the row's integral is not finite either.
        """
        sums = self.empty_maps(rows, keys)
        counts = rule.shape[1] - (rule[:, ::-1, 1] != 0).argmax(axis=1)
        for count in np.unique(counts):
            which = np.flatnonzero(counts == count)
            alphas, weights = np.moveaxis(rule[which, :count], 2, 0)
            totals = self.empty_maps(which, keys)
            for part, points, found in self._found(self._program(keys), baseline, rows[which], alphas):
                for key, total in totals.items():
                    add_by_path(found[2][key], weights[part, points], total[part])
            for key, total in totals.items():
                sums[key][which] = total * self._step(baseline, rows[which], key)
        return sums

    def empty_maps(self, rows: np.ndarray, keys: Collection[str]) -> Arrays:
        """Returns room for maps of some rows, float64 `[rows, ...]` by key, of numbers or of entries."""
        shapes: dict[str, Any] = {key: self._problem.inputs[key].shape[1:] for key in keys} | self._shapes
        return {key: np.zeros((len(rows), *shapes[key])) for key in keys}

    def outputs(self, baselines: int | np.ndarray, rows: np.ndarray, alpha: float) -> np.ndarray:
        """Returns float64 `[paths]` outputs at one alpha, without gradients; other arguments are those of `slopes`."""
        outputs = np.empty(len(rows))
        parts = list(near_equal_slices(len(rows), self.batch_size))
        alphas = np.full((len(rows), 1), alpha)
        each = [self._points(_part(baselines, part), rows[part], alphas[part]) for part in parts]
        calls = run_each(self._problem.model, Outputs(self._along), [self._every], each)
        for part, found in zip(parts, calls, strict=True):
            outputs[part] = np.asarray(found)[: len(outputs[part])]
        return outputs

    def gradient_sizes(self, rows: np.ndarray) -> np.ndarray:
        """Returns float `[rows, features]`, the absolute gradients at the rows, summed over each feature's tensors."""
        sizes = np.empty((len(rows), 1, len(self.feature_of)), self.dtype)
        for part, points, found in self._found(self._program(sizes=True), 0, rows, np.ones((len(rows), 1))):
            sizes[part, points] = found[1]
        return sizes[:, 0]

    def _program(self, kept: Collection[str] = (), sizes: bool = False) -> Slopes:
        dtype, entries = tf.as_dtype(np.dtype(self.dtype)), self._entries if self._shapes.keys() & set(kept) else ()
        numbers = tuple(key for key in kept if key not in self._shapes)
        return Slopes(self._along, self._owners, len(self.feature_of), dtype, numbers, entries, sizes)

    def _found(
        self, program: Slopes, baselines: int | np.ndarray, rows: np.ndarray, alphas: np.ndarray
    ) -> Iterator[tuple[slice, slice, tuple[np.ndarray, np.ndarray, Arrays]]]:
        """Calls the model; yields paths, points, and of these what the program finds, `[paths, points, ...]`."""
        parts = list(self._parts(*alphas.shape))
        each = [self._points(_part(baselines, part), rows[part], alphas[part, some]) for part, some in parts]
        calls = run_each(self._problem.model, program, [self._every], each)
        for (part, some), (outputs, slopes, kept, of_entries) in zip(parts, calls, strict=True):
            shape = part.stop - part.start, some.stop - some.start
            by_row = slopes if program.is_by_row else np.asarray(slopes).T
            gradients = {key: self._by_path(gradient, shape) for key, gradient in kept.items()}
            for found in (self._by_path(np.asarray(one).T, shape) for one in of_entries):
                gradients |= {
                    key: found[..., of_key].reshape(*shape, *self._shapes[key]) for key, of_key in self._places.items()
                }
            yield part, some, (self._by_path(outputs, shape), self._by_path(by_row, shape), gradients)

    def _parts(self, paths: int, points: int) -> Iterator[tuple[slice, slice]]:
        """Yields the paths and the points of each call."""
        for part in near_equal_slices(paths, max(1, self.batch_size // max(1, points)), points):
            for some in near_equal_slices(points, self.batch_size):
                yield part, some

    def _by_path(self, found: Any, shape: tuple[int, int]) -> np.ndarray:
        """Returns what was found of `[rows, ...]` as `[paths, points, ...]`, without what the call was extended by."""
        values, (paths, points) = np.asarray(found)[: math.prod(shape)], shape
        if self._along.by_point:
            return np.swapaxes(values.reshape(points, paths, *values.shape[1:]), 0, 1)
        return values.reshape(paths, points, *values.shape[1:])

    def _points(self, baselines: int | np.ndarray, rows: np.ndarray, alphas: np.ndarray) -> Points:
        """Returns points at `alphas` `[paths, points]`, and what makes a whole call of them."""
        size, (paths, count) = call_size(alphas.size, self.batch_size), alphas.shape
        if self._along.by_point:
            alphas = extended(alphas.T, -(-size // paths))
            each = np.tile(rows, len(alphas))[:size]
        else:
            rows, alphas = (extended(array, -(-size // count)) for array in (rows, alphas))
            baselines = extended(baselines, len(rows)) if isinstance(baselines, np.ndarray) else baselines
            each = np.repeat(rows, count)[:size]
        paths = np.stack([rows, np.broadcast_to(baselines, rows.shape)], axis=1).astype(np.int32)
        alphas = alphas.astype(self.dtype, copy=False).reshape(-1)
        return Points(*map(tf.constant, (paths, alphas, each.astype(np.int32))))

    def _step(self, baseline: int, rows: np.ndarray, key: str) -> np.ndarray:
        """Returns what makes slopes of what is kept of a tensor: the steps `[paths, ...]`; 1 of entries' slopes."""
        if key in self._shapes:
            return np.ones(())
        ends, starts = np.asarray(self._problem.inputs[key])[rows], np.asarray(self._problem.baselines[key])
        at = min(baseline, len(starts) - 1)
        return ends - (starts[at, rows] if key in self._problem.own else starts[at])


def _matrix(layout: Layout, tensors: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """Returns tensors `[rows, *shape of a row]` as one matrix; those that are one each are not copied.

    Of baselines that are rows' own, `[baselines, rows, ...]`, the first two axes change places.
    """
    columns, *others = layout
    if others:
        return tf.constant(side_by_side(layout, tensors))
    tensor = tensors[columns.key]
    leading = tensor.shape[: tensor.shape.rank - len(columns.shape)]
    matrix = tf.reshape(tensor, [*leading, columns.width])
    return matrix if matrix.shape.rank == 2 else tf.transpose(matrix, [1, 0, 2])


def _owners_apart(problem: Problem, keys: Collection[str]) -> tuple[dict[str, Any], np.ndarray, dict[str, slice]]:
    """Returns who owns what of each tensor, the feature of each owner, and where among these entries' are, by key."""
    owners: dict[str, Any] = {key: _hashable(owner) for key, owner in problem.owners.items()}
    feature_of, columns = [*range(len(problem.features))], {}
    for key in sorted(keys):
        shape = problem.inputs[key].shape[1:]
        if shape.rank == 2 and shape.num_elements():
            count = min(shape[0], _GROUPS)
            numbers = len(feature_of) + np.arange(shape[0]) * count // shape[0]
            columns[key] = slice(len(feature_of), len(feature_of) + count)
            feature_of += [owners[key]] * count
            owners[key] = Entries(tuple(numbers.tolist()))
    return owners, np.array(feature_of), columns


def _size(part: slice) -> int:
    return part.stop - part.start


def _hashable(owner: int | np.ndarray) -> int | tuple[int, ...]:
    return tuple(owner.tolist()) if isinstance(owner, np.ndarray) else owner


def _part(baselines: int | np.ndarray, part: slice) -> int | np.ndarray:
    return baselines[part] if isinstance(baselines, np.ndarray) else baselines
