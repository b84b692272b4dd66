"""What can be wrong with a gate's configuration before anything has run."""

from __future__ import annotations

import importlib
import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_specs, metric_types
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.gate.bounds import Threshold, bounds_of
from tfx_explain.gate.override import override_mistakes
from tfx_explain.gate.slices import SlicingSpec, features_of_specs
from tfx_explain.gate.usual import calibration_of
from tfx_explain.metrics import agreement, configs, drift, per_feature, quality, usual
from tfx_explain.metrics.naming import unknown_name
from tfx_explain.proto import explanation_pb2
from tfx_explain.proto.printable import first_line, printable

# Importing the modules registers their metrics, so that a class name alone finds them.
_REGISTERED = (agreement, drift, per_feature, quality, usual)
# TFMA's errors end in `: eval_config=` and the whole of it.
_QUOTED = re.compile(r"[:,]? *\b\w+=.*")
_LONG = 200


@dataclass(frozen=True)
class Wiring:
    """Which inputs a gate has, empty on a first run or not.

    Attributes:
      evaluation: An Evaluator's `evaluation`.
      attributions: An Explainer's `attributions`.
      baseline: A baseline model, or an evaluation of one.
    """

    evaluation: bool = True
    attributions: bool = True
    baseline: bool = True


EVERYTHING = Wiring()


def verify_config(
    eval_config: config_pb2.EvalConfig, policy: explanation_pb2.GatePolicy, wiring: Wiring = EVERYTHING
) -> None:
    """Holds a gate's configuration against TFMA's rules and against what is wired.

    Args:
      eval_config: As the user wrote it.
      policy: As the user wrote it.
      wiring: The gate's inputs.

    Raises:
      ValueError: There are mistakes; one error names all of them.
    """
    mistakes = list(_metric_mistakes(eval_config))
    if not mistakes:
        mistakes = list(_model_mistakes(eval_config))
    if not mistakes:
        mistakes = list(dict.fromkeys(_threshold_mistakes(eval_config, wiring)))
    mistakes += _policy_mistakes(policy, eval_config)
    if mistakes:
        raise ValueError(printable("The ThresholdValidator's eval_config is wrong: " + "; ".join(mistakes) + "."))


def _policy_mistakes(policy: explanation_pb2.GatePolicy, eval_config: config_pb2.EvalConfig) -> Iterator[str]:
    if policy.HasField("override"):
        yield from override_mistakes(policy.override)
    for name in ("max_failed_fraction", "max_tolerance_missed_fraction"):
        if not 0 <= getattr(policy, name) <= 1:
            yield f"the policy's {name} is {getattr(policy, name):g}; it is a fraction, from 0 to 1"
    if policy.confidence and not eval_config.options.compute_confidence_intervals.value:
        yield (
            f"the policy's {explanation_pb2.GatePolicy.Confidence.Name(policy.confidence)} asks for confidence "
            "intervals; set options.compute_confidence_intervals here and in the Evaluator's eval_config"
        )


def _metric_mistakes(eval_config: config_pb2.EvalConfig) -> Iterator[str]:
    """Yields what keeps TFMA from making the metrics."""
    try:
        calibration_of(eval_config)
    except ValueError as error:
        yield str(error)
        return
    for spec in eval_config.metrics_specs:
        for metric in spec.metrics:
            mistake = _module_mistake(metric.module) if metric.module else ""
            try:
                if not mistake:
                    metric_specs.metric_instance(metric)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # A metric can be anybody's code.
                mistake = _why_not_made(metric, error)
            if mistake:
                yield f"{metric.class_name}: {mistake}" if metric.class_name not in mistake else mistake


