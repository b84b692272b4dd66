"""The decision: TFMA's own validator over the joined metrics, and the policies around it."""

from __future__ import annotations

import functools
import math

from google.protobuf import json_format
from tensorflow_model_analysis.evaluators import metrics_validator
from tensorflow_model_analysis.proto import validation_result_pb2
from tensorflow_model_analysis.writers import metrics_plots_and_validations_writer

from tfx_explain.components.threshold_validator.checks import Checker, SliceResults
from tfx_explain.components.threshold_validator.evidence import Evidence
from tfx_explain.components.threshold_validator.verdict import Check, Verdict
from tfx_explain.metrics import configs
from tfx_explain.proto import explanation_pb2

_Policy = explanation_pb2.GatePolicy


def decide(evidence: Evidence, policy: explanation_pb2.GatePolicy) -> Verdict:
    """Decides whether a model is blessed.

    The decision is TFMA's `validate_metrics` on every slice and its search for slices that are missing, so that a
    config means the same as in a stock Evaluator. On top, problems of the evidence and the policy can forbid a
    blessing; the policy BLESS alone can give one without asking.

    Args:
      evidence: What is known about the model, and the config to hold it against.
      policy: What to do without a baseline model.
    """
    checker = Checker.of(configs.with_defaults(evidence.eval_config, evidence.has_baseline))
    whole = Checker.of(configs.with_defaults(evidence.eval_config, has_baseline=True))
    missing_baseline = _Policy.MissingBaseline.Name(policy.missing_baseline)
    why_not_asked = f"there is no baseline model ({missing_baseline})"
    if not evidence.has_baseline and policy.missing_baseline == _Policy.BLESS:
        validation = validation_result_pb2.ValidationResult(validation_ok=True, rubber_stamp=True)
        return Verdict(True, (), False, missing_baseline, (), tuple(whole.not_asked({}, why_not_asked)), validation)
    validation, results = _validate(checker, evidence)
    checks = [*checker.on_slices(evidence.slices, results), *checker.without_slice(evidence.slices)]
    problems = list(evidence.problems)
    if not evidence.has_baseline and policy.missing_baseline == _Policy.REJECT:
        problems.append("There is no baseline model, and the policy for that (missing_baseline) is REJECT.")
    reasons = _reasons(problems, checks, validation)
    validation.validation_ok = not reasons
    return Verdict(
        blessed=not reasons,
        reasons=tuple(reasons),
        has_baseline=evidence.has_baseline,
        missing_baseline=missing_baseline,
        checks=tuple(sorted(checks, key=lambda check: bool(check.passed))),
        not_asked=() if evidence.has_baseline else tuple(whole.not_asked(checker.thresholds, why_not_asked)),
        validation=validation,
    )


def _reasons(problems: list[str], checks: list[Check], validation: validation_result_pb2.ValidationResult) -> list[str]:
    """Returns why the model isn't blessed; empty if it is."""
    reasons = problems + [check.reason for check in checks if not check.passed]
    if not validation.validation_ok and not reasons:
        return ["TFMA's validator rejects the metrics: " + json_format.MessageToJson(validation, indent=None)]
    return reasons


def _validate(checker: Checker, evidence: Evidence) -> tuple[validation_result_pb2.ValidationResult, SliceResults]:
    """Returns TFMA's result over all slices, and that of each slice."""
    anywhere = {key for metrics in evidence.slices.values() for key in metrics}
    results = {}
    for slice_key, metrics in evidence.slices.items():
        # TFMA misses a gated metric on every slice, also where no threshold asks for it. Then a value, any value, keeps
        # it from a slice that one source has and another, which was not asked to slice like that, has not.
        unasked = dict.fromkeys(checker.unasked_on(slice_key) & anywhere, math.nan)
        # TFMA looks a relative bound's baseline value up without asking whether it is there.
        baselines = {checker.baseline_key(key): math.nan for key in metrics if key.is_diff}
        results[slice_key] = metrics_validator.validate_metrics(
            (slice_key, unasked | baselines | metrics), checker.config
        )
    combiner = metrics_plots_and_validations_writer.CombineValidations(
        checker.config, rubber_stamp=not evidence.has_baseline
    )
    accumulator = functools.reduce(combiner.add_input, results.values(), combiner.create_accumulator())
    return combiner.extract_output(accumulator), results
