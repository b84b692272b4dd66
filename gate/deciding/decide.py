"""The decision: TFMA's own validator over the joined metrics, and the policies around it."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import validation_result_pb2
from tensorflow_model_analysis.slicer import slicer_lib

from tfx_explain.gate.bounds import VALUE
from tfx_explain.gate.deciding.checks import Asked, Checker, FailureKey
from tfx_explain.gate.deciding.stock import Combined, validator_of
from tfx_explain.gate.override import Override
from tfx_explain.gate.reading.evaluations import keys_of
from tfx_explain.gate.reading.evidence import Evidence
from tfx_explain.gate.saying.check import Check
from tfx_explain.gate.saying.verdict import Verdict
from tfx_explain.gate.slices import SliceKey, printed
from tfx_explain.gate.titles import slices_title
from tfx_explain.metrics import configs
from tfx_explain.proto import explanation_pb2
from tfx_explain.proto.printable import printable

_Policy = explanation_pb2.GatePolicy
_Result: TypeAlias = "validation_result_pb2.ValidationResult"


def decide(evidence: Evidence, policy: explanation_pb2.GatePolicy, now: datetime.datetime | None = None) -> Verdict:
    """Decides whether a model is blessed.

    The decision is TFMA's `validate_metrics` on every slice and its search for slices that are missing, so that a
    config means the same as in a stock Evaluator; an infinite value, which TFMA takes for a number, passes nothing. On
    top, problems of the evidence and the policy can forbid a blessing; the policy BLESS and an override can give one.

    Args:
      evidence: What is known about the model, and the config to hold it against.
      policy: What to do where the config is silent.
      now: The moment of the decision, which an override may have expired at; the present by default.
    """
    now = now or datetime.datetime.now(datetime.timezone.utc)
    override = Override.of(policy, now)
    checker = Checker(configs.with_defaults(evidence.eval_config, evidence.has_baseline), policy)
    is_blessing_unasked = not evidence.has_baseline and policy.missing_baseline == _Policy.BLESS
    if is_blessing_unasked:
        validation, checks = validation_result_pb2.ValidationResult(validation_ok=True, rubber_stamp=True), []
    else:
        validation, checks = _ask(checker, evidence)
    checks.sort(key=lambda check: bool(check.passed))
    problems = [*evidence.unreadable, *evidence.problems]
    problems.extend(_missing_baseline(evidence, policy))
    all_passed = all(check.passed for check in checks)
    if not validation.validation_ok and not problems and all_passed:
        missing = [*validation.missing_slices, *validation.missing_cross_slices]
        problems.append(
            "TFMA's validator rejects the metrics, though every threshold that it names has passed; it misses "
            f"{' and '.join(map(slices_title, missing)) or 'nothing by name'}."
        )
    validation.validation_ok = all_passed and not problems
    can_override = override is not None and override.in_force and not problems
    return Verdict(
        blessed=validation.validation_ok or can_override,
        problems=tuple(map(printable, problems)),
        unreadable=bool(evidence.unreadable),
        has_baseline=evidence.has_baseline,
        policy=policy,
        override=override,
        checks=checks,
        not_asked=_not_asked(evidence, policy, () if is_blessing_unasked else checker.gated),
        validation=validation,
        models=evidence.models,
        evidence=tuple(map(printable, evidence.told)),
        no_baseline=evidence.no_baseline,
        decided_at=now,
        records=evidence.records,
    )


def _missing_baseline(evidence: Evidence, policy: explanation_pb2.GatePolicy) -> Iterator[str]:
    """Yields what the lack of a baseline model forbids a blessing by."""
    name = _Policy.MissingBaseline.Name(policy.missing_baseline)
    sentence = f"There is no baseline model, and the policy for that (missing_baseline) is {name}"
    found = evidence.no_baseline
    if evidence.has_baseline:
        return
    if policy.missing_baseline == _Policy.REJECT:
        yield f"{sentence}."
    if policy.missing_baseline == _Policy.REJECT_ONCE_PUSHED and not (found and found.is_first):
        yield f"{sentence}: {found.why if found else 'no LatestPushedModel says that nothing was pushed yet.'}"


def _not_asked(
    evidence: Evidence, policy: explanation_pb2.GatePolicy, asked: Iterable[tfma.metrics.MetricKey]
) -> tuple[Check, ...]:
    """Returns the thresholds that the lack of a baseline model kept from being asked."""
    if evidence.has_baseline:
        return ()
    why = f"there is no baseline model ({_Policy.MissingBaseline.Name(policy.missing_baseline)})"
    whole = Checker(configs.with_defaults(evidence.eval_config, has_baseline=True), policy)
    return tuple(whole.not_asked(asked, why))


def _ask(checker: Checker, evidence: Evidence) -> tuple[_Result, list[Check]]:
    """Returns TFMA's result over all slices, changed where the policy decides otherwise, and all checks."""
    validate = validator_of(checker.config)
    combined = Combined(checker.config, rubber_stamp=not evidence.has_baseline)
    anywhere, relative_to = keys_of(evidence.slices), checker.relative_to
    gated = {
        source: [key for key in checker.gated if evidence.sources.get(key) == source] for source in evidence.sliced
    }
    checks = []
    for slice_key, known in sorted(evidence.slices.items(), key=lambda item: printed(item[0])):
        # TFMA misses a gated metric on every slice, also where no threshold asks for it. A value, any value, keeps it
        # from a slice that another source has, but the metric's own was not asked to slice like that.
        foreign = [gated[source] for source, slices in evidence.sliced.items() if slice_key not in slices]
        unasked = [key for keys in foreign for key in keys if not checker.asks(key, slice_key)]
        # TFMA looks a relative bound's baseline value up without asking whether it is there.
        fill = dict.fromkeys([*unasked, *relative_to], math.nan)
        result = validate((slice_key, {**fill, **known.values} if fill else known.values))
        failed = _failures(result)
        asked = list(checker.on_slice(slice_key, known, failed, anywhere))
        _amend(result, slice_key, asked, failed)
        combined.add(result)
        checks.extend(check for _, check in asked)
    checks.extend(checker.without_slice(evidence.slices))
    return combined.result(), checks


