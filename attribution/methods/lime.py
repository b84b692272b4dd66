"""LIME for tables: Ribeiro, Singh, Guestrin, "Why Should I Trust You?", KDD 2016.

The attribution of a feature is its coefficient in a linear model of the output, fitted to random coalitions of which
those near the full one weigh most.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from tfx_explain.attribution.coalitions.causes import Causes
from tfx_explain.attribution.coalitions.method import CoalitionMethod
from tfx_explain.attribution.coalitions.seating import Seating
from tfx_explain.attribution.coalitions.weights import coalitions_of
from tfx_explain.attribution.model.blocks import row_products
from tfx_explain.attribution.problem.estimates import Estimates
from tfx_explain.attribution.problem.randomness import random_words

# Keeps the fit solvable where few coalitions weigh anything, without moving any coefficient that the data decide.
_RIDGE = 1e-9
# Of an output that decides a coefficient alone, this is left of its residual.
_LEAST_FREE = 1e-3
# Features whose interactions with all before them are tried on the samples: more take time, and tell no more.
_PARTNERS = 64


class Lime(CoalitionMethod):
    """A local linear model of the output over the presence of features; its coefficients need not add up."""

    # How many features a coalition lacks decides its weight.
    _dummies_are_out = False

    def __init__(
        self,
        *,
        samples: int = 1000,
        kernel_width: float | None = None,
        tolerance: float = 0.01,
        seed: int = 0,
        batch_size: int = 16384,
    ) -> None:
        """Chooses the samples and their weights.

        Args:
            samples: coalitions per row and baseline; in each, every feature is present with probability 1/2. Where as
                many are all coalitions, these are taken, and the coefficients are exact.
            kernel_width: a coalition without a features weighs exp(-a / (2 width^2)). None: 0.75 sqrt(features), as in
                the authors' program.
            tolerance: stated error, relative to the sum of the row's absolute attributions, that counts as converged.
            seed: of the coalitions, and of the places in them that a row's features take.
            batch_size: rows in one call of the model.

        Raises:
            ValueError: if a setting is out of range.
        """
        super().__init__(tolerance=tolerance, seed=seed, batch_size=batch_size)
        if samples < 1 or not (kernel_width is None or kernel_width > 0):
            raise ValueError(
                f"samples is {samples} (at least 1), kernel_width {kernel_width} (above 0); put each in its range."
            )
        self._samples, self._kernel_width = samples, kernel_width

    def _budget(self, places: int) -> int:
        return self._samples + 2

    def _least_budget(self, places: int) -> int:
        return places + 4

    def _estimate(self, seating: Seating) -> Estimates:
        """Fits all samples, and the empty and the full coalition, by weighted least squares.

        The standard errors are robust against errors of unequal size (MacKinnon, White 1985, "HC3"), and widened by
        what the samples happen to miss (see `_excess`).
        """
        rows, fit = np.arange(len(seating.rows)), _fit(seating.places, self._samples, self._kernel_width, self._seed)
        outputs = seating.play(rows, fit.present)
        causes = Causes(len(rows), seating.places)
        causes.add(rows, outputs, fit.present)
        # From the full coalition's output, so that equal outputs have residuals of exactly zero.
        empty, full = outputs[:, fit.present.sum(axis=1).argmin()], outputs[:, fit.present.sum(axis=1).argmax()]
        centred = outputs - full[:, None]
        coefficients = row_products(centred, fit.solution)
        # The fit bends towards each output; without that output it would be off by so much more.
        residuals = (centred - row_products(coefficients, fit.design.T)) / fit.free
        standard_errors = np.sqrt(row_products(residuals**2, fit.solution**2)) * fit.excess
        return Estimates.drawn(
            coefficients[:, 1:],
            standard_errors[:, 1:],
            (empty, full),
            draws=np.inf if fit.is_exact else len(fit.present),
            degrees=max(1, len(fit.present) - fit.design.shape[1]),
            evaluations=np.full(len(rows), len(fit.present)),
            reasons=causes.reasons(seating.names),
            tolerance=self._tolerance,
        )


@dataclasses.dataclass(frozen=True)
class _Fit:
    """Coalitions, and what fits a linear model to any outputs of theirs."""

    present: np.ndarray  # bool [coalitions, places]; nobody and everybody among them
    design: np.ndarray  # [coalitions, 1 + places]; the first column is the intercept's
    solution: np.ndarray  # [coalitions, 1 + places], which outputs are multiplied by
    free: np.ndarray  # [coalitions], what the fit leaves of an output's own deviation
    excess: np.ndarray  # [1 + places], see `_excess`; 0 where the coalitions are all there are

    @property
    def is_exact(self) -> bool:
        """Whether there are no other coalitions."""
        return len(self.present) == 2 ** self.present.shape[1]


@functools.lru_cache(maxsize=8)
def _fit(places: int, samples: int, kernel_width: float | None, seed: int) -> _Fit:
    """Draws coalitions, or takes all of them, and solves for the coefficients of any outputs."""
    if 2**places <= samples + 2:
        present = coalitions_of(np.arange(2**places), places)
    else:
        words = random_words(seed, np.array([places], np.uint64), np.arange(samples), places)[0]
        nobody, everybody = np.zeros((1, places), bool), np.ones((1, places), bool)
        present = np.concatenate([nobody, everybody, words >> np.uint64(63) == 1])
    width = 0.75 * np.sqrt(places) if kernel_width is None else kernel_width
    weights = np.exp(-(~present).sum(axis=1) / (2 * width**2))
    design = np.concatenate([np.ones((len(present), 1)), present], axis=1)
    weighted = design * weights[:, None]
    solution = weighted @ np.linalg.inv(weighted.T @ design + _RIDGE * np.eye(1 + places))
    free = np.maximum(1 - (design * solution).sum(axis=1), _LEAST_FREE)
    fit = _Fit(present, design, solution, free, np.zeros(1 + places))
    return fit if fit.is_exact else dataclasses.replace(fit, excess=_excess(fit, width))


def _excess(fit: _Fit, width: float) -> np.ndarray:
    """Returns by how much these samples' errors exceed what is expected of any, `[1 + places]`, at least 1.

    All rows have the same samples, which may happen to tell some interactions badly from single features. It is tried
    on interactions of two, of which all are as strong. Written by how much more often than expected features are
    present, they have nothing to do with single features if every coalition is played: the kernel's weights are those
    of features that are present independently of each other.
    """
    chance = 1 / (1 + np.exp(-1 / (2 * width**2)))
    deviations = (fit.present - chance) / np.sqrt(chance * (1 - chance))
    errors, squares = np.zeros(fit.design.shape[1]), np.zeros(len(fit.present))
    for partner in range(1, min(fit.present.shape[1], _PARTNERS)):
        interactions = deviations[:, :partner] * deviations[:, partner, None]
        off = fit.solution.T @ interactions
        errors += (off**2).sum(axis=1)
        squares += ((interactions - fit.design @ off) ** 2).sum(axis=1) / fit.free**2
    expected = (fit.solution**2).T @ squares
    return np.sqrt(np.maximum(1, errors / np.where(expected > 0, expected, 1)))
