"""What sources say of themselves: an Explainer's `summary.json`, an Evaluator's `eval_config.json`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf import json_format
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.gate.model import Model
from tfx_explain.gate.reading.claims import Claim
from tfx_explain.storage.columns import BASELINE, MODELS
from tfx_explain.storage.integrity import read_part

CONFIG_FILE = "eval_config.json"
_UNKNOWN = ("", "<unknown>")
# Which rows are explained, and what is kept of them, doesn't change what an attribution says.
_OF_ROWS = ("sample", "kept_features", "max_failed_fraction")


def read_run(directory: str) -> config_pb2.EvalRun | None:
    """Reads what an Evaluator says of its run; None where it says nothing.

    Raises:
      ValueError: It is damaged.
    """
    return read_part(directory, CONFIG_FILE, _parse_run, "it is no EvalRun in JSON")


def _parse_run(content: bytes) -> config_pb2.EvalRun:
    return json_format.Parse(content, config_pb2.EvalRun(), ignore_unknown_fields=True)


def claim_of_run(source: str, run: config_pb2.EvalRun | None, role_of: Callable[[str], str]) -> Claim | None:
    """Returns what an evaluation says of its models; None where it says nothing.

    Args:
      source: For people.
      run: Of the evaluation.
      role_of: From a model's name there to `CANDIDATE`, `BASELINE`, or nothing.
    """
    places = {name: place for name, place in run.model_locations.items() if place not in _UNKNOWN} if run else {}
    found = {role_of(name): place for name, place in places.items()}
    models = {role: Model.at(found[role]) for role in MODELS if role in found}
    return Claim(source, models, by_place=True) if models else None


def exchanged_names(run: config_pb2.EvalRun | None, role_of: Callable[[str], str]) -> list[str]:
    """Returns the models that are a baseline model to an evaluation and the candidate to the gate, or the reverse."""
    specs = run.eval_config.model_specs if run else ()
    return [
        spec.name
        for spec in specs
        if len(specs) > 1 and role_of(spec.name) and (role_of(spec.name) == BASELINE) != spec.is_baseline
    ]


def claim_of_summary(source: str, verb: str, provenance: Mapping[str, Any]) -> Claim | None:
    """Returns what an Explainer says of its models; None where it says nothing, as before it did."""
    models = provenance.get("models", {})
    claimed = {role: Model(one["uri"], one["fingerprint"]) for role, one in models.items()}
    return Claim(source, claimed, verb=verb) if claimed else None


def verify_provenance(provenance: Any) -> None:
    """Raises a ValueError unless this is what an Explainer writes of itself, or nothing."""
    try:
        models = provenance.get("models", {})
        texts = [model[name] for model in models.values() for name in ("uri", "fingerprint")]
        texts += [*provenance.get("examples", []), provenance.get("split", "")]
        dict(provenance.get("parameters", {}))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError("its provenance is something else") from error
    if not all(isinstance(text, str) for text in texts) or not models.keys() <= set(MODELS):
        raise ValueError("its provenance is something else")


def way(provenance: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what decides how rows were explained: the metadata and, of the parameters, those that count for it."""
    parameters = {k: v for k, v in provenance.get("parameters", {}).items() if k not in _OF_ROWS}
    return {"metadata": provenance.get("metadata", ""), "parameters": parameters}
