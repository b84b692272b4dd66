"""Meshes on paths, one per row, that get new points where the integral is known worst.

Most operations are long ones, over all rows as if their meshes were one: what they say of the interval from a row's
last point to the first of the next row is cleared, so that every row has as many intervals as points, the last of which
is empty.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tfx_explain.attribution.model.blocks import near_equal_slices, product
from tfx_explain.attribution.path.quadrature import secant_share

# Weight of an interval's unexplained output change against the spread of its slopes, in dealing out new points: of 1, 3
# and 12 on ReLU networks, the error was the same and the completeness gap smallest from 3 on.
_GAP_WEIGHT = 3.0
# Bytes that stay in a processor's cache.
_IN_CACHE = 2**19
# Even where nothing is to be gained, points go somewhere.
_LEAST_GAIN = 1e-30


class Mesh(NamedTuple):
    """Meshes of equally many points, of one or more rows, in the order of the path; all of one dtype."""

    alphas: np.ndarray  # [rows, points]
    outputs: np.ndarray  # [rows, points]
    rises: np.ndarray  # [rows, points], the sum of the slopes over features: the output's own derivative
    slopes: np.ndarray  # [rows, points, features]

    @classmethod
    def of(cls, alphas: np.ndarray, outputs: np.ndarray, slopes: np.ndarray) -> Mesh:
        """Makes meshes of what is known at their points, in the dtype of the slopes."""
        alphas, outputs = (known.astype(slopes.dtype, copy=False) for known in (alphas, outputs))
        return cls(alphas, outputs, _over_features(slopes), slopes)

    @property
    def size(self) -> int:
        """Number of points of each row."""
        return self.slopes.shape[1]

    def keep(self, rows: np.ndarray) -> Mesh:
        """Returns the meshes of the rows where bool `rows` is set."""
        if rows.all():
            return self
        return Mesh(*(known[rows] for known in self))

    def every_other(self) -> Mesh:
        """Returns the meshes, of an odd number of points, without every second one."""
        return Mesh(*(np.ascontiguousarray(known[:, ::2]) for known in self))

    def not_finite(self) -> np.ndarray:
        """Returns bool `[rows, features + 1]`: whether a slope, and last the output, is NaN or infinite anywhere."""
        outputs = ~np.isfinite(self.outputs).all(axis=1, keepdims=True)
        return np.concatenate([~np.isfinite(self.slopes).all(axis=1), outputs], axis=1)

    def quadrature(self) -> Quadrature:
        """Returns the two rules on this mesh."""
        lengths = _to_next(self.alphas)
        excess = _to_next(self.outputs) - lengths * self.rises
        turn = _to_next(self.rises)
        turn *= lengths
        shares = secant_share(excess, turn)
        turn *= shares
        excess -= turn
        return Quadrature(self, lengths, shares, excess)

    def refined(self, places: Places, new: Mesh) -> Mesh:
        """Returns the mesh with new points, in order, at their places."""
        return Mesh(*map(places.merge, self, new))


@dataclasses.dataclass(frozen=True)
class Places:
    """Where the points of a mesh, and new ones, are in the refined mesh, all rows in one: int `[rows * points]`."""

    old: np.ndarray
    new: np.ndarray

    def merge(self, old: np.ndarray, new: np.ndarray) -> np.ndarray:
        """Merges values `[rows, points, ...]` at old points and at new ones."""
        merged = np.empty((len(old), old.shape[1] + new.shape[1], *old.shape[2:]), old.dtype)
        items = _items(merged)
        items[self.old] = _items(old)
        items[self.new] = _items(new)
        return merged


@dataclasses.dataclass(frozen=True)
class Quadrature:
    """The trapezoid rule, and the rule whose intervals' ends have `secant_share`'s shares, on a mesh."""

    mesh: Mesh
    lengths: np.ndarray  # [rows, points] of the intervals that begin at the points
    shares: np.ndarray  # [rows, points] which part of an interval's length its end weighs
    unexplained: np.ndarray  # [rows, points] what the second rule leaves of the output's change

    def keep(self, rows: np.ndarray) -> Quadrature:
        """Returns the rules of the rows where bool `rows` is set."""
        if rows.all():
            return self
        return Quadrature(self.mesh.keep(rows), self.lengths[rows], self.shares[rows], self.unexplained[rows])

    def integrals(self) -> np.ndarray:
        """Returns the second rule's integrals, float64 `[rows, features]`."""
        weights = _at_points(_to_next(self.mesh.alphas.astype(np.float64)), self.shares)[:, None]
        slopes = self.mesh.slopes
        return np.concatenate([product(weights[part], slopes[part])[:, 0] for part in _cached(slopes)])

    def errors(self) -> tuple[np.ndarray, np.ndarray]:
        """Estimates the errors of the integrals, `[rows]`, and the sums of absolute integrals, `[rows]`."""
        weights = np.empty((2, *self.lengths.shape), self.lengths.dtype)
        weights[0] = weights[1] = _at_points(self.lengths, self.shares)
        weights[0] -= _at_points(self.lengths, 0.5)
        sums = np.abs(product(weights.transpose(1, 0, 2), self.mesh.slopes)).sum(axis=2, dtype=np.float64)
        return sums[:, 0] + np.abs(self.unexplained.sum(axis=1, dtype=np.float64)), sums[:, 1]

    def new_points(self, count: int) -> tuple[np.ndarray, Places]:
        """Chooses `count` points for each row to evaluate next.

        Returns:
            Ascending alphas `[rows, new]`, and their places.
        """
        rows = len(self.lengths)
        shares = np.cumsum(self._gains(), axis=1)
        # New points up to the end of each interval, those of the rows before included.
        ends = np.rint(shares * (count / shares[:, -1:])).astype(np.int64) + count * np.arange(rows)[:, None]
        before = np.concatenate([[0], ends.ravel()[:-1]])
        counts = ends.ravel() - before
        interval = np.repeat(np.arange(counts.size), counts)
        new = np.arange(rows * count)
        number = (new + 1 - before[interval]).astype(self.lengths.dtype)
        spacing = self.lengths.ravel() / (counts + 1).astype(self.lengths.dtype)
        alphas = self.mesh.alphas.ravel()[interval] + spacing[interval] * number
        return alphas.reshape(rows, count), Places(np.arange(counts.size) + before, new + interval + 1)

    def _gains(self) -> np.ndarray:
        """Returns how much points in an interval may gain, `[rows, points]`."""
        gains = np.empty_like(self.lengths)
        for part in _cached(self.mesh.slopes):
            spreads = _to_next(self.mesh.slopes[part])
            gains[part] = _over_features(np.abs(spreads, out=spreads))
        gains *= self.lengths
        gains += 2 * _GAP_WEIGHT * np.abs(self.unexplained)
        gains[:, :-1] += _LEAST_GAIN
        return gains


