"""Builders of SavedModels that decode strings: images, numbers, text."""

from __future__ import annotations

import numpy as np
import tensorflow as tf


def weights(*shape, seed=0):
    return tf.Variable(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def words(keys=("good", "bad", "film")):
    initializer = tf.lookup.KeyValueTensorInitializer(tf.constant(keys), tf.range(len(keys), dtype=tf.int64))
    return tf.lookup.StaticHashTable(initializer, len(keys))


class Photos(tf.Module):
    """Encoded images of any size, made 6 x 6, a convolution on them."""

    def __init__(self):
        self.kernel, self.w = weights(3, 3, 3, 2), weights(72, 2, seed=1)

    def decode_one(self, image):
        pixels = tf.io.decode_jpeg(image, channels=3)
        return tf.image.resize(tf.cast(pixels, tf.float32) / 255.0, [6, 6])

    @tf.function
    def decode(self, images):
        return tf.map_fn(self.decode_one, images, fn_output_signature=tf.float32)

    @tf.function
    def head(self, pixels):
        hidden = tf.nn.relu(tf.nn.conv2d(pixels, self.kernel, 1, "SAME"))
        return tf.reshape(hidden, [-1, 72]) @ self.w

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "image_bytes")])
    def serve(self, image_bytes):
        return {"probabilities": tf.nn.softmax(self.head(self.decode(image_bytes)))}


class PhotosInBase64(Photos):
    """Grey images of one size, in base64, beside a number."""

    def __init__(self):
        super().__init__()
        self.kernel = weights(3, 3, 1, 2)

    def decode_one(self, image):
        pixels = tf.io.decode_image(tf.io.decode_base64(image), channels=1, expand_animations=False)
        return tf.image.convert_image_dtype(tf.ensure_shape(pixels, [6, 6, 1]), tf.float32)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "image"), tf.TensorSpec([None], tf.float32, "x")])
    def serve(self, image, x):
        return {"scores": self.head(self.decode(image)) * x[:, tf.newaxis]}


class Review(tf.Module):
    """The mean embedding of a text's words: not a number where there are none."""

    def __init__(self):
        self.table, self.embedding, self.w = words(), weights(4, 3), weights(3, 1, seed=1)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "review")])
    def serve(self, review):
        ids = tf.ragged.map_flat_values(self.table.lookup, tf.strings.split(tf.strings.lower(review)))
        embedded = tf.ragged.map_flat_values(lambda flat: tf.gather(self.embedding, flat), ids)
        return {"score": tf.squeeze(tf.reduce_mean(embedded, 1) @ self.w, 1)}


class Line(tf.Module):
    """Numbers in one string."""

    def __init__(self):
        self.w = weights(4, 1)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "line")])
    def serve(self, line):
        numbers = tf.strings.to_number(tf.strings.split(line, ";").to_tensor("0"))
        return {"score": tf.squeeze(tf.ensure_shape(numbers, [None, 4]) @ self.w, 1)}


class JsonFields(tf.Module):
    """Two fields of a JSON text, found by regular expressions."""

    def __init__(self):
        self.table, self.embedding = words(), weights(4)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "json")])
    def serve(self, json):
        age = tf.strings.to_number(tf.strings.regex_replace(json, r'.*"age":\s*([0-9.]+).*', r"\1"))
        word = tf.strings.regex_replace(json, r'.*"word":\s*"([^"]*)".*', r"\1")
        return {"score": tf.gather(self.embedding, self.table.lookup(word)) * age}


class Bytes(tf.Module):
    """Small numbers as they lie in memory."""

    def __init__(self):
        self.w = weights(6, 1)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "raw")])
    def serve(self, raw):
        return {
            "score": tf.squeeze(tf.reshape(tf.cast(tf.io.decode_raw(raw, tf.uint8), tf.float32), [-1, 6]) @ self.w, 1)
        }


class AnyWidth(tf.Module):
    """Inputs whose signature leaves their width open: one that the weights decide, and ids, zero being padding."""

    SPEC = [tf.TensorSpec([None, None], tf.float32, "x"), tf.TensorSpec([None, None], tf.int64, "ids")]

    def __init__(self):
        self.w, self.embedding = weights(7, 1), weights(10, 1, seed=1)

    @tf.function(input_signature=SPEC)
    def serve(self, x, ids):
        embedded = tf.squeeze(tf.gather(self.embedding, ids), 2) * tf.cast(ids > 0, tf.float32)
        return {"score": tf.squeeze(x @ self.w, 1) + tf.reduce_sum(embedded, 1)}
