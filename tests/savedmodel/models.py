"""Builders of real SavedModels, one per kind of model that people serve."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

EXAMPLES = [tf.TensorSpec([None], tf.string, name="examples")]
COLORS = ("red", "green", "blue")


def weights(*shape, seed=0):
    return tf.Variable(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def string_table(keys=COLORS, default=-1):
    initializer = tf.lookup.KeyValueTensorInitializer(tf.constant(keys), tf.range(len(keys), dtype=tf.int64))
    return tf.lookup.StaticHashTable(initializer, default)


class Linear(tf.Module):
    """score = sigmoid(x . w + y), for inputs x [rows, 3] and y [rows]."""

    def __init__(self):
        self.w = weights(3, 1)

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, "x"), tf.TensorSpec([None], tf.float32, "y")])
    def serve(self, x, y):
        return {"score": tf.sigmoid(tf.squeeze(x @ self.w, 1) * y + y)}


class Examples(tf.Module):
    """Distance to 40 and bucket of `age`, embedding of `color`, an unused `label`, a network behind them."""

    SPEC = {
        "age": tf.io.FixedLenFeature([1], tf.float32),
        "color": tf.io.FixedLenFeature([1], tf.string),
        "label": tf.io.FixedLenFeature([1], tf.int64, default_value=0),
    }

    def __init__(self):
        self.table = string_table(default=3)
        self.embedding, self.hidden, self.w = weights(4, 3), weights(8, 8, seed=1), weights(8, 1, seed=2)

    @tf.function
    def encode(self, parsed):
        bucket = tf.raw_ops.Bucketize(input=parsed["age"], boundaries=[20.0, 40.0, 60.0])
        ids = self.table.lookup(tf.squeeze(parsed["color"], 1))
        return parsed["age"] - 40.0, tf.one_hot(tf.squeeze(bucket, 1), 4), tf.gather(self.embedding, ids)

    @tf.function
    def logits(self, distance, bucket, color):
        return tf.tanh(tf.concat([distance / 10.0, bucket, color], 1) @ self.hidden) @ self.w

    @tf.function(input_signature=EXAMPLES)
    def serve(self, examples):
        return {"score": tf.sigmoid(self.logits(*self.encode(tf.io.parse_example(examples, self.SPEC))))}


class VarLen(tf.Module):
    """Mean embedding of any number of `tags`, plus the float `x`; softmax over three classes."""

    SPEC = {"tags": tf.io.VarLenFeature(tf.string), "x": tf.io.FixedLenFeature([], tf.float32)}

    def __init__(self):
        self.table = string_table(("a", "b", "c", "d"), default=4)
        self.embedding, self.w = weights(5, 3), weights(1, 3, seed=1)

    @tf.function(input_signature=EXAMPLES)
    def serve(self, examples):
        parsed = tf.io.parse_example(examples, self.SPEC)
        tags = parsed["tags"]
        ids = tf.SparseTensor(tags.indices, self.table.lookup(tags.values), tags.dense_shape)
        pooled = tf.nn.safe_embedding_lookup_sparse(self.embedding, ids, combiner="mean")
        return {"probabilities": tf.nn.softmax(pooled + parsed["x"][:, tf.newaxis] @ self.w)}


class Padded(tf.Module):
    """Tags padded to the batch's longest row, embedded, averaged under their mask."""

    def __init__(self):
        self.table = string_table(("a", "b", "c", "d"), default=4)
        self.embedding, self.w = weights(6, 3), weights(3, 1, seed=1)

    @tf.function(input_signature=EXAMPLES)
    def serve(self, examples):
        tags = tf.sparse.to_dense(tf.io.parse_example(examples, {"tags": tf.io.VarLenFeature(tf.string)})["tags"])
        mask = tf.cast(tags != "", tf.float32)[..., tf.newaxis]
        embedded = tf.gather(self.embedding, self.table.lookup(tags)) * mask
        mean = tf.reduce_sum(embedded, 1) / tf.maximum(tf.reduce_sum(mask, 1), 1.0)
        return {"score": mean @ self.w}


class Filled(tf.Module):
    """What TFX templates do: VarLen features that hold at most one value, filled where missing."""

    SPEC = {"amount": tf.io.VarLenFeature(tf.float32), "color": tf.io.VarLenFeature(tf.string)}

    def __init__(self):
        self.table = string_table(default=3)
        self.embedding, self.w = weights(4, 2), weights(3, 1, seed=1)

    @tf.function(input_signature=EXAMPLES)
    def serve(self, examples):
        parsed = tf.io.parse_example(examples, self.SPEC)
        amount, color = (self.fill(parsed[name], default) for name, default in (("amount", 0.0), ("color", "")))
        embedded = tf.gather(self.embedding, self.table.lookup(color))
        return {"score": tf.sigmoid(tf.concat([tf.expand_dims(amount, 1), embedded], 1) @ self.w)}

    @staticmethod
    def fill(sparse, default):
        dense = tf.sparse.to_dense(tf.SparseTensor(sparse.indices, sparse.values, [sparse.dense_shape[0], 1]), default)
        return tf.squeeze(dense, 1)


class Gate(tf.Module):
    """x decides by comparison only; y and the mixed z are partly differentiable."""

    SPEC = [tf.TensorSpec([None], tf.float32, name) for name in "xyz"]

    @tf.function(input_signature=SPEC)
    def serve(self, x, y, z):
        return {"score": tf.where(x > 0.5, y * 2.0, -y) + tf.where(z > 0.0, z, y)}


