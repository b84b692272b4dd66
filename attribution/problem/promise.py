"""What a stated error promises, whatever the method.

With a probability of `CONFIDENCE` a row, the error of every one of its features is at most the stated one.
"""

from __future__ import annotations

import functools
import math

import numpy as np

CONFIDENCE = 0.95
# Steps of the logarithms over which quantiles are integrated.
_STEP = 0.005
# With more degrees of freedom than the second a standard error counts as known; between the two, quantiles are
# interpolated.
_FEWEST_DEGREES, _MOST_DEGREES = 1.0, 500.0
_NODES = 28


@functools.lru_cache(maxsize=4096)
def simultaneous(features: int, degrees: float, confidence: float = CONFIDENCE) -> float:
    """Returns how many standard errors hold all errors of a row, with a probability of `confidence`.

    The quantile of the studentized maximum modulus: of the largest of `features` independent normal errors, divided by
    the one standard error of them all, which is estimated with so many degrees of freedom (Stoline, Ury, "Tables of the
    Studentized Maximum Modulus Distribution", Technometrics 1979).

    Args:
        features: number of errors, at least 1.
        degrees: of freedom, at least 1; may be a fraction, or infinite.
        confidence: the probability.
    """
    logs, inside = _within()
    held = inside**features
    if degrees <= _MOST_DEGREES:
        # Of the logarithm of what chance makes of the standard error.
        sizes = np.arange(-12.0, 3.0, _STEP)
        density = np.exp(degrees * (sizes - np.exp(2 * sizes) / 2 + 0.5))
        density /= density.sum()
        logs = logs[: len(logs) - len(sizes) + 1] - sizes[0]
        held = np.convolve(held, density[::-1], mode="valid")
    return float(np.exp(np.interp(confidence, held, logs)))


def simultaneous_of(features: int, degrees: np.ndarray, confidence: float = CONFIDENCE) -> np.ndarray:
    """Returns the same of an array of degrees, those below 1 as if they were 1."""
    nodes = np.geomspace(_FEWEST_DEGREES, _MOST_DEGREES, _NODES)
    factors = np.log([simultaneous(features, node, confidence) for node in nodes])
    return np.exp(np.interp(np.log(degrees), np.log(nodes), factors))


@functools.cache
def _within() -> tuple[np.ndarray, np.ndarray]:
    """Returns logarithms, and the probabilities that a standard normal number is at most so large."""
    logs = np.arange(-15.0, 9.0, _STEP)
    return logs, np.array([math.erf(math.exp(log) / math.sqrt(2)) for log in logs])