def _module_mistake(name: str) -> str:
    """Imports a module that a config names, which is anybody's code, and returns why that failed; "" if it didn't."""
    try:
        importlib.import_module(name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit among them, which would end the gate as if it had blessed.
        if isinstance(error, ModuleNotFoundError) and error.name and f"{name}.".startswith(f"{error.name}."):
            return f"there is no module {name!r}"
        return f"the module {name!r} can't be imported ({type(error).__name__}: {first_line(error)})"
    return ""


def _why_not_made(metric: config_pb2.MetricConfig, error: BaseException) -> str:
    known = _known_classes(metric.module)
    if metric.class_name not in known:
        return unknown_name("metric class", metric.class_name, known)
    if isinstance(error, json.JSONDecodeError):
        return f"the config of {metric.class_name} is not JSON: {metric.config}"
    if "required positional argument: 'feature'" in str(error):
        return f'{metric.class_name} is about one feature, which its config must name as "feature"'
    # A mask's runs are long.
    config = metric.config if len(metric.config) <= _LONG else f"{metric.config[:_LONG]}..."
    return f"{metric.class_name} can't be made from the config {config!r} ({_told(error)})"


def _told(error: BaseException) -> str:
    """Returns what an error of TFMA's says, without the protocol buffers that it quotes."""
    said = _QUOTED.sub("", first_line(error)).rstrip(" .:,")
    return said if isinstance(error, (TypeError, ValueError)) else f"{type(error).__name__}: {said}"


def _known_classes(module: str) -> set[str]:
    """Returns the names that a metric config's `class_name` may have."""
    known = set(metric_types.registered_metrics())
    if module and module != configs.MODULE:
        return known | {name for name, value in vars(sys.modules[module]).items() if isinstance(value, type)}
    keras = metric_specs.tf_keras.metrics
    return known | {n for n in dir(keras) if isinstance(c := getattr(keras, n), type) and issubclass(c, keras.Metric)}


def _model_mistakes(eval_config: config_pb2.EvalConfig) -> Iterator[str]:
    if len(eval_config.model_specs) > 2:
        yield f"it has {len(eval_config.model_specs)} model_specs; a candidate and a baseline model is all there can be"
        return
    if eval_config.model_specs and all(spec.is_baseline for spec in eval_config.model_specs):
        yield "its model_specs have no candidate; add a ModelSpec without is_baseline"
    config = configs.with_defaults(eval_config, has_baseline=True)
    known = {spec.name for spec in config.model_specs} - {""}
    unknown = {name for spec in eval_config.metrics_specs for name in spec.model_names if name} - known
    yield from (f"its metrics_specs have an {unknown_name('model', name, known)}" for name in sorted(unknown))
    try:
        tfma.utils.verify_eval_config(config)
    except ValueError as error:
        yield _told(error)


def _threshold_mistakes(eval_config: config_pb2.EvalConfig, wiring: Wiring) -> Iterator[str]:
    config = configs.with_defaults(eval_config, has_baseline=True)
    try:
        thresholds = tfma.metrics.metric_thresholds_from_metrics_specs(config.metrics_specs, eval_config=config)
    except (NotImplementedError, ValueError) as error:
        yield _told(error)
        return
    if not thresholds:
        yield "it has no threshold, so it could never reject a model; add a value_threshold or a change_threshold"
    instances = {m.name: m for m in configs.metric_instances(config)}
    for key, found in thresholds.items():
        yield from _source_mistakes(key, instances.get(key.name), wiring)
        yield from _slice_mistakes(key, [spec for spec, _ in found], config)
        if isinstance(instances.get(key.name), drift.DriftMetric):
            yield from _drift_mistakes(key, [threshold for _, threshold in found])
    changes = [key for key in thresholds if key.is_diff]
    if changes and not wiring.baseline:
        yield (
            f"it has change thresholds ({', '.join(dict.fromkeys(key.name for key in changes))}), but no "
            "baseline_model is wired to compare with; wire a LatestPushedModel's or a Resolver's model, which may be "
            "none on a first run"
        )
    if changes and len(config.model_specs) == 1:
        yield (
            f"TFMA adds the baseline model only beside a ModelSpec without a name; remove the name "
            f"{eval_config.model_specs[0].name!r}, or add a second ModelSpec with is_baseline"
        )


def _slice_mistakes(
    key: tfma.metrics.MetricKey, specs: Iterable[SlicingSpec | None], config: config_pb2.EvalConfig
) -> Iterator[str]:
    """Yields the features that a threshold's slices are by, and that nothing is sliced by."""
    if any(spec.slice_keys_sql for spec in config.slicing_specs):
        return
    known = configs.slice_keys(config)
    for name in sorted(features_of_specs(specs) - known):
        yield (
            f"a threshold of {key.name} is for slices by an {unknown_name('feature', name, known)} in slicing_specs, "
            "which say what is sliced"
        )


def _source_mistakes(
    key: tfma.metrics.MetricKey,
    instance: metric_types.Metric | None,
    wiring: Wiring,
) -> Iterator[str]:
    """Yields why no wired input can hold the metric that a threshold is for."""
    name = key.name
    if isinstance(instance, tfma.metrics.AttributionsMetric):
        yield (
            f"{name} is a value for every feature, which TFMA can't compare with a threshold; "
            'take MeanAbsoluteAttribution or another metric of tfx_explain.metrics with a "feature"'
        )
    elif instance is not None and configs.is_attribution_metric(instance):
        if key.example_weighted is None:
            yield f"the threshold of {name} stands in MetricsSpec.thresholds; put it into the metric's MetricConfig"
        elif not wiring.attributions and not wiring.evaluation:
            yield f"{name} is computed from attributions; wire the Explainer's outputs['attributions']"
    elif not wiring.evaluation:
        yield f"{name} is not a metric over attributions; wire the Evaluator's outputs['evaluation']"


def _drift_mistakes(key: tfma.metrics.MetricKey, thresholds: Iterable[Threshold]) -> Iterator[str]:
    """Yields what is wrong with the thresholds of a metric that is a comparison of two models already."""
    if not key.is_diff:
        yield f"{key.name} compares with the baseline model; bound it by a change_threshold, not by a value_threshold"
    if any("relative" in bounds_of(threshold) for threshold in thresholds):
        yield f"{key.name} is itself a comparison and has no relative change; bound it by absolute"
