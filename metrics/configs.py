"""EvalConfigs for attribution records: which of a config's metrics they are for, and a default one."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Iterable, Sequence

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_specs, metric_types
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.metrics import per_feature, quality
from tfx_explain.metrics.base import ExplanationMetric
from tfx_explain.metrics.naming import of_class, unknown_name
from tfx_explain.proto.printable import printable
from tfx_explain.storage import columns

MODULE = "tfx_explain.metrics"
_OF_EACH_FEATURE = (per_feature.MeanAttribution, per_feature.MeanAbsoluteAttribution, per_feature.AttributionShare)
_OF_ALL = (
    quality.ExplainedRows,
    quality.FailedRows,
    quality.CompletenessGap,
    quality.ToleranceMissed,
)


def default_eval_config(
    features: Iterable[str],
    has_baseline: bool = False,
    slicing_specs: Sequence[config_pb2.SlicingSpec] = (config_pb2.SlicingSpec(),),
) -> config_pb2.EvalConfig:
    """Returns a config that describes an explanation: what every feature does, and how good the attributions are.

    Mean, mean absolute attribution and share of each feature, the same again as dictionaries, which TFMA's attribution
    plots read, and the number of rows and the errors.

    Args:
      features: Names of features in the attribution records.
      has_baseline: Whether the records explain a baseline model, too. The dictionaries, which have no difference, are
        of the candidate alone then: of two models, `tfma.load_eval_result` would refuse them.
      slicing_specs: The slices; the whole by default.
    """
    dictionaries = config_pb2.MetricsSpec(
        metrics=[_metric_config(per_feature.EveryFeature, metric=metric.__name__) for metric in _OF_EACH_FEATURE],
        model_names=[tfma.CANDIDATE_KEY] * has_baseline,
    )
    metrics = [_metric_config(metric) for metric in _OF_ALL]
    metrics += [_metric_config(metric, feature=f) for f in features for metric in _OF_EACH_FEATURE]
    return config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec()],
        slicing_specs=slicing_specs,
        metrics_specs=[dictionaries, config_pb2.MetricsSpec(metrics=metrics)],
    )


def with_defaults(eval_config: config_pb2.EvalConfig, has_baseline: bool) -> config_pb2.EvalConfig:
    """Fills in TFMA's defaults as the stock Evaluator does.

    The models get their names, and without a baseline model the change thresholds are dropped. A config without a
    model spec gets one first: TFMA would never add a baseline model to it.
    """
    config = config_pb2.EvalConfig()
    config.CopyFrom(eval_config)
    if not config.model_specs:
        config.model_specs.add()
    return tfma.utils.update_eval_config_with_defaults(config, has_baseline=has_baseline, rubber_stamp=True)


def with_features(eval_config: config_pb2.EvalConfig, features: Iterable[str]) -> config_pb2.EvalConfig:
    """Replaces each metric whose feature is a glob by one for every feature that matches it.

    Each gets a copy of the thresholds. `capital-*` matches as in a shell, case counts; a name that is a feature's own
    is never a glob, and a glob that matches nothing stays as it is.

    Args:
      eval_config: Any config.
      features: The features in the attribution records.
    """
    features = sorted(features)
    result = config_pb2.EvalConfig()
    result.CopyFrom(eval_config)
    for spec in result.metrics_specs:
        metrics = [expanded for metric in spec.metrics for expanded in _matching(metric, features)]
        del spec.metrics[:]
        spec.metrics.extend(metrics)
    return result


def models_by_spec(eval_config: config_pb2.EvalConfig) -> dict[str, str]:
    """Returns which model, `columns.CANDIDATE` or `columns.BASELINE`, each model spec is about, by the spec's name."""
    return {s.name: columns.BASELINE if s.is_baseline else columns.CANDIDATE for s in eval_config.model_specs}


def is_attribution_metric(metric: metric_types.Metric) -> bool:
    """Tells the metrics that are computed from attributions, this package's and TFMA's, from all others."""
    return isinstance(metric, (ExplanationMetric, tfma.metrics.AttributionsMetric))


def feature_of(metric: metric_types.Metric) -> str:
    """Returns the feature, or the glob, that a metric of this package is about; empty for all other metrics."""
    return getattr(metric, "feature", "") if isinstance(metric, ExplanationMetric) else ""


def class_names(eval_config: config_pb2.EvalConfig) -> tuple[str, ...]:
    """Returns the classes that metrics of this package are about, sorted; '' for the first one of each record."""
    metrics = (m for m in metric_instances(eval_config) if isinstance(m, ExplanationMetric))
    return tuple(sorted({m.class_name for m in metrics}))


