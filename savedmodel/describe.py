"""Writes what was found about a feature into its metadata."""

from __future__ import annotations

from collections.abc import Sequence

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel.baselines import MEDIAN, ZERO, choose_baseline, to_proto
from tfx_explain.savedmodel.features import Feature
from tfx_explain.savedmodel.flat import node_of
from tfx_explain.savedmodel.metadata import INTEGRATED_GRADIENTS, SAMPLED_SHAPLEY
from tfx_explain.savedmodel.outputs import explainable_outputs, find_logits
from tfx_explain.savedmodel.read import ReadModel
from tfx_explain.savedmodel.statistics import FeatureSummary

STUCK = (
    "No float tensor that depends on this feature alone leads to the output by differentiable ops only, so integrated "
    "gradients cannot explain it; sampled Shapley can."
)
FLAT = (
    "Its gradient is zero although its value moves the output, so integrated gradients cannot explain it; sampled "
    "Shapley can."
)
HELD = (
    "For integrated gradients, what passes ops without a gradient (comparison, rounding, mask) is held at the row's "
    "value."
)
CUSTOM = "The model has custom gradients for it, which are not used: attributions add up under those of what is served."
NOT_COUNTED = (
    "The schema says that it stands for names, but the statistics were made without the schema, so the most frequent "
    "value is not known: its baseline is the median."
)
NO_STATISTICS = "The statistics have no value of this feature, so its baseline is zero."


def describe_outputs(metadata: explanation_pb2.ExplanationMetadata, read: ReadModel) -> list[str]:
    """Adds the float outputs to `metadata`; returns the tensors to explain: logits where they are found."""
    tensors = []
    for name, tensor in explainable_outputs(read).items():
        entry = metadata.outputs[name]
        entry.output_tensor_name = name
        entry.output_tensor_dtype = read.specs[tensor].dtype.name
        entry.logits_tensor_name = find_logits(read, tensor)
        tensors.append(entry.logits_tensor_name or tensor)
    return tensors


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
    input_names = {tensor: name for name, tensor in read.graph.inputs.items()}
    casts = any(read.graph.nodes[node_of(tensor)].op == "Cast" for tensor in encoded)
    numeric = feature.dtype.is_floating or casts  # integers that are cast are amounts, others are looked up
    entry = explanation_pb2.InputMetadata(
        input_tensor_name=input_names.get(feature.values, feature.values),
        input_tensor_dtype=feature.dtype.name,
        indices_tensor_name=feature.indices,
        dense_shape_tensor_name=feature.dense_shape,
        encoding="combined_embedding" if feature.is_sparse and not numeric else "identity",
        modality="numeric" if numeric else "categorical",
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


def describe_values(
    entry: explanation_pb2.InputMetadata, feature: Feature, statistics: FeatureSummary, are_given: bool
) -> None:
    """Adds to `entry` what a feature's statistics say: modality, encoding, domain and baseline."""
    baseline = choose_baseline(feature, statistics)
    entry.input_baselines.append(to_proto(baseline.value))
    entry.baseline_source = baseline.source
    if baseline.source == ZERO and are_given:
        add_finding(entry, NO_STATISTICS)
    if baseline.source == MEDIAN and statistics.categorical:
        add_finding(entry, NOT_COUNTED)
    if statistics.most_values == 1:
        entry.encoding = "identity"
    if statistics.categorical:
        entry.modality = "categorical"
    elif statistics.median is not None:
        entry.modality = "numeric"
    if statistics.median is not None:
        entry.domain.min, entry.domain.max = statistics.minimum, statistics.maximum
        entry.domain.original_mean, entry.domain.original_stddev = statistics.mean, statistics.stddev


def add_finding(entry: explanation_pb2.InputMetadata, sentence: str) -> None:
    """Appends a sentence to what people read about a feature."""
    entry.finding = " ".join(part for part in (entry.finding, sentence) if part)
