"""Numbers for people: short, but not so short that a bound that failed reads as if it held, or the other way round."""

from __future__ import annotations

import math

_DIGITS, _ALL_DIGITS = 6, 17


def number(value: float, *others: float) -> str:
    """Returns a number with six significant digits, or as many more as put it on the right side of others.

    Args:
      value: The number.
      *others: What it will be compared with; equal ones read as equal.
    """
    for digits in range(_DIGITS, _ALL_DIGITS):
        shown = f"{value:.{digits}g}"
        if all(_side(float(shown), other) == _side(value, other) for other in others):
            return shown
    return f"{value:.{_ALL_DIGITS}g}"


def exact(value: float) -> str:
    """Returns a number that somebody wrote with all the digits that it has: 0.1, 1, 0.70000049."""
    shown = f"{value:.15g}"
    return shown if math.isnan(value) or float(shown) == value else repr(value)


def _side(value: float, other: float) -> int:
    return (value > other) - (value < other)
