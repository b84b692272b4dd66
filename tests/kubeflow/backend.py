"""What Kubeflow Pipelines does with a compiled pipeline, on one machine: the parts of its driver and launcher, no more.

After the sources (kubeflow/pipelines, backend/src/v2, several states of 2025 and 2026). Where releases differ, what is
hardest for a task: input artifacts come without a type, and by the name of the output that they were (some releases
give MLMD's number, some a type of their own); a lifecycle's commands are not run; the store keeps files and no empty
folders.
"""

import functools
import graphlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

OUTPUT_FILE = "/tmp/kfp_outputs/output_metadata.json"
DEFAULT_ROOT = "minio://mlpipeline/v2/artifacts"
SCHEMES = {"minio://": "minio", "s3://": "s3", "gs://": "gcs"}


@dataclass(frozen=True)
class Pod:
    """One attempt of a task: what the cluster starts.

    Attributes:
      task: The task's name.
      image: The container image.
      command: The command with its arguments, placeholders filled.
      environment: Environment variables, secrets among them.
      files: The folder that holds the pod's own `/minio`, `/s3`, `/gcs` and `/tmp`.
      volumes: Folders of persistent volumes, by the path where they are mounted.
    """

    task: str
    image: str
    command: list[str]
    environment: Mapping[str, str]
    files: Path
    volumes: Mapping[str, Path]


class TaskError(RuntimeError):
    """A task failed in all of its attempts."""


@dataclass(frozen=True)
class Backend:
    """A cluster: `run` is its API.

    Attributes:
      folder: Holds the object store, and the pods' files.
      start: Runs a pod to its end and returns the exit status.
      root: The folder that is `/` to a pod that has no file system of its own.
      claims: Folders of persistent volumes, by the name of their claim.
      secrets: Values by the secret's name and key.
    """

    folder: Path
    start: Callable[[Pod], int]
    root: Callable[[Path], str] = lambda files: ""
    claims: Mapping[str, Path] = field(default_factory=dict)
    secrets: Mapping[tuple[str, str], str] = field(default_factory=dict)

    def run(self, text: str, parameters: Mapping[str, Any] | None = None) -> "Run":
        """Runs a pipeline to its end; raises `TaskError` where a task does."""
        spec, *platforms = yaml.safe_load_all(text)
        config = platforms[0]["platforms"]["kubernetes"]["deploymentSpec"]["executors"] if platforms else {}
        given = spec["root"].get("inputDefinitions", {}).get("parameters", {})
        values = {name: one["defaultValue"] for name, one in given.items() if "defaultValue" in one}
        values |= parameters or {}
        if unknown := set(values) ^ set(given):
            raise ValueError(f"Parameters without a value, or unknown: {sorted(unknown)}")
        run = Run(self, spec, config, values, uuid.uuid4().hex)
        run.execute_all()
        return run

    def path(self, uri: str) -> Path:
        """Where the object store has what is at an address."""
        scheme = next(scheme for scheme in SCHEMES if uri.startswith(scheme))
        return self.folder / "store" / SCHEMES[scheme] / uri[len(scheme) :]


