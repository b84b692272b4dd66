"""LIME for tables: Ribeiro, Singh, Guestrin, "Why Should I Trust You?", KDD 2016.

The attribution of a feature is its coefficient in a linear model of the output, fitted to random coalitions of which
those near the full one weigh most.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tfx_explain.attribution.coalitions import CoalitionGame
from tfx_explain.attribution.estimates import MASK_BYTES, Estimates, over_baselines, precise
from tfx_explain.attribution.model import Model, Tensors
from tfx_explain.attribution.problem import Players, prepare
from tfx_explain.attribution.randomness import random_words
from tfx_explain.attribution.randomness import row_keys as hash_rows
from tfx_explain.attribution.result import Attributions, output_reasons

# Keeps the fit solvable where few coalitions weigh anything, without moving any coefficient that the data decide.
_RIDGE = 1e-9


class Lime:
    """A local linear model of the output over the presence of features; its coefficients need not add up."""

    def __init__(
        self,
        *,
        samples: int = 1000,
        kernel_width: float | None = None,
        tolerance: float = 0.01,
        seed: int = 0,
        batch_size: int = 8192,
    ) -> None:
        """Chooses the samples and their weights.

        Args:
            samples: coalitions per row and baseline; in each, every feature is present with probability 1/2.
            kernel_width: a coalition without a features weighs exp(-a / (2 width^2)). None: 0.75 sqrt(features), as in
                the authors' program.
            tolerance: standard error, relative to the sum of the row's absolute attributions, that counts as converged.
            seed: of the coalitions; a row's own come from the seed and its row key.
            batch_size: rows in one call of the model.

        Raises:
            ValueError: if a setting is out of range.
        """
        if samples < 1 or batch_size < 1 or not tolerance > 0 or not (kernel_width is None or kernel_width > 0):
            raise ValueError(
                f"samples is {samples} (at least 1), kernel_width {kernel_width} (above 0), batch_size {batch_size} "
                f"(at least 1), tolerance {tolerance} (above 0); put each in its range."
            )
        self._samples, self._kernel_width, self._tolerance = samples, kernel_width, tolerance
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
        """Explains every row; arguments, result and errors are those of `SampledShapley.attribute`.

        Raises:
            ValueError: also if there are not more samples than features.
        """
        problem = prepare(model, inputs, baselines, players, targets)
        features = len(problem.features)
        if self._samples < features + 2:
            raise ValueError(
                f"samples is {self._samples}, too few for {features} features; give at least {features + 2}."
            )
        keys = hash_rows(problem.inputs) if row_keys is None else np.asarray(row_keys, np.uint64)

        def estimate(game: CoalitionGame, baseline: int, rows: np.ndarray) -> Estimates:
            numbers = baseline * self._samples + np.arange(self._samples)
            present = random_words(self._seed, keys[rows], numbers, features) >> np.uint64(63) == 1
            return self._fit(game, rows, present)

        return over_baselines(problem, self._batch_size, MASK_BYTES // (32 * self._samples * features), estimate)

    def _fit(self, game: CoalitionGame, rows: np.ndarray, present: np.ndarray) -> Estimates:
        """Fits `present` `[rows, samples, features]`, and the empty and the full coalition."""
        features = present.shape[2]
        nobody, everybody = (np.full((len(rows), 1, features), there) for there in (False, True))
        present = np.concatenate([nobody, everybody, present], axis=1)
        outputs = game(np.repeat(rows, present.shape[1]), present.reshape(-1, features)).reshape(present.shape[:2])
        width = 0.75 * np.sqrt(features) if self._kernel_width is None else self._kernel_width
        weights = np.exp(-(~present).sum(axis=2) / (2 * width**2))
        values, standard_errors = _weighted_fit(present, weights, outputs)
        return Estimates(
            values=values,
            standard_errors=standard_errors,
            empty=outputs[:, 0],
            full=outputs[:, 1],
            evaluations=np.full(len(rows), present.shape[1]),
            converged=precise(values, standard_errors, outputs[:, 0], outputs[:, 1], self._tolerance),
            reasons=output_reasons(np.all(np.isfinite(outputs), axis=1)),
        )


def _weighted_fit(present: np.ndarray, weights: np.ndarray, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fits `outputs` `[rows, samples]` by least squares.

    Returns:
        Coefficients `[rows, features]` and their standard errors, robust against errors of unequal size (White 1980).
    """
    design = np.concatenate([np.ones((*present.shape[:2], 1)), present], axis=2)
    weighted = design * weights[:, :, None]
    normal = np.swapaxes(weighted, 1, 2) @ design
    inverse = np.linalg.inv(normal + _RIDGE * np.eye(normal.shape[1]))
    solution = inverse @ np.swapaxes(weighted, 1, 2)
    # From the full coalition's output, so that equal outputs have residuals of exactly zero.
    centred = (outputs - outputs[:, 1:2])[:, :, None]
    coefficients = solution @ centred
    residuals = centred - design @ coefficients
    variances = (solution**2) @ residuals**2
    return coefficients[:, 1:, 0], np.sqrt(variances[:, 1:, 0])
