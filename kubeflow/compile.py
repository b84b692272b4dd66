"""A TFX pipeline as the file that an orchestrator takes: Kubeflow Pipelines' pipeline spec, or Vertex AI's job."""

from __future__ import annotations

import copy
import enum
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import yaml

from tfx_explain.kubeflow import entrypoint
from tfx_explain.kubeflow.settings import TaskSettings, read_settings

if TYPE_CHECKING:
    from tfx import v1 as tfx

Document = dict[str, Any]

_ENTRYPOINT = "tfx_explain.kubeflow.entrypoint"
_PIPELINE_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,127}")
_PLAIN = {"schemaTitle": "system.Artifact", "schemaVersion": "0.0.1"}
# As the kfp SDK writes it: the orchestrators' own defaults are not the same.
_BACKOFF = {"backoffDuration": "0s", "backoffFactor": 2.0, "backoffMaxDuration": "3600s"}
_ROOT = re.compile(r"(gs|s3|minio)://[^/]+.*")


class Target(enum.Enum):
    """Where a pipeline is to run."""

    KFP = "kfp"
    """Kubeflow Pipelines with its open-source backend, version 2."""
    VERTEX = "vertex"
    """Vertex AI Pipelines."""


def compile_pipeline(
    pipeline: tfx.dsl.Pipeline, image: str, target: Target, settings: Mapping[str, Any] | None = None
) -> list[Document]:
    """Returns `pipeline` as the JSON documents that `as_text` writes into one file.

    For Kubeflow Pipelines, a `PipelineSpec` (schema 2.1.0) whose tasks run `tfx_explain.kubeflow.entrypoint`, and where
    `settings` ask for it a `PlatformSpec` after it. For Vertex AI, one `PipelineJob`.

    A Resolver's queries, which Vertex AI runs, ask for artifacts of its channel's `producer_component_id`, and for the
    gate's blessings where the channel names nobody: TFX's compiler drops the name, and with an Evaluator that blesses
    and a gate that doesn't, the rejected model would become the baseline model. So it does with the defaults of
    RuntimeParameters, which are written here.

    Args:
      pipeline: A pipeline without a metadata connection of its own. Its root is an address that every task reaches
        (`gs://`, on Kubeflow Pipelines `s3://` or `minio://` too), or empty for Kubeflow Pipelines' own default.
      image: The container image of every task; TFX and this package must be installed in it.
      target: Where the pipeline is to run.
      settings: Resources and the like by node id, or for all nodes under `default`: `settings.TaskSettings`.

    Raises:
      ImportError: The package that holds the messages is not installed.
      ValueError: The target can't run a node, or the pipeline's name, root or settings are not possible there; one
        error names all, and what to do instead.
    """
    try:
        from tfx.orchestration.kubeflow.v2 import kubeflow_v2_dag_runner
    except ImportError as error:
        raise ImportError(
            "Compiling for Kubeflow needs the package kfp-pipeline-spec; install tfx-explain[kubeflow]."
        ) from error
    problems = _problems(pipeline, target)
    tasks: dict[str, TaskSettings] = {}
    try:
        tasks = read_settings(settings or {}, [node.id for node in pipeline.components])
    except ValueError as error:
        problems.append(str(error))
    if target is Target.VERTEX and any(task.platform() for task in tasks.values()):
        problems.append(
            "Vertex AI mounts no volumes and no Kubernetes secrets. Its tasks read gs:// addresses, and secrets by the "
            "service account that runs them."
        )
    if problems:
        raise ValueError("\n".join(problems))
    config = kubeflow_v2_dag_runner.KubeflowV2DagRunnerConfig(default_image=image, use_pipeline_spec_2_1=True)
    job = kubeflow_v2_dag_runner.KubeflowV2DagRunner(config).run(pipeline, write_out=False)
    spec = job["pipelineSpec"]
    _narrow_queries(pipeline, _executors(spec))
    _apply(tasks, spec)
    _write_defaults(pipeline, spec)
    _uncache(pipeline, spec)
    if target is Target.VERTEX:
        return [job]
    return _for_kubeflow(spec, str(pipeline.pipeline_info.pipeline_root), tasks)


def as_text(documents: list[Document], target: Target) -> str:
    """Returns the text of the file: YAML for Kubeflow Pipelines, JSON for Vertex AI; what each of them takes."""
    if target is Target.KFP:
        return yaml.safe_dump_all(documents, sort_keys=True)
    (job,) = documents
    return json.dumps(job, indent=2, sort_keys=True) + "\n"


def _problems(pipeline: tfx.dsl.Pipeline, target: Target) -> list[str]:
    """Returns what TFX's compiler or the target would refuse, later and in words that name no node."""
    from tfx.dsl.components.common import resolver
    from tfx.types import channel

    found = []
    name, root = pipeline.pipeline_info.pipeline_name, str(pipeline.pipeline_info.pipeline_root)
    if not _PIPELINE_NAME.fullmatch(name):
        found.append(f"The pipeline's name {name!r} must be of lower-case letters, digits and hyphens, 128 at most.")
    if target is Target.KFP and root and not _ROOT.fullmatch(root):
        found.append(
            f"The pipeline's root {root!r} must be gs://, s3:// or minio://, or empty for the cluster's default: KFP's "
            "launcher starts no task whose outputs are elsewhere, on a mounted volume for instance."
        )
    if target is Target.VERTEX and not root.startswith("gs://"):
        found.append(f"The pipeline's root {root!r} must be a gs:// address for Vertex AI.")
    for node in pipeline.components:
        if isinstance(node, resolver.Resolver):
            if target is Target.KFP:
                found.append(
                    f"{node.id} is a Resolver, which Kubeflow Pipelines does not run. For the latest blessed model, "
                    "take LatestPushedModel of tfx_explain.components in its place; for anything else, an Importer."
                )
            continue
        for key, given in node.inputs.items():
            if not isinstance(given, channel.Channel):
                found.append(f"{node.id}: the input {key!r} joins several channels; compiled pipelines take one.")
    return found


