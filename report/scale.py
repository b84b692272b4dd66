"""A small scale beside a threshold: what is allowed, where the candidate stands, where the baseline model stood."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tfx_explain.gate.saying.digits import exact, number
from tfx_explain.gate.saying.wording import RATIO

_MARGIN = 0.12  # Of the axis beyond the outermost mark.


@dataclass(frozen=True)
class Mark:
    """A point on a scale.

    Attributes:
      what: "candidate", "baseline model", "change" or "no change".
      value: Its number, for people.
      at: Where it is, as a part of the axis.
    """

    what: str
    value: str
    at: float


@dataclass(frozen=True)
class Scale:
    """An axis of one unit.

    Attributes:
      allowed: What the bounds allow, for people: "at most 0.1".
      start: Where what is allowed begins, as a part of the axis.
      end: Where it ends.
      marks: What stands on the axis, the candidate first.
      margin: How far the candidate is from the nearest bound, for people; below 0 on the wrong side of it.
      bound: Where that bound is, as a part of the axis.
    """

    allowed: str
    start: float
    end: float
    marks: Sequence[Mark]
    margin: str
    bound: float


def scales(
    bounds: Mapping[str, float],
    numbers: Mapping[str, float],
    *,
    is_change: bool,
    at_least: bool = False,
    relative_change: str = "",
) -> list[Scale]:
    """Returns a scale a unit; none where there is no finite value, or no bound.

    Args:
      bounds: By their names in the config: lower_bound, upper_bound, absolute, relative.
      numbers: Finite or not: candidate, baseline model, change.
      is_change: Whether the change is bounded.
      at_least: Of a change, whether its bounds are lower ones.
      relative_change: How `relative` is read, "DIFFERENCE" or "RATIO".
    """
    if not is_change:
        values = {what: numbers[what] for what in ("candidate", "baseline model") if what in numbers}
        low, high = bounds.get("lower_bound", -math.inf), bounds.get("upper_bound", math.inf)
        return _scale(low, high, values, "{}") if bounds else []
    change, baseline = numbers.get("change", math.nan), numbers.get("baseline model", math.nan)
    axes = {}
    if "absolute" in bounds:
        axes["absolute"] = ({"change": change, "no change": 0.0}, "a change of {}")
    if "relative" in bounds and baseline:
        is_ratio = relative_change == RATIO
        value = (change + baseline if is_ratio else change) / baseline
        words = f"a {'value' if is_ratio else 'change'} of {{}} times the baseline model's value"
        axes["relative"] = ({"change": value, "no change": float(is_ratio)}, words)
    result = []
    for name, (values, words) in axes.items():
        low, high = (bounds[name], math.inf) if at_least else (-math.inf, bounds[name])
        result += _scale(low, high, values, words)
    return result


def _scale(low: float, high: float, values: Mapping[str, float], words: str) -> list[Scale]:
    finite = {what: value for what, value in values.items() if math.isfinite(value)}
    ends = [end for end in (low, high) if math.isfinite(end)]
    if not finite or not ends or next(iter(values)) not in finite:
        return []
    points = [*finite.values(), *ends]
    room = _MARGIN * (max(points) - min(points)) or max(abs(points[0]), 1.0)
    first, width = min(points) - room, max(points) - min(points) + 2 * room

    def at(value: float) -> float:
        return min(max((value - first) / width, 0.0), 1.0)

    marks = [Mark(what, number(value, *ends), at(value)) for what, value in finite.items()]
    value = next(iter(finite.values()))
    # Of two bounds the one that is broken, or nearly.
    margin, bound = min((end - value if end == high else value - end, end) for end in ends)
    allowed = words.format(_allowed(low, high))
    return [Scale(allowed, at(low), at(high), marks, _signed(number(margin, 0.0)), at(bound))]


def _signed(digits: str) -> str:
    return digits.replace("-", "\N{MINUS SIGN}") if digits.startswith("-") else f"+{digits}"


def _allowed(low: float, high: float) -> str:
    if math.isfinite(low) and math.isfinite(high):
        return f"from {exact(low)} to {exact(high)}"
    return f"at least {exact(low)}" if math.isfinite(low) else f"at most {exact(high)}"
