"""LIME for tables: Ribeiro, Singh, Guestrin, "Why Should I Trust You?", KDD 2016.

The attribution of a feature is its coefficient in a linear model of the output, fitted to random coalitions of which
those near the full one weigh most.
"""

from __future__ import annotations

import functools

import numpy as np

from tfx_explain.attribution.coalitions.causes import Causes
from tfx_explain.attribution.coalitions.method import CoalitionMethod
from tfx_explain.attribution.coalitions.seating import Seating
from tfx_explain.attribution.model.blocks import row_products
from tfx_explain.attribution.problem.estimates import Estimates
from tfx_explain.attribution.problem.randomness import random_words

# Keeps the fit solvable where few coalitions weigh anything, without moving any coefficient that the data decide.
_RIDGE = 1e-9
# The authors' widths of the kernel, by the distance and the number of features.
_WIDTHS = {"euclidean": lambda places: 0.75 * np.sqrt(places), "cosine": lambda places: 0.25}
# Of an output that decides a coefficient alone, this is left of its residual.
_LEAST_FREE = 1e-3


class Lime(CoalitionMethod):
    """A local linear model of the output over the presence of features; its coefficients need not add up."""

    # How many features a coalition lacks decides its weight.
    _dummies_are_out = False

    def __init__(
        self,
        *,
        samples: int = 1000,
        kernel_width: float | None = None,
        distance: str = "euclidean",
        ridge: float = 0.0,
        tolerance: float = 0.01,
        seed: int = 0,
        batch_size: int = 16384,
    ) -> None:
        """Chooses the samples and their weights.

        Args:
            samples: coalitions per row and baseline; in each, every feature is present with probability 1/2.
            kernel_width: a coalition at a distance d from the full one weighs exp(-d^2 / (2 width^2)). None: what the
                authors' program has, 0.75 sqrt(features), or 0.25 of 'cosine' distances.
            distance: 'euclidean', the root of the number of absent features; or 'cosine', 1 less the root of the share
                of the present ones, which the authors' program takes of images.
            ridge: what the squares of the coefficients cost; 1 in the authors' program.
            tolerance: stated error, relative to the sum of the row's absolute attributions, that counts as converged.
            seed: of the coalitions, and of the places in them that a row's features take.
            batch_size: rows in one call of the model.

        Raises:
            ValueError: if a setting is out of range.
        """
        super().__init__(tolerance=tolerance, seed=seed, batch_size=batch_size)
        if samples < 1 or not (kernel_width is None or kernel_width > 0) or distance not in _WIDTHS or not ridge >= 0:
            raise ValueError(
                f"samples is {samples} (at least 1), kernel_width {kernel_width} (above 0), distance {distance!r} "
                f"({' or '.join(_WIDTHS)}), ridge {ridge} (not negative); put each in its range."
            )
        self._samples, self._kernel = samples, (distance, kernel_width, ridge)

    def _budget(self, places: int) -> int:
        return self._samples + 2

    def _least_budget(self, places: int) -> int:
        return places + 4

    def _estimate(self, seating: Seating) -> Estimates:
        """Fits all samples, and the empty and the full coalition, by weighted least squares.

        The standard errors are robust against errors of unequal size (MacKinnon, White 1985, "HC3").
        """
        rows = np.arange(len(seating.rows))
        present, design, solution = _fit(seating.places, self._samples, self._kernel, self._seed)
        outputs = seating.play(rows, present)
        causes = Causes(len(rows), seating.places)
        causes.add(rows, outputs, present)
        # From the full coalition's output, so that equal outputs have residuals of exactly zero.
        centred = outputs - outputs[:, 1:2]
        coefficients = row_products(centred, solution)
        # The fit bends towards each output; without that output it would be off by so much more.
        free = np.maximum(1 - (design * solution).sum(axis=1), _LEAST_FREE)
        residuals = (centred - row_products(coefficients, design.T)) / free
        return Estimates.drawn(
            coefficients[:, 1:],
            np.sqrt(row_products(residuals**2, solution**2))[:, 1:],
            (outputs[:, 0], outputs[:, 1]),
            draws=len(present),
            degrees=max(1, len(present) - design.shape[1]),
            evaluations=np.full(len(rows), len(present)),
            reasons=causes.reasons(seating.names),
            tolerance=self._tolerance,
        )


@functools.lru_cache(maxsize=8)
def _fit(
    places: int, samples: int, kernel: tuple[str, float | None, float], seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draws coalitions and solves for the coefficients of any outputs; `kernel` is distance, width and ridge.

    Returns:
        Bool `[coalitions, places]`, first of nobody, then of everybody; the design, float64 `[coalitions, 1 + places]`,
        whose first column is the intercept's; and the solution of that shape, which outputs are multiplied by.
    """
    words = random_words(seed, np.array([places], np.uint64), np.arange(samples), places)[0]
    nobody, everybody = np.zeros((1, places), bool), np.ones((1, places), bool)
    present = np.concatenate([nobody, everybody, words >> np.uint64(63) == 1])
    distance, width, ridge = kernel
    width = _WIDTHS[distance](places) if width is None else width
    squares = (~present).sum(axis=1) if distance == "euclidean" else (1 - np.sqrt(present.mean(axis=1))) ** 2
    weights = np.exp(-squares / (2 * width**2))
    design = np.concatenate([np.ones((len(present), 1)), present], axis=1)
    weighted = design * weights[:, None]
    penalties = np.diag([_RIDGE, *[_RIDGE + ridge] * places])
    inverse = np.linalg.inv(weighted.T @ design + penalties)
    return present, design, weighted @ inverse
