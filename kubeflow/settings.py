"""What people set of a pipeline's pods: resources, environment variables, secrets, volumes, retries."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

DEFAULT = "default"


@dataclass(frozen=True)
class TaskSettings:
    """The settings of one task; what is not set stays the cluster's own.

    Attributes:
      cpu_request: Processors that the task waits for, such as 0.5.
      cpu_limit: Processors that it gets at most.
      memory_request: Memory that it waits for, in GB (1e9 bytes).
      memory_limit: Memory that it gets at most, in GB; over it, Kubernetes kills the pod.
      environment: Environment variables.
      secrets: Environment variables that a Kubernetes secret holds: `{variable: {"secret": name, "key": key}}`.
      volumes: Where persistent volume claims are mounted: `{path: claim}`.
      retries: How often a task that failed or was killed is started again.
    """

    cpu_request: float | None = None
    cpu_limit: float | None = None
    memory_request: float | None = None
    memory_limit: float | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    volumes: Mapping[str, str] = field(default_factory=dict)
    retries: int = 0

    def resources(self) -> dict[str, float]:
        """Returns the resources as a container's `ResourceSpec` has them."""
        given = {
            "cpuRequest": self.cpu_request,
            "cpuLimit": self.cpu_limit,
            "memoryRequest": self.memory_request,
            "memoryLimit": self.memory_limit,
        }
        return {name: float(value) for name, value in given.items() if value is not None}

    def platform(self) -> dict[str, Any]:
        """Returns what only Kubernetes knows of, as kfp-kubernetes' `KubernetesExecutorConfig` has it."""
        # Releases of KFP before 2.5 read the constants, later ones the parameters.
        config = {
            "secretAsEnv": [
                {
                    "secretName": one["secret"],
                    "secretNameParameter": {"runtimeValue": {"constant": one["secret"]}},
                    "keyToEnv": [{"secretKey": one["key"], "envVar": variable}],
                }
                for variable, one in self.secrets.items()
            ],
            "pvcMount": [
                {
                    "constant": claim,
                    "pvcNameParameter": {"runtimeValue": {"constant": claim}},
                    "mountPath": path,
                }
                for path, claim in self.volumes.items()
            ],
        }
        return {name: value for name, value in config.items() if value}


def read_settings(given: Mapping[str, Any], nodes: Iterable[str]) -> dict[str, TaskSettings]:
    """Returns the settings of every node of a pipeline.

    Args:
      given: Settings by node id, as `TaskSettings` names them. Those under `default` hold for every node; a node's own
        take their place one by one, and are added to the maps `environment`, `secrets` and `volumes`.
      nodes: The ids of the pipeline's nodes.

    Raises:
      ValueError: A node or a setting is unknown, or has a value of another kind; one error names all.
    """
    nodes = list(nodes)
    problems = []
    for name, settings in given.items():
        if name != DEFAULT and name not in nodes:
            problems.append(f"The pipeline has no node {name!r}{_meant(name, nodes)}.")
        problems += [f"{name}: {problem}" for problem in _problems(settings)]
    if problems:
        raise ValueError("\n".join(problems))
    default = given.get(DEFAULT) or {}
    return {node: TaskSettings(**_over(default, given.get(node) or {})) for node in nodes}


def _over(default: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    both = {name: {**default[name], **own[name]} for name in _MAPS if name in default and name in own}
    return {**default, **own, **both}


def _problems(settings: Any) -> list[str]:
    if settings is not None and not isinstance(settings, Mapping):
        return [f"settings are names and values, not {settings!r}."]
    found = []
    for name, value in (settings or {}).items():
        if name not in _KINDS:
            found.append(f"there is no setting {name!r}{_meant(str(name), _KINDS)}.")
        elif not _KINDS[name][1](value):
            found.append(f"{name} is {_KINDS[name][0]}, not {value!r}.")
    return found


def _meant(name: str, known: Iterable[str]) -> str:
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1)
    return f"; {close[0]!r} is near" if close else f"; there are {', '.join(known)}"


def _is_amount(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _is_texts(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(text, str) for pair in value.items() for text in pair)


def _is_secrets(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        _is_texts(one) and set(one) == {"secret", "key"} for one in value.values()
    )


_PROCESSORS = ("a number of processors above 0", _is_amount)
_GIGABYTES = ("a number of GB above 0", _is_amount)
_KINDS = {
    "cpu_request": _PROCESSORS,
    "cpu_limit": _PROCESSORS,
    "memory_request": _GIGABYTES,
    "memory_limit": _GIGABYTES,
    "environment": ("a map of variables to texts (numbers in quotes)", _is_texts),
    "secrets": ("a map of variables to {secret: NAME, key: KEY}", _is_secrets),
    "volumes": ("a map of paths to names of persistent volume claims", _is_texts),
    "retries": ("a whole number from 0", lambda value: isinstance(value, int) and value >= 0),
}
_MAPS = ("environment", "secrets", "volumes")
assert set(_KINDS) == {each.name for each in fields(TaskSettings)}
