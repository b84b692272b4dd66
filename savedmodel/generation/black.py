"""What a model makes of a black picture, which stands for no picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_explain.savedmodel.analysis.formats import blackened, string_use
from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.rows.rows import runner


def black(read: ReadModel, name: str, tensor: str, rows: Any) -> float:
    """The number that the pixels of a black picture become.

    Args:
        read: the model.
        name: of a feature of encoded pictures, or of their bytes.
        tensor: its encoded tensor.
        rows: that the model accepts.

    Returns:
        0 where black pixels become several numbers, or the model takes no such picture.
    """
    use = string_use(read, name)
    run = runner(read.graph, read.signature.input_specs, [tensor])
    try:
        found = run(_with(rows, name, lambda text: blackened(use, text)))[tensor].numpy()
    except (tf.errors.OpError, KeyError):
        return 0.0
    least, most = found.min(), found.max()
    return float(least) if np.isfinite(least) and np.isclose(least, most, rtol=1e-5, atol=1e-6) else 0.0


def _with(rows: Any, name: str, change: Callable[[bytes], bytes]) -> Any:
    """The rows with another text in place of each one of a feature."""
    if isinstance(rows, Mapping):
        given = rows[name].numpy()
        changed = [change(text) for text in given.ravel()]
        return {**rows, name: tf.constant(changed, tf.string, given.shape)}
    found = []
    for row in rows.numpy():
        example = tf.train.Example.FromString(row)
        texts = example.features.feature[name].bytes_list.value
        texts[:] = [change(text) for text in texts]
        found.append(example.SerializeToString(deterministic=True))
    return tf.constant(found)