@dataclass(frozen=True)
class Run:
    """A run of a pipeline; `outputs` has the artifacts of each task by key."""

    backend: Backend
    spec: dict[str, Any]
    kubernetes: dict[str, Any]
    parameters: Mapping[str, Any]
    id: str
    outputs: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def tasks(self) -> dict[str, Any]:
        return self.spec["root"]["dag"]["tasks"]

    def path(self, task: str, key: str) -> Path:
        """Where the store has an output artifact."""
        return self.backend.path(self.outputs[task][key]["uri"])

    def execute_all(self) -> None:
        """Executes every task when those are done that it depends on."""
        for task in self.tasks:
            self._executor(task)
        order = graphlib.TopologicalSorter({name: upstream(task) for name, task in self.tasks.items()})
        order.prepare()
        running = {}
        with ThreadPoolExecutor(os.cpu_count()) as threads:
            while order.is_active():
                running |= {threads.submit(self.execute, name): name for name in order.get_ready()}
                for done in wait(running, return_when=FIRST_COMPLETED).done:
                    name = running.pop(done)
                    self.outputs[name] = done.result()
                    order.done(name)

    def execute(self, name: str) -> dict[str, Any]:
        """Executes a task; returns its output artifacts."""
        inputs = self._inputs(name)
        if "importer" in self._executor(name):
            return self._import(name, inputs)
        outputs = {"artifacts": self._provision(name)}
        attempts = 1 + self.tasks[name].get("retryPolicy", {}).get("maxRetryCount", 0)
        for _ in range(attempts):
            files = self.backend.folder / "pods" / f"{name}-{uuid.uuid4().hex[:8]}"
            (files / "tmp").mkdir(parents=True)
            outputs["outputFile"] = self.backend.root(files) + OUTPUT_FILE
            self._download(inputs, files)
            if self.backend.start(self._pod(name, {"inputs": inputs, "outputs": outputs}, files)) == 0:
                return self._publish(outputs["artifacts"], files)
        raise TaskError(f"{name} failed {attempts} times; the last pod's files are {files}")

    def _executor(self, name: str) -> dict[str, Any]:
        task = self.tasks[name]
        if {"triggerPolicy", "artifactIterator", "parameterIterator"} & set(task):
            raise NotImplementedError(f"{name}: conditions and loops")
        label = self.spec["components"][task["componentRef"]["name"]]["executorLabel"]
        executor = self.spec["deploymentSpec"]["executors"][label]
        if not {"container", "importer"} & set(executor):
            raise NotImplementedError(f"{name}: non-container and non-importer executor not implemented")
        return executor

    def _inputs(self, name: str) -> dict[str, Any]:
        given = self.tasks[name].get("inputs", {})
        artifacts = {}
        for key, one in given.get("artifacts", {}).items():
            source = one["taskOutputArtifact"]
            artifacts[key] = {"artifacts": [self.outputs[source["producerTask"]][source["outputArtifactKey"]]]}
        parameters = {}
        for key, one in given.get("parameters", {}).items():
            if "componentInputParameter" in one:
                parameters[key] = self.parameters[one["componentInputParameter"]]
            else:
                parameters[key] = one["runtimeValue"]["constant"]
        return {"artifacts": artifacts, "parameterValues": parameters}

    def _import(self, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
        importer = self._executor(name)["importer"]
        uri = importer["artifactUri"]
        address = uri["constant"] if "constant" in uri else inputs["parameterValues"][uri["runtimeParameter"]]
        ((key, _),) = self._declared(name).items()
        return {key: {"name": key, "uri": address, "metadata": importer.get("metadata", {})}}

    def _declared(self, name: str) -> dict[str, Any]:
        component = self.spec["components"][self.tasks[name]["componentRef"]["name"]]
        return component.get("outputDefinitions", {}).get("artifacts", {})

    def _provision(self, name: str) -> dict[str, Any]:
        root = self.spec.get("defaultPipelineRoot", DEFAULT_ROOT)
        folder = f"{root}/{self.spec['pipelineInfo']['name']}/{self.id}/{name}/{uuid.uuid4().hex}"
        return {
            key: {"artifacts": [{"uri": f"{folder}/{key}", "type": one["artifactType"], "metadata": {}}]}
            for key, one in self._declared(name).items()
        }

    def _download(self, inputs: dict[str, Any], files: Path) -> None:
        for one in inputs["artifacts"].values():
            for artifact in one["artifacts"]:
                source, target = self.backend.path(artifact["uri"]), _local(artifact["uri"], files)
                if not target.exists():
                    _copy_files(source, target)

    def _pod(self, name: str, executor_input: dict[str, Any], files: Path) -> Pod:
        container = self._executor(name)["container"]
        config = self.kubernetes.get(self.spec["components"][name]["executorLabel"], {})
        filled = functools.partial(_fill, executor_input=executor_input)
        environment = {one["name"]: one["value"] for one in container.get("env", ())}
        for secret in config.get("secretAsEnv", ()):
            for pair in secret["keyToEnv"]:
                environment[pair["envVar"]] = self.backend.secrets[secret["secretName"], pair["secretKey"]]
        return Pod(
            name,
            container["image"],
            [filled(text) for text in (*container["command"], *container.get("args", ()))],
            environment,
            files,
            {one["mountPath"]: self.backend.claims[one["constant"]] for one in config.get("pvcMount", ())},
        )

    def _publish(self, provisioned: dict[str, Any], files: Path) -> dict[str, Any]:
        """Uploads what a pod left, and returns the artifacts with what it says of them."""
        said = json.loads((files / OUTPUT_FILE[1:]).read_text())["artifacts"]
        published = {}
        for key, one in provisioned.items():
            (artifact,) = one["artifacts"]
            (update,) = said.get(key, one)["artifacts"]
            metadata = {**artifact["metadata"], **update.get("metadata", {})}
            uri = update.get("uri") or artifact["uri"]
            published[key] = {"name": key, "uri": uri, "metadata": metadata}
            if _local(uri, files).exists():
                _copy_files(_local(uri, files), self.backend.path(uri))
        return published


def upstream(task: dict[str, Any]) -> set[str]:
    artifacts = task.get("inputs", {}).get("artifacts", {}).values()
    return {*task.get("dependentTasks", ()), *(one["taskOutputArtifact"]["producerTask"] for one in artifacts)}


def _fill(text: str, executor_input: dict[str, Any]) -> str:
    for key, value in executor_input["inputs"]["parameterValues"].items():
        text = text.replace("{{$.inputs.parameters['" + key + "']}}", str(value))
    return text.replace("{{$}}", json.dumps(executor_input))


def _local(uri: str, files: Path) -> Path:
    """A pod's folder for what is at an address."""
    for scheme, folder in SCHEMES.items():
        if uri.startswith(scheme):
            return files / folder / uri[len(scheme) :]
    raise ValueError(f"{uri}: unsupported storage scheme")


def _copy_files(source: Path, target: Path) -> None:
    files = [source] if source.is_file() else [path for path in source.rglob("*") if path.is_file()]
    if not files:
        raise FileNotFoundError(source)
    for path in files:
        copy = target / path.relative_to(source) if path != source else target
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)
