"""The bases of this package's metrics: numbers that are functions of sums over rows."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.metrics.naming import of_class, unknown_name
from tfx_explain.metrics.notes import by_key
from tfx_explain.metrics.sums import AttributionSums, sums_computation


class ExplanationMetric(tfma.metrics.Metric):
    """A metric over attribution records.

    Example weights count where TFMA gives them (`example_weight_key`). A slice without an explained row has the value
    NaN, which passes no threshold.

    Every metric takes a `name`, under which TFMA reports it, and a `class_name`: the class, by its name in the records
    or by its index, that it is about. Rows in which that class isn't explained don't count. Without one it is about the
    first class of each record.
    """

    @property
    def class_name(self) -> str:
        """The class that it is about; empty: the first one of each record."""
        return self.kwargs.get("class_name", "")


class ModelMetric(ExplanationMetric):
    """A metric of one model; TFMA makes it for the candidate, the baseline model and their difference."""

    def __init__(
        self,
        value: Callable[[Any], Any],
        name: str,
        key_type: type[tfma.metrics.MetricKey] = tfma.metrics.MetricKey,
        computation: Callable[[str, str, bool, str], tfma.metrics.MetricComputation] = sums_computation,
        **config: Any,
    ) -> None:
        """Initializes the metric.

        Args:
          value: From what `computation` found on a slice to the metric's value, maybe `Noted`.
          name: The name under which TFMA reports it.
          key_type: `AttributionsKey` of a value that is a dictionary by feature.
          computation: From the names of model and output, whether example weights apply, and the class, to a row
            computation.
          **config: Further arguments of the subclass's constructor, for TFMA to make the metric again.
        """
        computations = functools.partial(_computations, value, key_type, computation)
        super().__init__(tfma.metrics.merge_per_key_computations(computations), name=name, **config)


class FeatureMetric(ModelMetric):
    """A metric of one feature, named `{prefix}/{feature}` unless a name is given.

    A feature that the candidate has no attributions of is an error. A baseline model may be from before the feature was
    added: its value is NaN then.
    """

    prefix = ""

    def __init__(self, feature: str, name: str = "", class_name: str = "") -> None:
        """Initializes the metric.

        Args:
          feature: The feature's name in the attribution records.
          name: See `ExplanationMetric`, as `class_name`.
          class_name: The class.
        """
        self.feature = feature
        value = functools.partial(_value_of_feature, type(self).of, feature)
        name = name or of_class(f"{self.prefix}/{feature}", class_name)
        super().__init__(value, name, feature=feature, class_name=class_name)

    @staticmethod
    def of(sums: AttributionSums, index: int) -> float:
        """Returns the value for the feature at `index` of `sums.features`; there is at least one explained row."""
        raise NotImplementedError


def ratio(numerator: float, denominator: float) -> float:
    """Returns a quotient; NaN where the denominator is 0."""
    return numerator / denominator if denominator else float("nan")


def _value_of_feature(of: Callable[[AttributionSums, int], float], feature: str, sums: AttributionSums) -> float:
    if sums.explained_rows and feature in sums.places:
        return float(of(sums, sums.places[feature]))
    return float("nan")


def _computations(
    value: Callable[[Any], Any],
    key_type: type[tfma.metrics.MetricKey],
    of_rows: Callable[[str, str, bool, str], tfma.metrics.MetricComputation],
    eval_config: config_pb2.EvalConfig | None = None,
    name: str = "",
    model_name: str = "",
    output_name: str = "",
    sub_key: tfma.metrics.SubKey | None = None,
    example_weighted: bool = False,
    query_key: str = "",
    feature: str = "",
    class_name: str = "",
    **_: Any,  # The rest of what the constructor got, which TFMA passes on, and `value` has already.
) -> tfma.metrics.MetricComputations:
    if sub_key is not None or query_key:
        raise ValueError(
            f"{name} is a metric of the one output that was explained: "
            "take it into a MetricsSpec without binarize, aggregate and query_key."
        )
    computation = of_rows(model_name, output_name, example_weighted, class_name)
    key = key_type(name, model_name, output_name, example_weighted=example_weighted)
    model_spec = tfma.utils.get_model_spec(eval_config, model_name) if eval_config else None
    may_lack_feature = model_spec is not None and model_spec.is_baseline

    # Of a module, since Beam pickles a function that is made here with all that it is made of, for each metric.
    result = functools.partial(_result, value, key, computation.keys[0], "" if may_lack_feature else feature)
    return [computation, tfma.metrics.DerivedMetricComputation(keys=[key], result=result)]


def _result(
    value: Callable[[Any], Any],
    key: tfma.metrics.MetricKey,
    of: tfma.metrics.MetricKey,
    needed: str,
    metrics: dict[tfma.metrics.MetricKey, Any],
) -> dict[tfma.metrics.MetricKey, Any]:
    found = metrics[of]
    if needed and found.features and needed not in found.places:
        raise ValueError(f"{key.name} has an {unknown_name('feature', needed, found.features)}")
    return by_key(key, value(found))
