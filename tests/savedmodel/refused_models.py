"""Builders of SavedModels that cannot be explained, or not by integrated gradients."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

EXAMPLES = [tf.TensorSpec([None], tf.string, name="examples")]


class OnlyGates(tf.Module):
    """Nothing is differentiable."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x"), tf.TensorSpec([None], tf.float32, "y")])
    def serve(self, x, y):
        return {"score": tf.cast(x > y, tf.float32) + tf.sign(y)}


class BatchNormalized(tf.Module):
    """Normalizes by the batch: a row's output depends on the others."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def serve(self, x):
        return {"score": x - tf.reduce_mean(x)}


class Counting(tf.Module):
    """Counts its calls."""

    def __init__(self):
        self.calls = tf.Variable(0)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def serve(self, x):
        self.calls.assign_add(1)
        return {"score": x * 2.0}


class Noisy(tf.Module):
    """Adds noise, as dropout left on does."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def serve(self, x):
        return {"score": x + tf.random.normal(tf.shape(x))}


class Constant(tf.Module):
    """Reads its examples, and answers something else."""

    @tf.function(input_signature=EXAMPLES)
    def serve(self, examples):
        parsed = tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature([], tf.float32)})
        return {"score": tf.zeros_like(parsed["x"])}


class ParsedOneByOne(tf.Module):
    """Parses in a loop."""

    @tf.function(input_signature=EXAMPLES)
    def serve(self, examples):
        def parse(example):
            return tf.io.parse_single_example(example, {"x": tf.io.FixedLenFeature([], tf.float32)})["x"]

        return {"score": tf.map_fn(parse, examples, fn_output_signature=tf.float32)}


class ParsedTwice(tf.Module):
    """Two parsers read the same feature."""

    SPEC = {"x": tf.io.FixedLenFeature([], tf.float32)}

    @tf.function(input_signature=EXAMPLES)
    def serve(self, examples):
        return {"score": sum(tf.io.parse_example(examples, self.SPEC)["x"] for _ in range(2))}


class LengthOfRow(tf.Module):
    """Reads the examples past the parser."""

    SPEC = {"x": tf.io.FixedLenFeature([], tf.float32)}

    @tf.function(input_signature=EXAMPLES)
    def serve(self, examples):
        length = tf.cast(tf.strings.length(examples), tf.float32)
        return {"score": tf.io.parse_example(examples, self.SPEC)["x"] + length}


class Labels(tf.Module):
    """Serves labels that no score is behind."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "x")])
    def serve(self, x):
        return {"label": tf.strings.to_hash_bucket_fast(x, 3)}


class Steps(tf.Module):
    """A step made of differentiable ops: flat wherever one looks."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x"), tf.TensorSpec([None], tf.float32, "y")])
    def serve(self, x, y):
        return {"score": tf.clip_by_value(1e9 * x, -1.0, 1.0) + y}


class Riddle(tf.Module):
    """Reads strings that nobody can guess."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "tensor")])
    def serve(self, tensor):
        def parse(serialized):
            return tf.reduce_mean(tf.io.parse_tensor(serialized, tf.float32))

        return {"score": tf.map_fn(parse, tensor, fn_output_signature=tf.float32)}


class Logarithm(tf.Module):
    """Has no output at zero."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def serve(self, x):
        return {"score": tf.math.log(tf.abs(x))}


class Sequences(tf.Module):
    """A score for each step."""

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, "x")])
    def serve(self, x):
        return {"scores": x[..., tf.newaxis]}


class OneBatch(tf.Module):
    """Takes four rows, never more nor less."""

    @tf.function(input_signature=[tf.TensorSpec([4], tf.float32, "x")])
    def serve(self, x):
        return {"score": x * 2.0}


class Python(tf.Module):
    """Calls Python."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")])
    def serve(self, x):
        return {"score": tf.ensure_shape(tf.numpy_function(lambda v: v * np.float32(2.0), [x], tf.float32), [None])}


class ExamplesAndMore(tf.Module):
    """Takes a number beside each example."""

    SPEC = {"x": tf.io.FixedLenFeature([], tf.float32)}

    @tf.function(input_signature=[*EXAMPLES, tf.TensorSpec([None], tf.float32, "factor")])
    def serve(self, examples, factor):
        return {"score": tf.io.parse_example(examples, self.SPEC)["x"] * factor}
