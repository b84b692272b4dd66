"""Metadata for a SavedModel, found without a human: every stage, in order."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel.analysis.encodings import Encodings, find_encodings
from tfx_explain.savedmodel.analysis.frontier import Analysis, analyse
from tfx_explain.savedmodel.analysis.links import with_blends
from tfx_explain.savedmodel.analysis.outputs import Outputs, describe_outputs, find_outputs
from tfx_explain.savedmodel.analysis.pictures import at_pictures
from tfx_explain.savedmodel.analysis.read import ReadModel, read_model
from tfx_explain.savedmodel.analysis.vocabulary import vocabularies
from tfx_explain.savedmodel.explainable.model import open_model
from tfx_explain.savedmodel.explainable.saved_names import with_own_names
from tfx_explain.savedmodel.generation.apart import take_apart
from tfx_explain.savedmodel.generation.classes import name_classes
from tfx_explain.savedmodel.generation.columns import ColumnNames, Columns, find_columns
from tfx_explain.savedmodel.generation.describe import (
    FLAT,
    NO_OUTPUT,
    add_finding,
    describe_columns,
    describe_decoded,
    describe_lost_tokens,
    describe_matrix,
    describe_merging,
    describe_tensors,
    describe_tokens,
)
from tfx_explain.savedmodel.generation.describe_data import describe_baselines, describe_values
from tfx_explain.savedmodel.generation.indicators import MOST_COLUMNS
from tfx_explain.savedmodel.generation.input_shapes import settle_inputs
from tfx_explain.savedmodel.generation.overrides import check_overrides, merge_metadata
from tfx_explain.savedmodel.generation.verify import (
    NOT_FINITE,
    check_reproduces,
    check_served,
    dead_ends,
    expected_scores,
    no_baseline,
    settle_baselines,
    without_output,
)
from tfx_explain.savedmodel.graph.flat import cut_once
from tfx_explain.savedmodel.metadata.metadata import INTEGRATED_GRADIENTS, SAMPLED_SHAPLEY
from tfx_explain.savedmodel.metadata.rules import LOG_ODDS, SERVED
from tfx_explain.savedmodel.rows.accepted import accepted_rows
from tfx_explain.savedmodel.rows.baselines import parse_choices
from tfx_explain.savedmodel.rows.data import Data, read_data
from tfx_explain.savedmodel.rows.rows import Alignment, refuse_batch_dependence, refuse_lost_rows, runner
from tfx_explain.savedmodel.rows.sample import MOST_ROWS
from tfx_explain.savedmodel.rows.statistics import FeatureSummary

Parameters = explanation_pb2.ExplanationParameters


@cut_once()
def generate_metadata(
    model_dir: str,
    *,
    signature_name: str | None = None,
    output_name: str | None = None,
    output_element: Sequence[int] = (),
    tags: Sequence[str] = (),
    statistics: statistics_pb2.DatasetFeatureStatisticsList | None = None,
    schema: schema_pb2.Schema | None = None,
    examples: Iterable[bytes] | None = None,
    baselines: Sequence[str] = (),
    columns: ColumnNames | None = None,
    overrides: explanation_pb2.ExplanationMetadata | None = None,
) -> explanation_pb2.ExplanationMetadata:
    """Finds out how a SavedModel can be explained.

    Args:
        model_dir: a SavedModel.
        signature_name: the signature to explain. None: the only one, else `xai_model`, else `serving_default`.
        output_name: the output to explain. None: all that can be.
        output_element: of an output of rank three and more (a sequence of scores, a heat map), the element to explain:
            an index for each axis but the rows', or for each but the last as well.
        tags: of the meta graph to open. Empty: "serve", or the only one there is.
        statistics: TFDV statistics of the training data: baselines and domains come from them.
        schema: of the training data: says which integers stand for names, and what is an image or a text.
        examples: serialized tf.Examples such as the model serves; the first 1000 are read. Baselines can come from
            them, and the model is tried on such values: needed where it refuses made-up ones.
        baselines: kinds of baselines, over which attributions are averaged: `zero`; `median` or `mode` (the median of
            numbers, the most frequent of other values); `mean` (the most frequent of what has no mean); `examples` or
            `examples:K` (K rows that stand for the others, else 5). Empty: `median`, and zero where it isn't known.
        columns: names of the columns of the model's matrix of numbers, in order; of several, by input. None: the
            schema's where it says them, else `input[0]`, `input[1]`...
        overrides: metadata, or a part of it, that takes the place of what is found (`merge_metadata` says how).

    Returns:
        The metadata, the same for the same arguments. Features that no output depends on are left out.

    Raises:
        ValueError: if there is no such model, signature or output, if an argument does not fit the model, or if the
            model cannot be explained; it says why.
    """
    choices = parse_choices(baselines, has_statistics=statistics is not None, has_examples=examples is not None)
    given = overrides or explanation_pb2.ExplanationMetadata()
    check_overrides(given, signature_name)
    signature_name = signature_name or given.signature_name or None
    read = read_model(model_dir, signature_name, tags or given.tags, given.preprocess_signature_name or None)
    given = with_own_names(given, read.signature.saved_names)
    tried = None if examples is None else list(itertools.islice(examples, MOST_ROWS))

    def data_of(settled: ReadModel) -> Data:
        return read_data(settled, choices, statistics=statistics, schema=schema, examples=tried)

    read, found_shapes = settle_inputs(read, given, tried or [], data_of)
    data = data_of(read)
    metadata = explanation_pb2.ExplanationMetadata(
        framework=read.signature.framework,
        signature_name=read.signature.name,
        preprocess_signature_name=read.signature.preprocess_name,
        tags=tags or given.tags,
    )
    outputs = _chosen_outputs(read, given, output_name, output_element)
    read = with_blends(read, outputs.scores.values())
    analysis = analyse(read, describe_outputs(metadata, read, outputs))
    names = _used_features(analysis)
    rows, aligned = _try(analysis, outputs.scores, data, given)
    encodings = at_pictures(analysis, find_encodings(analysis, names, aligned), aligned)
    read = read.with_operands(encodings.every)
    matrices = find_columns(read, encodings, rows, given, columns, schema)
    past = read.past(encodings.every, analysis.outputs)
    _describe_inputs(metadata, read, encodings, past, data, matrices, rows)
    for name, finding in found_shapes.items():
        if name in metadata.inputs:
            add_finding(metadata.inputs[name], finding)
    name_classes(metadata, read, outputs, rows)
    found, metadata = metadata, merge_metadata(metadata, given)
    take_apart(metadata, found, read)
    _fill_in(metadata)
    _verify(metadata, read, rows)
    return metadata


def _chosen_outputs(
    read: ReadModel,
    given: explanation_pb2.ExplanationMetadata,
    output_name: str | None,
    output_element: Sequence[int],
) -> Outputs:
    """The outputs to explain, with the tensors and elements that a person gave for them."""
    named = {name: entry.output_tensor_name for name, entry in given.outputs.items() if entry.output_tensor_name}
    elements = {name: tuple(given.outputs[name].output_element) for name in given.outputs}
    elements = {name: elements.get(name) or tuple(output_element) for name in (*read.graph.outputs, *elements)}
    return find_outputs(read, output_name, named, elements)


def _fill_in(metadata: explanation_pb2.ExplanationMetadata) -> None:
    """Adds what follows for entries that a person gave."""
    for entry in metadata.inputs.values():
        if not entry.explainable_by:  # an encoded tensor was given; whether it leads to the output is seen later
            entry.explainable_by.extend([INTEGRATED_GRADIENTS, SAMPLED_SHAPLEY])
    for entry in metadata.outputs.values():
        entry.explained_quantity = entry.explained_quantity or (LOG_ODDS if entry.logits_tensor_name else SERVED)


def _describe_inputs(
    metadata: explanation_pb2.ExplanationMetadata,
    read: ReadModel,
    encodings: Encodings,
    past: Collection[str],
    data: Data,
    matrices: Mapping[str, Columns],
    rows: Any,
) -> None:
    """Adds an entry for each feature but weights, which are part of what they weigh."""
    known = vocabularies(read.graph, read.features, read.depends, MOST_COLUMNS)
    for name in sorted(set(encodings.tensors) - set(encodings.weights.values())):
        entry, feature = metadata.inputs[name], read.features.by_name[name]
        entry.CopyFrom(describe_tensors(read, feature, encodings.tensors[name], name in past))
        describe_merging(entry, read, name, encodings)
        describe_tokens(entry, read, feature, encodings.weights.get(name, ""), encodings.tensors[name])
        if name in matrices:
            describe_matrix(entry, matrices[name])
        describe_values(entry, data.statistics.get(name, FeatureSummary()))
        describe_columns(entry, read, feature, encodings.tensors[name], known.get(name, ()))
        describe_baselines(entry, feature, data)
        describe_decoded(entry, read, feature, name in past, rows)


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
    analysis: Analysis, scores: Mapping[str, str], data: Data, given: explanation_pb2.ExplanationMetadata
) -> tuple[Any, Alignment]:
    """Rows that the model accepts, and what it makes of them row by row."""
    read = analysis.read
    run = runner(read.graph, read.signature.input_specs, list(dict.fromkeys(scores.values())))
    rows = accepted_rows(read, data, given, run)
    aligned = Alignment(read, rows)
    # A model may lose rows without values, or refuse them by themselves, and be sound where all rows have some.
    try:
        is_sound, excused = len(aligned(scores.values())) == len(set(scores.values())), [ValueError]
    except tf.errors.OpError:
        is_sound, excused = False, []
    if not is_sound:
        with contextlib.suppress(*excused):
            rows = accepted_rows(read, data, given, refuse_lost_rows(run))
            aligned = Alignment(read, rows)
    singles = [tensor for features, tensors in analysis.floats.items() if len(features) == 1 for tensor in tensors]
    refuse_batch_dependence(run, rows, aligned([*scores.values(), *singles]), scores)
    return rows, aligned


def _verify(metadata: explanation_pb2.ExplanationMetadata, read: ReadModel, rows: Any) -> None:
    """Opens the model with its new metadata, as the Explainer will, and takes back what turns out not to hold."""
    check_served(read, rows)
    for output in sorted(metadata.outputs):  # by what it will be explained by
        open_model(read, metadata, output, Parameters.OUTPUT_SCALE_UNSPECIFIED)
    served = {output: open_model(read, metadata, output, Parameters.SERVED) for output in sorted(metadata.outputs)}
    for opened in served.values():
        settle_baselines(opened.raw(), rows, metadata)
    describe_lost_tokens(metadata, next(iter(served.values())))
    smooth, playable = (_explainable_by(method, metadata) for method in (INTEGRATED_GRADIENTS, SAMPLED_SHAPLEY))
    scores = expected_scores(metadata, read, rows)
    expected = {output: opened.output.score.every(scores[output]).numpy() for output, opened in served.items()}
    flat: set[str] = set()
    lost: dict[str, set[str]] = {INTEGRATED_GRADIENTS: set(), SAMPLED_SHAPLEY: set()}
    for output in served:
        if playable.inputs:
            cut = open_model(read, playable, output, Parameters.SERVED).coalitional()
            check_reproduces(cut, rows, expected[output], output)
            lost[SAMPLED_SHAPLEY].update(without_output(cut, rows))
        if smooth.inputs:
            cut = open_model(read, smooth, output, Parameters.SERVED).differentiable()
            check_reproduces(cut, rows, expected[output], output)
            if metadata.outputs[output].logits_tensor_name:  # where probabilities are flat, these are not
                cut = open_model(read, smooth, output, Parameters.LOGITS).differentiable()
            flat.update(dead_ends(cut, rows))
            lost[INTEGRATED_GRADIENTS].update(without_output(cut, rows))
    _withdraw(metadata, flat, lost)


def _withdraw(
    metadata: explanation_pb2.ExplanationMetadata, flat: Collection[str], lost: Mapping[str, Collection[str]]
) -> None:
    """Takes back the methods that turned out not to explain a feature.

    Args:
        metadata: changed in place.
        flat: features (or groups) without gradients.
        lost: by method, features whose baseline has no output.
    """
    for name, entry in sorted(metadata.inputs.items()):
        together = entry.group_name or not entry.index_feature_mapping
        players = {entry.group_name or name} if together else set(entry.index_feature_mapping)
        without = [method for method in entry.explainable_by if players & set(lost[method])]
        if without == list(entry.explainable_by):
            raise ValueError(no_baseline(name, entry, NOT_FINITE))
        if players & set(flat) and INTEGRATED_GRADIENTS not in without:
            entry.explainable_by.remove(INTEGRATED_GRADIENTS)
            add_finding(entry, FLAT)
        for method in without:
            entry.explainable_by.remove(method)
            add_finding(entry, NO_OUTPUT.format(method=method.replace("_", " ")))


def _explainable_by(method: str, metadata: explanation_pb2.ExplanationMetadata) -> explanation_pb2.ExplanationMetadata:
    """The metadata with only the features that a method can explain."""
    part = explanation_pb2.ExplanationMetadata()
    part.CopyFrom(metadata)
    for name, entry in metadata.inputs.items():
        if method not in entry.explainable_by:
            del part.inputs[name]
    return part
