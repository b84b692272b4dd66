"""Past runs in a metadata store: the attributions that a ThresholdValidator blessed a model on."""

from __future__ import annotations

import os

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2

from tfx_explain.metrics.naming import unknown_name

_BLESSED, _OVERRIDDEN = "blessed", "override_who"
_ATTRIBUTIONS = "attributions"
_PIPELINE = "pipeline"


def open_store(path: str) -> mlmd.MetadataStore:
    """Opens the SQLite file of a metadata store, for reading alone.

    Raises:
      ValueError: There is no such file.
    """
    if not os.path.isfile(path):
        raise ValueError(f"There is no metadata store at {path}; give the SQLite file of a local run's store.")
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = path
    config.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READONLY
    return mlmd.MetadataStore(config)


def blessed_attributions(store: mlmd.MetadataStore, pipeline: str = "") -> list[str]:
    """Returns where the attributions lie that models were blessed on, in the order of the runs.

    Of models that an override blessed, thresholds had failed: they are no example of what is usual, and left out.

    Args:
      store: The metadata store.
      pipeline: The pipeline's name; empty: any.

    Raises:
      ValueError: There is no such pipeline, or no run in which a ThresholdValidator blessed a model on attributions.
    """
    of_pipeline = None
    if pipeline:
        known = {context.name: context.id for context in store.get_contexts_by_type(_PIPELINE)}
        if pipeline not in known:
            raise ValueError(f"The metadata store has an {unknown_name('pipeline', pipeline, known)}.")
        of_pipeline = {one.id for one in store.get_executions_by_context(known[pipeline])}
    blessings = [artifact for artifact in store.get_artifacts_by_type("ModelBlessing") if _counts(artifact)]
    events = store.get_events_by_artifact_ids([artifact.id for artifact in blessings]) if blessings else []
    deciding = {
        event.execution_id
        for event in events
        if _is_output(event) and (of_pipeline is None or event.execution_id in of_pipeline)
    }
    taken = [
        event.artifact_id
        for event in (store.get_events_by_execution_ids(sorted(deciding)) if deciding else [])
        if not _is_output(event) and _key(event) == _ATTRIBUTIONS
    ]
    uris = {artifact.id: artifact.uri for artifact in store.get_artifacts_by_id(taken)} if taken else {}
    found = list(dict.fromkeys(uris[artifact_id] for artifact_id in sorted(set(taken))))
    if not found:
        raise ValueError(
            f"The metadata store has no run{f' of {pipeline!r}' if pipeline else ''} in which a ThresholdValidator "
            "blessed a model on attributions."
        )
    return found


def _counts(blessing: metadata_store_pb2.Artifact) -> bool:
    properties = blessing.custom_properties
    return properties[_BLESSED].int_value == 1 and not properties[_OVERRIDDEN].string_value


def _is_output(event: metadata_store_pb2.Event) -> bool:
    return event.type in (metadata_store_pb2.Event.OUTPUT, metadata_store_pb2.Event.DECLARED_OUTPUT)


def _key(event: metadata_store_pb2.Event) -> str:
    return next((step.key for step in event.path.steps if step.key), "")
