"""What `explain` and `whatif` are both asked: which models, on which rows, which outputs of theirs, and how."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
import tensorflow as tf
from google.protobuf import json_format

from tfx_explain.beam.explaining.job import ExplanationJob
from tfx_explain.beam.explaining.outputs import ALL
from tfx_explain.beam.reading.read import PARQUET, TF_EXAMPLE, Format
from tfx_explain.cli import options
from tfx_explain.cli.assignments import parse_element
from tfx_explain.cli.wording import BY_INSPECT, options_for
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata, read_metadata
from tfx_explain.storage.paths import names_in, served

_METHODS = ("integrated_gradients", "sampled_shapley", "kernel_shap", "lime", "occlusion", "xrai", "superpixel")
_ALL = "all"
_SPLIT = "Split-"
_OPTIONS = (
    click.option(
        "--model", required=True, metavar="DIR", help="The SavedModel to explain, or a Model artifact's folder."
    ),
    click.option(
        "--examples",
        required=True,
        metavar="PATH",
        help="TFRecords of tf.Examples, or *.parquet: a file, a glob, a folder or an artifact's.",
    ),
    click.option(
        "--metadata",
        metavar="PATH",
        help="explanation_metadata.json, or its artifact's folder; found out from the model by default.",
    ),
    click.option("--baseline-model", default="", metavar="DIR", help="A second model, explained on the same rows."),
    click.option("--method", type=click.Choice(_METHODS), help="Integrated gradients by default."),
    click.option(
        "--class",
        "classes",
        metavar="NAME",
        multiple=True,
        help="Name or index of a class to explain, or all; repeatable. Default: of two the second, else the predicted.",
    ),
    click.option("--top-k", type=click.IntRange(min=1), metavar="K", help="Explains each row's K highest classes."),
    options.OUTPUT_NAME,
    options.OUTPUT_ELEMENT,
    click.option(
        "--tolerance",
        type=click.FloatRange(min=0, min_open=True),
        help="Largest error, relative to the sum of a row's absolute attributions.",
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
    top_k: int | None,
    output_name: str,
    output_element: str | None,
    tolerance: float | None,
    parameters: str | None,
    keep_maps: bool = False,
    tokens: Sequence[str] = (),
) -> ExplanationJob:
    """Returns the job that the options describe; they win over the same in a file of parameters.

    Raises:
      ValueError: A file holds something else, or the model can't be explained as asked.
    """
    model, baseline_model = served(model), served(baseline_model) if baseline_model else ""
    settings = _parameters(parameters)
    settings.keep_maps |= keep_maps
    if tokens:
        settings.tokens.features[:] = tokens
    choose(settings, classes, top_k, output_name, output_element)
    _set_method(settings, method, tolerance)
    return ExplanationJob(model, _metadata(model, metadata, settings), settings, baseline_model)


def examples_pattern(path: str, split: str = "eval") -> str:
    """Returns what --examples names as a pattern of files: of a folder all of its files, of an artifact's the split's.

    Raises:
      ValueError: An artifact's folder has no such split.
    """
    if not tf.io.gfile.isdir(path):
        return path
    splits = [name for name in names_in(path) if name.startswith(_SPLIT)]
    if not splits:
        return os.path.join(path, "*")
    if _SPLIT + split not in splits:
        raise ValueError(f"{path!r} has no {_SPLIT}{split}, but {', '.join(splits)}; name the folder of one.")
    return os.path.join(path, _SPLIT + split, "*")


def format_of(files: Sequence[str]) -> Format:
    """Returns how files are read, by their names."""
    return Format(PARQUET if all(path.endswith(".parquet") for path in files) else TF_EXAMPLE)


def _metadata(
    model: str, path: str | None, parameters: explanation_pb2.ExplanationParameters
) -> explanation_pb2.ExplanationMetadata:
    if path is None:
        with options_for(BY_INSPECT):
            return generate_metadata(model, output_element=parameters.output_element)
    return read_metadata(path)


def _parameters(path: str | None) -> explanation_pb2.ExplanationParameters:
    parameters = explanation_pb2.ExplanationParameters()
    if path is not None:
        try:
            with tf.io.gfile.GFile(path) as file:
                json_format.Parse(file.read(), parameters)
        except json_format.ParseError as error:
            raise ValueError(f"{path} is no ExplanationParameters in JSON: {error}") from error
        except tf.errors.OpError as error:
            raise ValueError(f"{path} can't be read ({error.message}); check the path of --parameters.") from error
    return parameters


def choose(
    parameters: explanation_pb2.ExplanationParameters,
    classes: Sequence[str],
    top_k: int | None,
    output_name: str,
    output_element: str | None,
) -> None:
    """Sets which output is explained, and which of its classes; one choice of classes takes the place of another."""
    if classes or top_k:
        for field in ("class_names", "output_indices", "top_k"):
            parameters.ClearField(field)
    if tuple(classes) in ((_ALL,), (str(ALL),)):
        parameters.output_indices.append(ALL)
    else:
        parameters.class_names.extend(classes)
    if top_k:
        parameters.top_k = top_k
    if output_name:
        parameters.output_name = output_name
    if output_element:
        parameters.output_element[:] = parse_element(output_element)


def _set_method(parameters: explanation_pb2.ExplanationParameters, method: str | None, tolerance: float | None) -> None:
    """Sets the method, if one was chosen, and its tolerance."""
    field = f"{method}_attribution" if method else parameters.WhichOneof("method") or f"{_METHODS[0]}_attribution"
    if method or tolerance:
        getattr(parameters, field).SetInParent()
    if tolerance and field == "occlusion_attribution":
        raise ValueError("occlusion has no error to be held against a tolerance; leave --tolerance out.")
    if tolerance:
        getattr(parameters, field).tolerance = tolerance
