"""What runs left, out of the orchestrator's memory: TFX's ML Metadata store."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence

import ml_metadata as mlmd
from ml_metadata import errors
from ml_metadata.proto import metadata_store_pb2

from tfx_explain.metrics.naming import unknown_name
from tfx_explain.proto.printable import first_line
from tfx_explain.report.history.left import Left

# TFX's names of contexts, and the components' of their channels.
_PIPELINE, _RUN = "pipeline", "pipeline_run"
_ATTRIBUTIONS, _VALIDATION = "attributions", "validation"
_ARTIFACT_TYPES = {_ATTRIBUTIONS: "Examples", _VALIDATION: "ModelEvaluation"}
_OUTPUTS = (metadata_store_pb2.Event.OUTPUT, metadata_store_pb2.Event.DECLARED_OUTPUT)
_INPUTS = (metadata_store_pb2.Event.INPUT, metadata_store_pb2.Event.DECLARED_INPUT)


def left_by(connection: metadata_store_pb2.ConnectionConfig, pipeline: str = "") -> list[Left]:
    """Returns what a pipeline's runs left, in the order in which they began.

    A run of which the store knows neither attributions nor a verdict is there, too, and says so. Of a run with several
    ThresholdValidators, each is a run here.

    Args:
      connection: To the store.
      pipeline: The pipeline's name; may be empty if the store has one alone.

    Raises:
      ValueError: The store can't be read, or has no such pipeline, or no run of it.
    """
    try:
        store = mlmd.MetadataStore(connection)
        name = _pipeline(store, pipeline)
        runs = _runs(store, name)
        found = [left for run in runs for left in _left(store, run)]
    except (errors.StatusError, RuntimeError, ConnectionError) as error:
        raise ValueError(f"The metadata store can't be read: {first_line(error)}") from error
    if not found:
        raise ValueError(f"The metadata store has no run of the pipeline {name!r}.")
    return found


def _pipeline(store: mlmd.MetadataStore, name: str) -> str:
    known = [context.name for context in _contexts(store, _PIPELINE)]
    if name and name not in known:
        raise ValueError(f"The metadata store has an {unknown_name('pipeline', name, known)}")
    if not name and len(known) != 1:
        raise ValueError(
            f"The metadata store has {len(known)} pipelines ({', '.join(sorted(known)) or 'none'}); name one of them."
        )
    return name or known[0]


def _contexts(store: mlmd.MetadataStore, kind: str) -> list[metadata_store_pb2.Context]:
    kinds = {known.name for known in store.get_context_types()}
    return store.get_contexts_by_type(kind) if kind in kinds else []


def _runs(store: mlmd.MetadataStore, pipeline: str) -> list[metadata_store_pb2.Context]:
    """Returns the contexts of a pipeline's runs, the oldest first."""
    (parent,) = [context for context in _contexts(store, _PIPELINE) if context.name == pipeline]
    kinds = {kind.id: kind.name for kind in store.get_context_types()}
    runs = [child for child in store.get_children_contexts_by_context(parent.id) if kinds[child.type_id] == _RUN]
    return sorted(runs, key=lambda run: (run.create_time_since_epoch, run.id))


def _left(store: mlmd.MetadataStore, run: metadata_store_pb2.Context) -> Iterator[Left]:
    executions = {execution.id: execution for execution in store.get_executions_by_context(run.id)}
    events = store.get_events_by_execution_ids(list(executions)) if executions else []
    artifacts = {one.id: one for one in store.get_artifacts_by_id([event.artifact_id for event in events])}
    time = _time(run.create_time_since_epoch)
    explained = _of(events, artifacts, _OUTPUTS, _ATTRIBUTIONS)
    judged = _of(events, artifacts, _OUTPUTS, _VALIDATION)
    read = _of(events, artifacts, _INPUTS, _ATTRIBUTIONS)
    for execution, (validation, *_) in judged.items():
        title = run.name if len(judged) == 1 else f"{run.name} {validation.uri}"
        uris = [one.uri for one in read.get(execution, ())]
        yield Left(title, uris, validation.uri, _time(validation.create_time_since_epoch))
    if not judged:
        uris = [one.uri for some in explained.values() for one in some]
        problem = f"The metadata store knows of no {'verdict' if uris else 'attributions and no verdict'} of this run."
        yield Left(run.name, uris, time=time, problems=[problem])


def _of(
    events: Sequence[metadata_store_pb2.Event],
    artifacts: Mapping[int, metadata_store_pb2.Artifact],
    kinds: Sequence[int],
    key: str,
) -> dict[int, list[metadata_store_pb2.Artifact]]:
    """Returns, by execution, the artifacts that went through a channel; their type tells ours from others'."""
    found: dict[int, dict[int, metadata_store_pb2.Artifact]] = {}
    for event in events:
        names = [step.key for step in event.path.steps if step.key]
        artifact = artifacts[event.artifact_id]
        if event.type in kinds and key in names and artifact.type == _ARTIFACT_TYPES[key]:
            found.setdefault(event.execution_id, {})[artifact.id] = artifact
    return {execution: list(some.values()) for execution, some in sorted(found.items())}


def _time(milliseconds: int) -> str:
    moment = datetime.datetime.fromtimestamp(milliseconds / 1000, datetime.timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
