"""Builders of real SavedModels of texts and lists, one per way of serving them, linear in their tokens' vectors."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
import tensorflow_text

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


class Classes(_Served):
    """Three classes' scores, curved, of words that are cut off and padded."""

    LENGTH = 5

    def __init__(self) -> None:
        super().__init__()
        self.embedding = tf.Variable(vectors(first=1))
        self.hidden = tf.Variable(np.random.default_rng(1).normal(size=(self.LENGTH * 3, 3)).astype(np.float32))

    @tf.function(input_signature=EXAMPLES)
    def serve(self, examples):
        words = tf.strings.split(tf.io.parse_example(examples, self.SPEC)["text"])
        ids = (tf.ragged.map_flat_values(self.table.lookup, words) + 1).to_tensor(shape=[None, self.LENGTH])
        flat = tf.reshape(tf.gather(self.embedding, ids), [-1, self.LENGTH * 3])
        return {"scores": tf.nn.softmax(tf.tanh(flat / 3.0) @ self.hidden)}


class Open(_Served):
    """Words padded to the longest text of a batch; each counts by those before it, curved."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = tf.Variable(vectors(first=1))

    def pooled(self, parsed):
        words = tf.strings.split(parsed["text"])
        ids = (tf.ragged.map_flat_values(self.table.lookup, words) + 1).to_tensor()
        mask = tf.cast(ids != 0, tf.float32)[..., tf.newaxis]
        return tf.reduce_sum(tf.tanh(tf.cumsum(tf.gather(self.embedding, ids), axis=1)) * mask, axis=1)


class Clipped(_Served):
    """Ids that the model has no vector of are all the last one."""

    def ids(self, parsed):
        return tf.ragged.map_flat_values(self.table.lookup, tf.strings.split(parsed["text"]))

    def pooled(self, parsed):
        ids = tf.ragged.map_flat_values(lambda flat: tf.minimum(flat, len(WORDS)), self.ids(parsed))
        return tf.reduce_sum(tf.nn.embedding_lookup(self.embedding, ids), axis=1)


class Dropped(Clipped):
    """Ids that the model has no vector of are left out."""

    def ids(self, parsed):
        ids = super().ids(parsed)
        return tf.ragged.boolean_mask(ids, ids < len(WORDS))


class Counted(_Served):
    """Words counted in a sparse matrix, not embedded."""

    def pooled(self, parsed):
        words = tf.strings.split(parsed["text"])
        ids = tf.stack([words.value_rowids(), self.table.lookup(words.flat_values)], axis=1)
        counts = tf.SparseTensor(ids, tf.ones_like(words.flat_values, tf.float32), [words.nrows(), len(WORDS) + 1])
        return tf.sparse.sparse_dense_matmul(counts, self.embedding)


class Exported(_Served):
    """A Keras model of texts."""

    def __init__(self, model) -> None:
        super().__init__()
        self.model = model

    @tf.function(input_signature=EXAMPLES)
    def serve(self, examples):
        return {"score": self.model(tf.io.parse_example(examples, self.SPEC)["text"])}


class _Summed(_Served):
    """The sum of the vectors of ragged ids."""

    def pooled(self, parsed):
        return tf.reduce_sum(tf.nn.embedding_lookup(self.embedding, self.ids(parsed["text"])), axis=1)

    def effects(self, texts: tf.Tensor) -> np.ndarray:
        """What each token of some texts adds to the score."""
        return self.embedding.numpy().sum(axis=1)[self.ids(texts).flat_values.numpy()]

    def hashed(self, words):
        """Ids of words, hashed."""
        return tf.ragged.map_flat_values(lambda flat: tf.strings.to_hash_bucket_fast(flat, 9), words)


class RegexSplit(_Summed):
    """Words between punctuation, in small letters."""

    def ids(self, texts):
        words = tensorflow_text.regex_split(texts, r"[^\w]+")
        return tf.ragged.map_flat_values(lambda flat: self.table.lookup(tf.strings.lower(flat)), words)


class CodePoints(_Summed):
    """Characters by their number, the later ones alike."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = tf.Variable(np.random.default_rng(2).normal(size=(128, 3)).astype(np.float32))

    def ids(self, texts):
        return tf.minimum(tf.strings.unicode_decode(texts, "UTF-8"), 127)


