"""How far the attributions can be trusted, and of what they are: an Explainer's `summary.json`, and the sums."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tfx_explain.gate.reading.explanations import SUMMARY_FILE, split_of
from tfx_explain.metrics.base import ratio
from tfx_explain.report.totals import Totals
from tfx_explain.storage.integrity import read_part

_METHODS = {
    "integrated_gradients_attribution": "integrated gradients",
    "sampled_shapley_attribution": "sampled Shapley values",
    "kernel_shap_attribution": "Kernel SHAP",
    "xrai_attribution": "XRAI, on integrated gradients",
    "superpixel_attribution": "superpixels of images as players",
}
_DEAD_LETTERS = "dead_letters"


@dataclass(frozen=True)
class Trust:
    """How good a model's attributions are.

    Attributes:
      rows: Rows with attributions.
      failed: Records whose attributions are missing or not finite.
      gap: Mean completeness gap by the mean size of the attributions; NaN: not known.
      error: Mean stated error by the mean size of the attributions; NaN: not known.
      missed: The part of the rows whose error is above the tolerance, from 0 to 1; NaN: not known.
    """

    rows: int
    failed: int
    gap: float
    error: float
    missed: float


@dataclass(frozen=True)
class Split:
    """What an Explainer says of a split.

    Attributes:
      name: The split's name.
      counts: Rows, by what became of them.
      causes: How often each error set a record aside, the commonest first.
      dead_letters: Where these records lie; empty if there are none.
      facts: Of what the attributions are, each with a name for people.
    """

    name: str
    counts: Mapping[str, int]
    causes: Mapping[str, int]
    dead_letters: str
    facts: Sequence[tuple[str, str]]


def trust(totals: Totals) -> Trust:
    """Returns how good the attributions of a model are."""
    size = float(totals.absolute.sum())
    gap, error = ratio(totals.gap, size), ratio(totals.error, size)
    return Trust(totals.rows, totals.failed, gap, error, ratio(totals.missed, totals.rows))


def read_splits(folders: Sequence[str]) -> list[Split]:
    """Returns what Explainers say of splits in some folders; nothing of those without `summary.json`.

    Raises:
      ValueError: It is damaged.
    """
    result = []
    for root in dict.fromkeys(os.path.dirname(folder.rstrip("/")) for folder in folders):
        names = {split_of(folder) for folder in folders if os.path.dirname(folder.rstrip("/")) == root}
        parse = functools.partial(_parse, root)
        found = read_part(root, SUMMARY_FILE, parse, "it holds no counts of rows by split")
        result += [split for split in found or () if split.name in names]
    return result


def _parse(root: str, content: bytes) -> list[Split]:
    return [_split(name, said, root) for name, said in json.loads(content).items()]


def _split(name: str, said: Mapping[str, Any], root: str) -> Split:
    counts = {
        "read": said["rows_read"],
        "explained": said["rows_explained"],
        "failed": said["rows_failed"],
        "not in the sample": said.get("rows_not_sampled", 0),
        "tolerance missed": said["tolerance_not_met"],
        "model evaluations": said.get("evaluations", 0),
    }
    letters = os.path.join(root, _DEAD_LETTERS, f"Split-{name}") if said["rows_failed"] else ""
    return Split(name, counts, dict(said.get("causes", {})), letters, list(_facts(said)))


def _facts(said: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    provenance = said.get("provenance", {})
    for model, quantity in said.get("explained_quantity", {}).items():
        yield f"explained quantity, {model}", quantity
    if "parameters" in provenance:
        parameters = provenance["parameters"]
        chosen = [method for name, method in _METHODS.items() if name in parameters]
        yield "method", ", ".join(chosen) or "integrated gradients, the default"
        yield "parameters", json.dumps(parameters, sort_keys=True, ensure_ascii=False) if parameters else "defaults"
    for model, one in provenance.get("models", {}).items():
        yield f"{model} model", f"{one['uri']} ({one['fingerprint']})"
    for model, features in said.get("features_of_one_model", {}).items():
        if features:
            yield f"features of the {model} model alone", ", ".join(features)
    if "metadata" in provenance:
        yield "explanation metadata", provenance["metadata"]
    yield from (("examples", folder) for folder in provenance.get("examples", ()))
    if "versions" in provenance:
        yield "versions", ", ".join(f"{name} {version}" for name, version in provenance["versions"].items())
