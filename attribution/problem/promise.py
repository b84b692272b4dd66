"""What a stated error promises, whatever the method.

With a probability of `CONFIDENCE` a row, the error of every one of its features is at most the stated one.
"""

from __future__ import annotations

import functools
import math

import numpy as np

CONFIDENCE = 0.95
# Points of the integral over what chance makes of an estimated standard error; more change no digit that matters.
_POINTS = 200


@functools.lru_cache(maxsize=256)
def simultaneous(features: int, degrees: float) -> float:
    """Returns how many standard errors hold all errors of a row, with a probability of `CONFIDENCE`.

    The quantile of the studentized maximum modulus: of the largest of `features` independent normal errors, divided by
    the one standard error of them all, which is estimated with so many degrees of freedom (Stoline, Ury, "Tables of the
    Studentized Maximum Modulus Distribution", Technometrics 1979); within 1% from five degrees of freedom on, above it
    with fewer.

    Args:
        features: number of errors, at least 1.
        degrees: of freedom, above 0; may be a fraction, or infinite.
    """
    # Wilson and Hilferty: the cube root of a mean square is nearly normal.
    nodes, weights = np.polynomial.hermite_e.hermegauss(_POINTS)
    share = 2 / (9 * degrees)
    sizes = np.maximum(1 - share + nodes * math.sqrt(share), 0) ** 1.5
    low, high = 0.0, 1e3
    while high - low > 1e-6 * high:
        middle = (low + high) / 2
        inside = np.array([math.erf(middle * size / math.sqrt(2)) for size in sizes])
        held = float(weights @ inside**features) / math.sqrt(2 * math.pi)
        low, high = (middle, high) if held < CONFIDENCE else (low, middle)
    return high
