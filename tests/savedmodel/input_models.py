"""Builders of SavedModels by what they read: vectors of named columns, weighted categories, ragged features."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

EXAMPLES = [tf.TensorSpec([None], tf.string, name="examples")]
TAGS = ("a", "b", "c", "d")


def weights(*shape, seed=0):
    return tf.Variable(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def tag_table():
    initializer = tf.lookup.KeyValueTensorInitializer(tf.constant(TAGS), tf.range(4, dtype=tf.int64))
    return tf.lookup.StaticHashTable(initializer, 4)


class Bag(tf.Module):
    """score = x0 x1 + 2 x2 + y, for the columns of x [rows, 3]."""

    SPEC = [tf.TensorSpec([None, 3], tf.float32, "x"), tf.TensorSpec([None], tf.float32, "y")]

    @tf.function(input_signature=SPEC)
    def serve(self, x, y):
        return {"score": x[:, 0] * x[:, 1] + 2.0 * x[:, 2] + y}


class Indicator(tf.Module):
    """Any number of tags as zeros and ones, a linear model on them."""

    def __init__(self):
        self.table, self.w = tag_table(), weights(5, 1)

    @tf.function(input_signature=EXAMPLES)
    def serve(self, examples):
        tags = tf.io.parse_example(examples, {"tags": tf.io.VarLenFeature(tf.string)})["tags"]
        ids = tf.sparse.to_dense(tf.SparseTensor(tags.indices, self.table.lookup(tags.values), tags.dense_shape), -1)
        return {"score": tf.minimum(tf.reduce_sum(tf.one_hot(ids, 5), axis=1), 1.0) @ self.w}


class RaggedTags(tf.Module):
    """Ragged tags, summed embeddings, and ragged amounts, whose sum is multiplied with a float."""

    SPEC = {
        "tags": tf.io.RaggedFeature(tf.string),
        "amounts": tf.io.RaggedFeature(tf.float32, row_splits_dtype=tf.int64),
        "x": tf.io.FixedLenFeature([], tf.float32),
    }

    def __init__(self):
        self.table, self.embedding, self.w = tag_table(), weights(5, 3), weights(3, 1, seed=1)

    @tf.function
    def encode(self, parsed):
        embedded = tf.ragged.map_flat_values(
            lambda tag: tf.gather(self.embedding, self.table.lookup(tag)), parsed["tags"]
        )
        return tf.reduce_sum(embedded, 1), tf.reduce_sum(parsed["amounts"], 1), parsed["x"]

    @tf.function
    def head(self, tags, amounts, x):
        return tf.squeeze(tf.tanh(tags) @ self.w, 1) + amounts * x

    @tf.function(input_signature=EXAMPLES)
    def serve(self, examples):
        return {"score": self.head(*self.encode(tf.io.parse_example(examples, self.SPEC)))}


class Json(tf.Module):
    """Examples as JSON, in base64."""

    SPEC = {"tags": tf.io.VarLenFeature(tf.string), "x": tf.io.FixedLenFeature([], tf.float32)}

    def __init__(self):
        self.table, self.embedding, self.w = tag_table(), weights(5, 3), weights(3, 1, seed=1)

    @tf.function
    def encode(self, parsed):
        tags = parsed["tags"]
        ids = tf.SparseTensor(tags.indices, self.table.lookup(tags.values), tags.dense_shape)
        return tf.nn.safe_embedding_lookup_sparse(self.embedding, ids, combiner="sum"), parsed["x"]

    @tf.function
    def head(self, tags, x):
        return tf.squeeze(tf.tanh(tags) @ self.w, 1) * x

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="instances")])
    def serve(self, instances):
        serialized = tf.io.decode_json_example(tf.io.decode_base64(instances))
        return {"score": self.head(*self.encode(tf.io.parse_example(serialized, self.SPEC)))}


class WideAndDeep(tf.Module):
    """`job` and `city` embedded each, hashed together, and `city` with the bucket of `age`; `age` also as it is."""

    SPEC = {name: tf.io.FixedLenFeature([], tf.string) for name in ("job", "city")}
    SPEC |= {name: tf.io.FixedLenFeature([], tf.float32) for name in ("age", "hours")}

    def __init__(self):
        self.deep = weights(5, 3), weights(5, 3, seed=1)
        self.wide = weights(7, 1, seed=2), weights(12, 1, seed=3)
        self.w = weights(8, 1, seed=4)

    @tf.function
    def encode(self, job, city, age, hours):
        ids = [tf.strings.to_hash_bucket_fast(name, 5) for name in (job, city)]
        bucket = tf.cast(tf.raw_ops.Bucketize(input=age, boundaries=[0.0, 1.0]), tf.int64)
        crossed = [
            tf.gather(self.wide[0], tf.strings.to_hash_bucket_fast(tf.strings.join([job, city], "x"), 7)),
            tf.gather(self.wide[1], 4 * bucket + tf.strings.to_hash_bucket_fast(city, 4)),
        ]
        return [*map(tf.gather, self.deep, ids), *crossed, age, hours]

    @tf.function
    def head(self, job, city, jobs_cities, cities_ages, age, hours):
        deep = tf.concat([job, city, tf.stack([age, hours], 1)], 1)
        return tf.squeeze(tf.tanh(deep) @ self.w + jobs_cities + cities_ages, 1)

    @tf.function(input_signature=EXAMPLES)
    def serve(self, examples):
        parsed = tf.io.parse_example(examples, self.SPEC)
        return {"score": self.head(*self.encode(*(parsed[name] for name in ("job", "city", "age", "hours"))))}


class Same(tf.Module):
    """Whether two strings are the same, times a number; whether two numbers are, decides too."""

    SPEC = [tf.TensorSpec([None], tf.string if name in "ab" else tf.float32, name) for name in "abxy"]

    @tf.function(input_signature=SPEC)
    def serve(self, a, b, x, y):
        return {"score": tf.cast(a == b, tf.float32) * (x + y) + tf.cast(x == y, tf.float32)}


class Weighted(tf.Module):
    """Embeddings of tags, each weighted by the number that stands beside it, and a float."""

    SPEC = {
        "tags": tf.io.VarLenFeature(tf.string),
        "amounts": tf.io.VarLenFeature(tf.float32),
        "x": tf.io.FixedLenFeature([], tf.float32),
    }

    def __init__(self):
        self.table, self.embedding, self.w = tag_table(), weights(5, 3), weights(3, 1, seed=1)

    @tf.function
    def pooled(self, tags, amounts):
        ids = tf.SparseTensor(tags.indices, self.table.lookup(tags.values), tags.dense_shape)
        return tf.nn.safe_embedding_lookup_sparse(self.embedding, ids, amounts, combiner="sum")

    @tf.function
    def head(self, pooled, x):
        return tf.squeeze(tf.tanh(pooled) @ self.w, 1) * x

    @tf.function(input_signature=EXAMPLES)
    def serve(self, examples):
        parsed = tf.io.parse_example(examples, self.SPEC)
        return {"score": self.head(self.pooled(parsed["tags"], parsed["amounts"]), parsed["x"])}
