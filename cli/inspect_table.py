"""Explanation metadata as a table for people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from google.protobuf import json_format
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tfx_explain.cli.output import printing
from tfx_explain.proto import explanation_pb2
from tfx_explain.proto.printable import printable
from tfx_explain.savedmodel.metadata.rules import (
    EXCLUSIVE,
    HIGHEST_LABEL,
    INDEPENDENT,
    LOG_ODDS,
    LOGITS,
    SERVED,
)

_BASELINES = 3  # more are counted
_COLUMNS = 50
_LONG = 40
_QUANTITIES = {LOG_ODDS: "the log-odds", LOGITS: "the raw logits", SERVED: "what is served"}
_METHODS = {"integrated_gradients": "integrated gradients", "sampled_shapley": "sampled Shapley"}


def metadata_table(metadata: explanation_pb2.ExplanationMetadata, model_dir: str, stderr: bool = False) -> None:
    """Prints a row for each feature, then what there is to say of each, then the outputs."""
    with printing(stderr) as console:
        _print(console, metadata, model_dir)


def _print(console: Console, metadata: explanation_pb2.ExplanationMetadata, model_dir: str) -> None:
    console.print(Text(printable(f"{model_dir}, signature {metadata.signature_name}"), style="bold"))
    table = Table()
    for header in ("Feature", "Dtype", "Shape", "Modality", "Encoded through", "Explainable by", "Baseline"):
        table.add_column(header, overflow="fold")
    for name, entry in sorted(metadata.inputs.items()):
        shape = [None if size < 0 else size for size in entry.input_tensor_shape]
        cells = (name, entry.input_tensor_dtype, str(shape), entry.modality, _methods(entry), _baselines(entry))
        name, dtype, shape, modality, methods, baselines = map(printable, cells)
        table.add_row(*map(Text, (name, dtype, shape, modality, _encoded(entry), methods, baselines)))
        for row in _columns(entry):
            table.add_row(*map(Text, map(printable, row)))
    console.print(table)
    for name, entry in sorted(metadata.inputs.items()):
        if entry.finding:
            console.print(Text.assemble((printable(name), "bold"), f": {printable(entry.finding)}"))
    for name, output in sorted(metadata.outputs.items()):
        console.print(Text.assemble("Output ", (printable(name), "bold"), f": {_explained(output)}"))


def _columns(entry: explanation_pb2.InputMetadata) -> Iterator[tuple[str, ...]]:
    """A row for each of the first columns that get an attribution of their own."""
    names = [] if entry.group_name else list(entry.index_feature_mapping)
    values: list[Any] = [json_format.MessageToDict(value) for value in entry.input_baselines]
    for i, name in enumerate(names[:_COLUMNS]):
        shown = [json.dumps(_plain(value[i] if isinstance(value, list) else value)) for value in values[:_BASELINES]]
        yield (f"  {name}", *[""] * 5, ", ".join(shown))
    if len(names) > _COLUMNS:
        yield (f"  and {len(names) - _COLUMNS} more columns", *[""] * 6)


def _encoded(entry: explanation_pb2.InputMetadata) -> str:
    """The encoded tensors by the last parts of their names; the feature itself where it is float."""
    names = list(entry.encoded_tensor_names) or [name for name in (entry.encoded_tensor_name,) if name]
    if not names:
        return "itself" if "integrated_gradients" in entry.explainable_by else "nothing"
    return "\n".join(printable("/".join(name.split("/")[-2:])) for name in names)


def _methods(entry: explanation_pb2.InputMetadata) -> str:
    if set(_METHODS) <= set(entry.explainable_by):
        return "any method"
    return ", ".join(_METHODS.get(method, method) for method in entry.explainable_by)


def _baselines(entry: explanation_pb2.InputMetadata) -> str:
    values = [json_format.MessageToDict(value) for value in entry.input_baselines or entry.encoded_baselines]
    shown = [_shortened(json.dumps(_plain(value), ensure_ascii=False)) for value in values[:_BASELINES]]
    more = [f"and {len(values) - _BASELINES} more"] if len(values) > _BASELINES else []
    return f"{', '.join([*shown, *more])} ({entry.baseline_source})"


def _plain(value: Any) -> Any:
    """Numbers as people write them: 3 for 3.0, which is all that JSON's messages know."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _explained(output: explanation_pb2.OutputMetadata) -> str:
    """Which quantity is explained of an output, and of which of its classes."""
    names = [value.string_value for value in output.index_name_mapping.list_value.values]
    quantity = _QUANTITIES[output.explained_quantity or SERVED]
    if output.classes == EXCLUSIVE:
        which = " of exclusive classes: of two the second, else the one that a row's model predicts"
    elif output.classes == INDEPENDENT:
        which = f" of independent labels: {HIGHEST_LABEL.rstrip('.')}"
    else:
        which = ""
    listed = f" ({_shortened(', '.join(names))})" if names else ""
    return f"explained by {quantity}{which}{listed}"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONG else f"{text[: _LONG - 3]}..."