def _failures(result: _Result) -> set[FailureKey]:
    return {_failure_key(failure) for of_slice in result.metric_validations_per_slice for failure in of_slice.failures}


def _failure_key(failure: validation_result_pb2.ValidationFailure) -> FailureKey:
    bound = failure.metric_threshold
    threshold = bound.value_threshold if bound.HasField("value_threshold") else bound.change_threshold
    return failure.metric_key.SerializeToString(), threshold.SerializeToString()


def _amend(result: _Result, slice_key: SliceKey, asked: Sequence[tuple[Asked, Check]], failed: set[FailureKey]) -> None:
    """Takes out of TFMA's result for a slice what the policy forgives, and adds what it doesn't accept."""
    added = [(one, check) for one, check in asked if not check.passed and one.failure_key not in failed]
    forgiven = failed and failed.intersection(one.failure_key for one, check in asked if check.passed)
    if not added and not forgiven:
        return
    kept = [failure for of_slice in result.metric_validations_per_slice for failure in of_slice.failures]
    of_slice = validation_result_pb2.MetricsValidationForSlice()
    of_slice.failures.extend(failure for failure in kept if _failure_key(failure) not in forgiven)
    for one, check in added:
        failure = of_slice.failures.add(metric_key=one.key.to_proto(), message=check.reason)
        failure.metric_value.double_value.value = check.observed if check.change is None else check.change
        kind = "value_threshold" if check.kind == VALUE else "change_threshold"
        getattr(failure.metric_threshold, kind).CopyFrom(one.threshold)
    if slicer_lib.is_cross_slice_key(slice_key):
        of_slice.cross_slice_key.CopyFrom(slicer_lib.serialize_cross_slice_key(slice_key))
    else:
        of_slice.slice_key.CopyFrom(slicer_lib.serialize_slice_key(slice_key))
    del result.metric_validations_per_slice[:]
    if of_slice.failures:
        result.metric_validations_per_slice.append(of_slice)
    result.validation_ok = not of_slice.failures