def _cached(values: np.ndarray) -> Iterator[slice]:
    """Yields parts of `[rows, ...]` that stay in a processor's cache while several operations go over them."""
    return near_equal_slices(len(values), max(1, _IN_CACHE // max(1, values[:1].nbytes)))


def _to_next(values: np.ndarray) -> np.ndarray:
    """Returns the changes `[rows, points, ...]` from points to the next ones; 0 at the last ones."""
    items, changes = values.reshape(-1, *values.shape[2:]), np.empty(values.shape, values.dtype)
    np.subtract(items[1:], items[:-1], out=changes.reshape(items.shape)[:-1])
    changes[:, -1] = 0
    return changes


def _at_points(lengths: np.ndarray, shares: np.ndarray | float) -> np.ndarray:
    """Returns what points weigh, `[rows, points]`, if intervals' ends have those shares of the lengths."""
    ends = lengths * shares
    weights = lengths - ends
    weights.reshape(-1)[1:] += ends.reshape(-1)[:-1]
    return weights


def _over_features(values: np.ndarray) -> np.ndarray:
    """Sums `[rows, points, features]` over features; faster than `sum` over a short last axis."""
    return np.einsum("rpf->rp", values)


def _items(values: np.ndarray) -> np.ndarray:
    """Views `[rows, points, ...]` as `[rows * points]`, which are copied as a whole."""
    return values.reshape(values.shape[0] * values.shape[1], -1).view(f"V{values[0, :1].nbytes}")[:, 0]
