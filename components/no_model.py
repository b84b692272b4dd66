"""A Model artifact that holds no model, and says so: where a task must have an input, there is no "none yet"."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass

from tfx.dsl.io import fileio
from tfx.types import standard_component_specs as keys
from tfx.types.artifact import Artifact

from tfx_explain.storage.directory import complete_directory

FILE = "no_model.json"
PROPERTY = "no_model"


@dataclass(frozen=True)
class NoModel:
    """What is in place of a model.

    Attributes:
      why: For people: where one was looked for, and what was found.
      is_first: Whether none was ever there, as far as can be seen; else there should be one.
    """

    why: str
    is_first: bool

    def write(self, artifact: Artifact) -> None:
        """Makes an output artifact say that there is no model: a file, which counts, and a property for people."""
        with complete_directory(artifact.uri) as directory, fileio.open(os.path.join(directory, FILE), "w") as file:
            file.write(json.dumps(dataclasses.asdict(self)))
        artifact.set_string_custom_property(PROPERTY, self.why)


def read_no_model(artifact: Artifact) -> NoModel | None:
    """Returns why a Model artifact holds no model; None of one that doesn't say so.

    The file alone counts: some orchestrators pass no properties on.
    """
    path = os.path.join(artifact.uri, FILE)
    if not fileio.exists(path):
        return None
    with fileio.open(path, "r") as file:
        return NoModel(**json.load(file))


def without_empty_baseline(input_dict: dict[str, list[Artifact]]) -> dict[str, list[Artifact]]:
    """Returns an executor's inputs without a baseline model that says that it is none."""
    baselines = input_dict.get(keys.BASELINE_MODEL_KEY)
    if not baselines:
        return input_dict
    return {**input_dict, keys.BASELINE_MODEL_KEY: [one for one in baselines if read_no_model(one) is None]}
