"""How far the attributions can be trusted, and of what they are: what an Explainer says of them, and the sums."""

from __future__ import annotations

import collections
import json
import os
import urllib.parse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from google.protobuf import json_format, struct_pb2

from tfx_explain.gate.reading.explanations import read_summary, split_of
from tfx_explain.metrics.base import ratio
from tfx_explain.proto import explanation_pb2
from tfx_explain.report.decision import Decision
from tfx_explain.report.totals import Totals
from tfx_explain.savedmodel.metadata.metadata import FILE_NAME, metadata_from_json
from tfx_explain.storage.columns import CANDIDATE
from tfx_explain.storage.integrity import read_part
from tfx_explain.storage.paths import DEAD_LETTERS_DIR, absolute
from tfx_explain.storage.summary import Summary

_CLASSES = 10  # That are named.
_METHODS = {
    "integrated_gradients_attribution": "integrated gradients",
    "sampled_shapley_attribution": "sampled Shapley values",
    "kernel_shap_attribution": "Kernel SHAP",
    "xrai_attribution": "XRAI, on integrated gradients",
    "superpixel_attribution": "superpixels of images as players",
    "lime_attribution": "LIME",
    "occlusion_attribution": "occlusion",
}


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
      link: The same as a link that a browser can open; empty if it can't.
      facts: Of what the attributions are, each with a name for people.
      classes: How many rows explain each of the candidate's classes.
      keeps_all: Whether the records have all features of the rows.
      digest: Of the records, as a verdict names it; empty: not known.
      models: The fingerprints of the models, by "candidate" and "baseline".
    """

    name: str
    counts: Mapping[str, int]
    causes: Mapping[str, int]
    dead_letters: str
    link: str
    facts: Sequence[tuple[str, str]]
    classes: Mapping[str, int]
    keeps_all: bool
    digest: str
    models: Mapping[str, str]


@dataclass(frozen=True)
class Baseline:
    """Where a feature's attribution is 0: the values, and where they come from ("median"), for people."""

    feature: str
    values: str
    source: str


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
    for root in roots(folders):
        names = {split_of(folder) for folder in folders if _root(folder) == root}
        result += [_split(name, said, root) for name, said in (read_summary(root) or {}).items() if name in names]
    return result


def doubt(splits: Sequence[Split], decision: Decision) -> str:
    """Returns why attributions are not those that a verdict is on, a sentence; empty if nothing says so."""
    if decision.records:
        others = [split.name for split in splits if split.digest and split.digest not in decision.records]
        if others:
            return f"The verdict is on other records than those of split {', '.join(others)}; give both of one run."
        return ""
    judged = {role: one["fingerprint"] for role, one in decision.models.items() if one["fingerprint"]}
    for split in splits:
        for role in sorted(judged.keys() & split.models.keys()):
            if judged[role] != split.models[role]:
                name = "candidate" if role == CANDIDATE else "baseline model"
                return f"The attributions are of another {name}, {split.models[role]}; give both of one run."
    return ""


def which_class(splits: Sequence[Split], class_name: str) -> str:
    """Returns of which class attributions are, a sentence; empty if there is but one."""
    rows: collections.Counter[str] = collections.Counter()
    for split in splits:
        rows.update(split.classes)
    if class_name:
        return f"Attributions are of the class {class_name}."
    if len(rows) < 2:
        return ""
    listed = ", ".join(f"{name} ({count:,})" for name, count in rows.most_common(_CLASSES))
    more = f" and {len(rows) - _CLASSES:,} more" if len(rows) > _CLASSES else ""
    return (
        f"Attributions are of the class that each row explains first. Rows by the classes they explain: {listed}{more}."
    )


def read_baselines(folders: Sequence[str]) -> list[Baseline]:
    """Returns the baselines of the explanation metadata beside splits, by feature; none where there is no such file.

    Raises:
      ValueError: The metadata is damaged.
    """
    found: dict[Baseline, None] = {}
    for root in roots(folders):
        metadata = metadata_beside(root)
        for name, one in sorted(metadata.inputs.items()) if metadata else ():
            values = one.input_baselines or one.encoded_baselines
            if values:
                unit = "" if one.input_baselines else " (encoded)"
                found[Baseline(name, "; ".join(map(_value, values)) + unit, one.baseline_source)] = None
    return list(found)


def metadata_beside(directory: str) -> explanation_pb2.ExplanationMetadata | None:
    """Returns the explanation metadata that an Explainer left beside its records; None: there is none.

    Raises:
      ValueError: It is damaged.
    """
    return read_part(directory, FILE_NAME, lambda content: metadata_from_json(content.decode()), "it is no metadata")


def _value(value: struct_pb2.Value) -> str:
    if value.HasField("number_value"):
        return f"{value.number_value:.6g}"
    return value.string_value or json_format.MessageToJson(value, indent=None, ensure_ascii=False)


def _root(folder: str) -> str:
    return os.path.dirname(folder.rstrip("/"))


def roots(folders: Sequence[str]) -> list[str]:
    """Returns the directories that Explainers wrote, of the folders of splits."""
    return list(dict.fromkeys(map(_root, folders)))


def _split(name: str, said: Summary, root: str) -> Split:
    counts = {
        "read": said.rows_read,
        "explained": said.rows_explained,
        "failed": said.rows_failed,
        "not in the sample": said.rows_not_sampled,
        "tolerance missed": said.tolerance_not_met,
        "model evaluations": said.evaluations,
    }
    letters = absolute(os.path.join(root, DEAD_LETTERS_DIR, f"Split-{name}")) if said.rows_failed else ""
    # A browser opens no bucket.
    link = f"file://{urllib.parse.quote(letters)}" if letters.startswith("/") else ""
    kept = said.provenance.get("parameters", {}).get("kept_features")
    mine = f"{CANDIDATE}/"
    return Split(
        name,
        counts,
        said.causes,
        letters,
        link,
        facts=list(_facts(said)),
        classes={key.removeprefix(mine): rows for key, rows in said.rows_by_class.items() if key.startswith(mine)},
        keeps_all=kept is None or "*" in kept.get("names", ()),
        digest=f"{said.records_digest:016x}" if said.records_digest else "",
        models={role: one["fingerprint"] for role, one in said.provenance.get("models", {}).items()},
    )


def _facts(said: Summary) -> Iterator[tuple[str, str]]:
    for model, quantity in said.explained_quantity.items():
        yield f"explained quantity, {model}", str(quantity)
    provenance = said.provenance
    if "parameters" in provenance:
        parameters = provenance["parameters"]
        chosen = [method for name, method in _METHODS.items() if name in parameters]
        yield "method", ", ".join(chosen) or "integrated gradients, the default"
        yield "parameters", json.dumps(parameters, sort_keys=True, ensure_ascii=False) if parameters else "defaults"
    for model, one in provenance.get("models", {}).items():
        yield f"{model} model", f"{one['uri']} ({one['fingerprint']})"
    for model, features in said.features_of_one_model.items():
        if features:
            yield f"features of the {model} model alone", ", ".join(map(str, features))
    if "metadata" in provenance:
        yield "explanation metadata", str(provenance["metadata"])
    yield from (("examples", folder) for folder in provenance.get("examples", ()))
    if "versions" in provenance:
        yield "versions", ", ".join(f"{name} {version}" for name, version in provenance["versions"].items())
