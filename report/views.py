"""Verdicts, metadata and attributions as a notebook shows them, of what people hold and of what lies on disk."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tfx_explain.gate.reading.evaluations import Metrics, Slices, keys_of, read_metrics
from tfx_explain.gate.reading.shards import split_folders
from tfx_explain.gate.saying.verdict import Verdict
from tfx_explain.gate.slices import printed
from tfx_explain.gate.titles import title
from tfx_explain.proto import explanation_pb2
from tfx_explain.report.decision import Decision, decision_of, read_decision
from tfx_explain.report.drawn import PICTURES, Drawn, draw_overlays
from tfx_explain.report.fragments import explained, fragment
from tfx_explain.report.masses import Masses, Where, where_in_pictures
from tfx_explain.report.page import Page
from tfx_explain.report.pictures import most_changed
from tfx_explain.report.quality import read_splits, roots
from tfx_explain.report.records import SmallestHashes, decode, read_records
from tfx_explain.report.token_tables import TokenTable, TokenTotals
from tfx_explain.report.tokens import Tokens, tokens_of
from tfx_explain.report.totals import Totals
from tfx_explain.savedmodel.files import read_metadata
from tfx_explain.savedmodel.metadata.described import described_features, described_outputs
from tfx_explain.storage import columns

_METRICS, _SLICES = 300, 50


class VerdictView(Decision):
    """A verdict that a notebook shows in words and scales."""

    def __repr__(self) -> str:
        return f"<{self.headline}>"

    def _repr_html_(self) -> str:
        return fragment("judged.html", Page(self))


@dataclass(frozen=True, repr=False)
class MetadataView:
    """Explanation metadata that a notebook shows as a table.

    Attributes:
      metadata: The message.
    """

    metadata: explanation_pb2.ExplanationMetadata

    def __repr__(self) -> str:
        return f"<explanation metadata of {len(self.metadata.inputs)} features>"

    def _repr_html_(self) -> str:
        features, outputs = described_features(self.metadata), described_outputs(self.metadata)
        return fragment("metadata.html", Page(None), metadata=self.metadata, features=features, outputs=outputs)


@dataclass(frozen=True)
class AttributionsView:
    """What an Explainer wrote, as a notebook shows it: every feature's part, over all rows, and how good that is.

    Attributes:
      folders: Of the splits.
    """

    folders: tuple[str, ...]

    def _repr_html_(self) -> str:
        totals: dict[str, Totals] = {}
        rows = 0
        for batch in map(decode, read_records(self.folders)):
            rows += batch.num_rows
            for model in columns.MODELS:
                names = columns.attributed_features(batch.schema.names, model)
                if names:
                    totals.setdefault(model, Totals(names)).add(batch, model, "")
        if not totals:
            raise ValueError(f"There are no attributions in {', '.join(self.folders)}.")
        return explained("explained.html", totals, rows, read_splits(self.folders))


@dataclass(frozen=True, repr=False)
class TokensView:
    """What tokens carry, as a notebook shows it: texts with their tokens shaded, and a table of tokens.

    Attributes:
      tokens: By feature.
    """

    tokens: tuple[Tokens, ...]

    def __repr__(self) -> str:
        return f"<tokens of {', '.join(one.feature for one in self.tokens)}>"

    def _repr_html_(self) -> str:
        return fragment("tokens.html", Page(None), tokens=self.tokens)


@dataclass(frozen=True)
class EvaluationView:
    """A ModelEvaluation's metrics as a notebook shows them: a table a slice, a column a model.

    Attributes:
      slices: By slice, what stands in it.
    """

    slices: Slices

    @property
    def is_of_attributions(self) -> bool:
        """Whether it is an Explainer's, or another one with metrics over attributions."""
        return any("attribution" in str(key.name) for key in keys_of(self.slices))

    def __repr__(self) -> str:
        return f"<metrics of {len(self.slices)} slices>"

    def _repr_html_(self) -> str:
        # The candidate, the baseline model, and the one minus the other.
        kinds = sorted({(key.is_diff, key.model_name) for key in keys_of(self.slices)}, key=_order)
        ordered = sorted(self.slices.items(), key=lambda item: (len(item[0]), repr(item[0])))
        slices = [(printed(key), _rows(found.values, kinds)) for key, found in ordered]
        heads = [f"{model} minus baseline" if is_diff else model for is_diff, model in kinds]
        most = {"most_rows": _METRICS, "most_slices": _SLICES}
        return fragment("evaluation.html", Page(None), heads=heads, slices=slices, **most)


@dataclass(frozen=True, repr=False)
class PicturesView:
    """Where in pictures attributions lie, as a notebook shows it: their ninths by class, and those that changed most.

    Attributes:
      where: By feature.
      overlays: The pictures; each shows itself, too.
      not_drawn: Why there are none, a sentence.
      rows: How many records there are.
    """

    where: tuple[Where, ...]
    overlays: tuple[Drawn, ...]
    not_drawn: str
    rows: int

    def __repr__(self) -> str:
        return f"<pictures of {', '.join(one.feature for one in self.where)}>"

    def _repr_html_(self) -> str:
        page = Page(None, rows=self.rows, sampled=self.rows, where=self.where, overlays=self.overlays)
        return fragment("where.html", replace(page, not_drawn=self.not_drawn))


