"""Stage 10: holds what was found against the model as it is served."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import struct_pb2

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel.analysis.cut import CutModel, keys_of
from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.analysis.slots import Tensor, Tensors
from tfx_explain.savedmodel.generation.trials import Trials
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


def check_reproduces(model: CutModel, rows: Any, expected: np.ndarray, output: str) -> None:
    """Checks that feeding the encoded tensors gives the served output, `[rows, outputs]`.

    Raises:
        ValueError: if it does not; then the model reads its inputs in a way that was not understood.
    """
    rebuilt = model.outputs(model.encode(rows)).numpy()
    if not close(rebuilt, expected):
        gap = float(np.max(np.abs(rebuilt - expected)))
        raise ValueError(
            f"Feeding the tensors found for each feature gives another {output!r} than the model serves (by up to "
            f"{gap:.3g}), so it cannot be explained automatically; name the tensors to feed by "
            "inputs.NAME.encoded_tensor_name in `overrides`."
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
    trials = Trials(model, rows)
    tried = [(name, i) for name in model.players for i in range(len(metadata.inputs[name].input_baselines))]
    changes = (_absent(model, trials, keys_of(model.players[name]), i) for name, i in tried)
    for (name, i), error in zip(tried, _failures(trials, changes), strict=True):
        entry = metadata.inputs[name]
        baselines = {key: model.baselines[key] for key in keys_of(model.players[name])}
        for value, tensors in _others(entry, baselines) if error and entry.baseline_source != GIVEN else ():
            other = {key: _repeated(tensor, i, trials.inputs[key]) for key, tensor in tensors.items()}
            if error and _failures(trials, [other]) == [""]:
                entry.input_baselines[i].CopyFrom(value)
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
        "Give `statistics` or `examples` of the training data, from which baselines are chosen, or input_baselines in "
        "`overrides`."
    )


def without_output(model: CutModel, rows: Any) -> list[str]:
    """Players with a baseline at which the output is not a finite number, although it is at the rows."""
    trials = Trials(model, rows)
    if not np.isfinite(trials.outputs).all():
        return []
    players = _players_by_keys(model)
    tried = [(keys, i) for keys in players for i in range(int(model.baselines[keys[0]].shape[0] or 0))]
    outputs = trials.outputs_of(_absent(model, trials, keys, i) for keys, i in tried)
    lost = {keys for (keys, _), found in zip(tried, outputs, strict=True) if not np.isfinite(_checked(found)).all()}
    return [name for keys, names in players.items() if keys in lost for name in names]


def _players_by_keys(model: CutModel) -> dict[tuple[str, ...], list[str]]:
    """The players by the keys of their tensors, which columns of one tensor share."""
    players: dict[tuple[str, ...], list[str]] = {}
    for name, parts in model.players.items():
        players.setdefault(tuple(keys_of(parts)), []).append(name)
    return players


def _failures(trials: Trials, changes: Iterable[Tensors]) -> list[str]:
    """What the model says in each trial; '' where it runs, and gives numbers unless it gives none for the rows."""
    was_finite = np.isfinite(trials.outputs).all()
    found = []
    for outputs in trials.outputs_of(changes):
        if isinstance(outputs, Exception):
            found.append(cause(outputs))
        else:
            found.append(NOT_FINITE if was_finite and not np.isfinite(outputs).all() else "")
    return found


def _checked(outputs: np.ndarray | Exception) -> np.ndarray:
    if isinstance(outputs, Exception):
        raise outputs
    return outputs


def _absent(model: CutModel, trials: Trials, keys: Sequence[str], index: int) -> dict[str, Tensor]:
    """What takes the place of tensors where one of their baselines stands in every row."""
    return {key: _repeated(model.baselines[key], index, trials.inputs[key]) for key in keys}


def _repeated(baseline: Any, index: int, like: Any) -> Any:
    """One baseline for each row of `like`, whose shape it gets, unless it is ragged."""
    if isinstance(baseline, tf.RaggedTensor):
        return tf.gather(baseline, tf.fill([int(like.shape[0])], index))
    return np.broadcast_to(baseline.numpy()[index : index + 1], like.shape)


def dead_ends(model: CutModel, rows: Any) -> list[str]:
    """Players whose gradients are zero wherever one looks, although exchanging their rows moves the output."""
    trials, players = Trials(model, rows), _players_by_keys(model)
    order, targets = np.roll(np.arange(len(trials.outputs)), 1), range(trials.outputs.shape[1])

    def changed(keys: Sequence[str]) -> dict[str, Tensor]:
        return {key: tf.gather(trials.inputs[key], order) for key in keys}

    flat = list(players)
    # All gradients of a target are one call; the trials of each player, which few need, are many.
    for target in targets:
        gradients = trials.gradients(target) if flat else {}
        flat = [keys for keys in flat if not any(np.asarray(gradients[key]).any() for key in keys)]
    outputs_of = trials.outputs_of(map(changed, flat))
    flat = [keys for keys, found in zip(flat, outputs_of, strict=True) if not close(_checked(found), trials.outputs)]
    for target in targets:
        gradients_of = trials.gradients_of(map(changed, flat), target)
        flat = [keys for keys, of in zip(flat, gradients_of, strict=True) if not any(one.any() for one in of.values())]
    return [name for keys, names in players.items() if keys in flat for name in names]
