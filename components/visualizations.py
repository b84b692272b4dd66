"""What `context.show` of TFX's InteractiveContext shows of our components' outputs, made of the report's parts.

`attributions`, `validation` and `blessing` are of TFX's own types: what other components wrote of these is shown as TFX
shows it, or as TFX doesn't.
"""

from __future__ import annotations

import html

from IPython.display import HTML, display
from tfx import types
from tfx.components.evaluator import constants
from tfx.orchestration.experimental.interactive import standard_visualizations, visualizations
from tfx.types import standard_artifacts

from tfx_explain.beam.run import SUMMARY_FILE
from tfx_explain.components.artifacts import ExplanationMetadata
from tfx_explain.gate.saying.verdict import JSON_FILE
from tfx_explain.proto.printable import printable
from tfx_explain.report import read_verdict, view_attributions, view_evaluation, view_metadata
from tfx_explain.report.views import EvaluationView
from tfx_explain.storage.paths import names_in


class MetadataVisualization(visualizations.ArtifactVisualization):
    """A MetadataGenerator's `explanation_metadata`: how each feature is explained."""

    ARTIFACT_TYPE = ExplanationMetadata

    def display(self, artifact: types.Artifact) -> None:
        """Shows it."""
        display(view_metadata(artifact.uri))


class AttributionsVisualization(visualizations.ArtifactVisualization):
    """An Explainer's `attributions`: every feature's part. Of other Examples, nothing, as ever."""

    ARTIFACT_TYPE = standard_artifacts.Examples

    def display(self, artifact: types.Artifact) -> None:
        """Shows it."""
        if SUMMARY_FILE in names_in(artifact.uri):
            display(view_attributions(artifact.uri))


class EvaluationVisualization(standard_visualizations.ModelEvaluationVisualization):
    """A ThresholdValidator's `validation`, the verdict; an Explainer's `evaluation`, its metrics.

    Of other ModelEvaluations, what TFX shows.
    """

    def display(self, artifact: types.Artifact) -> None:
        """Shows it."""
        if JSON_FILE in names_in(artifact.uri):
            display(read_verdict(artifact.uri))
        elif (evaluation := _of_attributions(artifact.uri)) is not None:
            display(evaluation)
        else:
            super().display(artifact)


class BlessingVisualization(visualizations.ArtifactVisualization):
    """A `blessing`, a ThresholdValidator's or an Evaluator's."""

    ARTIFACT_TYPE = standard_artifacts.ModelBlessing

    def display(self, artifact: types.Artifact) -> None:
        """Shows it."""
        is_blessed = constants.BLESSED_FILE_NAME in names_in(artifact.uri)
        override = artifact.get_string_custom_property("override_who")
        by = f" by override of {html.escape(printable(override))}" if override else ""
        display(HTML(f"<p><b>{'BLESSED' if is_blessed else 'NOT BLESSED'}{by}</b></p>"))


def _of_attributions(uri: str) -> EvaluationView | None:
    """Returns an evaluation with metrics over attributions; None where it is another, or can't be read."""
    try:
        found = view_evaluation(uri)
    except ValueError:
        return None
    return found if found.is_of_attributions else None


def register() -> None:
    """Has InteractiveContexts show them, those that are there and those that are made later."""
    ours = {AttributionsVisualization, BlessingVisualization, EvaluationVisualization, MetadataVisualization}
    for each in ours:
        visualizations.get_registry().register(each)
    # Each new context registers these again, in the place of what was there.
    types_ = {each.ARTIFACT_TYPE for each in ours}
    theirs = {each for each in standard_visualizations.STANDARD_VISUALIZATIONS if each.ARTIFACT_TYPE not in types_}
    standard_visualizations.STANDARD_VISUALIZATIONS = frozenset(ours | theirs)
