"""Metadata for a SavedModel, found without a human: every stage, in order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel.describe import (
    FLAT,
    add_finding,
    describe_outputs,
    describe_tensors,
    describe_values,
)
from tfx_explain.savedmodel.explainable import open_model
from tfx_explain.savedmodel.frontier import Analysis, analyse, float_tensors, frontier
from tfx_explain.savedmodel.metadata import INTEGRATED_GRADIENTS
from tfx_explain.savedmodel.probes import probe_rows
from tfx_explain.savedmodel.read import ReadModel, read_model
from tfx_explain.savedmodel.rows import aligned_tensors, refuse_batch_dependence, runner
from tfx_explain.savedmodel.statistics import FeatureSummary, summarize
from tfx_explain.savedmodel.verify import check_reproduces, dead_ends, settle_baselines
from tfx_explain.savedmodel.vocabulary import vocabularies

Parameters = explanation_pb2.ExplanationParameters


def generate_metadata(
    model_dir: str,
    *,
    signature_name: str | None = None,
    statistics: statistics_pb2.DatasetFeatureStatisticsList | None = None,
    schema: schema_pb2.Schema | None = None,
) -> explanation_pb2.ExplanationMetadata:
    """Finds out how a SavedModel can be explained.

    Args:
        model_dir: a TF 2 SavedModel.
        signature_name: the signature to explain. None: the only one, else `xai_model`, else `serving_default`.
        statistics: TFDV statistics of the training data: baselines and domains come from them.
        schema: of the training data: says which integers stand for names.

    Returns:
        The metadata, the same for the same model and statistics. Features that no output depends on are left out.

    Raises:
        ValueError: if there is no such model or signature, or if it cannot be explained; it says why.
    """
    read = read_model(model_dir, signature_name)
    summaries = summarize(statistics, schema)
    metadata = explanation_pb2.ExplanationMetadata(framework="tensorflow2", signature_name=read.signature.name)
    analysis = analyse(read, describe_outputs(metadata, read))
    names = _used_features(analysis)
    rows, aligned = _try(analysis, {name: read.graph.outputs[name] for name in metadata.outputs}, summaries)
    encoded = {name: frontier(analysis, name, aligned.__contains__) for name in names}
    read = read.with_operands([tensor for tensors in encoded.values() for tensor in tensors])
    past = read.past([tensor for tensors in encoded.values() for tensor in tensors], analysis.outputs)
    for name in names:
        entry = metadata.inputs[name]
        entry.CopyFrom(describe_tensors(read, read.features.by_name[name], encoded[name], name in past))
        describe_values(
            entry, read.features.by_name[name], summaries.get(name, FeatureSummary()), statistics is not None
        )
    _verify(metadata, read, rows)
    return metadata


def _used_features(analysis: Analysis) -> list[str]:
    """The features that an output depends on, sorted."""
    read = analysis.read
    used = sorted(set().union(*(read.depends[tensor] for tensor in analysis.outputs)))
    if not used:
        there = ", ".join(map(repr, read.features.by_name)) or "none"
        raise ValueError(
            f"No feature of signature {read.signature.name!r} reaches its outputs (it takes {there}), so there is "
            "nothing to explain; export the signature that serves the model's predictions."
        )
    return used


def _try(
    analysis: Analysis, served: Mapping[str, str], summaries: Mapping[str, FeatureSummary]
) -> tuple[Any, frozenset[str]]:
    """Rows that the model accepts, and the float tensors that it makes row by row."""
    read = analysis.read
    tensors = [tensor for found in float_tensors(analysis).values() for tensor in found]
    run = runner(read.graph, read.signature.input_specs, list(dict.fromkeys([*served.values(), *tensors])))
    tables = vocabularies(read.graph, read.features, read.depends)
    rows = probe_rows(read, summaries, tables, run)
    aligned = aligned_tensors(run, rows)
    refuse_batch_dependence(run, rows, aligned, served)
    return rows, aligned


def _verify(metadata: explanation_pb2.ExplanationMetadata, read: ReadModel, rows: Any) -> None:
    """Opens the model with its new metadata, as the Explainer will, and takes back what turns out not to hold."""
    served = read.signature.function(**(rows if isinstance(rows, Mapping) else {read.features.examples_input: rows}))
    for output in sorted(metadata.outputs):
        settle_baselines(open_model(read, metadata, output, Parameters.SERVED).raw(), rows, metadata)
    smooth = explanation_pb2.ExplanationMetadata()
    smooth.CopyFrom(metadata)
    for name, entry in metadata.inputs.items():
        if INTEGRATED_GRADIENTS not in entry.explainable_by:
            del smooth.inputs[name]
    flat: set[str] = set()
    for output in sorted(metadata.outputs):
        cut = open_model(read, metadata, output, Parameters.SERVED).coalitional()
        check_reproduces(cut, rows, served[output], output)
        if smooth.inputs:
            cut = open_model(read, smooth, output, Parameters.SERVED).differentiable()
            check_reproduces(cut, rows, served[output], output)
            if metadata.outputs[output].logits_tensor_name:  # where probabilities are flat, these are not
                cut = open_model(read, smooth, output, Parameters.LOGITS).differentiable()
            flat.update(dead_ends(cut, rows))
    for name, entry in metadata.inputs.items():
        if (entry.group_name or name) in flat:
            entry.explainable_by.remove(INTEGRATED_GRADIENTS)
            add_finding(entry, FLAT)
