"""What rules ask of the outputs of all pairs, in one call.

These are the largest products that are not the model's. TensorFlow chooses instructions by the processor; the library
that NumPy's wheels bring does for those it knows, and takes two numbers at a time on others. And it begins threads.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.model.blocks import extended, filled
from tfx_explain.attribution.model.steady import steady

# Parts of a symmetric matrix's columns: more take longer to begin than what they leave out.
_PARTS = 4


def folded(matrices: Sequence[np.ndarray]) -> tuple[tf.Tensor, ...]:
    """Lays out symmetric matrices `[n, n]` for `sums_and_squares`, which then takes little more than half of them.

    Of each part of the columns it is what is above its own square, twice, and that square; of all matrices side by
    side.
    """
    edges = [len(matrices[0]) * part // _PARTS for part in range(_PARTS + 1)]
    return tuple(
        tf.constant(np.concatenate([np.concatenate([2 * one[:a, a:b], one[a:b, a:b]]) for one in matrices], axis=1))
        for a, b in itertools.pairwise(edges)
    )


def sums_and_squares(
    differences: np.ndarray, weights: tf.Tensor, changes: tf.Tensor, precisions: Sequence[tf.Tensor]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Multiplies half differences of pairs, float64 `[rows, pairs]`; of a row, all depends on that row alone.

    Args:
        differences: the half differences.
        weights: float64 `[pairs, places]`.
        changes: float64 `[pairs, changes]`.
        precisions: symmetric matrices `[judged, judged]`, `folded`, for all pairs from the second on, or fewer of them.

    Returns:
        Sums by weights `[rows, places]`; mean squares of sums by changes `[rows]`; and for each of the square matrices
        the differences times it times the differences, `[rows, strengths]`.
    """
    padded = tf.constant(extended(differences, filled(len(differences))))
    found = _traced()(padded, weights, changes, *precisions)
    sums, squares, forms = (np.asarray(one)[: len(differences)] for one in found)
    return sums, squares, forms


@functools.cache
def _traced() -> Callable[..., list[tf.Tensor]]:
    return steady(_products, [tf.TensorSpec([None, None], tf.float64)] * (3 + _PARTS))


def _products(
    differences: tf.Tensor, weights: tf.Tensor, changes: tf.Tensor, *precisions: tf.Tensor
) -> list[tf.Tensor]:
    ends = [0, *(tf.shape(precision)[0] for precision in precisions)]
    forms = [
        _forms(differences[:, 1 : 1 + last], precision, first)
        for precision, (first, last) in zip(precisions, itertools.pairwise(ends), strict=True)
    ]
    # A power would be taken number by number, in longer than the products.
    squares = tf.reduce_mean(tf.square(differences @ changes), axis=1)
    return [differences @ weights, squares, tf.add_n(forms)]


def _forms(those: tf.Tensor, precision: tf.Tensor, first: tf.Tensor | int) -> tf.Tensor:
    """Returns `[rows, strengths]`, what one part of the columns adds: those from `first` on."""
    own = those[:, first:]
    return tf.reduce_sum(
        tf.reshape(those @ precision, [tf.shape(own)[0], -1, tf.shape(own)[1]]) * own[:, tf.newaxis], axis=2
    )
