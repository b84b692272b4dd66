"""Builders of real SavedModels of texts and lists, one per way of serving them, linear in their tokens' vectors."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

WORDS = ("good", "bad", "the", "a", "urgent", "please", "help", "thanks")
# Effects of words on the score, by id: planted ones, and some noise.
EFFECTS = {"good": 2.0, "bad": -3.0, "urgent": 4.0}
EXAMPLES = [tf.TensorSpec([None], tf.string, name="examples")]
TEXT = {"text": tf.io.FixedLenFeature([], tf.string, default_value="")}
LIST = {"tags": tf.io.VarLenFeature(tf.string)}


def vectors(first: int = 0, more: int = 1, width: int = 3) -> np.ndarray:
    """Vectors of words `[first + words + more, width]`, whose sum is the effect."""
    found = np.random.default_rng(0).normal(size=(first + len(WORDS) + more, width)).astype(np.float32)
    for number, word in enumerate(WORDS):
        found[first + number, 0] = EFFECTS.get(word, 0.0) - found[first + number, 1:].sum()
    return found


def table(default: int = len(WORDS)) -> tf.lookup.StaticHashTable:
    """Ids of words in order, 0 the first."""
    ids = tf.range(len(WORDS), dtype=tf.int64)
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(tf.constant(WORDS), ids), default)


class _Served(tf.Module):
    SPEC = TEXT

    def __init__(self) -> None:
        self.table, self.embedding = table(), tf.Variable(vectors())

    @tf.function(input_signature=EXAMPLES)
    def serve(self, examples):
        pooled = self.pooled(tf.io.parse_example(examples, self.SPEC))
        return {"score": tf.reduce_sum(pooled, axis=-1)}


class SplitMean(_Served):
    """Words split at white space, looked up, their vectors averaged."""

    def pooled(self, parsed):
        ids = tf.ragged.map_flat_values(self.table.lookup, tf.strings.split(parsed["text"]))
        return tf.reduce_mean(tf.nn.embedding_lookup(self.embedding, ids), axis=1)


class SplitHashes(_Served):
    """The same, hashed."""

    def pooled(self, parsed):
        words = tf.strings.split(parsed["text"])
        ids = tf.ragged.map_flat_values(lambda flat: tf.strings.to_hash_bucket_fast(flat, 9), words)
        return tf.reduce_sum(tf.nn.embedding_lookup(self.embedding, ids), axis=1)


class Tags(_Served):
    """A list of tags, of which unknown ones are left out, averaged."""

    SPEC = LIST

    def __init__(self) -> None:
        super().__init__()
        self.table = table(-1)

    def pooled(self, parsed):
        tags = parsed["tags"]
        ids = tf.SparseTensor(tags.indices, self.table.lookup(tags.values), tags.dense_shape)
        return tf.nn.safe_embedding_lookup_sparse(self.embedding, ids, combiner="mean")


class WeightedTags(_Served):
    """Tags with weights."""

    SPEC = LIST | {"weights": tf.io.VarLenFeature(tf.float32)}

    def pooled(self, parsed):
        tags = parsed["tags"]
        ids = tf.SparseTensor(tags.indices, self.table.lookup(tags.values), tags.dense_shape)
        return tf.nn.safe_embedding_lookup_sparse(self.embedding, ids, parsed["weights"], combiner="sum")


class Numbers(_Served):
    """A list of ids as Transform's vocabularies make them."""

    SPEC = {"tags": tf.io.VarLenFeature(tf.int64)}

    def pooled(self, parsed):
        return tf.nn.safe_embedding_lookup_sparse(self.embedding, parsed["tags"], combiner="sum")


class Masked(_Served):
    """Words of a fixed length, padded, averaged under their mask."""

    LENGTH = 6

    def __init__(self) -> None:
        super().__init__()
        self.embedding = tf.Variable(vectors(first=1))

    def pooled(self, parsed):
        words = tf.strings.split(parsed["text"])
        ids = tf.ragged.map_flat_values(self.table.lookup, words) + 1
        ids = ids.to_tensor(shape=[None, self.LENGTH])
        mask = tf.cast(ids != 0, tf.float32)[..., tf.newaxis]
        summed = tf.reduce_sum(tf.gather(self.embedding, ids) * mask, axis=1)
        return summed / tf.maximum(tf.reduce_sum(mask, axis=1), 1.0)


def save(model: tf.Module, folder: str) -> str:
    """Saves a model's `serve`."""
    tf.saved_model.save(model, folder, signatures={"serving_default": model.serve})
    return folder


def example(**features) -> bytes:
    """A serialized tf.Example of texts, lists of texts, numbers and lists of numbers."""
    kinds = {str: "bytes_list", int: "int64_list", float: "float_list", bytes: "bytes_list"}
    found = {}
    for name, value in features.items():
        values = value if isinstance(value, list) else [value]
        if not values:
            continue
        kind = kinds[type(values[0])]
        values = [one.encode() if isinstance(one, str) else one for one in values]
        found[name] = tf.train.Feature(**{kind: {"value": values}})
    return tf.train.Example(features=tf.train.Features(feature=found)).SerializeToString()
