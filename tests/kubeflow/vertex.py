"""Vertex AI Pipelines' part in a compiled job, as far as its documents go: names, types, and queries for artifacts.

Containers run in this process, by the entrypoint and the arguments that the job names.
"""

import graphlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor

from tests.kubeflow.backend import upstream

_STORE = "projects/1/locations/here/metadataStores/default/artifacts"
_PLACEHOLDER = re.compile(r"\{\{\$\.inputs\.artifacts\['(\w+)'\]\.metadata\['(\w+)'\]\}\}")


@dataclass
class Vertex:
    """A project: its artifacts, the newest last, each with `schemaTitle` and `state` beside what tasks see."""

    folder: Path
    artifacts: list[dict[str, Any]] = field(default_factory=list)

    def run(self, job: dict[str, Any]) -> dict[str, dict[str, list[dict[str, Any]]]]:
        """Runs all tasks of a job; returns the output artifacts of each, by key."""
        spec = job["pipelineSpec"]
        tasks, outputs = spec["root"]["dag"]["tasks"], {}
        for name in graphlib.TopologicalSorter({key: upstream(task) for key, task in tasks.items()}).static_order():
            inputs = {
                key: outputs[source["taskOutputArtifact"]["producerTask"]][
                    source["taskOutputArtifact"]["outputArtifactKey"]
                ]
                for key, source in tasks[name].get("inputs", {}).get("artifacts", {}).items()
            }
            outputs[name] = self._execute(spec, name, inputs)
        return outputs

    def query(self, text: str, inputs: dict[str, Any]) -> list[dict[str, Any]]:
        """Returns the newest artifact that a resolver's filter matches, in a list; an empty one if none does."""
        if any(not inputs[key] for key, _ in _PLACEHOLDER.findall(text)):
            return []
        text = _PLACEHOLDER.sub(lambda match: str(inputs[match[1]][0]["metadata"].get(match[2])), text)
        return [one for one in self.artifacts if all(_holds(term, one) for term in text.split(" AND "))][-1:]

    def add(self, artifact: dict[str, Any]) -> dict[str, Any]:
        """Registers an artifact under a name of its own."""
        title = yaml.safe_load(artifact["type"]["instanceSchema"])["title"]
        added = {"schemaTitle": title, "state": "LIVE", **artifact, "name": f"{_STORE}/{len(self.artifacts) + 1}"}
        self.artifacts.append(added)
        return added

    def _execute(self, spec: dict[str, Any], name: str, inputs: dict[str, Any]) -> dict[str, Any]:
        component = spec["components"][name]
        executor = spec["deploymentSpec"]["executors"][component["executorLabel"]]
        types = {key: one["artifactType"] for key, one in component["outputDefinitions"]["artifacts"].items()}
        if "resolver" in executor:
            queries = executor["resolver"]["outputArtifactQueries"]
            return {key: self.query(one["filter"], inputs) for key, one in queries.items()}
        if "importer" in executor:
            importer = executor["importer"]
            (key,) = types
            made = {"uri": importer["artifactUri"]["constant"], "type": types[key]}
            return {key: [self.add({**made, "metadata": importer.get("metadata", {})})]}
        return self._start(executor["container"], _parameters(spec, name), inputs, types)

    def _start(self, container: Any, parameters: Any, inputs: Any, types: Any) -> dict[str, Any]:
        folder = self.folder / f"task-{len(self.artifacts)}"
        made = {key: {"uri": str(folder / key), "type": kind, "metadata": {}} for key, kind in types.items()}
        named = {key: [self.add(artifact)] for key, artifact in made.items()}
        executor_input = {
            "inputs": {"parameterValues": parameters, "artifacts": _lists(inputs)},
            "outputs": {"artifacts": _lists(named), "outputFile": str(folder / "executor_output.json")},
        }
        filled = [text.replace("{{$}}", json.dumps(executor_input)) for text in container["args"]]
        assert container["command"][-1] == kubeflow_v2_run_executor.__name__
        kubeflow_v2_run_executor.main(kubeflow_v2_run_executor._parse_flags(filled))
        said = json.loads((folder / "executor_output.json").read_text())["artifacts"]
        for key, (artifact,) in named.items():
            artifact["metadata"] |= said[key]["artifacts"][0].get("metadata", {})
        return named


def _parameters(spec: dict[str, Any], name: str) -> dict[str, Any]:
    defaults = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    return {
        key: one["runtimeValue"]["constant"]
        if "runtimeValue" in one
        else defaults[one["componentInputParameter"]]["defaultValue"]
        for key, one in spec["root"]["dag"]["tasks"][name]["inputs"].get("parameters", {}).items()
    }


def _lists(artifacts: dict[str, Any]) -> dict[str, Any]:
    seen = ("name", "uri", "type", "metadata")
    return {
        key: {"artifacts": [{name: each[name] for name in seen} for each in found]} for key, found in artifacts.items()
    }


def _holds(term: str, artifact: dict[str, Any]) -> bool:
    """Whether an artifact is as one term of a filter says."""
    name, _, value = term.partition("=")
    if name == "schema_title":
        return artifact["schemaTitle"] == value.strip('"')
    if name in ("state", "name"):
        return artifact[name] == value.strip('"')
    key, kind = re.fullmatch(r"metadata\.(\w+)\.(number_value|string_value)", name).groups()
    wanted = float(value) if kind == "number_value" else value.strip('"')
    found = artifact["metadata"].get(key)
    return type(found) is type(wanted) and found == wanted
