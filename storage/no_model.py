"""A Model artifact that holds no model, and says so: where a task must have an input, there is no "none yet"."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass

import tensorflow as tf

from tfx_explain.storage.directory import complete_directory

FILE = "no_model.json"


@dataclass(frozen=True)
class NoModel:
    """What is in place of a model.

    Attributes:
      why: For people: where one was looked for, and what was found.
      is_first: Whether none was ever there, as far as can be seen; else there should be one.
    """

    why: str
    is_first: bool


def write_no_model(uri: str, no_model: NoModel) -> None:
    """Makes an artifact's directory say that it holds no model."""
    with complete_directory(uri) as directory, tf.io.gfile.GFile(os.path.join(directory, FILE), "w") as file:
        file.write(json.dumps(dataclasses.asdict(no_model)))


def read_no_model(uri: str) -> NoModel | None:
    """Returns why an artifact's directory holds no model; None of one that doesn't say so."""
    path = os.path.join(uri, FILE)
    if not tf.io.gfile.exists(path):
        return None
    with tf.io.gfile.GFile(path, "r") as file:
        return NoModel(**json.loads(file.read()))
