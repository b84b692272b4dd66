"""Whether all of the evidence is of the models that the gate decides on."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tfx_explain.gate.reading import provenance
from tfx_explain.gate.reading.baseline import candidate_of
from tfx_explain.gate.reading.claims import compare
from tfx_explain.gate.reading.evaluations import Slices
from tfx_explain.gate.reading.evidence import Evidence, Sources
from tfx_explain.gate.reading.joining import models_of, names_in_config
from tfx_explain.metrics import configs
from tfx_explain.storage.columns import BASELINE, CANDIDATE
from tfx_explain.storage.paths import resolved


def tell_whose(evidence: Evidence, sources: Sources, read: Mapping[str, Slices], earlier: Mapping[str, Slices]) -> None:
    """Notes in the evidence of which models it is: what contradicts, what agrees and what can't be told.

    Args:
      evidence: With what the Explainers' summaries say of their models.
      sources: Where it is from, and the models that the gate was given.
      read: By a path among `sources.evaluations`, the metrics as they were read.
      earlier: By a path among `sources.baseline_evaluations`, the same.
    """
    for path, slices in read.items():
        _add_claim(evidence, f"The evaluation {path}", path, _role_in_config(evidence, sources.model_name, slices))
    for path, slices in earlier.items():
        name = f"The baseline evaluation {path}"
        is_known = _add_claim(evidence, name, path, _role_in_earlier(slices))
        for other, found in read.items():
            # Without a word on models, the same values on all slices are taken for a copy. NaN is no equal of NaN.
            if resolved(path) == resolved(other) or (not is_known and repr(slices) == repr(found)):
                evidence.problems.append(f"{name} is the evaluation {other} itself, not one of the baseline model.")
    findings = compare(sources.models, evidence.claims)
    evidence.problems += findings.problems
    evidence.told = [*findings.told, *evidence.told]
    evidence.models = findings.models


def _add_claim(evidence: Evidence, source: str, path: str, role_of: Callable[[str], str]) -> bool:
    """Notes which models an evaluation is of; returns whether it says so."""
    try:
        run = provenance.read_run(path)
    except ValueError as error:
        evidence.unreadable.append(f"There is damage in {source[:1].lower()}{source[1:]}: {error}.")
        return False
    for name in provenance.exchanged_names(run, role_of):
        evidence.problems.append(
            f"{source} is of candidate and baseline model exchanged: what it says of {name!r} is taken for the other's."
        )
    claim = provenance.claim_of_run(source, run, role_of)
    if claim:
        evidence.claims.append(claim)
    elif not any(one.source == source for one in evidence.claims):
        why = f"it has no {provenance.CONFIG_FILE}" if run is None else f"its {provenance.CONFIG_FILE} names no model"
        evidence.told.append(f"{source} may be of any model, which can't be told: {why}.")
        return False
    return True


def _role_in_config(evidence: Evidence, model_name: str, slices: Slices) -> Callable[[str], str]:
    """Returns what the gate takes a model of an evaluation for, by its name there."""
    config = configs.with_defaults(evidence.eval_config, evidence.has_baseline)
    names = names_in_config(models_of(slices), config, model_name)
    roles = {spec.name: BASELINE if spec.is_baseline else CANDIDATE for spec in config.model_specs}
    return lambda name: roles.get(names.get(name, name), "")


def _role_in_earlier(slices: Slices) -> Callable[[str], str]:
    """Returns what the gate takes a model of an earlier run for: its candidate is the baseline model now."""
    try:
        candidate = candidate_of(models_of(slices))
    except ValueError:
        return lambda name: ""
    return lambda name: BASELINE if name == candidate else ""