class Characters(_Summed):
    """Characters, hashed."""

    def ids(self, texts):
        return self.hashed(tf.strings.unicode_split(texts, "UTF-8"))


class Ngrams(_Summed):
    """Two words at a time, hashed."""

    def ids(self, texts):
        return self.hashed(tf.strings.ngrams(tf.strings.split(texts), 2))


class OneHot(_Summed):
    """Words as zeros and a one, without a look-up."""

    def ids(self, texts):
        return tf.ragged.map_flat_values(self.table.lookup, tf.strings.split(texts))

    def pooled(self, parsed):
        return tf.reduce_sum(tf.one_hot(self.ids(parsed["text"]).to_tensor(-1), 9), axis=1) @ self.embedding


class WordPieces(_Summed):
    """BERT's pieces of words."""

    PIECES = ("[UNK]", "please", "help", "ur", "##gent", "thank", "##s", "!")

    def __init__(self) -> None:
        super().__init__()
        self.tokenizer = tensorflow_text.FastBertTokenizer(list(self.PIECES), lower_case_nfd_strip_accents=True)

    def ids(self, texts):
        return self.tokenizer.tokenize(texts)


class PiecesOfWords(WordPieces):
    """The same pieces in the older way: of words that were split first, in lists of their own."""

    def __init__(self) -> None:
        super().__init__()
        ids = tf.lookup.KeyValueTensorInitializer(tf.constant(self.PIECES), tf.range(len(self.PIECES), dtype=tf.int64))
        self.tokenizer = tensorflow_text.BertTokenizer(tf.lookup.StaticVocabularyTable(ids, 1), lower_case=True)

    def ids(self, texts):
        return super().ids(texts).merge_dims(1, 2)


class IdsOfPieces(_Summed):
    """SentencePiece's pieces in the fast way, of which a graph has the ids alone."""

    PIECES = ("<unk>", "\u2581ur", "gent", "\u2581", "\u2581bad")

    def __init__(self) -> None:
        super().__init__()
        self.tokenizer = tensorflow_text.FastSentencepieceTokenizer(_sentence_pieces(self.PIECES))

    def ids(self, texts):
        return self.tokenizer.tokenize(texts)


def _sentence_pieces(pieces: tuple[str, ...]) -> bytes:
    """SentencePiece's ModelProto of a unigram model, of which the first piece is the unknown one."""

    def field(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2, len(content) & 127 | 128, len(content) >> 7]) + content

    scored = [field(1, piece.encode()) + b"\x15" + np.float32(-1).tobytes() for piece in pieces]
    unigram, unknown, same = b"\x18\x01", b"\x18\x02", np.array([1024], "<i4").tobytes() + bytes(1025)
    every = [scored[0] + unknown, *scored[1:]]
    return b"".join(field(1, one) for one in every) + field(2, unigram) + field(3, field(2, same))


def save_columns(folder: str, kind: str) -> tuple[str, np.ndarray]:
    """Saves a model of tags as an Estimator does; returns its folder, and the effect of each word."""
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        examples = v1.placeholder(tf.string, [None])
        parsed = v1.io.parse_example(examples, LIST)
        words = v1.feature_column.categorical_column_with_vocabulary_list("tags", WORDS)
        size = len(WORDS) if kind == "indicator" else 3
        column = (
            v1.feature_column.indicator_column(words)
            if kind == "indicator"
            else v1.feature_column.embedding_column(
                words, size, combiner="sum", initializer=v1.constant_initializer(vectors(more=0))
            )
        )
        weights = np.arange(1.0, size + 1, dtype=np.float32)
        score = tf.linalg.matvec(v1.feature_column.input_layer(parsed, [column]), tf.constant(weights))
        session.run([v1.global_variables_initializer(), v1.tables_initializer()])
        v1.saved_model.simple_save(session, folder, {"examples": examples}, {"score": score}, v1.tables_initializer())
    return folder, weights if kind == "indicator" else vectors(more=0) @ weights


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
