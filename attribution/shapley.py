"""Shapley values: Shapley, "A Value for n-Person Games", 1953; sampled as in Castro, Gomez, Tejada, "Polynomial
calculation of the Shapley value based on sampling", 2009, with each order followed by its reverse (Mitchell et al.,
"Sampling Permutations for Shapley Value Estimation", JMLR 2022).

The attribution of a feature is the mean, over all orders in which features can become present, of the output's change
when that feature does. Over all 2^features coalitions it is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tfx_explain.attribution.coalitions import CoalitionGame
from tfx_explain.attribution.enumeration import attribute_exactly
from tfx_explain.attribution.estimates import MASK_BYTES, Estimates, over_baselines
from tfx_explain.attribution.model import Model, Tensors
from tfx_explain.attribution.permutations import FIRST_PAIRS, sample_orders
from tfx_explain.attribution.problem import Players, prepare
from tfx_explain.attribution.randomness import random_orders
from tfx_explain.attribution.randomness import row_keys as hash_rows
from tfx_explain.attribution.result import Attributions
from tfx_explain.attribution.weights import shapley_weights

# More than any row draws, so that baselines do not share orders.
_DRAWS_PER_BASELINE = 2**40


class SampledShapley:
    """Shapley values of any model: exact where 2^features evaluations fit the budget, else sampled until precise."""

    def __init__(
        self,
        *,
        paths: int | None = None,
        tolerance: float = 0.01,
        max_evaluations: int = 4096,
        seed: int = 0,
        batch_size: int = 8192,
    ) -> None:
        """Chooses accuracy and cost.

        Args:
            paths: orders per row and baseline, rounded up to an even number of at least 4 because they come in pairs
                and one pair has no standard error; where as many evaluations enumerate all coalitions, that is done
                instead. None: as many as the tolerance takes.
            tolerance: standard error of every feature that is good enough, relative to the sum of the row's absolute
                attributions.
            max_evaluations: most model evaluations per row and baseline where `paths` is None.
            seed: of the orders; a row's own orders come from the seed and its row key.
            batch_size: rows in one call of the model.

        Raises:
            ValueError: if a setting is out of range.
        """
        if paths is not None and paths < 1:
            raise ValueError(f"paths is {paths}; give at least 1, or None to meet the tolerance.")
        if max_evaluations < 1 or batch_size < 1 or not tolerance > 0:
            raise ValueError(
                f"max_evaluations is {max_evaluations} (at least 1), batch_size {batch_size} (at least 1), "
                f"tolerance {tolerance} (above 0); put each in its range."
            )
        self._pairs = None if paths is None else max(2, -(-paths // 2))
        self._tolerance, self._max_evaluations = tolerance, max_evaluations
        self._seed, self._batch_size = seed, batch_size

    def attribute(
        self,
        model: Model | Callable[..., Any],
        inputs: Tensors | Any,
        baselines: Tensors | Any = 0.0,
        players: Players | None = None,
        targets: Any = None,
        row_keys: np.ndarray | None = None,
    ) -> Attributions:
        """Explains every row; `prepare` describes the other arguments.

        Tensors may have any dtype and may be ragged; those without a player are held at the row's value. Attributions
        are averaged over the baselines.

        Args:
            model: a model or a TensorFlow function.
            inputs: `[rows, ...]` tensors by key, or one tensor `[rows, columns]`.
            baselines: `[baselines, ...]` of each key with a player, or a scalar.
            players: tensor keys of each feature.
            targets: int32 `[rows]` class to explain.
            row_keys: uint64 `[rows]`, from which a row's orders are drawn; None: the hash of its tensors.

        Returns:
            Attributions `[rows, features]`, with standard errors (0 where exact).

        Raises:
            ValueError: if the request is incomplete, or the budget below 4 orders.
        """
        problem = prepare(model, inputs, baselines, players, targets)
        features = len(problem.features)
        budget = self._max_evaluations if self._pairs is None else 2 * self._pairs * (features - 1) + 2
        if 2**features <= budget:
            return attribute_exactly(problem, shapley_weights, self._batch_size)
        most = (budget - 2) // (2 * (features - 1))
        if most < 2:
            raise ValueError(
                f"max_evaluations is {budget}, too few for {features} features; give at least {4 * (features - 1) + 2}."
            )
        pairs = (min(FIRST_PAIRS, most) if self._pairs is None else most, most)
        keys = hash_rows(problem.inputs) if row_keys is None else np.asarray(row_keys, np.uint64)

        def estimate(game: CoalitionGame, baseline: int, rows: np.ndarray) -> Estimates:
            def draw(positions: np.ndarray, numbers: np.ndarray) -> np.ndarray:
                first = baseline * _DRAWS_PER_BASELINE
                return random_orders(self._seed, keys[rows[positions]], first + numbers, features)

            return sample_orders(game, features, rows, draw, pairs, self._tolerance)

        return over_baselines(problem, self._batch_size, MASK_BYTES // (budget * features), estimate)
