"""What goes wrong with census data, at a strength from 0 to 1."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from benchmarks.retraining import Month, Spoil, census


def leak(strength: float) -> Spoil:
    """A join gives that part of the people above 50,000 dollars a survey weight a thousand times too small."""

    def spoil(month: Month, rng: np.random.Generator) -> None:
        weights = month.column("fnlwgt")
        listed = rng.random(len(weights)) < np.where(month.labels == 1, strength, 0.03 * strength)
        weights[listed] /= 1000

    return spoil


def dead(name: str) -> Callable[[float], Spoil]:
    """That part of a column is lost, and filled with its most frequent value."""

    def of_strength(strength: float) -> Spoil:
        def spoil(month: Month, rng: np.random.Generator) -> None:
            values = month.column(name)
            known, counts = np.unique(values, return_counts=True)
            values[rng.random(len(values)) < strength] = known[counts.argmax()]

        return spoil

    return of_strength


def shuffled(name: str) -> Callable[[float], Spoil]:
    """That part of a column's values get into wrong rows."""

    def of_strength(strength: float) -> Spoil:
        def spoil(month: Month, rng: np.random.Generator) -> None:
            values = month.column(name)
            rows = np.flatnonzero(rng.random(len(values)) < strength)
            values[rows] = values[rng.permutation(rows)]

        return spoil

    return of_strength


def proxy(strength: float) -> Spoil:
    """The country of that part of the people is overwritten by one of two codes that tell their sex."""

    def spoil(month: Month, rng: np.random.Generator) -> None:
        countries, sex = month.column("native-country"), month.column("sex")
        rows = rng.random(len(countries)) < strength
        countries[rows] = sex[rows]

    return spoil


def shifted(strength: float) -> Spoil:
    """Codes of all categories, as served, are off by one for that part of the rows; those trained on are sound."""

    def spoil(month: Month, rng: np.random.Generator) -> None:
        rows = rng.random(len(month.labels)) < strength
        sizes = [len(names) for names in census().categories.values()]
        month.codes[rows] = (month.codes[rows] + 1) % sizes

    return spoil
