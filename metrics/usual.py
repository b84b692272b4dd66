"""What is usual of other metrics, carried in the config that bounds them.

An EvalConfig goes through files, TFX's execution properties and stock Evaluators, none of which keep comments. What is
known of how much a metric varies between sound retrainings is therefore an entry of `metrics_specs` that computes
nothing: TFMA makes it like any other metric, and passes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types

NAME = "usual_variation"


class UsualVariation(tfma.metrics.Metric):
    """No metric of its own: how much others vary between sound retrainings, as `tfx-explain suggest` found.

    The ThresholdValidator reads it to say how unusual a value is, and the linter to tell bounds that stop sound models.
    """

    def __init__(
        self,
        usual: Mapping[str, Any],
        rate: float,
        horizon: int,
        thresholds: int,
        name: str = NAME,
    ) -> None:
        """Initializes the entry; `tfx_explain.gate.usual` has what the arguments say.

        Args:
          usual: By metric and by what is bounded of it, what was found on each slice.
          rate: The rate of false alarms that the whole config was made for.
          horizon: Over how many runs that rate is.
          thresholds: Among how many thresholds it is shared.
          name: The name under which TFMA reports nothing.
        """
        super().__init__(_nothing, name=name, usual=usual, rate=rate, horizon=horizon, thresholds=thresholds)


def _nothing(**_: Any) -> tfma.metrics.MetricComputations:
    return []


metric_types.register_metric(UsualVariation)
