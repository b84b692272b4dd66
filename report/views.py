"""Verdicts, metadata and attributions as a notebook shows them, of what people hold and of what lies on disk."""

from __future__ import annotations

import os
from dataclasses import dataclass

from tfx_explain.gate.reading.shards import split_folders
from tfx_explain.gate.saying.verdict import Verdict
from tfx_explain.proto import explanation_pb2
from tfx_explain.report.decision import Decision, decision_of, read_decision
from tfx_explain.report.evidence import read_evidence
from tfx_explain.report.fragments import explained, fragment
from tfx_explain.report.page import Page
from tfx_explain.report.quality import read_splits
from tfx_explain.savedmodel.files import read_metadata
from tfx_explain.savedmodel.metadata.described import described_features, described_outputs


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
        evidence = read_evidence(self.folders)
        return explained("explained.html", evidence.totals, evidence.rows, read_splits(self.folders))


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


def view_attributions(path: str | os.PathLike[str]) -> AttributionsView:
    """Returns what an Explainer wrote as a notebook shows it; of all its rows, in bounded memory.

    Raises:
      ValueError: There is none.
    """
    return AttributionsView(tuple(split_folders(os.fspath(path).removeprefix("file://"))))
