"""Weighted sums over every coalition: exact Shapley values."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from tfx_explain.attribution.coalitions import CoalitionGame
from tfx_explain.attribution.estimates import Estimates, over_baselines
from tfx_explain.attribution.problem import Problem
from tfx_explain.attribution.result import Attributions, output_reasons
from tfx_explain.attribution.weights import coalitions_of

# Coalitions are summed in blocks of one size: a row rounds the same whatever rows it is explained with.
_BLOCK = 64
# Rows enumerated together, so that the weights of a batch's coalitions are used for many rows.
_ROWS_ENUMERATED = 256


def attribute_exactly(problem: Problem, weights: Callable[[np.ndarray], np.ndarray], batch_size: int) -> Attributions:
    """Explains every row by weighted sums of the outputs of all `2 ** features` coalitions.

    Args:
        problem: the problem.
        weights: from bool `[coalitions, features]` to float64 of that shape.
        batch_size: rows in one call of the model, which bounds the memory too.
    """
    features = len(problem.features)
    return over_baselines(
        problem, batch_size, _ROWS_ENUMERATED, lambda game, _, rows: _enumerate(game, features, weights, rows)
    )


def _enumerate(
    game: CoalitionGame, features: int, weights: Callable[[np.ndarray], np.ndarray], rows: np.ndarray
) -> Estimates:
    total = 2**features
    values = np.zeros((len(rows), features))
    finite = np.ones(len(rows), bool)
    empty = full = np.zeros(len(rows))
    for part in _slices(total, game.batch_size // max(1, len(rows))):
        present = coalitions_of(np.arange(part.start, part.stop), features)
        outputs = game(np.repeat(rows, len(present)), np.tile(present, (len(rows), 1))).reshape(len(rows), len(present))
        finite &= np.isfinite(outputs).all(axis=1)
        for block in _slices(len(present), _BLOCK):
            # Not a matrix product: how that rounds depends on the number of rows.
            values += (outputs[:, None, block] * weights(present[block]).T).sum(axis=2)
        empty = outputs[:, 0] if part.start == 0 else empty
        full = outputs[:, -1] if part.stop == total else full
    return Estimates(
        values=values,
        standard_errors=np.zeros_like(values),
        empty=empty,
        full=full,
        evaluations=np.full(len(rows), total),
        converged=np.ones(len(rows), bool),
        reasons=output_reasons(finite),
    )


def _slices(total: int, about: int) -> Iterator[slice]:
    """Yields slices that cover `total` coalitions, each about as long as asked for and beginning at a whole block."""
    length = max(1, about // _BLOCK) * _BLOCK
    yield from (slice(start, min(total, start + length)) for start in range(0, total, length))
