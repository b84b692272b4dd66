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

# What of an interval's unexplained output change a feature may be off by, and what an interval that one feature rules
# may be off by for that feature: of a tenth, a quarter and a half, these covered the errors of steep steps with fewest
# points.
_GAP_SHARE = 0.4
_ALONE_SHARE = 0.25
# How near, where squares don't vanish yet, and how much nearer than others points are, to tell by which power slopes
# grow; by which factor they then shrink at most, times their distances, if they have no integral; and what share of the
# largest counts. Of an end without a point so near nothing is said.
_NEAREST, _NEAR = 2.0**-10, 2.0**-6
_FARTHER = 8.0
_VANISHING = 0.8
_LEAST_SHARE = 0.01
# Bytes that stay in a processor's cache.
_IN_CACHE = 2**20
# Even where nothing is in doubt, points go somewhere.
_LEAST_DOUBT = 1e-30


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

    def grows_towards(self, last: bool) -> np.ndarray:
        """Tells, bool `[rows, features]`, which slopes have no integral up to the first point, or up to the last.

        An integrand that has one vanishes there, times the distance from there.
        """
        order = slice(None, None, -1 if last else 1)
        distances, slopes = np.abs(self.alphas - self.alphas[:, [-1 if last else 0]])[:, order], self.slopes[:, order]
        near = ((distances > _NEAREST) & (np.abs(slopes).sum(axis=2) > 0)).argmax(axis=1)[:, None]
        far = (distances > _FARTHER * np.take_along_axis(distances, near, axis=1)).argmax(axis=1)[:, None]
        sizes = np.abs(slopes * distances[:, :, None])
        nearer, farther = (np.take_along_axis(sizes, point[:, :, None], axis=1)[:, 0] for point in (near, far))
        is_near = np.take_along_axis(distances, near, axis=1) < _NEAR
        return is_near & (nearer > _VANISHING * np.maximum(farther, sizes.max(axis=1) * _LEAST_SHARE))

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
        weights, slopes = self.weights()[:, None], self.mesh.slopes
        return np.concatenate([product(weights[part], slopes[part])[:, 0] for part in _cached(slopes)])

    def weights(self) -> np.ndarray:
        """Returns what the second rule weighs the points by, float64 `[rows, points]`."""
        return _at_points(_to_next(self.mesh.alphas.astype(np.float64)), self.shares)

    def sizes(self) -> np.ndarray:
        """Returns the sums of the second rule's absolute integrals, `[rows]`; faster than by `integrals`."""
        weights = _at_points(self.lengths, self.shares)[:, None]
        return np.abs(product(weights, self.mesh.slopes)).sum(axis=2, dtype=np.float64)[:, 0]

    def doubts(self, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Estimates how far the second rule's integrals are off.

        Errors of intervals have signs that nobody knows, as if by chance: their squares add up.

        Args:
            sizes: float64 `[rows]`, units in which squares neither vanish nor overflow.

        Returns:
            What no feature's error exceeds with a probability of 95%, float64 `[rows]`, and how much of it comes from
            each interval, in an arbitrary unit, `[rows, points]`.
        """
        units = np.where(sizes > 0, sizes, 1.0)[:, None]
        lengths, dtype = self.lengths, self.lengths.dtype
        rates = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
        # How much of the slopes' bends is in doubt: if there are several kinks, and by what the two rules differ.
        several = 4 * self.shares * (1 - self.shares)
        several = np.where(several > 0, several, 1)
        weights = np.stack([several, np.abs(self.shares - 0.5)]) * (lengths**2 / units)
        gaps = (np.abs(self.unexplained) * (_GAP_SHARE / units)).astype(dtype)
        squares, parts = np.empty(self.mesh.slopes[:, 0].shape), np.empty_like(lengths)
        for part in _cached(self.mesh.slopes):
            doubts = _doubts(self.mesh.slopes[part], rates[part], weights[:, part].astype(dtype))
            parts[part] = _shared(doubts)
            doubts += gaps[part]
            squares[part] = np.einsum("frp,frp->rf", doubts, doubts)
        parts += gaps * len(doubts)
        return np.sqrt(squares.max(axis=1)) * units[:, 0], parts

    def new_points(self, count: int, doubts: np.ndarray) -> tuple[np.ndarray, Places]:
        """Chooses `count` points for each row to evaluate next.

        Args:
            count: how many.
            doubts: `[rows, points]`, in proportion to which intervals get them; is changed.

        Returns:
            Ascending alphas `[rows, new]`, and their places.
        """
        rows = len(self.lengths)
        doubts[:, :-1] += _LEAST_DOUBT
        shares = np.cumsum(doubts, axis=1)
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


def _cached(values: np.ndarray) -> Iterator[slice]:
    """Yields parts of `[rows, ...]` that stay in a processor's cache while several operations go over them."""
    return near_equal_slices(len(values), max(1, _IN_CACHE // max(1, values[:1].nbytes)))


def _to_next(values: np.ndarray) -> np.ndarray:
    """Returns the changes `[rows, points, ...]` from points to the next ones; 0 at the last ones."""
    items, changes = values.reshape(-1, *values.shape[2:]), np.empty(values.shape, values.dtype)
    np.subtract(items[1:], items[:-1], out=changes.reshape(items.shape)[:-1])
    changes[:, -1] = 0
    return changes


def _doubts(slopes: np.ndarray, rates: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Estimates by how much integrals over intervals may be off, but for what is unexplained.

    From the two ends one cannot tell one kink, with which the rule is exact, from several: then all of the slopes'
    change is in doubt, the less so the nearer to an end the kink appears to be. Where the slopes bend as in the
    intervals beside, they are smooth, and only the bend's own change is in doubt, and what the two rules differ by.

    Args:
        slopes: `[rows, points, features]`.
        rates: `[rows, points]` inverse lengths of intervals.
        weights: `[2, rows, points]` of the doubts if there are several kinks, and of the difference of the rules.

    Returns:
        `[features, rows, points]`. By features first, since operations on long last axes take least time.
    """
    rows, points, features = slopes.shape
    if features == 1:
        # Of a single feature the rule knows all but what is unexplained.
        return np.zeros((1, rows, points), slopes.dtype)
    bends = np.ascontiguousarray(slopes.reshape(-1, features).T)
    turns, doubts = np.empty_like(bends), np.empty_like(bends)
    np.subtract(bends[:, 1:], bends[:, :-1], out=bends[:, :-1])
    bends *= rates.ravel()
    # Whatever the next row's slopes are, NaN too.
    bends.reshape(features, rows, points)[:, :, -1] = 0
    np.subtract(bends[:, 1:], bends[:, :-1], out=turns[:, :-1])
    np.abs(bends, out=bends)
    np.abs(turns, out=turns)
    turns.reshape(features, rows, points)[:, :, -2:] = 0
    doubts[:, 0] = turns[:, 0]
    np.maximum(turns[:, :-1], turns[:, 1:], out=doubts[:, 1:])
    np.minimum(doubts, bends, out=doubts)
    doubts *= weights[0].ravel()
    bends *= weights[1].ravel()
    return np.maximum(doubts, bends, out=doubts).reshape(features, rows, points)


def _shared(doubts: np.ndarray) -> np.ndarray:
    """Bounds doubts `[features, rows, points]` by each other, in place; returns what they are together.

    Errors of the features add up to what is unexplained: none is larger than those of the others together, but for
    `_ALONE_SHARE` of itself. Only the largest one can be.
    """
    together, largest = doubts.sum(axis=0), doubts.max(axis=0)
    bounds = together - (1 - _ALONE_SHARE) * largest
    np.minimum(doubts, bounds, out=doubts)
    return together - largest + np.minimum(largest, bounds)


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
