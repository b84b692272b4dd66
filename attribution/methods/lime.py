"""LIME: Ribeiro, Singh, Guestrin, "Why Should I Trust You?", KDD 2016.

The attribution of a feature is its coefficient in a linear model of the output, fitted to random coalitions of which
those near the full one weigh most.
"""

from __future__ import annotations

import dataclasses
import functools
import math

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
# The authors' widths of the kernel, by the distance and the number of features.
_WIDTHS = {"euclidean": lambda places: 0.75 * np.sqrt(places), "cosine": lambda places: 0.25}
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
        distance: str = "euclidean",
        ridge: float = 0.0,
        by_size: bool = False,
        tolerance: float = 0.01,
        seed: int = 0,
        batch_size: int = 16384,
    ) -> None:
        """Chooses the samples and their weights.

        Args:
            samples: coalitions per row and baseline. Where as many are all coalitions, these are taken, and the
                coefficients are exact.
            kernel_width: a coalition at a distance d from the full one weighs exp(-d^2 / (2 width^2)). None: what the
                authors' program has, 0.75 sqrt(features), or 0.25 of 'cosine' distances.
            distance: 'euclidean', the root of the number of absent features; or 'cosine', 1 less the root of the share
                of the present ones, which the authors' program takes of images.
            ridge: what the squares of the coefficients cost; 1 in the authors' program.
            by_size: whether first it is drawn how many features are absent, one to all of them, each number as likely,
                as the authors' program does it for texts; else every feature is present with probability 1/2.
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
        self._samples, self._kernel, self._by_size = samples, (distance, kernel_width, ridge), by_size

    def _budget(self, places: int) -> int:
        return self._samples + 2

    def _least_budget(self, places: int) -> int:
        return places + 4

    def _estimate(self, seating: Seating) -> Estimates:
        """Fits all samples, and the empty and the full coalition, by weighted least squares.

        The standard errors are robust against errors of unequal size (MacKinnon, White 1985, "HC3"), and widened by
        what the samples happen to miss (see `_excess`).
        """
        rows = np.arange(len(seating.rows))
        fit = _fit(seating.places, self._samples, self._kernel, self._seed, self._by_size)
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
def _fit(places: int, samples: int, kernel: tuple[str, float | None, float], seed: int, by_size: bool) -> _Fit:
    """Draws coalitions, or takes all of them, and solves for the coefficients of any outputs.

    `kernel` is distance, width and ridge.
    """
    if 2**places <= samples + 2:
        present = coalitions_of(np.arange(2**places), places)
        times = _times(present, samples, by_size)
    else:
        nobody, everybody = np.zeros((1, places), bool), np.ones((1, places), bool)
        present = np.concatenate([nobody, everybody, _drawn(places, samples, seed, by_size)])
        times = np.ones(len(present))
    distance, width, ridge = kernel
    width = _WIDTHS[distance](places) if width is None else width
    squares = (~present).sum(axis=1) if distance == "euclidean" else (1 - np.sqrt(present.mean(axis=1))) ** 2
    weights = np.exp(-squares / (2 * width**2)) * times
    design = np.concatenate([np.ones((len(present), 1)), present], axis=1)
    weighted = design * weights[:, None]
    penalties = np.diag([_RIDGE, *[_RIDGE + ridge] * places])
    solution = weighted @ np.linalg.inv(weighted.T @ design + penalties)
    free = np.maximum(1 - (design * solution).sum(axis=1), _LEAST_FREE)
    # Of a feature being present, by weight: the first kernel weighs features independently of each other.
    chance = float(weights @ present.mean(axis=1) / weights.sum())
    if distance == "euclidean":
        chance = 1 / (1 + math.exp(-1 / (2 * width**2)))
    fit = _Fit(present, design, solution, free, np.zeros(1 + places))
    return fit if fit.is_exact else dataclasses.replace(fit, excess=_excess(fit, chance))


def _drawn(places: int, samples: int, seed: int, by_size: bool) -> np.ndarray:
    """Draws coalitions, bool `[samples, places]`."""
    words = random_words(seed, np.array([places], np.uint64), np.arange(samples), places + by_size)[0]
    if not by_size:
        return words >> np.uint64(63) == 1
    half = np.uint64(32)
    absent = 1 + ((words[:, -1] >> half) * np.uint64(places) >> half).astype(np.int64)
    return words[:, :places].argsort(axis=1).argsort(axis=1) >= absent[:, None]


def _times(present: np.ndarray, samples: int, by_size: bool) -> np.ndarray:
    """How many samples each of all coalitions stands for, `[coalitions]`, so that the ridge weighs no more."""
    places, absent = present.shape[1], (~present).sum(axis=1)
    if not by_size:
        return np.full(len(present), (samples + 2) / len(present))
    chances = [1 / (places * math.comb(places, size)) if size else 0.0 for size in absent.tolist()]
    return samples * np.array(chances) + (absent == 0)


def _excess(fit: _Fit, chance: float) -> np.ndarray:
    """Returns by how much these samples' errors exceed what is expected of any, `[1 + places]`, at least 1.

    All rows have the same samples, which may happen to tell some interactions badly from single features. It is tried
    on interactions of two, of which all are as strong. Written by how much more often than expected features are
    present (`chance`), they have nothing to do with single features if every coalition is played and the kernel's
    weights are those of features that are present independently of each other; by cosines more is stated than needed.
    """
    deviations = (fit.present - chance) / np.sqrt(chance * (1 - chance))
    errors, squares = np.zeros(fit.design.shape[1]), np.zeros(len(fit.present))
    for partner in range(1, min(fit.present.shape[1], _PARTNERS)):
        interactions = deviations[:, :partner] * deviations[:, partner, None]
        off = fit.solution.T @ interactions
        errors += (off**2).sum(axis=1)
        squares += ((interactions - fit.design @ off) ** 2).sum(axis=1) / fit.free**2
    expected = (fit.solution**2).T @ squares
    return np.sqrt(np.maximum(1, errors / np.where(expected > 0, expected, 1)))
