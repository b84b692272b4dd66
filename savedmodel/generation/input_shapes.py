"""The shapes of the signature's inputs where it leaves them open: looked up, and where that is not enough, tried."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.analysis.settle import refuse_open, settle, settle_by_rows, shapes_to_try
from tfx_explain.savedmodel.explainable.model import row_shapes
from tfx_explain.savedmodel.rows.accepted import accepted_rows
from tfx_explain.savedmodel.rows.data import Data
from tfx_explain.savedmodel.rows.probes import ROWS
from tfx_explain.savedmodel.rows.rows import runner

TRIED = "The signature does not say its shape; the model runs on {shape}{source}, and is explained so."


def settle_inputs(
    read: ReadModel,
    given: explanation_pb2.ExplanationMetadata,
    examples: Sequence[bytes],
    data_of: Callable[[ReadModel], Data],
) -> tuple[ReadModel, dict[str, str]]:
    """The model with the shape of a row known, and what people should know of inputs whose shape was tried.

    Args:
        read: the model.
        given: overrides; their `input_tensor_shape` settles a shape.
        examples: rows, whose numbers of values settle it where they are equal.
        data_of: what is known of the data, as a model of settled shapes reads it.

    Raises:
        ValueError: if a shape stays open; it says what was tried, and how to give it.
    """
    shapes = {name: shape for name, shape in row_shapes(given, read).items() if shape}
    read = settle_by_rows(settle(read, shapes), examples)
    unknown = [name for name, spec in read.signature.input_specs.items() if spec.shape.rank is None]
    if not unknown or read.features.serialized:
        refuse_open(read)
        return read, {}
    attempts, failed = [], None
    for attempt in shapes_to_try(read, examples):
        try:
            settled = read.with_input_shapes(attempt)
            refuse_open(settled)
            _run(settled, data_of(settled), given)
        except ValueError as error:
            attempts.append(", ".join(f"{name} {_listed(shape)}" for name, shape in attempt.items()))
            failed = error
            continue
        source = ", as in the examples" if examples else ""
        return settled, {name: TRIED.format(shape=_listed(attempt[name]), source=source) for name in unknown}
    raise ValueError(
        f"The signature does not say the shape of {', '.join(map(repr, unknown))}, and the model runs on none that was "
        f"tried ({'; '.join(attempts)}). Give a row's shape as inputs.{unknown[0]}.input_tensor_shape in `overrides`, "
        f"or `examples`. Last: {failed}"
    ) from failed


def _run(read: ReadModel, data: Data, given: explanation_pb2.ExplanationMetadata) -> None:
    """Checks that the model makes something of rows, for each of them."""
    outputs = [tensor for tensor in read.graph.outputs.values() if read.depends[tensor]]
    run = runner(read.graph, read.signature.input_specs, outputs)
    found = run(accepted_rows(read, data, given, run))
    if not any(tensor.shape.rank and tensor.shape[0] == ROWS for tensor in found.values()):
        raise ValueError(f"its outputs have the shapes {[tensor.shape.as_list() for tensor in found.values()]}")


def _listed(shape: tf.TensorShape) -> str:
    return f"[{', '.join(['rows', *map(str, shape[1:])])}]"