def _narrow_queries(pipeline: tfx.dsl.Pipeline, executors: Document) -> None:
    from tfx.dsl.components.common import resolver

    for node in pipeline.components:
        if not isinstance(node, resolver.Resolver):
            continue
        for key, given in node.inputs.items():
            # TFX makes one task of a Resolver, or two of one for the latest blessed model.
            for label in (f"{node.id}_executor", f"{node.id}-model-blessing-resolver_executor"):
                query = executors.get(label, {}).get("resolver", {}).get("outputArtifactQueries", {}).get(key)
                for producer in _producers(pipeline, given) if query else ():
                    query["filter"] += f' AND metadata.component_id.string_value="{producer}"'


def _producers(pipeline: tfx.dsl.Pipeline, given: Any) -> set[str]:
    """Returns the component whose artifacts a Resolver's input is to be; of blessings, the gate if none is named."""
    from tfx.dsl.input_resolution import resolver_op
    from tfx.types import standard_artifacts

    from tfx_explain.components.threshold_validator import ThresholdValidator

    channels = [node.wrapped for node in resolver_op.get_input_nodes(given.output_node)]
    named = {each.producer_component_id for each in channels if each.type is given.type} - {None}
    if not named and given.type is standard_artifacts.ModelBlessing:
        named = {node.id for node in pipeline.components if isinstance(node, ThresholdValidator)}
    if len(named) > 1:
        raise ValueError(
            f"A Resolver for {given.type_name} can look at the artifacts of one component, not of {sorted(named)}; "
            "name it with the channel's producer_component_id."
        )
    return named


def _apply(tasks: Mapping[str, TaskSettings], spec: Document) -> None:
    """Writes into a spec what both targets understand of the settings."""
    for node, task in tasks.items():
        container = _executors(spec).get(_label(node), {}).get("container")
        if container is None:
            continue
        if task.resources():
            container["resources"] = {**container.get("resources", {}), **task.resources()}
        if task.environment:
            container["env"] = [{"name": name, "value": value} for name, value in task.environment.items()]
        if task.retries:
            spec["root"]["dag"]["tasks"][node]["retryPolicy"] = {"maxRetryCount": task.retries, **_BACKOFF}


def _write_defaults(pipeline: tfx.dsl.Pipeline, spec: Document) -> None:
    from tfx.orchestration import data_types

    values = [value for node in pipeline.components for value in node.exec_properties.values()]
    for parameter in values:
        if isinstance(parameter, data_types.RuntimeParameter) and parameter.default is not None:
            definition = spec["root"]["inputDefinitions"]["parameters"][parameter.name]
            definition.update(defaultValue=parameter.default, isOptional=True)


def _uncache(pipeline: tfx.dsl.Pipeline, spec: Document) -> None:
    """Takes the cache from the tasks of components that look at what is no artifact."""
    from tfx_explain.components.driver import UncachedDriver

    for node in pipeline.components:
        if isinstance(node.driver_class, type) and issubclass(node.driver_class, UncachedDriver):
            spec["root"]["dag"]["tasks"][node.id].pop("cachingOptions", None)


def _for_kubeflow(spec: Document, root: str, tasks: Mapping[str, TaskSettings]) -> list[Document]:
    """Returns the documents for Kubeflow Pipelines; the job's own root is lost there, `entrypoint` says what else."""
    if root:
        spec["defaultPipelineRoot"] = root
    for component in spec["components"].values():
        executor = _executors(spec)[component["executorLabel"]]
        declared = copy.deepcopy(component.get("outputDefinitions", {}))
        for definitions in (component.get("inputDefinitions", {}), component.get("outputDefinitions", {})):
            for artifact in definitions.get("artifacts", {}).values():
                artifact["artifactType"] = dict(_PLAIN)
        if "importer" in executor:
            executor["importer"]["typeSchema"] = dict(_PLAIN)
        container = executor.get("container")
        # A component may bring a command and an image of its own.
        if container and entrypoint.EXECUTOR in container.get("command", ()):
            container["args"] += [entrypoint.OUTPUTS_OPTION, json.dumps(declared)]
            driver = container.pop("lifecycle", {}).get("preCacheCheck", {}).get("command", ())
            options = ["--driver", driver[-1]] if driver else []
            container["command"] = ["python", "-m", _ENTRYPOINT, *options]
    platform = {_label(node): task.platform() for node, task in tasks.items() if task.platform()}
    wanted = {label: config for label, config in platform.items() if "container" in _executors(spec)[label]}
    return [spec, {"platforms": {"kubernetes": {"deploymentSpec": {"executors": wanted}}}}] if wanted else [spec]


def _executors(spec: Document) -> Document:
    return spec["deploymentSpec"]["executors"]


def _label(node: str) -> str:
    return f"{node}_executor"
