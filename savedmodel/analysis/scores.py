"""What is explained of an output: its own values, or the log-odds that its logits stand for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from tfx_explain.savedmodel.analysis.betweens import log_sum_of_others


@dataclass(frozen=True)
class Score:
    """A tensor, and what is explained of it.

    Attributes:
        tensor: its name in the graph, `[rows, ...]`.
        num_outputs: how many elements of a row are explained; None where the graph leaves it open.
        is_contrast: whether an element is set against the others along the last axis, of which one is right:
            log(p / (1 - p)) = z_c - log(sum over j != c of exp(z_j)) for p = softmax(z). It is computed from the
            logits, so that it does not saturate, and does not change where all of a row's logits change alike.
        picked: the elements that are explained, by their place in a row; empty: all. `-1 - place` stands for the
            negative element: the logit of what a sigmoid leaves to 1.
        element: indices along the first axes behind the rows': only what is there counts as a row.
    """

    tensor: str
    num_outputs: int | None
    is_contrast: bool = False
    picked: tuple[int, ...] = ()
    element: tuple[int, ...] = ()

    def every(self, values: tf.Tensor) -> tf.Tensor:
        """Returns float `[rows, outputs]` of the tensor's values."""
        return self._of_rows(self._rows(values))

    def chosen(self, values: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        """Returns float `[rows]`, of each row the output of the index in `targets`, int32 `[rows]`.

        Targets are not read where there is only one output.
        """
        values = self._rows(values)
        if self.num_outputs == 1:
            targets = tf.zeros_like(targets)
        if self.is_contrast:
            return _log_odds(values, tf.gather(self.picked, targets) if self.picked else targets)
        outputs = self._of_rows(values)
        return outputs[:, 0] if self.num_outputs == 1 else tf.gather(outputs, targets, axis=1, batch_dims=1)

    def _rows(self, values: tf.Tensor) -> tf.Tensor:
        return _float(values[(slice(None), *self.element)] if self.element else values)

    def _of_rows(self, values: tf.Tensor) -> tf.Tensor:
        if self.is_contrast:
            values -= log_sum_of_others(values)
        matrix = _matrix(values)
        if not self.picked:
            return matrix
        signs = np.where(np.less(self.picked, 0), -1, 1)
        picked = tf.gather(matrix, [max(place, ~place) for place in self.picked], axis=1)
        return picked * tf.constant(signs, picked.dtype) if min(signs) < 0 else picked


def _log_odds(logits: tf.Tensor, places: tf.Tensor) -> tf.Tensor:
    """Of each row, the log-odds of the element at one place, int32 `[rows]`, among those along its last axis."""
    classes = tf.shape(logits)[-1]
    if logits.shape.rank != 2:
        in_rows = tf.reshape(logits, [tf.shape(logits)[0], -1, classes])
        logits = tf.gather(in_rows, places // classes, axis=1, batch_dims=1)
    is_class = tf.one_hot(tf.math.floormod(places, classes), classes, on_value=True, off_value=False)
    others = tf.where(is_class, tf.constant(-np.inf, logits.dtype), logits)
    return tf.reduce_sum(tf.where(is_class, logits, 0), axis=1) - tf.reduce_logsumexp(others, axis=1)


def _float(values: tf.Tensor) -> tf.Tensor:
    """As float32 or float64."""
    return tf.cast(values, tf.float32) if values.dtype.size < 4 else values


def _matrix(values: tf.Tensor) -> tf.Tensor:
    """`[rows, ...]` as `[rows, outputs]`."""
    return values if values.shape.rank == 2 else tf.reshape(values, [tf.shape(values)[0], -1])
