"""`tfx-explain compile`: a pipeline as the file that Kubeflow Pipelines or Vertex AI takes."""

from __future__ import annotations

import importlib
import inspect
import os
import sys
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import yaml

from tfx_explain.cli import options
from tfx_explain.kubeflow.compile import Target, as_text, compile_pipeline
from tfx_explain.pipelines import quiet
from tfx_explain.proto.printable import first_line

if TYPE_CHECKING:
    from tfx import v1 as tfx

_KINDS = {"str": str, "int": int, "float": float}


@click.command(
    "compile",
    epilog=options.examples(
        "compile my_package.pipeline:create --target kfp --image registry/image:1 --output pipeline.yaml",
        "compile my_package.pipeline:create --target vertex --image registry/image:1 --output pipeline.json"
        " --argument root=gs://bucket/root --parameter epochs:int=5",
    ),
)
@click.argument("function", metavar="MODULE:FUNCTION")
@click.option("--target", required=True, type=click.Choice([each.value for each in Target]), help="Where it is to run.")
@click.option("--image", required=True, metavar="IMAGE", help="Container image with TFX and tfx-explain.")
@click.option("--output", required=True, type=options.FILE, help="The file to write.")
@click.option("--argument", "arguments", multiple=True, metavar="NAME=VALUE", help="For the function; may be repeated.")
@click.option(
    "--parameter",
    "parameters",
    multiple=True,
    metavar="NAME[:KIND]=VALUE",
    help="As --argument, but a run may give another value; KIND is str (the default), int or float.",
)
@click.option(
    "--settings",
    type=options.EXISTING_FILE,
    help="YAML file: resources, environment, secrets, volumes, retries by node.",
)
def command(
    function: str,
    target: str,
    image: str,
    output: Path,
    arguments: Sequence[str],
    parameters: Sequence[str],
    settings: Path | None,
) -> None:
    """Compiles the tfx.dsl.Pipeline that FUNCTION of MODULE returns.

    Writes YAML for `--target kfp` (Kubeflow Pipelines, open source), JSON for `--target vertex` (Vertex AI Pipelines).
    MODULE is imported, from the current folder too. docs/kubeflow.md has the whole way to a running pipeline.
    """
    given = _read_settings(settings) if settings else {}
    pipeline = _create(function, arguments, parameters)
    documents = compile_pipeline(pipeline, image, Target(target), given)
    output.write_text(as_text(documents, Target(target)), encoding="utf-8")


def _load(name: str) -> Callable[..., Any]:
    """Imports `module:function`."""
    module_name, _, function_name = name.partition(":")
    if not module_name or not function_name:
        raise click.UsageError(f"{name!r} names no function; give it as module:function.")
    sys.path.insert(0, os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise ValueError(f"{name}: {first_line(error)}.") from error
    function = getattr(module, function_name, None)
    if not callable(function):
        raise ValueError(f"{module_name} has no function {function_name!r}.")
    return function


def _create(name: str, arguments: Sequence[str], parameters: Sequence[str]) -> tfx.dsl.Pipeline:
    with quiet.stderr_to(Path(os.devnull)):  # TensorFlow Transform warns of Keras 3, which this package is for.
        from tfx import v1 as tfx
        from tfx.orchestration import data_types

    create = _load(name)
    kinds = typing.get_type_hints(create)
    values = {key: _as_kind(kinds.get(key, str), key, text) for key, text in map(_split, arguments)}
    for key, text in map(_split, parameters):
        key, _, kind = key.partition(":")
        if kind and kind not in _KINDS:
            raise click.UsageError(f"--parameter {key}:{kind}: the kinds are {', '.join(_KINDS)}.")
        ptype = _KINDS[kind or "str"]
        values[key] = data_types.RuntimeParameter(name=key, ptype=ptype, default=_as_kind(ptype, key, text))
    _check_names(create, name, values)
    pipeline = create(**values)
    if not isinstance(pipeline, tfx.dsl.Pipeline):
        raise ValueError(f"{name} returned {type(pipeline).__name__}, not a tfx.dsl.Pipeline.")
    return pipeline


def _check_names(create: Callable[..., Any], name: str, values: Mapping[str, Any]) -> None:
    try:
        inspect.signature(create).bind(**values)
    except TypeError as error:
        raise ValueError(f"{name}{inspect.signature(create)}: {error}; see --argument.") from error


def _split(pair: str) -> tuple[str, str]:
    name, equals, value = pair.partition("=")
    if not name or not equals:
        raise click.UsageError(f"{pair!r} gives no value; write NAME=VALUE.")
    return name, value


def _as_kind(kind: Any, name: str, text: str) -> Any:
    """Reads a value as what the function's annotation says; all that is no number or bool is text."""
    kinds = set(typing.get_args(kind)) or {kind}
    try:
        if bool in kinds:
            return {"true": True, "false": False}[text.lower()]
        return next((each(text) for each in (int, float) if each in kinds), text)
    except (KeyError, ValueError) as error:
        raise ValueError(f"{name}={text}: that is no {kind}.") from error


def _read_settings(path: Path) -> Mapping[str, Any]:
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is no YAML: {first_line(error)}") from error
    if not isinstance(given, Mapping):
        raise ValueError(f"{path} must hold settings by node id, or under `default`.")
    return given
