"""What rules ask of the outputs of all pairs, in one call.

These are the largest products that are not the model's. TensorFlow chooses instructions by the processor; the library
that NumPy's wheels bring does for those it knows, and takes two numbers at a time on others. And it begins threads.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.model.blocks import extended, filled
from tfx_explain.attribution.model.steady import steady


def sums_and_squares(
    differences: np.ndarray, weights: tf.Tensor, changes: tf.Tensor, precisions: tf.Tensor
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Multiplies half differences of pairs, float64 `[rows, pairs]`; of a row, all depends on that row alone.

    Args:
        differences: the half differences.
        weights: float64 `[pairs, places]`.
        changes: float64 `[pairs, changes]`.
        precisions: float64 `[judged, strengths * judged]`, square matrices side by side, for all pairs from the second
            on, or fewer of them.

    Returns:
        Sums by weights `[rows, places]`; mean squares of sums by changes `[rows]`; and for each of the square matrices
        the differences times it times the differences, `[rows, strengths]`.
    """
    padded = tf.constant(extended(differences, filled(len(differences))))
    found = _traced()(padded, weights, changes, precisions)
    sums, squares, forms = (np.asarray(one)[: len(differences)] for one in found)
    return sums, squares, forms


@functools.cache
def _traced() -> Callable[..., list[tf.Tensor]]:
    return steady(_products, [tf.TensorSpec([None, None], tf.float64)] * 4)


def _products(differences: tf.Tensor, weights: tf.Tensor, changes: tf.Tensor, precisions: tf.Tensor) -> list[tf.Tensor]:
    judged = tf.shape(precisions)[0]
    those = differences[:, 1 : 1 + judged]
    forms = tf.reshape(those @ precisions, [tf.shape(those)[0], -1, judged]) * those[:, tf.newaxis]
    # A power would be taken number by number, in longer than the products.
    squares = tf.reduce_mean(tf.square(differences @ changes), axis=1)
    return [differences @ weights, squares, tf.reduce_sum(forms, axis=2)]
