"""Stage 10: holds what was found against the model as it is served."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import struct_pb2

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel.analysis.cut import CutModel, keys_of
from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.graph.errors import cause
from tfx_explain.savedmodel.rows.baselines import GIVEN
from tfx_explain.savedmodel.rows.rows import close, is_close, runner

NOT_FINITE = "its output is not a finite number"
_UNKNOWN = "[UNK]"


def check_served(read: ReadModel, rows: Any) -> None:
    """Checks that the flat graph computes what the signature serves.

    Raises:
        ValueError: if an output differs; then the graph was not understood.
    """
    try:
        served = read.signature.function(
            **(rows if isinstance(rows, Mapping) else {read.features.examples_input: rows})
        )
    except tf.errors.OpError as error:
        raise ValueError(
            f"Signature {read.signature.name!r} fails on rows that its graph accepts: {cause(error)}. Export it again."
        ) from error
    flat = runner(read.graph, read.signature.input_specs, list(read.graph.outputs.values()))(rows)
    for name, tensor in read.graph.outputs.items():
        if not is_close(flat[tensor], served[name]):
            raise ValueError(
                f"Taken apart, signature {read.signature.name!r} gives another {name!r} than the model serves, so it "
                "cannot be explained; export it without ops that depend on the order in which they run."
            )


def expected_scores(metadata: explanation_pb2.ExplanationMetadata, read: ReadModel, rows: Any) -> dict[str, tf.Tensor]:
    """The scores that the outputs of `metadata` name, `[rows, ...]` by output name, computed from whole rows."""
    named = {name: output.output_tensor_name or name for name, output in metadata.outputs.items()}
    tensors = {name: read.graph.outputs.get(tensor, tensor) for name, tensor in named.items()}
    found = runner(read.graph, read.signature.input_specs, list(dict.fromkeys(tensors.values())))(rows)
    return {name: found[tensor] for name, tensor in tensors.items()}


def check_reproduces(model: CutModel, rows: Any, served: tf.Tensor, output: str) -> None:
    """Checks that feeding the encoded tensors gives the served output.

    Raises:
        ValueError: if it does not; then the model reads its inputs in a way that was not understood.
    """
    rebuilt = model.outputs(model.encode(rows)).numpy()
    expected = served.numpy().reshape(rebuilt.shape)
    if not close(rebuilt, expected):
        gap = float(np.max(np.abs(rebuilt - expected)))
        raise ValueError(
            f"Feeding the tensors found for each feature gives another {output!r} than the model serves (by up to "
            f"{gap:.3g}), so it cannot be explained automatically; write its metadata by hand."
        )


def settle_baselines(model: CutModel, rows: Any, metadata: explanation_pb2.ExplanationMetadata) -> None:
    """Tries the model on each feature's baselines; where one that is not given fails, on others that say nothing.

    Args:
        model: fed at every raw tensor.
        rows: rows that the model accepts.
        metadata: with the baselines to try; changed in place.

    Raises:
        ValueError: if the model fails on a feature's baseline.
    """
    inputs = model.encode(rows)
    for name, parts in model.players.items():
        entry = metadata.inputs[name]
        baselines = {key: model.baselines[key] for key in keys_of(parts)}
        for i, baseline in enumerate(entry.input_baselines):
            error = _failure(model, inputs, baselines, i)
            for value, tensors in _others(entry, baselines) if error and entry.baseline_source != GIVEN else ():
                if error and not _failure(model, inputs, tensors, i):
                    baseline.CopyFrom(value)
                    error = ""
            if error not in ("", NOT_FINITE):
                raise ValueError(no_baseline(name, entry, error))


def _others(entry: explanation_pb2.InputMetadata, baselines: Mapping[str, Any]) -> Iterator[tuple[Any, dict[str, Any]]]:
    """What may say nothing where a zero or an empty string does not do: no value at all, a word that nobody knows."""
    if all(isinstance(tensor, tf.RaggedTensor) for tensor in baselines.values()):
        no_values = struct_pb2.Value(list_value=struct_pb2.ListValue())
        yield no_values, {key: tensor[:, :0] for key, tensor in baselines.items()}
        if all(tensor.dtype == tf.string for tensor in baselines.values()):
            yield struct_pb2.Value(string_value=""), {key: _one_empty(tensor) for key, tensor in baselines.items()}
    if entry.modality == "text":
        unknown = {key: tf.fill(tf.shape(tensor), _UNKNOWN) for key, tensor in baselines.items()}
        yield struct_pb2.Value(string_value=_UNKNOWN), unknown


def _one_empty(like: tf.RaggedTensor) -> tf.RaggedTensor:
    return tf.RaggedTensor.from_tensor(tf.fill([like.nrows(), 1], ""))


def no_baseline(name: str, entry: explanation_pb2.InputMetadata, error: str) -> str:
    """Says that the baselines of an entry will not do, and what to give."""
    return (
        f"The model fails on the baseline of {name!r} ({entry.baseline_source}), so the feature has none: {error}. "
        "Give statistics or examples of the training data, from which baselines are chosen, or input_baselines."
    )


def without_output(model: CutModel, rows: Any) -> list[str]:
    """Features with a baseline at which the output is not a finite number, although it is at the rows."""
    inputs = model.encode(rows)
    if not np.isfinite(model.outputs(inputs)).all():
        return []
    found = []
    for name, parts in model.players.items():
        baselines = {key: model.baselines[key] for key in keys_of(parts)}
        for i in range(int(next(iter(baselines.values())).shape[0] or 0)):
            absent = {key: _repeated(baseline, i, inputs[key]) for key, baseline in baselines.items()}
            if name not in found and not np.isfinite(model.outputs({**inputs, **absent})).all():
                found.append(name)
    return found


def _failure(model: CutModel, inputs: Mapping[str, Any], baselines: Mapping[str, Any], index: int) -> str:
    """What the model says where every row has one of `baselines`; '' where it runs."""
    chosen = {key: _repeated(baseline, index, inputs[key]) for key, baseline in baselines.items()}
    try:
        outputs = model.outputs({**inputs, **chosen})
    except tf.errors.OpError as error:
        return cause(error)
    if np.isfinite(outputs).all() or not np.isfinite(model.outputs(inputs)).all():
        return ""
    return NOT_FINITE


def _repeated(baseline: Any, index: int, like: Any) -> Any:
    """One baseline for each row of `like`, whose shape it gets, unless it is ragged."""
    rows = tf.gather(baseline, tf.fill([int(like.shape[0])], index))
    return rows if isinstance(rows, tf.RaggedTensor) else tf.broadcast_to(rows, like.shape)


def dead_ends(model: CutModel, rows: Any) -> list[str]:
    """Features whose gradients are zero wherever one looks, although exchanging their rows moves the output."""
    inputs = model.encode(rows)
    order = np.roll(np.arange(_rows(inputs)), 1)
    found = []
    for name, parts in model.players.items():
        keys = keys_of(parts)
        changed = {**inputs, **{key: tf.gather(inputs[key], order) for key in keys}}
        if _moved(model, inputs, changed) and not (_is_steep(model, inputs, keys) or _is_steep(model, changed, keys)):
            found.append(name)
    return found


def _is_steep(model: CutModel, inputs: Mapping[str, Any], keys: Sequence[str]) -> bool:
    for target in range(int(tf.shape(model.outputs(inputs))[1])):
        _, gradients = model.gradients(inputs, tf.fill([_rows(inputs)], target))
        if any(np.any(gradients[key].numpy() != 0) for key in keys):
            return True
    return False


def _rows(inputs: Mapping[str, Any]) -> int:
    first = next(iter(inputs.values()))
    return int(first.nrows() if isinstance(first, tf.RaggedTensor) else first.shape[0])


def _moved(model: CutModel, inputs: Mapping[str, Any], changed: Mapping[str, Any]) -> bool:
    return not close(model.outputs(changed).numpy(), model.outputs(inputs).numpy())
