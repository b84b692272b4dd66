"""Models by what they serve."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

NAMES = ["cat", "dog", "bird"]
X = tf.TensorSpec([None, 2], tf.float32, "x")


class Base(tf.Module):
    def __init__(self):
        self.w = tf.Variable(np.random.default_rng(0).normal(size=(2, 3)).astype(np.float32))
        initializer = tf.lookup.KeyValueTensorInitializer(tf.range(3, dtype=tf.int64), tf.constant(NAMES))
        self.table = tf.lookup.StaticHashTable(initializer, "?")

    def scores(self, x):
        return tf.nn.softmax(x @ self.w)


class ClassIds(Base):
    @tf.function(input_signature=[X])
    def serve(self, x):
        return {"class_id": tf.cast(tf.argmax(self.scores(x), 1), tf.int32)[:, tf.newaxis]}


class LookedUp(Base):
    @tf.function(input_signature=[X])
    def serve(self, x):
        return {"label": self.table.lookup(tf.argmax(self.scores(x), 1))}


class Gathered(Base):
    """Labels beside the scores that they are taken from."""

    @tf.function(input_signature=[X])
    def serve(self, x):
        scores = self.scores(x)
        return {"label": tf.gather(NAMES, tf.argmax(scores, 1)), "scores": scores}


class Best(Base):
    """The two best, as ranking services return them."""

    @tf.function(input_signature=[X])
    def serve(self, x):
        best = tf.math.top_k(x @ self.w, 2)
        return {"values": best.values, "names": tf.gather(NAMES, best.indices)}


class Threshold(Base):
    @tf.function(input_signature=[X])
    def serve(self, x):
        return {"spam": tf.where(self.scores(x)[:, 0] > 0.5, "spam", "ham")}


class Written(Base):
    @tf.function(input_signature=[X])
    def serve(self, x):
        return {"digit": tf.strings.as_string(tf.argmax(x @ self.w, 1))}


class Classified(Base):
    """A classification signature: every class beside its score."""

    @tf.function(input_signature=[X])
    def serve(self, x):
        classes = tf.tile(tf.constant([NAMES]), [tf.shape(x)[0], 1])
        return {"classes": classes, "scores": self.scores(x)}


class Rounded(Base):
    """A class as a float."""

    @tf.function(input_signature=[X])
    def serve(self, x):
        return {"prediction": tf.round(tf.sigmoid(x[:, 0] * x[:, 1]))}


class Head(tf.Module):
    """Logits of a small network, and what a head makes of them; `shift` adds the same to all logits of a row."""

    def __init__(self, head, shift=0.0, classes=3, dtype=tf.float32):
        rng = np.random.default_rng(4)
        self.first = tf.Variable(tf.constant(rng.normal(size=(4, 8)), dtype))
        self.last = tf.Variable(tf.constant(rng.normal(size=(8, classes)), dtype))
        self.head, self.shift = head, shift
        self.serve = tf.function(self._serve, input_signature=[tf.TensorSpec([None, 4], dtype, "x")])

    def logits(self, x):
        logits = tf.tanh(x @ self.first) @ self.last
        return logits + self.shift * tf.reduce_sum(x * x[:, ::-1], axis=1, keepdims=True)

    def _serve(self, x):
        return {"scores": self.head(self.logits(x))}
