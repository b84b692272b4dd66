"""Explanation metadata in words: what tables for people are made of, on a terminal and in a notebook."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from google.protobuf import json_format

from tfx_explain.proto import explanation_pb2
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


@dataclass(frozen=True)
class DescribedFeature:
    """A feature in words; what stands here may hold anything that the metadata's names do.

    Attributes:
        name: the feature.
        dtype: of its tensor.
        shape: of its tensor, without the rows' axis.
        modality: "numeric", "categorical", ...
        encoded: the encoded tensors by the last parts of their names, or a word.
        methods: that can explain it.
        baseline: its baselines and where they are from.
        finding: what cannot be explained, and why; mostly empty.
        columns: of the first columns that get an attribution of their own, each one's name and baseline.
        columns_left_out: how many more of these there are.
    """

    name: str
    dtype: str
    shape: str
    modality: str
    encoded: Sequence[str]
    methods: str
    baseline: str
    finding: str
    columns: Sequence[tuple[str, str]]
    columns_left_out: int


def described_features(metadata: explanation_pb2.ExplanationMetadata) -> list[DescribedFeature]:
    """Every feature in words, sorted by name."""
    return [_feature(name, entry) for name, entry in sorted(metadata.inputs.items())]


def described_outputs(metadata: explanation_pb2.ExplanationMetadata) -> dict[str, str]:
    """By output, sorted by name: which quantity is explained, and of which of its classes."""
    return {name: _explained(output) for name, output in sorted(metadata.outputs.items())}


def _feature(name: str, entry: explanation_pb2.InputMetadata) -> DescribedFeature:
    columns = [] if entry.group_name else list(entry.index_feature_mapping)
    values: list[Any] = [json_format.MessageToDict(value) for value in entry.input_baselines]
    return DescribedFeature(
        name=name,
        dtype=entry.input_tensor_dtype,
        shape=str([None if size < 0 else size for size in entry.input_tensor_shape]),
        modality=entry.modality,
        encoded=_encoded(entry),
        methods=_methods(entry),
        baseline=_baselines(entry),
        finding=entry.finding,
        columns=[(column, _of_column(values, i)) for i, column in enumerate(columns[:_COLUMNS])],
        columns_left_out=max(0, len(columns) - _COLUMNS),
    )


def _of_column(values: Sequence[Any], index: int) -> str:
    return ", ".join(
        json.dumps(_plain(value[index] if isinstance(value, list) else value)) for value in values[:_BASELINES]
    )


def _encoded(entry: explanation_pb2.InputMetadata) -> list[str]:
    """The encoded tensors by the last parts of their names; the feature itself where it is float."""
    names = list(entry.encoded_tensor_names) or [name for name in (entry.encoded_tensor_name,) if name]
    if not names:
        return ["itself" if "integrated_gradients" in entry.explainable_by else "nothing"]
    return ["/".join(name.split("/")[-2:]) for name in names]


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