class Crossed(tf.Module):
    """a and b are hashed together; c stands alone."""

    SPEC = {name: tf.io.FixedLenFeature([], tf.string) for name in "ab"} | {"c": tf.io.FixedLenFeature([], tf.float32)}

    def __init__(self):
        self.embedding, self.w = weights(7, 2), weights(2, 1, seed=1)

    @tf.function(input_signature=EXAMPLES)
    def serve(self, examples):
        parsed = tf.io.parse_example(examples, self.SPEC)
        crossed = tf.strings.to_hash_bucket_fast(parsed["a"] + "x" + parsed["b"], 7)
        return {"score": tf.squeeze(tf.gather(self.embedding, crossed) @ self.w, 1) * parsed["c"] + parsed["c"]}


class ControlFlow(tf.Module):
    """A while loop, a condition and a compiled function."""

    def __init__(self):
        self.w = weights(3, 3)

    @tf.function(jit_compile=True)
    def compiled(self, x):
        return tf.tanh(x @ self.w)

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, "x"), tf.TensorSpec([None, 3], tf.float32, "y")])
    def serve(self, x, y):
        y = tf.cond(tf.constant(3.0) > tf.reduce_sum(self.w) - 100.0, lambda: y * 2.0, lambda: y)
        looped = tf.while_loop(lambda i, _: i < 3, lambda i, v: (i + 1, tf.sin(v @ self.w)), [tf.constant(0), x])[1]
        return {"scores": self.compiled(looped + y)}


class ReadTwice(tf.Module):
    """A condition whose branches read the same tensor under two names."""

    def __init__(self):
        self.w = tf.Variable([1.0, 2.0])

    @tf.function
    def either(self, a, b):
        return tf.cond(
            tf.reduce_sum(self.w) > 0.0, lambda: tf.where(a > 100.0, a, a * 2.0), lambda: tf.zeros_like(b) * b
        )

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def serve(self, x):
        return {"score": self.either(x, x)}


class TwoOutputs(tf.Module):
    """Two scores and a label."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def serve(self, x):
        return {"click": tf.sigmoid(x), "buy": x * 3.0, "label": tf.where(x > 0, "yes", "no")}


class Columns(tf.Module):
    """A raw float that goes into a concatenation as it is, and is bucketised too."""

    def __init__(self):
        self.embedding, self.w = weights(3, 2), weights(4, 1, seed=1)

    @tf.function(input_signature=[tf.TensorSpec([None, 1], tf.float32, name) for name in ("age", "hours")])
    def serve(self, age, hours):
        bucket = tf.raw_ops.Bucketize(input=tf.squeeze(age, 1), boundaries=[0.0, 1.0])
        joined = tf.concat([age, hours, tf.gather(self.embedding, bucket)], 1)
        return {"score": tf.tanh(joined) @ self.w}


class Legacy(tf.Module):
    """The parser of older exports: dense `x` [2], dense `y` with a default, sparse `s`."""

    @tf.function(input_signature=EXAMPLES)
    def serve(self, examples):
        parsed = tf.raw_ops.ParseExample(
            serialized=examples,
            names=tf.zeros([0], tf.string),
            sparse_keys=["s"],
            dense_keys=["x", "y"],
            dense_defaults=[tf.zeros([0]), tf.constant([7.0])],
            sparse_types=[tf.float32],
            dense_shapes=[[2], [1]],
        )
        sparse = tf.SparseTensor(parsed.sparse_indices[0], parsed.sparse_values[0], parsed.sparse_shapes[0])
        x, y = parsed.dense_values
        return {"score": tf.reduce_sum(x, 1) + tf.squeeze(y, 1) + tf.sparse.reduce_sum(sparse, 1)}


class StoppedGradient(tf.Module):
    """y = 2 x + stop_gradient(3 x): its own derivative is 5."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def serve(self, x):
        return {"score": 2.0 * x + tf.stop_gradient(3.0 * x)}


class Strict(tf.Module):
    """Its table knows no default: values out of the vocabulary fail."""

    SPEC = {"color": tf.io.FixedLenFeature([], tf.string)}

    def __init__(self):
        self.table = string_table(default=-1)
        self.embedding = weights(3)

    @tf.function(input_signature=EXAMPLES)
    def serve(self, examples):
        ids = self.table.lookup(tf.io.parse_example(examples, self.SPEC)["color"])
        return {"score": tf.gather(self.embedding, ids)}


class StrictTags(Strict):
    """The same for any number of values."""

    SPEC = {"color": tf.io.VarLenFeature(tf.string)}

    @tf.function(input_signature=EXAMPLES)
    def serve(self, examples):
        color = tf.io.parse_example(examples, self.SPEC)["color"]
        embedded = tf.gather(self.embedding, self.table.lookup(color.values))
        return {"score": tf.math.unsorted_segment_sum(embedded, color.indices[:, 0], tf.shape(color)[0])}


class TwoSignatures(tf.Module):
    """Two signatures, under whatever names they are saved."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def serve(self, x):
        return {"double": x * 2.0}

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def other(self, x):
        return {"triple": x * 3.0}


@tf.custom_gradient
def doubled_gradient(x):
    return tf.sin(x), lambda upstream: 2.0 * upstream * tf.cos(x)


class CustomGradient(tf.Module):
    """x has a gradient of its author's, y its own."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x"), tf.TensorSpec([None], tf.float32, "y")])
    def serve(self, x, y):
        return {"score": doubled_gradient(x) + y}


class CountsRows(tf.Module):
    """Reads how many examples there are."""

    SPEC = {"x": tf.io.FixedLenFeature([], tf.float32)}

    @tf.function(input_signature=EXAMPLES)
    def serve(self, examples):
        return {"score": tf.io.parse_example(examples, self.SPEC)["x"] + tf.ones([tf.size(examples)])}


class Saturated(tf.Module):
    """Probabilities of exactly 0 and 1."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def serve(self, x):
        return {"probability": tf.sigmoid(x * 1e6)}
