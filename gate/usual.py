"""How much a threshold's value varies between sound retrainings, as `tfx-explain suggest` leaves it in a config."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scipy import special
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.metrics.configs import MODULE
from tfx_explain.metrics.usual import UsualVariation

LINEAR, CUBE_ROOT, LOG, LOG_OF_REST = "linear", "cube_root", "log", "log_of_rest"
_LEAST = 1e-12  # What takes the place of 0 under a logarithm.

PRIOR = 4
"""What the mean variance of all quantities counts for, in degrees of freedom; see `calibration.rules`."""

MOST_DEGREES = 20
"""More degrees of freedom than this are never believed in: some retrainings are odd, after however many others."""

SCALES: Mapping[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    LINEAR: (float, float),
    CUBE_ROOT: (lambda x: float(special.cbrt(x)), lambda y: y**3),
    LOG: (lambda x: math.log(max(x, _LEAST)), math.exp),
    LOG_OF_REST: (lambda x: math.log(max(1 - x, _LEAST)), lambda y: 1 - math.exp(y)),
}
"""On which a metric's values spread nearly as a normal distribution: there, and back."""


@dataclass(frozen=True)
class Usual:
    """What a metric's next value on a slice was expected to be.

    Attributes:
      scale: One of `SCALES`, on which the next two numbers are.
      centre: The value that is expected.
      spread: The standard deviation of the next value around it.
      runs: How many runs, or comparisons, this was learned from.
    """

    scale: str
    centre: float
    spread: float
    runs: int

    def times(self, value: float) -> float:
        """Returns how many times the usual variation a value is away from what is expected.

        Of a comparison that is 1 where two models agree, better than expected is not away: 0.
        """
        distance = SCALES[self.scale][0](value) - self.centre
        distance = max(0.0, distance) if self.scale == LOG_OF_REST else abs(distance)
        return distance / self.spread if self.spread else math.inf if distance else 0.0

    def alarms(self, bound: float, at_least: bool) -> float:
        """Returns the part of sound models that a bound stops, by Student's t distribution.

        Args:
          bound: The bound.
          at_least: Whether the value must not be less than the bound, rather than not more.
        """
        distance = self._inwards(at_least) * (self.centre - SCALES[self.scale][0](bound))
        if not self.spread:
            return float(distance < 0)
        return float(special.stdtr(degrees(self.runs), -distance / self.spread))

    def bound(self, rate: float, at_least: bool) -> float:
        """Returns the bound that stops this part of sound models; see `alarms`."""
        beyond = t_quantile(self.runs, rate) * self.spread
        return float(SCALES[self.scale][1](self.centre - self._inwards(at_least) * beyond))

    def _inwards(self, at_least: bool) -> int:
        """Returns in which direction of the scale values are on the allowed side of a bound."""
        # The logarithm of what is left of 1 falls as the value rises.
        return 1 if at_least != (self.scale == LOG_OF_REST) else -1


@dataclass(frozen=True)
class Calibration:
    """What a config's bounds were made from.

    Attributes:
      rate: The rate of false alarms of the whole config.
      horizon: Over how many runs that rate is.
      thresholds: Among how many bounds it is shared.
      usual: By metric, by `VALUE` or `CHANGE`, and by slice as TFMA prints it.
    """

    rate: float
    horizon: int
    thresholds: int
    usual: Mapping[tuple[str, str, str], Usual]

    @property
    def each(self) -> float:
        """The rate of false alarms of one bound in one run."""
        return self.rate / self.horizon / self.thresholds

    def to_metric(self) -> config_pb2.MetricConfig:
        """Returns the entry of `metrics_specs` that carries it."""
        usual: dict[str, Any] = {}
        for (metric, kind, where), one in self.usual.items():
            kinds = usual.setdefault(metric, {})
            entry = kinds.setdefault(kind, {"scale": one.scale, "slices": {}})
            entry["slices"][where] = [_short(one.centre), _short(one.spread), one.runs]
        settings = {"rate": self.rate, "horizon": self.horizon, "thresholds": self.thresholds, "usual": usual}
        return config_pb2.MetricConfig(
            class_name=UsualVariation.__name__, module=MODULE, config=json.dumps(settings, separators=(",", ":"))
        )


def calibration_of(eval_config: config_pb2.EvalConfig) -> Calibration | None:
    """Returns what a config says that its bounds were made from; None where it says nothing.

    Raises:
      ValueError: It says something else.
    """
    entries = (metric for spec in eval_config.metrics_specs for metric in spec.metrics)
    found = [metric for metric in entries if metric.class_name == UsualVariation.__name__]
    if not found:
        return None
    if len(found) > 1:
        raise ValueError(f"there are {len(found)} entries {UsualVariation.__name__}; keep that of the last calibration")
    try:
        settings = json.loads(found[0].config)
        usual = {
            (metric, kind, where): Usual(_known_scale(entry["scale"]), float(centre), float(spread), int(runs))
            for metric, kinds in settings["usual"].items()
            for kind, entry in kinds.items()
            for where, (centre, spread, runs) in entry["slices"].items()
        }
        return Calibration(float(settings["rate"]), int(settings["horizon"]), int(settings["thresholds"]), usual)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"its {UsualVariation.__name__} is not what `tfx-explain suggest` writes; remove that entry, or calibrate "
            "again"
        ) from error


def degrees(runs: int) -> int:
    """Returns the degrees of freedom of a spread that is known from so many runs."""
    return min(runs - 1 + PRIOR, MOST_DEGREES)


def t_quantile(runs: int, rate: float) -> float:
    """Returns what Student's t for so many runs is above with this probability."""
    return float(-special.stdtrit(degrees(runs), rate))


def _known_scale(name: str) -> str:
    if name not in SCALES:
        raise ValueError(name)
    return name


def _short(number: float) -> float:
    return float(f"{number:.5g}")
