"""What runs before an executor, under the orchestrators that have drivers: all but Kubeflow Pipelines and Vertex AI."""

from __future__ import annotations

import time
from typing import Any

from ml_metadata.proto import metadata_store_pb2
from tfx import types
from tfx.dsl.components.base import base_component, base_driver
from tfx.dsl.io import fileio
from tfx.orchestration import data_types, data_types_utils, metadata, pipeline
from tfx.orchestration.portable import base_driver as ir_base_driver
from tfx.orchestration.portable import data_types as portable_data_types
from tfx.proto.orchestration import driver_output_pb2

LOOKED_AT_KEY = "looked_at"

_Artifacts = dict[str, list[types.Artifact]]


class RepeatableDriver(base_driver.BaseDriver):
    """TFX's older driver, Airflow's, less two faults.

    It names an artifact `{output key}:{run id}`, and ML Metadata's names are unique within a type: two nodes with an
    output `evaluation` end with an AlreadyExistsError. So does any node that is tried a second time, whose inputs and
    outputs are known already. Here the name begins with the node's id, and another attempt takes up the artifacts of
    the one before, at the same places, empty.
    """

    def __init__(self, metadata_handle: metadata.Metadata) -> None:
        super().__init__(metadata_handle)
        self._metadata_handle: Any = _Attempts(metadata_handle)

    def _prepare_output_artifacts(
        self,
        input_artifacts: _Artifacts,
        output_dict: dict[str, types.Channel],
        exec_properties: dict[str, Any],
        execution_id: int,
        pipeline_info: data_types.PipelineInfo,
        component_info: data_types.ComponentInfo,
    ) -> _Artifacts:
        outputs = super()._prepare_output_artifacts(
            input_artifacts, output_dict, exec_properties, execution_id, pipeline_info, component_info
        )
        found = self._metadata_handle.get_outputs_of_execution(execution_id) or {}
        # Those from a cache lie elsewhere, and belong to another execution.
        registered = {artifact.uri: artifact.id for artifacts in found.values() for artifact in artifacts}
        for key, artifacts in outputs.items():
            for i, artifact in enumerate(artifacts):
                artifact.name = f"{component_info.component_id}.{key}[{i}]:{pipeline_info.run_id}"
                if artifact.uri in registered:
                    artifact.id = registered[artifact.uri]
                    _empty(artifact.uri)
        return outputs


class _Attempts:
    """ML Metadata, in which an execution can be registered again."""

    def __init__(self, handle: metadata.Metadata) -> None:
        self._handle = handle

    def __getattr__(self, name: str) -> Any:
        return getattr(self._handle, name)

    def register_execution(
        self, *, component_info: data_types.ComponentInfo, input_artifacts: _Artifacts, **more: Any
    ) -> metadata_store_pb2.Execution:
        """Registers an execution, or takes up the one of an earlier attempt, with the inputs that it lacks."""
        context, store = self._handle.get_component_run_context(component_info), self._handle.store
        earlier = store.get_executions_by_context(context.id) if context else []
        events = store.get_events_by_execution_ids([execution.id for execution in earlier])
        known = {event.artifact_id for event in events if event.type == metadata_store_pb2.Event.INPUT}
        lacking = {key: [one for one in found if one.id not in known] for key, found in input_artifacts.items()}
        return self._handle.register_execution(component_info=component_info, input_artifacts=lacking, **more)


class Driver(RepeatableDriver, ir_base_driver.BaseDriver):
    """The driver of this project's components; TFX's present launchers need nothing of it."""

    def __init__(self, metadata_handle: metadata.Metadata) -> None:
        RepeatableDriver.__init__(self, metadata_handle)
        ir_base_driver.BaseDriver.__init__(self, metadata_handle)

    def run(self, execution_info: portable_data_types.ExecutionInfo) -> driver_output_pb2.DriverOutput:
        """Leaves outputs and execution properties as they are."""
        return driver_output_pb2.DriverOutput()


class UncachedDriver(Driver):
    """Of a component that looks at what is no artifact: its answer is of now, and no other execution's is the same.

    Kubeflow Pipelines and Vertex AI have no drivers: whoever compiles a pipeline for them turns the cache off for the
    nodes whose `driver_class` is this one.
    """

    def resolve_exec_properties(
        self,
        exec_properties: dict[str, Any],
        pipeline_info: data_types.PipelineInfo,
        component_info: data_types.ComponentInfo,
    ) -> dict[str, Any]:
        """Adds the present moment, which is part of what a cached execution is looked up by."""
        return {**exec_properties, LOOKED_AT_KEY: str(time.time_ns())}

    def run(self, execution_info: portable_data_types.ExecutionInfo) -> driver_output_pb2.DriverOutput:
        """Does the same under TFX's present launchers."""
        result = super().run(execution_info)
        data_types_utils.set_metadata_value(result.exec_properties[LOOKED_AT_KEY], str(time.time_ns()))
        return result


def repeatable(tfx_pipeline: pipeline.Pipeline) -> pipeline.Pipeline:
    """Makes every component of a pipeline one that Airflow can try again; returns the pipeline.

    For `AirflowDagRunner` alone. This project's components need nothing; TFX's own end a second attempt with an
    AlreadyExistsError, or hand what they write to the next node twice.
    """
    for node in tfx_pipeline.components:
        if isinstance(node, base_component.BaseComponent) and not issubclass(node.driver_class, RepeatableDriver):
            is_plain = node.driver_class is base_driver.BaseDriver
            bases = (RepeatableDriver,) if is_plain else (RepeatableDriver, node.driver_class)
            node.driver_class = type(f"Repeatable{node.driver_class.__name__}", bases, {})
    return tfx_pipeline


def _empty(uri: str) -> None:
    """Removes what is at a place: all of a folder, or a value's file."""
    if fileio.isdir(uri):
        fileio.rmtree(uri)
        fileio.makedirs(uri)
    elif fileio.exists(uri):
        fileio.remove(uri)
