"""Writes what was found about a feature into its metadata."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import tensorflow as tf

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel.analysis.encodings import Encodings
from tfx_explain.savedmodel.analysis.features import Feature
from tfx_explain.savedmodel.analysis.modality import IMAGE, encoding, is_decoded, modality
from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.analysis.tokens import TokensNotFoundError
from tfx_explain.savedmodel.explainable.model import ExplainableModel
from tfx_explain.savedmodel.generation.black import black
from tfx_explain.savedmodel.generation.columns import Columns
from tfx_explain.savedmodel.generation.indicators import column_names
from tfx_explain.savedmodel.graph.signature import TENSORFLOW1
from tfx_explain.savedmodel.metadata.metadata import INTEGRATED_GRADIENTS, SAMPLED_SHAPLEY
from tfx_explain.savedmodel.metadata.rules import BAG_OF_FEATURES
from tfx_explain.savedmodel.rows.baselines import ZERO, to_proto

STUCK = (
    "No float tensor that depends on this feature alone leads to the output by differentiable ops only, so integrated "
    "gradients cannot explain it; sampled Shapley can."
)
FLAT = (
    "Its gradient is zero although its value moves the output, so integrated gradients cannot explain it; sampled "
    "Shapley can."
)
COLUMNS_LOST = (
    "The model mixes or splits its columns before gradients can be taken, so integrated gradients cannot explain them "
    "one by one; sampled Shapley can."
)
NO_OUTPUT = "At its baseline the output is not a finite number, so {method} cannot explain it."
INDICATOR = "Its columns have names: without group_name each of them gets an attribution of its own."
HELD = (
    "For integrated gradients, what passes ops without a gradient (comparison, rounding, mask) is held at the row's "
    "value."
)
CUSTOM = "The model has custom gradients for it, which are not used: attributions add up under those of what is served."
MERGED = (
    "The model merges it with {others} before any float tensor, so they get one joint attribution, {group!r}. Sampled "
    "Shapley tells them apart where overrides give one of them a group_name of its own."
)
ENCODED_BASELINE = "No string stands for nothing, so the baseline is {number:g} at its encoded tensor."
NO_SHAPLEY = "Some of its values reach the output past that tensor, so that sampled Shapley cannot explain it."
NO_TOKENS = (
    "Its tokens can't be found by their vectors, so that integrated gradients see it as a whole; its tokens are for "
    "methods that leave some out, such as kernel_shap_attribution: {why}."
)
WEIGHTED = "Its values are weighted by {weights!r}, which is explained together with it."


def describe_tensors(
    read: ReadModel, feature: Feature, encoded: Sequence[str], is_past: bool
) -> explanation_pb2.InputMetadata:
    """The entry of a feature, without its baselines.

    Args:
        read: the model.
        feature: the feature.
        encoded: its encoded tensors; empty where there are none.
        is_past: whether some of its values get to the outputs past them.
    """
    by_graph = read.signature.framework == TENSORFLOW1
    input_names = {} if by_graph else {tensor: name for name, tensor in read.graph.inputs.items()}
    kind = modality(read, feature, encoded)
    entry = explanation_pb2.InputMetadata(
        input_tensor_name=input_names.get(feature.values, feature.values),
        input_tensor_dtype=feature.dtype.name,
        input_tensor_shape=feature.row_shape,
        indices_tensor_name=feature.indices,
        dense_shape_tensor_name=feature.dense_shape,
        encoding=encoding(feature, kind, [read.specs[tensor].shape for tensor in encoded]),
        modality=kind,
        explainable_by=[INTEGRATED_GRADIENTS, SAMPLED_SHAPLEY] if encoded else [SAMPLED_SHAPLEY],
    )
    if len(encoded) > 1:
        entry.encoded_tensor_names.extend(encoded)
    elif encoded and encoded[0] != feature.values:
        entry.encoded_tensor_name = encoded[0]
    if entry.encoded_tensor_name or entry.encoded_tensor_names:
        entry.encoded_tensor_dtype = read.specs[encoded[0]].dtype.name
    if not encoded:
        add_finding(entry, STUCK)
    elif is_past:
        add_finding(entry, HELD)
    if any(feature.name in read.depends[f"{node}:0"] for node in read.graph.custom_gradients):
        add_finding(entry, CUSTOM)
    return entry


def describe_merging(entry: explanation_pb2.InputMetadata, read: ReadModel, name: str, encodings: Encodings) -> None:
    """Adds to `entry` with which other features it is explained: those that it is merged with, or that weigh it."""
    group = encodings.groups.get(name)
    if group:
        entry.group_name = "+".join(sorted(group))
        others = ", ".join(map(repr, sorted(group - {name})))
        add_finding(entry, MERGED.format(others=others, group=entry.group_name))
    weights = read.features.by_name.get(encodings.weights.get(name, ""))
    if weights:
        entry.weight_values_name = weights.values
        entry.weight_indices_name, entry.weight_dense_shape_name = weights.indices, weights.dense_shape
        add_finding(entry, WEIGHTED.format(weights=weights.name))


def describe_tokens(metadata: explanation_pb2.ExplanationMetadata, models: Collection[ExplainableModel]) -> None:
    """Says of texts and lists why their tokens can't be told apart, if they can't.

    Args:
        metadata: changed in place.
        models: opened with it, one for each output.
    """
    for name, entry in sorted(metadata.inputs.items()):
        model = next((one for one in models if name in one.raw_features), None)
        feature = model and model.raw_features[name]
        is_list = feature and feature.is_sparse and not feature.dtype.is_floating
        if not model or not (entry.modality == "text" or is_list):
            continue
        try:
            model.check_tokens(name)
        except TokensNotFoundError as error:
            add_finding(entry, NO_TOKENS.format(why=error.why))
        except (ValueError, tf.errors.OpError):
            pass  # is said where tokens are asked for


def describe_matrix(entry: explanation_pb2.InputMetadata, columns: Columns) -> None:
    """Names the columns of a matrix, each of which gets an attribution of its own."""
    add_finding(entry, columns.finding)
    if columns.names:
        entry.encoding = BAG_OF_FEATURES
        entry.index_feature_mapping.extend(columns.names)
    if columns.names and not columns.are_encoded and INTEGRATED_GRADIENTS in entry.explainable_by:
        entry.explainable_by.remove(INTEGRATED_GRADIENTS)
        add_finding(entry, COLUMNS_LOST)


def describe_columns(
    entry: explanation_pb2.InputMetadata,
    read: ReadModel,
    feature: Feature,
    encoded: Sequence[str],
    known: Sequence[Any],
) -> None:
    """Names the columns of an encoded tensor of zeros and ones; together they stay one feature."""
    if entry.group_name or entry.weight_values_name or entry.encoding != "combined_embedding":
        return
    names = column_names(read, feature, encoded, known)
    if names:
        entry.encoding, entry.group_name = "indicator", feature.name
        entry.index_feature_mapping.extend(names)
        add_finding(entry, INDICATOR)


def describe_decoded(
    entry: explanation_pb2.InputMetadata, read: ReadModel, feature: Feature, is_past: bool, rows: Any
) -> None:
    """Gives a string in a format (an image, numbers) a baseline where it is decoded, if nothing better is known.

    Args:
        entry: changed in place.
        read: the model.
        feature: the feature.
        is_past: whether some of its values get to the outputs past its encoded tensor.
        rows: that the model accepts.
    """
    if ZERO not in entry.baseline_source or INTEGRATED_GRADIENTS not in entry.explainable_by:
        return
    if is_decoded(read, feature):
        is_picture = entry.modality == IMAGE and bool(entry.encoded_tensor_name)
        number = black(read, feature.name, entry.encoded_tensor_name, rows) if is_picture else 0.0
        entry.encoded_baselines.extend(to_proto(number) for _ in entry.input_baselines)
        del entry.input_baselines[:]
        entry.baseline_source = ZERO
        add_finding(entry, ENCODED_BASELINE.format(number=number))
        if is_past:
            entry.explainable_by.remove(SAMPLED_SHAPLEY)
            add_finding(entry, NO_SHAPLEY)


def add_finding(entry: explanation_pb2.InputMetadata, sentence: str) -> None:
    """Appends a sentence to what people read about a feature, unless it is there."""
    if sentence not in entry.finding:
        entry.finding = " ".join(part for part in (entry.finding, sentence) if part)
