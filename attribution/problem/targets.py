"""Which class to explain, where a model has several outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.model.blocks import extended, filled, near_equal_slices, whole_vectors
from tfx_explain.attribution.model.functions import as_model
from tfx_explain.attribution.model.interface import Model, OutputModel, Tensors
from tfx_explain.attribution.problem.problem import as_tensors


def top_targets(
    model: Model | Callable[..., Any], inputs: Tensors | Any, count: int = 1, *, batch_size: int = 16384
) -> np.ndarray:
    """Finds each row's highest outputs.

    `attribute(..., targets=top[:, 0])` explains the predicted class, `targets=top[:, 1]` the one after it. A label goes
    in as it is, int32 `[rows]`, a fixed class as a number, and a regression needs no target.

    Args:
        model: the model, or a TensorFlow function.
        inputs: as `attribute` takes them.
        count: how many.
        batch_size: rows in one call of the model.

    Returns:
        int32 `[rows, count]`, the highest first, of equal ones the lower index first.

    Raises:
        ValueError: if the model has fewer outputs, or no way to give them all.
    """
    tensors = as_tensors(inputs)
    whole = as_model(model)
    if not isinstance(whole, OutputModel):
        raise ValueError("the model gives one output a row; top_targets needs a model with the method `outputs`.")
    rows = int(next(iter(tensors.values())).shape[0])
    found = [np.zeros((0, count), np.int32)]
    for part in near_equal_slices(rows, whole_vectors(batch_size)):
        each = extended(np.arange(part.start, part.stop), filled(part.stop - part.start))
        outputs = whole.outputs({key: tf.gather(tensor, each) for key, tensor in tensors.items()}).numpy()
        if not 1 <= count <= outputs.shape[1]:
            raise ValueError(f"count is {count}; give 1 to {outputs.shape[1]}, the outputs of the model.")
        found.append(np.argsort(-outputs, axis=1, kind="stable")[: part.stop - part.start, :count].astype(np.int32))
    return np.concatenate(found)
