"""What the methods that play coalitions share: their settings, and the way from a request to attributions."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from tfx_explain.attribution.estimates import Estimates, Seating, over_baselines
from tfx_explain.attribution.model import Model, Tensors
from tfx_explain.attribution.problem import Players, prepare
from tfx_explain.attribution.randomness import keys_of_rows
from tfx_explain.attribution.result import Attributions


class CoalitionMethod(abc.ABC):
    """Explains rows of any model by outputs with some features present and the others absent, at a baseline's values.

    A feature whose value in a row is the baseline's has an attribution of 0 there, and takes no evaluations.
    """

    # Whether a feature that cannot change the output has a value of 0, and no influence on the others'.
    _dummies_are_out: ClassVar[bool] = True
    _random: ClassVar[bool] = True

    def __init__(self, *, tolerance: float = 0.01, seed: int = 0, batch_size: int = 16384) -> None:
        if batch_size < 1 or not tolerance > 0:
            raise ValueError(
                f"batch_size is {batch_size} (at least 1), tolerance {tolerance} (above 0); put each in its range."
            )
        self._tolerance, self._seed, self._batch_size = tolerance, seed, batch_size

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
            row_keys: uint64 `[rows]`, from which a row's randomness is drawn; None: the hash of its tensors.

        Returns:
            Attributions `[rows, features]`, with standard errors (of exact values, what rounding does).

        Raises:
            ValueError: if the request is incomplete, or the budget too small for so many features.
        """
        problem = prepare(model, inputs, baselines, players, targets)
        features = len(problem.features)
        budget, least = self._budget(features), self._least_budget(features)
        if budget < least:
            raise ValueError(f"{budget} evaluations a row are too few for {features} features; give at least {least}.")
        seats = None
        if self._random:
            seats = self._seed, keys_of_rows(problem.inputs, row_keys)
        return over_baselines(
            problem, self._batch_size, self._estimate, self._budget, seats=seats, skip_equal=self._dummies_are_out
        )

    @abc.abstractmethod
    def _budget(self, places: int) -> int:
        """Returns the most evaluations of a row whose features take so many places."""

    def _least_budget(self, places: int) -> int:
        """Returns the fewest evaluations of a row with which the method works."""
        return 1

    @abc.abstractmethod
    def _estimate(self, seating: Seating) -> Estimates:
        """Estimates the values of seated rows, by place."""
