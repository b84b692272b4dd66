"""What `explain` and `whatif` are both asked: which models, on which rows, which outputs of theirs, and how."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
import tensorflow as tf
from google.protobuf import json_format

from tfx_explain.beam.explaining.job import ExplanationJob
from tfx_explain.beam.explaining.outputs import ALL
from tfx_explain.beam.reading.read import PARQUET, TF_EXAMPLE, Format
from tfx_explain.cli.assignments import parse_element
from tfx_explain.cli.wording import BY_INSPECT, options_for
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata, metadata_from_json

_METHODS = ("integrated_gradients", "sampled_shapley", "kernel_shap")
_ALL = "all"
_OPTIONS = (
    click.option("--model", required=True, metavar="DIR", help="The SavedModel to explain."),
    click.option("--examples", required=True, metavar="GLOB", help="TFRecords of tf.Examples, or *.parquet files."),
    click.option("--metadata", metavar="FILE", help="explanation_metadata.json; found out from the model by default."),
    click.option(
        "--baseline-model", default="", metavar="DIR", help="A second SavedModel, explained on the same rows."
    ),
    click.option("--method", type=click.Choice(_METHODS), help="Integrated gradients by default."),
    click.option(
        "--class",
        "classes",
        metavar="NAME",
        multiple=True,
        help="Name or index of a class to explain, or all; repeatable. Default: of two the second, else the predicted.",
    ),
    click.option(
        "--output-element",
        metavar="I,J,...",
        help="Of an output of rank three and more, the element to explain, by indices.",
    ),
    click.option("--parameters", metavar="FILE", help="ExplanationParameters as JSON: all else that can be set."),
)

_Command = TypeVar("_Command", bound=Callable[..., Any])


def job_options(command: _Command) -> _Command:
    """Gives a command the options that say what is explained; `read_job` takes all of them but the examples."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def read_job(
    *,
    model: str,
    metadata: str | None,
    baseline_model: str,
    method: str | None,
    classes: Sequence[str],
    output_element: str | None,
    parameters: str | None,
) -> ExplanationJob:
    """Returns the job that the options describe.

    Raises:
      ValueError: A file holds something else, or the model can't be explained as asked.
    """
    settings = _parameters(parameters, method, classes)
    if output_element:
        settings.output_element[:] = parse_element(output_element)
    return ExplanationJob(model, _metadata(model, metadata, settings), settings, baseline_model)


def format_of(files: Sequence[str]) -> Format:
    """Returns how files are read, by their names."""
    return Format(PARQUET if all(path.endswith(".parquet") for path in files) else TF_EXAMPLE)


def _metadata(
    model: str, path: str | None, parameters: explanation_pb2.ExplanationParameters
) -> explanation_pb2.ExplanationMetadata:
    if path is None:
        with options_for(BY_INSPECT):
            return generate_metadata(model, output_element=parameters.output_element)
    with tf.io.gfile.GFile(path) as file:
        return metadata_from_json(file.read())


def _parameters(path: str | None, method: str | None, classes: Sequence[str]) -> explanation_pb2.ExplanationParameters:
    parameters = explanation_pb2.ExplanationParameters()
    if path is not None:
        try:
            with tf.io.gfile.GFile(path) as file:
                json_format.Parse(file.read(), parameters)
        except json_format.ParseError as error:
            raise ValueError(f"{path} is no ExplanationParameters in JSON: {error}") from error
    if method is not None:
        getattr(parameters, f"{method}_attribution").SetInParent()
    if tuple(classes) == (_ALL,):
        parameters.output_indices.append(ALL)
    else:
        parameters.class_names.extend(classes)
    return parameters
