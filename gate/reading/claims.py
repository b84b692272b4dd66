"""Whose evidence it is: the models that sources say they are of, held against the models that the gate was given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tfx_explain.gate.model import Model
from tfx_explain.storage.columns import BASELINE, CANDIDATE, MODELS

WORDS = {CANDIDATE: "candidate", BASELINE: "baseline model"}


@dataclass(frozen=True)
class Claim:
    """What a source says of the models that it is of.

    Attributes:
      source: For people: what it is and where it lies.
      models: By `columns.CANDIDATE` and `columns.BASELINE`.
      by_place: Whether it names places alone, so that content is what lies there now.
      verb: Of the source: "is" or "are".
    """

    source: str
    models: Mapping[str, Model]
    by_place: bool = False
    verb: str = "is"

    def is_of(self, role: str, model: Model) -> bool:
        """Whether the source is of a model, as far as can be told."""
        claimed = self.models[role]
        if self.by_place and model.holds(claimed.uri):
            return True
        if claimed.fingerprint and model.fingerprint:
            return claimed.fingerprint == model.fingerprint
        return model.holds(claimed.uri)


@dataclass(frozen=True)
class Findings:
    """What came out.

    Attributes:
      models: By role, the model that the evidence is held against.
      problems: What contradicts, in sentences.
      told: What agrees, and what can't be told, in sentences.
    """

    models: Mapping[str, Model]
    problems: Sequence[str]
    told: Sequence[str]


def compare(given: Mapping[str, Model], claims: Sequence[Claim]) -> Findings:
    """Holds claims against the models that the gate was given, or against each other where it was given none.

    Args:
      given: By role.
      claims: In the order of their sources.
    """
    models, told = _references(given, claims)
    problems = []
    for claim in claims:
        others = [role for role in claim.models if not claim.is_of(role, models[role])]
        agreed = " and ".join(WORDS[role] for role in claim.models if role not in others)
        problems += _contradictions(claim, others, models)
        told += [f"{claim.source} {claim.verb} of this {agreed}."] if agreed else []
        if BASELINE not in given and CANDIDATE in models and _is_earlier(claim, models[CANDIDATE]):
            problems.append(
                f"{claim.source} {claim.verb} of the candidate itself, {models[CANDIDATE]}, not of a baseline model."
            )
    if len(models) > 1 and models[CANDIDATE].fingerprint == models[BASELINE].fingerprint != "":
        told.append("The baseline model is the candidate itself, by its content.")
    return Findings(models, problems, told)


def _references(given: Mapping[str, Model], claims: Sequence[Claim]) -> tuple[dict[str, Model], list[str]]:
    """Returns the models to hold claims against, and sentences about those that nobody vouches for."""
    models, told = dict(given), []
    for role in MODELS:
        claimed = [claim.models[role] for claim in claims if role in claim.models]
        if role in given and not given[role].fingerprint:
            told.append(f"What the {WORDS[role]} holds can't be told: there is no model at {given[role].uri}.")
        elif role not in given and claimed:
            models[role] = next((model for model in claimed if model.fingerprint), claimed[0])
            told.append(
                f"Whether the evidence is of the {WORDS[role]} can't be told: the gate was not given that model. What "
                f"the evidence is of is {models[role]}."
            )
    return models, told


def _contradictions(claim: Claim, others: Sequence[str], models: Mapping[str, Model]) -> Iterator[str]:
    if len(others) > 1 and all(claim.is_of(role, models[other]) for role, other in (MODELS, MODELS[::-1])):
        yield (
            f"{claim.source} {claim.verb} of candidate and baseline model exchanged: the candidate there is "
            f"{claim.models[CANDIDATE]}."
        )
        return
    for role in others:
        yield f"{claim.source} {claim.verb} of another {WORDS[role]}, {claim.models[role]}, not of {models[role]}."


def _is_earlier(claim: Claim, candidate: Model) -> bool:
    """Whether a claim about a baseline model alone is about the candidate."""
    return CANDIDATE not in claim.models and claim.is_of(BASELINE, candidate)
