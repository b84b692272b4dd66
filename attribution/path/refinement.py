"""Integrals on meshes, how far they are off, and where a mesh gets new points: where its integral is known worst."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np

from tfx_explain.attribution.model.blocks import near_equal_slices
from tfx_explain.attribution.path.mesh import Mesh
from tfx_explain.attribution.path.quadrature import secant_share

# What of an interval's unexplained output change a feature may be off by, and what an interval that one feature rules
# may be off by for that feature: of a tenth, a quarter and a half, these covered the errors of steep steps with fewest
# points.
_GAP_SHARE = 0.4
_ALONE_SHARE = 0.25
# Where the output leaps, it may leap back and forth elsewhere, and leave no trace: of the new points, what leaps are of
# the doubts, so many are spread over the whole path.
_SPREAD_SHARE = 0.4
# Bytes that stay in a processor's cache.
_IN_CACHE = 2**20
# Even where nothing is in doubt, points go somewhere.
_LEAST_DOUBT = 1e-30


@dataclasses.dataclass(frozen=True)
class Quadrature:
    """The trapezoid rule, and the rule whose intervals' ends have `secant_share`'s shares, on a mesh."""

    mesh: Mesh
    lengths: np.ndarray  # [points - 1, rows] of the intervals
    shares: np.ndarray  # [points - 1, rows] which part of an interval's length its end weighs
    unexplained: np.ndarray  # [points - 1, rows] what the second rule leaves of the output's change

    @classmethod
    def on(cls, mesh: Mesh) -> Quadrature:
        """Returns the two rules on a mesh."""
        lengths = np.diff(mesh.alphas, axis=0)
        excess = np.diff(mesh.outputs, axis=0) - lengths * mesh.rises[:-1]
        turn = np.diff(mesh.rises, axis=0)
        turn *= lengths
        shares = secant_share(excess, turn)
        turn *= shares
        excess -= turn
        return cls(mesh, lengths, shares, excess)

    def keep(self, rows: np.ndarray) -> Quadrature:
        """Returns the rules of some rows, int `[kept]`."""
        return Quadrature(self.mesh.keep(rows), self.lengths[:, rows], self.shares[:, rows], self.unexplained[:, rows])

    def integrals(self) -> np.ndarray:
        """Returns the second rule's integrals, float64 `[rows, features]`."""
        return np.ascontiguousarray(self._sums(self.weights()).T)

    def weights(self) -> np.ndarray:
        """Returns what the second rule weighs the points by, float64 `[points, rows]`."""
        return _at_points(np.diff(self.mesh.alphas.astype(np.float64), axis=0), self.shares)

    def sizes(self) -> np.ndarray:
        """Returns the sums of the second rule's absolute integrals, float64 `[rows]`; faster than by `integrals`."""
        return _over_points(np.abs(self._sums(_at_points(self.lengths, self.shares))).astype(np.float64))

    def _sums(self, weights: np.ndarray) -> np.ndarray:
        """Sums slopes by weights `[points, rows]`; returns `[features, rows]`."""
        slopes = self.mesh.slopes
        return np.concatenate([_over_points(slopes[:, :, part] * weights[:, part]) for part in _cached(slopes)], axis=1)

    def misses(self) -> np.ndarray:
        """Returns by how much the second rule misses the output's change, float64 `[rows]`."""
        return np.abs(_over_points(self.unexplained.astype(np.float64)))

    def doubts(self, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Estimates how far the second rule's integrals are off.

        Errors of intervals have signs that nobody knows, as if by chance: their squares add up.

        Args:
            sizes: float64 `[rows]`, units in which squares neither vanish nor overflow.

        Returns:
            What no feature's error exceeds with a probability of 95%, float64 `[rows]`, and how much of it comes from
            each interval, in an arbitrary unit, `[points - 1, rows]`.
        """
        units = np.where(sizes > 0, sizes, 1.0)
        lengths, dtype = self.lengths, self.lengths.dtype
        rates = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
        # How much of the slopes' bends is in doubt: if there are several kinks, and by what the two rules differ.
        several = 4 * self.shares * (1 - self.shares)
        several = np.where(several > 0, several, 1)
        squared = lengths**2 / units
        weights = (several * squared).astype(dtype), (np.abs(self.shares - 0.5) * squared).astype(dtype)
        gaps = (np.abs(self.unexplained) * (_GAP_SHARE / units)).astype(dtype)
        slopes, parts = self.mesh.slopes, np.empty_like(lengths)
        squares = np.empty((len(slopes), len(units)), dtype)
        for part in _cached(slopes):
            doubts = _doubts(slopes[:, :, part], rates[:, part], *(weight[:, part] for weight in weights))
            parts[:, part] = _shared(doubts)
            doubts += gaps[:, part]
            doubts *= doubts
            squares[:, part] = _over_points(doubts)
        gaps *= len(slopes)
        parts += gaps + _SPREAD_SHARE * lengths * _over_points(gaps)
        return np.sqrt(squares.max(axis=0)) * units, parts

    def new_points(self, rows: np.ndarray, count: int, doubts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Chooses `count` points for each of some rows to evaluate next.

        Args:
            rows: int `[kept]`.
            count: how many.
            doubts: `[points - 1, rows]`, in proportion to which intervals get them.

        Returns:
            Ascending alphas `[kept, count]`; and, for each point of the refined mesh, int `[points + count, kept]`,
            where it is among this mesh's points `[points, rows]` and, behind them, the new ones `[count, kept]`.
        """
        shares = np.cumsum(doubts[:, rows].T + _LEAST_DOUBT, axis=1, dtype=doubts.dtype)
        # New points up to the end of each interval.
        ends = np.rint(shares * (count / shares[:, -1:])).astype(np.int64)
        before = np.concatenate([np.zeros((len(rows), 1), np.int64), ends], axis=1)
        counts = np.diff(before, axis=1)
        interval = np.repeat(np.arange(counts.size), counts.ravel())
        each, new = np.arange(len(rows))[:, None], np.arange(count)
        number = (np.tile(new, len(rows)) + 1 - before[:, :-1].ravel()[interval]).astype(doubts.dtype)
        spacing = self.lengths[:, rows].T / (counts + 1).astype(doubts.dtype)
        alphas = self.mesh.alphas[:-1, rows].T.ravel()[interval] + spacing.ravel()[interval] * number
        places = np.empty((len(rows), self.mesh.size + count), np.int64)
        places[each, np.arange(self.mesh.size) + before] = self._places(rows)
        within = interval.reshape(len(rows), count) - each * counts.shape[1]
        places[each, within + new + 1] = self.mesh.alphas.size + new * len(rows) + each
        return alphas.reshape(len(rows), count), np.ascontiguousarray(places.T)

    def _places(self, rows: np.ndarray) -> np.ndarray:
        """Returns where the points of rows are among all, `[kept, points]`."""
        return np.arange(self.mesh.size) * self.mesh.alphas.shape[1] + rows[:, None]


def _cached(slopes: np.ndarray) -> Iterator[slice]:
    """Yields rows of `[..., rows]` that stay in a processor's cache while several operations go over them."""
    return near_equal_slices(slopes.shape[-1], max(1, _IN_CACHE * slopes.shape[-1] // max(1, slopes.nbytes)))


def _doubts(slopes: np.ndarray, rates: np.ndarray, several: np.ndarray, differing: np.ndarray) -> np.ndarray:
    """Estimates by how much integrals over intervals may be off, but for what is unexplained.

    From the two ends one cannot tell one kink, with which the rule is exact, from several: then all of the slopes'
    change is in doubt, the less so the nearer to an end the kink appears to be. Where the slopes bend as in the
    intervals beside, they are smooth, and only the bend's own change is in doubt, and what the two rules differ by.

    Args:
        slopes: `[features, points, rows]`.
        rates: `[points - 1, rows]` inverse lengths of intervals.
        several: `[points - 1, rows]` weights of the doubts if there are several kinks.
        differing: `[points - 1, rows]` weights of the difference of the rules.

    Returns:
        `[features, points - 1, rows]`.
    """
    if len(slopes) == 1:
        # Of a single feature the rule knows all but what is unexplained.
        return np.zeros((1, *rates.shape), slopes.dtype)
    bends = slopes[:, 1:] - slopes[:, :-1]
    bends *= rates
    turns = bends[:, 1:] - bends[:, :-1]
    np.abs(bends, out=bends)
    np.abs(turns, out=turns)
    doubts = np.empty_like(bends)
    doubts[:, 0], doubts[:, -1] = turns[:, 0], turns[:, -1]
    np.maximum(turns[:, :-1], turns[:, 1:], out=doubts[:, 1:-1])
    np.minimum(doubts, bends, out=doubts)
    doubts *= several
    bends *= differing
    return np.maximum(doubts, bends, out=doubts)


def _shared(doubts: np.ndarray) -> np.ndarray:
    """Bounds doubts `[features, points - 1, rows]` by each other, in place; returns what they are together.

    Errors of the features add up to what is unexplained: none is larger than those of the others together, but for
    `_ALONE_SHARE` of itself. Only the largest one can be.
    """
    together, largest = doubts.sum(axis=0), doubts.max(axis=0)
    bounds = together - (1 - _ALONE_SHARE) * largest
    np.minimum(doubts, bounds, out=doubts)
    return together - largest + np.minimum(largest, bounds)


def _at_points(lengths: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Returns what points weigh, `[points, rows]`, if intervals' ends have those shares of the lengths."""
    ends = lengths * shares
    weights = np.zeros((len(lengths) + 1, *lengths.shape[1:]), ends.dtype)
    np.subtract(lengths, ends, out=weights[:-1])
    weights[1:] += ends
    return weights


def _over_points(values: np.ndarray) -> np.ndarray:
    """Sums `[..., points, rows]` over points, one after the other, where NumPy would add up a single row's in pairs."""
    if values.shape[-1] == 1:
        return np.add.accumulate(values, axis=-2)[..., -1, :]
    return np.add.reduce(values, axis=-2)
