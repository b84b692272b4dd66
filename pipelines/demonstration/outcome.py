"""What a run of a pipeline came to, read back from its metadata store and artifacts, and held against what was told."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2
from tfx.components.evaluator import constants

from tfx_explain.gate.saying import verdict

# As TFX's launchers call a run, and as the older ones do, Airflow's.
_RUN_TYPES = ("pipeline_run", "run")


@dataclass(frozen=True)
class Outcome:
    """One finished run.

    Attributes:
      model: The candidate's fingerprint.
      baseline_model: The fingerprint of the model that it was compared with; None where there was none.
      evaluator_blessed: The stock Evaluator's verdict.
      gate_blessed: The ThresholdValidator's verdict.
      thresholds: The gate's thresholds as `verdict.json` has them, failed ones first.
      reasons: Why the gate did not bless, in its own sentences.
      not_asked: How many thresholds the gate could not ask without a baseline model.
      validation_uri: Where the gate wrote its verdict.
      pushed_to: Where the Pusher put the model; None where it did not.
    """

    model: str
    baseline_model: str | None
    evaluator_blessed: bool
    gate_blessed: bool
    thresholds: Sequence[Mapping[str, Any]]
    reasons: Sequence[str]
    not_asked: int
    validation_uri: str
    pushed_to: str | None

    @property
    def failed(self) -> list[Mapping[str, Any]]:
        """The thresholds that failed."""
        return [threshold for threshold in self.thresholds if not threshold["passed"]]

    @property
    def report(self) -> str:
        """The page that shows the verdict and the attributions."""
        return os.path.join(self.validation_uri, verdict.REPORT_FILE)

    def asked(self, quality: str) -> Mapping[str, Any]:
        """The widest question that the gate asked about a metric: against the baseline model where there is one.

        Args:
          quality: The metric as people are shown it, "AUC" for `auc`.
        """
        asked = [threshold for threshold in self.thresholds if threshold["metric"] == quality.lower()]
        return min(asked, key=lambda threshold: threshold["kind"])


def open_store(metadata_path: str) -> mlmd.MetadataStore:
    """Opens the SQLite file of a local run's metadata store."""
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = metadata_path
    return mlmd.MetadataStore(config)


def read_latest(store: mlmd.MetadataStore) -> Outcome:
    """Reads the latest finished run."""
    outputs = _outputs_of_latest_run(store)
    gate_blessing = outputs["ThresholdValidator", "blessing"]
    validation = outputs["ThresholdValidator", "validation"]
    with open(os.path.join(validation.uri, verdict.JSON_FILE), encoding="utf-8") as file:
        decided = json.load(file)
    models = {role: model["fingerprint"] for role, model in decided["models"].items()}
    pushed = outputs["Pusher", "pushed_model"].custom_properties
    return Outcome(
        model=models["candidate"],
        baseline_model=models.get("baseline"),
        evaluator_blessed=_is_blessed(outputs["Evaluator", "blessing"]),
        gate_blessed=_is_blessed(gate_blessing),
        thresholds=decided["thresholds"],
        reasons=decided["reasons"],
        not_asked=len(decided["not_asked"]),
        validation_uri=validation.uri,
        pushed_to=pushed["pushed_destination"].string_value if pushed["pushed"].int_value else None,
    )


def pushed_deviations(run: int, came_out: Outcome, baseline: Outcome | None) -> Iterator[str]:
    """Yields a sentence for each difference to a run whose model is blessed and pushed.

    Args:
      run: The run's number.
      came_out: What it came to.
      baseline: The run whose model is the baseline; None: there is none yet.
    """
    yield from _compared(run, came_out, baseline)
    if not came_out.gate_blessed:
        yield f"run {run}: the gate did not bless the model"
    if came_out.pushed_to is None:
        yield f"run {run}: the model was not pushed"


def blocked_deviations(
    run: int, came_out: Outcome, baseline: Outcome, quality: str, least_change: float
) -> Iterator[str]:
    """Yields a sentence for each difference to a run whose model the Evaluator blesses, and the gate does not.

    Args:
      run: The run's number.
      came_out: What it came to.
      baseline: The run whose model is the baseline.
      quality: The metric that says nothing of what is wrong.
      least_change: What it rises by at least.
    """
    yield from _compared(run, came_out, baseline)
    rise = came_out.asked(quality)["change"] or 0.0
    if not rise >= least_change:
        yield f"run {run}: {quality} rose by no more than {rise:.3f}"
    if came_out.gate_blessed:
        yield f"run {run}: the gate blessed the model"
    if came_out.pushed_to is not None:
        yield f"run {run}: the model was pushed"


def _compared(run: int, came_out: Outcome, baseline: Outcome | None) -> Iterator[str]:
    if baseline is None and came_out.baseline_model is not None:
        yield f"run {run}: a model was there to compare with"
    if baseline is not None and came_out.baseline_model != baseline.model:
        yield f"run {run}: the model was not compared with run 1's"
    if not came_out.evaluator_blessed:
        yield f"run {run}: the Evaluator did not bless the model"


_Artifacts = dict[tuple[str, str], metadata_store_pb2.Artifact]


def _outputs_of_latest_run(store: mlmd.MetadataStore) -> _Artifacts:
    """Returns the outputs of each node, by node and key."""
    runs = [run for name in _RUN_TYPES for run in store.get_contexts_by_type(name)]
    run = max(runs, key=lambda context: context.id)
    nodes = {execution.id: _node(execution) for execution in store.get_executions_by_context(run.id)}
    outputs: _Artifacts = {}
    for event in store.get_events_by_execution_ids(list(nodes)):
        if event.type == metadata_store_pb2.Event.OUTPUT:
            [artifact] = store.get_artifacts_by_id([event.artifact_id])
            outputs[nodes[event.execution_id], event.path.steps[0].key] = artifact
    return outputs


def _node(execution: metadata_store_pb2.Execution) -> str:
    return execution.type.rpartition(".")[-1]


def _is_blessed(blessing: metadata_store_pb2.Artifact) -> bool:
    return blessing.custom_properties[constants.ARTIFACT_PROPERTY_BLESSED_KEY].int_value == constants.BLESSED_VALUE
