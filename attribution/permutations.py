"""Shapley values sampled by orders, each followed by its reverse, until precise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tfx_explain.attribution.coalitions import CoalitionGame
from tfx_explain.attribution.estimates import Estimates, precise
from tfx_explain.attribution.result import output_reasons

# Pairs before the first look at the standard error: of fewer, agreement by luck is too likely.
FIRST_PAIRS = 8
# Each further round adds this share of the pairs so far.
_GROWTH = 0.5


def sample_orders(
    game: CoalitionGame,
    features: int,
    rows: np.ndarray,
    draw: Callable[[np.ndarray, np.ndarray], np.ndarray],
    pairs: tuple[int, int],
    tolerance: float,
) -> Estimates:
    """Estimates Shapley values from pairs of opposite orders.

    The standard error is that of the mean over pairs, which are independent of each other.

    Args:
        game: the game.
        features: number of features, at least 2.
        rows: int `[rows]`, which rows of the game.
        draw: from some of the positions in `rows` and numbers of draws `[draws]` to each feature's place in random
            orders, int `[positions, draws, features]`.
        pairs: how many before the precision is looked at, and the most, each at least 2.
        tolerance: standard error at which a row is done, relative to the sum of its absolute attributions.

    Returns:
        The estimates; they are complete: their sum is the output's change.
    """
    empty, full = (game(rows, np.full((len(rows), features), present)) for present in (False, True))
    (count, most), done = pairs, np.zeros(len(rows), np.int64)
    moments = _Moments(len(rows), features)
    working = np.flatnonzero(np.isfinite(empty + full))
    while len(working):
        ranks = draw(working, np.arange(int(done[working[0]]), count))
        moments.add(working, _pair_means(game, rows[working], ranks, empty[working], full[working]))
        done[working] = count
        enough = precise(moments.means, moments.standard_errors(), empty, full, tolerance)
        working = working[(~enough & moments.finite() & (done < most))[working]]
        count = min(most, int(np.ceil(count * (1 + _GROWTH))))
    errors = moments.standard_errors()
    return Estimates(
        values=moments.means,
        standard_errors=errors,
        empty=empty,
        full=full,
        evaluations=2 + done * 2 * (features - 1),
        converged=precise(moments.means, errors, empty, full, tolerance),
        reasons=output_reasons(moments.finite() & np.isfinite(empty + full)),
    )


def _pair_means(
    game: CoalitionGame, rows: np.ndarray, ranks: np.ndarray, empty: np.ndarray, full: np.ndarray
) -> np.ndarray:
    """Returns `[rows, pairs, features]`, a feature's mean change over an order and its reverse.

    `ranks` `[rows, pairs, features]` is each feature's place in the order. The coalition of the first s features in the
    reverse order is the complement of the first n - s in the order.
    """
    features = ranks.shape[2]
    present = np.empty((*ranks.shape[:2], 2, features - 1, features), bool)
    np.less(ranks[:, :, None, :], np.arange(1, features)[:, None], out=present[:, :, 0])
    np.logical_not(present[:, :, 0, ::-1], out=present[:, :, 1])
    evaluations = present.size // (features * len(rows))
    outputs = np.empty((*ranks.shape[:2], 2, features + 1))
    outputs[..., 0], outputs[..., -1] = empty[:, None, None], full[:, None, None]
    played = game(np.repeat(rows, evaluations), present.reshape(-1, features))
    outputs[..., 1:-1] = played.reshape(*ranks.shape[:2], 2, features - 1)
    changes = np.diff(outputs, axis=3)
    there = np.take_along_axis(changes[:, :, 0], ranks, axis=2)
    back = np.take_along_axis(changes[:, :, 1], features - 1 - ranks, axis=2)
    return (there + back) / 2


class _Moments:
    """Running mean and variance of samples, per row and feature, about the first sample so that equal ones give 0."""

    def __init__(self, rows: int, features: int) -> None:
        self.means = np.zeros((rows, features))
        self._first = np.full((rows, features), np.nan)
        self._sums = np.zeros((2, rows, features))
        self._counts = np.zeros((rows, 1))

    def add(self, rows: np.ndarray, samples: np.ndarray) -> None:
        """Adds `samples` `[rows, samples, features]`."""
        new = self._counts[rows, 0] == 0
        self._first[rows[new]] = samples[new, 0]
        offsets = samples - self._first[rows][:, None]
        self._sums[0, rows] += offsets.sum(axis=1)
        self._sums[1, rows] += (offsets**2).sum(axis=1)
        self._counts[rows] += samples.shape[1]
        self.means[rows] = self._first[rows] + self._sums[0, rows] / self._counts[rows]

    def finite(self) -> np.ndarray:
        return np.all(np.isfinite(self.means), axis=1)

    def standard_errors(self) -> np.ndarray:
        count = np.maximum(self._counts, 2)
        squares = np.maximum(self._sums[1] - self._sums[0] ** 2 / count, 0)
        return np.sqrt(squares / (count - 1) / count)