def view_pictures(
    path: str | os.PathLike[str], feature: str = "", class_name: str = "", pictures: int = PICTURES
) -> PicturesView:
    """Returns where in pictures attributions lie, and the most changed pictures, of all records, in bounded memory.

    Args:
      path: The Explainer's directory.
      feature: Of which feature the pictures are; empty: of each that has maps.
      class_name: Of which class, by name or index; empty: of the first one of each record.
      pictures: How many pictures are drawn.

    Raises:
      ValueError: No record has a map of the feature and class, or a file is damaged or missing.
    """
    folders, masses, rows = split_folders(os.fspath(path).removeprefix("file://")), Masses(), 0
    changed = most_changed(folders, pictures, feature, class_name)
    for batch in map(decode, read_records(folders)):
        masses.add(batch, class_name)
        rows += batch.num_rows
    where = tuple(one for one in where_in_pictures(masses) if feature in ("", one.feature))
    overlays, not_drawn = draw_overlays(changed, roots(folders))
    return PicturesView(where, tuple(overlays), not_drawn, rows)


def read_verdict(path: str | os.PathLike[str]) -> VerdictView:
    """Reads the verdict in a ThresholdValidator's `validation` directory, or in what `validate` wrote.

    Raises:
      ValueError: There is none, or it is damaged.
    """
    return VerdictView(**vars(read_decision(os.fspath(path).removeprefix("file://"))))


def view_verdict(verdict: Verdict) -> VerdictView:
    """Returns a gate's verdict as a notebook shows it."""
    return VerdictView(**vars(decision_of(verdict.to_json().encode())))


def view_metadata(metadata: explanation_pb2.ExplanationMetadata | str | os.PathLike[str]) -> MetadataView:
    """Returns explanation metadata as a notebook shows it.

    Args:
      metadata: The message, a file in either dialect, or the folder of an ExplanationMetadata artifact.

    Raises:
      ValueError: There is no such file, or it cannot be read.
    """
    if isinstance(metadata, explanation_pb2.ExplanationMetadata):
        return MetadataView(metadata)
    return MetadataView(read_metadata(os.fspath(metadata).removeprefix("file://")))


def view_evaluation(path: str | os.PathLike[str]) -> EvaluationView:
    """Returns the metrics of an Explainer's `evaluation`, or any other ModelEvaluation, as a notebook shows them.

    Raises:
      ValueError: There are none, or they can't be read.
    """
    folder = os.fspath(path).removeprefix("file://")
    try:
        found = read_metrics(folder)
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from error
    if not found:
        raise ValueError(f"There are no metrics in {folder}; give a ModelEvaluation, as an Explainer writes it.")
    return EvaluationView(found)


def view_attributions(path: str | os.PathLike[str]) -> AttributionsView:
    """Returns what an Explainer wrote as a notebook shows it; of all its rows, in bounded memory.

    Raises:
      ValueError: There is none.
    """
    return AttributionsView(tuple(split_folders(os.fspath(path).removeprefix("file://"))))


def view_tokens(
    path: str | os.PathLike[str], feature: str = "", class_name: str = "", sample: int = 20_000
) -> TokensView:
    """Returns what the tokens of texts and lists carry, as a notebook shows it.

    Args:
      path: The Explainer's directory.
      feature: Of which feature; empty: of all that records have tokens of.
      class_name: Of which class, by name or index; empty: the first one of each record.
      sample: Of at most so many rows, those with the smallest hashes: the same ones each time.

    Raises:
      ValueError: No record has tokens of the feature, or a file is damaged or missing.
    """
    chosen = SmallestHashes(sample)
    for records in read_records(split_folders(os.fspath(path).removeprefix("file://"))):
        chosen.add(records)
    tables = _token_tables(chosen.records(), class_name, feature)
    if not tables:
        asked = f" of {feature!r}" if feature else ""
        raise ValueError(
            f"The records of {os.fspath(path)} have no attributions of tokens{asked}; let the Explainer keep them "
            "(`tokens` in its parameters, `tfx-explain explain --tokens`)."
        )
    return TokensView(tuple(tokens_of(chosen.records(), tables, class_name)))


def _token_tables(records: np.ndarray, class_name: str, feature: str) -> dict[str, TokenTable]:
    """Returns what tokens carry in some records, by feature; of all features if none is named."""
    totals = TokenTotals()
    if len(records):
        totals.add(decode(records), class_name)
    return {name: table for name, table in totals.tables().items() if feature in ("", name)}


def _order(kind: tuple[bool, str]) -> tuple[bool, bool, str]:
    is_diff, model = kind
    return is_diff, model == columns.BASELINE, model


def _rows(values: Metrics, kinds: Sequence[tuple[bool, str]]) -> list[tuple[str, list[float | None]]]:
    """Returns, by a metric's title, its values by kind; None where it has none."""
    found: dict[str, dict[tuple[bool, str], float]] = {}
    for key, value in values.items():
        found.setdefault(title(key), {})[key.is_diff, key.model_name] = value
    return [(name, [by_kind.get(kind) for kind in kinds]) for name, by_kind in sorted(found.items())]