def attribution_config(eval_config: config_pb2.EvalConfig) -> config_pb2.EvalConfig:
    """Returns what of a config concerns attribution records: models, weights, slices, options, attribution metrics.

    Thresholds are left out. `metrics_specs` is empty if the config has no attribution metric.
    """
    result = config_pb2.EvalConfig()
    result.CopyFrom(eval_config)
    for spec in result.model_specs:
        # What else a model spec says is about predictions and labels, which attribution records need not have.
        kept = config_pb2.ModelSpec(
            name=spec.name, is_baseline=spec.is_baseline, example_weight_key=spec.example_weight_key
        )
        kept.example_weight_keys.update(spec.example_weight_keys)
        spec.CopyFrom(kept)
    del result.metrics_specs[:]
    for spec in eval_config.metrics_specs:
        metrics = [m for m in spec.metrics if is_attribution_metric(metric_specs.metric_instance(m))]
        if metrics:
            kept = result.metrics_specs.add()
            kept.CopyFrom(spec)
            del kept.metrics[:]
            kept.metrics.extend(without_thresholds(m) for m in metrics)
            for field in ("thresholds", "per_slice_thresholds", "cross_slice_thresholds"):
                kept.ClearField(field)
    return result


def verify_names(eval_config: config_pb2.EvalConfig, record_columns: Iterable[str]) -> None:
    """Holds the names in a config against the columns of the attribution records.

    Args:
      eval_config: An `attribution_config`.
      record_columns: Every column of the records.

    Raises:
      ValueError: A metric's feature, a slice's feature or an example weight isn't there; one error names all of them.
    """
    record_columns = set(record_columns)
    explained = columns.attributed_features(record_columns, columns.CANDIDATE)
    original = {c for c in record_columns if not columns.is_explanation_column(c)}
    mistakes = _unknown_features(eval_config, explained)
    for use, keys in (("slicing", slice_keys(eval_config)), ("example_weight_key", _weights(eval_config))):
        mistakes += [f"{use} has an {unknown_name('feature', key, original)}" for key in sorted(keys - original)]
    if mistakes:
        said = "; ".join(dict.fromkeys(mistakes))
        raise ValueError(printable(f"The EvalConfig doesn't fit the attribution records: {said}"))


def verify_features(eval_config: config_pb2.EvalConfig, explained: Sequence[str]) -> None:
    """Holds the features in a config against those that are explained.

    Raises:
      ValueError: A metric's feature isn't there; one error names all of them.
    """
    mistakes = _unknown_features(eval_config, explained)
    if mistakes:
        said = "; ".join(dict.fromkeys(mistakes))
        raise ValueError(printable(f"The EvalConfig doesn't fit the model: {said}"))


def slice_keys(eval_config: config_pb2.EvalConfig) -> set[str]:
    """Returns the features that a config slices by."""
    specs = list(eval_config.slicing_specs)
    for cross in eval_config.cross_slicing_specs:
        specs += [cross.baseline_spec, *cross.slicing_specs]
    return {key for spec in specs for key in (*spec.feature_keys, *spec.feature_values)}


def features_read(eval_config: config_pb2.EvalConfig) -> frozenset[str] | None:
    """Returns the original features that a config reads for slices and weights; None: any, as it slices by SQL."""
    if any(spec.slice_keys_sql for spec in eval_config.slicing_specs):
        return None
    return frozenset(slice_keys(eval_config) | _weights(eval_config))


def _matching(metric: config_pb2.MetricConfig, features: Sequence[str]) -> list[config_pb2.MetricConfig]:
    """Returns a metric for each feature that its own feature, a glob, matches; the metric itself if it is no glob."""
    instance = metric_specs.metric_instance(metric)
    glob = feature_of(instance)
    if glob in ("", *features):
        return [metric]
    result = []
    for feature in (f for f in features if fnmatch.fnmatchcase(f, glob)):
        settings = {**json.loads(metric.config), "feature": feature}
        settings.pop("name", None)
        if not str(instance.name).endswith(of_class(f"/{glob}", instance.class_name)):  # It is not the default name.
            settings["name"] = f"{instance.name}/{feature}"
        expanded = config_pb2.MetricConfig()
        expanded.CopyFrom(metric)
        expanded.config = json.dumps(settings)
        result.append(expanded)
    return result or [metric]


def metric_instances(eval_config: config_pb2.EvalConfig) -> list[metric_types.Metric]:
    """Returns the metrics that a config names."""
    return [metric_specs.metric_instance(m) for spec in eval_config.metrics_specs for m in spec.metrics]


def _unknown_features(eval_config: config_pb2.EvalConfig, explained: Sequence[str]) -> list[str]:
    return [
        f"{metric.name} has an {unknown_name('feature', feature_of(metric), explained)}"
        for metric in metric_instances(eval_config)
        if feature_of(metric) not in ("", *explained)
    ]


def _weights(eval_config: config_pb2.EvalConfig) -> set[str]:
    keys = {spec.example_weight_key for spec in eval_config.model_specs}
    return (keys | {k for spec in eval_config.model_specs for k in spec.example_weight_keys.values()}) - {""}


def _metric_config(of_class: type[ExplanationMetric], **config: str) -> config_pb2.MetricConfig:
    return config_pb2.MetricConfig(
        class_name=of_class.__name__, module=MODULE, config=json.dumps(config) if config else ""
    )


def without_thresholds(metric: config_pb2.MetricConfig) -> config_pb2.MetricConfig:
    """Returns the metric alone."""
    return config_pb2.MetricConfig(class_name=metric.class_name, module=metric.module, config=metric.config)
