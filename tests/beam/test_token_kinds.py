"""Tokens of models that are served in less usual ways, against what each word adds to the score."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import json_format

from tests.beam import text_models as models
from tfx_explain.beam.explain import RowExplainer
from tfx_explain.beam.explaining.job import ExplanationJob
from tfx_explain.beam.reading.batches import RowBatch
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata
from tfx_explain.storage import columns

v1 = tf.compat.v1


class Served(models._Served):
    """The sum of words' vectors."""

    def of_words(self, words: tf.RaggedTensor) -> tf.Tensor:
        ids = tf.ragged.map_flat_values(self.table.lookup, words)
        return tf.reduce_sum(tf.nn.embedding_lookup(self.embedding, ids), axis=1)


class Divided(Served):
    """The table of vectors is in parts, ranges of ids; texts are padded."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = [tf.Variable(models.vectors()[first : first + 3]) for first in (0, 3, 6)]

    def pooled(self, parsed):
        words = tf.strings.split(parsed["text"]).to_tensor("", shape=[None, 5])
        found = v1.nn.embedding_lookup(self.parts, self.table.lookup(words), partition_strategy="div")
        return tf.reduce_sum(found * tf.cast(words != "", tf.float32)[..., tf.newaxis], axis=1)


class Dealt(Served):
    """The table is in parts, dealt out, and its values are weighted."""

    SPEC = models.WeightedTags.SPEC

    def __init__(self) -> None:
        super().__init__()
        self.parts = [tf.Variable(models.vectors()[first::3]) for first in range(3)]

    def pooled(self, parsed):
        ids = parsed["tags"].with_values(self.table.lookup(parsed["tags"].values))
        return v1.nn.safe_embedding_lookup_sparse(
            self.parts, ids, parsed["weights"], combiner="sum", partition_strategy="mod"
        )


class Unsafe(Served):
    """`embedding_lookup_sparse` itself, which has no output for rows without values at the end of a batch."""

    SPEC = models.WeightedTags.SPEC

    def pooled(self, parsed):
        ids = parsed["tags"].with_values(self.table.lookup(parsed["tags"].values))
        return tf.nn.embedding_lookup_sparse(self.embedding, ids, parsed["weights"], combiner="sum")


class Mapped(Served):
    """Texts are taken apart one by one."""

    def pooled(self, parsed):
        def words(text):
            return tf.strings.split([tf.strings.lower(text)]).values

        spec = tf.RaggedTensorSpec([None], tf.string, 0)
        return self.of_words(tf.map_fn(words, parsed["text"], fn_output_signature=spec))


class LoopedIds(Served):
    """Ids are made within a loop, which says nothing of the words."""

    def pooled(self, parsed):
        def ids(text):
            return self.table.lookup(tf.strings.split([text]).values)

        spec = tf.RaggedTensorSpec([None], tf.int64, 0)
        found = tf.map_fn(ids, parsed["text"], fn_output_signature=spec)
        return tf.reduce_sum(tf.nn.embedding_lookup(self.embedding, found), axis=1)


class ZipCodes(Served):
    """A table of integers, which hashes those that it doesn't know as texts."""

    SPEC = {"tags": tf.io.VarLenFeature(tf.int64)}

    def __init__(self) -> None:
        super().__init__()
        known = tf.lookup.KeyValueTensorInitializer([94103, 60601], [0, 1], tf.int64, tf.int64)
        self.codes = tf.lookup.StaticVocabularyTable(known, 5)

    def pooled(self, parsed):
        ids = parsed["tags"].with_values(self.codes.lookup(parsed["tags"].values))
        return tf.nn.safe_embedding_lookup_sparse(self.embedding, ids, combiner="sum")


class Looped(Served):
    """Vectors are looked up within a loop."""

    def pooled(self, parsed):
        def summed(text):
            return tf.reduce_sum(tf.gather(self.embedding, self.table.lookup(tf.strings.split([text]).values)), axis=0)

        return tf.map_fn(summed, parsed["text"], fn_output_signature=tf.TensorSpec([3], tf.float32))


class Counts(Served):
    """Words are counted, those that the table doesn't know, too."""

    def pooled(self, parsed):
        ids = tf.ragged.map_flat_values(self.table.lookup, tf.strings.split(parsed["text"]))
        return tf.cast(tf.math.bincount(ids, minlength=9, maxlength=9, axis=-1), tf.float32) @ self.embedding


class InOrderOfIds(Served):
    """Vectors are looked up of the ids that are there, each once, in the order of the vocabulary."""

    def pooled(self, parsed):
        ids = tf.ragged.map_flat_values(self.table.lookup, tf.strings.split(parsed["text"]))
        counts = tf.math.bincount(ids, minlength=9, maxlength=9, axis=-1)
        there = tf.where(counts > 0)
        every = tf.SparseTensor(there, there[:, 1], tf.shape(counts, tf.int64))
        return tf.nn.safe_embedding_lookup_sparse(self.embedding, every, combiner="sum")


class Pairs(Served):
    """Pairs of ids are counted, which are no tokens' by themselves."""

    def pooled(self, parsed):
        ids = tf.ragged.map_flat_values(self.table.lookup, tf.strings.split(parsed["text"]))
        pairs = (ids[:, :-1] + 3 * ids[:, 1:]) % 9
        return tf.cast(tf.math.bincount(pairs, minlength=9, maxlength=9, axis=-1), tf.float32) @ self.embedding


class Cut(Served):
    """Of the words, no more than three are counted."""

    def pooled(self, parsed):
        ids = tf.ragged.map_flat_values(self.table.lookup, tf.strings.split(parsed["text"]))[:, :3]
        return tf.cast(tf.math.bincount(ids, minlength=9, maxlength=9, axis=-1), tf.float32) @ self.embedding


class PaddedCounts(Served):
    """What pads a row to the longest of its batch is counted, too, in a column that has no weight."""

    SPEC = models.LIST

    def pooled(self, parsed):
        ids = self.table.lookup(tf.sparse.to_dense(parsed["tags"], ""))
        counts = tf.math.bincount(ids, minlength=9, maxlength=9, axis=-1)
        return tf.cast(counts, tf.float32) @ (self.embedding * tf.cast(tf.range(9) < 8, tf.float32)[:, tf.newaxis])


class Spelled(Served):
    """Ids are spelled out in a text."""

    def pooled(self, parsed):
        words = tf.strings.split(parsed["text"])
        ids = tf.ragged.map_flat_values(lambda flat: tf.strings.to_number(flat, tf.int64), words)
        return tf.reduce_sum(tf.nn.embedding_lookup(self.embedding, ids), axis=1)


class Bytes(Served):
    """The bytes of a text, padded."""

    def pooled(self, parsed):
        codes = tf.cast(tf.io.decode_raw(parsed["text"], tf.uint8, fixed_length=300), tf.int32)
        there = tf.cast(codes > 0, tf.float32)[..., tf.newaxis]
        return tf.reduce_sum(tf.gather(self.embedding, codes % 9) * there, axis=1)


class FixedWords(Served):
    """Four words in every row, padded with none, which adds nothing."""

    SPEC = {"tags": tf.io.FixedLenFeature([4], tf.string, default_value=[""] * 4)}

    def pooled(self, parsed):
        words = parsed["tags"]
        found = tf.gather(self.embedding, self.table.lookup(words))
        return tf.reduce_sum(found * tf.cast(words != "", tf.float32)[..., tf.newaxis], axis=1)


class FixedIds(Served):
    """Four ids in every row, padded with the last one, which adds something, too."""

    SPEC = {"tags": tf.io.FixedLenFeature([4], tf.int64, default_value=[8] * 4)}

    def pooled(self, parsed):
        return tf.reduce_sum(tf.gather(self.embedding, parsed["tags"]), axis=1)


class OpenIds(Served):
    """Ids in rows as long as the longest of a batch, padded with -1."""

    SPEC = {"tags": tf.io.FixedLenSequenceFeature([], tf.int64, allow_missing=True, default_value=-1)}

    def pooled(self, parsed):
        ids = parsed["tags"]
        there = tf.cast(ids >= 0, tf.float32)[..., tf.newaxis]
        return tf.reduce_sum(tf.gather(self.embedding, tf.maximum(ids, 0)) * there, axis=1)


class Steps(Served):
    """As sequence feature columns have it: vectors are looked up of what pads a row, too, and there is a last one."""

    SPEC = models.LIST

    def pooled(self, parsed):
        rows, steps = tf.unstack(parsed["tags"].dense_shape)
        ids = parsed["tags"].with_values(self.table.lookup(parsed["tags"].values))
        found = tf.nn.safe_embedding_lookup_sparse(self.embedding, tf.sparse.reshape(ids, [rows * steps, 1]))
        found = tf.reshape(found, [rows, steps, 3])
        return tf.reduce_sum(found, axis=1) + 0.0 * found[:, -1]


class Letters(Served):
    """Characters in small letters, by their number."""

    def pooled(self, parsed):
        codes = tf.strings.unicode_decode(tf.strings.lower(parsed["text"]), "UTF-8") % 9
        return tf.reduce_sum(tf.nn.embedding_lookup(self.embedding, codes), axis=1)


def _of_words(words, weights=None):
    known = models.vectors().sum(axis=1)
    ids = [models.WORDS.index(word) if word in models.WORDS else -1 for word in words]
    return [w.encode() for w in words], known[ids] * (1.0 if weights is None else np.array(weights))


TEXT = {"text": "urgent bad zzz please"}
WEIGHTED = {"tags": ["urgent", "zzz", "bad", "good", ""], "weights": [0.5, 1.0, 2.0, -1.0, 3.0]}


class IdsInALoop(models.IdsOfPieces):
    """Ids whose op lies in a loop's function."""

    def ids(self, texts):
        made = tf.RaggedTensorSpec([None], tf.int32, 0, tf.int32)
        return tf.map_fn(lambda text: self.tokenizer.tokenize(text[tf.newaxis]).values, texts, fn_output_signature=made)


def _explain(folder, feature, row, method="", **tokens):
    """The tokens of a row, and their attributions."""
    [found] = _explain_rows(folder, feature, [row], method, **tokens)
    return found


def _explain_rows(folder, feature, rows, method="", **tokens):
    examples = np.array([models.example(**row) for row in rows], object)
    found = RowExplainer(_job(folder, feature, method, **tokens)).explain(RowBatch(examples, "shard"))
    return [_read(record, feature) for record in found.records]


def _job(folder, feature, method, **tokens):
    asked = {"tokens": {"features": [feature], **tokens}, **({f"{method}_attribution": {}} if method else {})}
    parameters = json_format.ParseDict(asked, explanation_pb2.ExplanationParameters())
    return ExplanationJob(folder, generate_metadata(folder), parameters, "").completed()


def _read(record, feature):
    features = tf.train.Example.FromString(record).features.feature
    parts = (columns.TOKENS, columns.TOKEN_ATTRIBUTIONS, columns.TOKEN_REST, "attributions")
    lists = [features[f"{columns.PREFIX}{columns.CANDIDATE}/{part}/{feature}"] for part in parts]
    tokens, *numbers = (list(getattr(one, one.WhichOneof("kind") or "float_list").value) for one in lists)
    assert sum(numbers[0]) + numbers[1][0] == pytest.approx(numbers[2][0], abs=1e-4)
    return tokens, numbers[0]


@pytest.mark.parametrize(
    ("kind", "row"),
    [(Divided, TEXT), (Dealt, WEIGHTED), (Unsafe, WEIGHTED), (Mapped, TEXT), (FixedWords, {"tags": ["good", "bad"]})],
)
def test_vectors_are_found(saved, kind, row):
    feature = next(iter(kind.SPEC))
    if kind is FixedWords:
        row = {"tags": [*row["tags"], "zzz", "urgent"]}
    tokens, values = _explain(saved(kind), feature, row, baseline="ZERO")
    words, effects = _of_words(row[feature] if feature == "tags" else row[feature].split(), row.get("weights"))
    assert tokens == words
    np.testing.assert_allclose(values, effects, atol=1e-4)


def test_values_of_rows_of_one_length_are_players(saved):
    words, effects = _of_words(["good", "zzz", "bad"])
    tokens, values = _explain(saved(FixedWords), "tags", {"tags": [*words, ""]}, "kernel_shap")
    assert tokens == words  # what pads the row is none
    np.testing.assert_allclose(values, effects, atol=1e-4)
    tokens, values = _explain(saved(FixedWords), "tags", {"tags": [*words, ""]}, "kernel_shap", baseline="UNKNOWN")
    np.testing.assert_allclose(values, effects - models.vectors().sum(axis=1)[-1], atol=1e-4)
    tokens, values = _explain(saved(FixedIds), "tags", {"tags": [0, 8, 4, 1]}, "kernel_shap")
    assert tokens == [b"0", b"8", b"4", b"1"]
    known = models.vectors().sum(axis=1)
    np.testing.assert_allclose(values, known[[0, 8, 4, 1]] - known[8], atol=1e-4)
    with pytest.raises(ValueError, match="UNKNOWN, but 'tags' are lists of numbers"):
        _explain(saved(FixedIds), "tags", {"tags": [0, 8, 4, 1]}, "kernel_shap", baseline="UNKNOWN")


@pytest.mark.parametrize("method", ["", "kernel_shap"])
def test_the_default_of_a_list_of_one_length_stands_for_an_absent_value(saved, method):
    known = models.vectors().sum(axis=1)
    tokens, values = _explain(saved(FixedIds), "tags", {"tags": [0, 8, 4, 8]}, method)
    assert tokens == [b"0", b"8", b"4"]  # the last one pads the row
    np.testing.assert_allclose(values, known[[0, 8, 4]] - known[8], atol=1e-4)


@pytest.mark.parametrize("method", ["", "kernel_shap"])
def test_words_that_are_counted_share_their_count(saved, method):
    texts = ["urgent bad zzz bad", "", "good", " ".join(["bad"] * 300 + list(models.WORDS))]
    found = _explain_rows(saved(Counts), "text", [{"text": text} for text in texts], method)
    for text, (tokens, values) in zip(texts, found, strict=True):
        words, effects = _of_words(text.split())
        assert tokens == words
        # Over coalitions, of so many players, neighbours share theirs.
        if method and len(words) > 9:
            values, effects = sum(values), sum(effects)
        np.testing.assert_allclose(values, effects, atol=1e-3)


def test_what_is_counted_otherwise_than_token_by_token_is_told(saved):
    with pytest.raises(ValueError, match=r"what the model counts in a row is not its tokens, each by itself"):
        _explain(saved(Pairs), "text", {"text": "urgent bad"})
    rows = [{"text": "urgent bad bad"}, {"text": "urgent bad good bad"}]
    [(tokens, values)] = _explain_rows(saved(Cut), "text", rows)  # the other one is set aside
    assert tokens == [b"urgent", b"bad", b"bad"]
    np.testing.assert_allclose(values, [4, -3, -3], atol=1e-4)
    assert "it counts them" in generate_metadata(saved(PaddedCounts)).inputs["tags"].finding


@pytest.mark.parametrize("method", ["", "kernel_shap"])
def test_bytes_are_tokens_of_paths_and_characters_players(saved, method):
    text = "é" + "ab" * 140
    tokens, values = _explain(saved(Bytes), "text", {"text": text}, method)
    assert b"".join(tokens).decode() == text
    if not method:
        effects = models.vectors().sum(axis=1)[np.array(list(text.encode())) % 9]
        np.testing.assert_allclose(values, effects, atol=1e-4)


def test_ids_that_are_spelled_out_are_tokens(saved):
    tokens, values = _explain(saved(Spelled), "text", {"text": "4 1 8 1"})
    assert tokens == [b"4", b"1", b"8", b"1"]
    known = models.vectors().sum(axis=1)
    np.testing.assert_allclose(values, known[[4, 1, 8, 1]], atol=1e-4)


@pytest.mark.parametrize("method", ["", "kernel_shap"])
def test_pieces_of_which_there_are_ids_alone_are_told_by_these(saved, method):
    baseline = {} if method else {"baseline": "ZERO"}
    tokens, values = _explain(saved(models.IdsOfPieces), "text", {"text": "urgent bad"}, method, **baseline)
    assert tokens == [b"1", b"2", b"4"]
    np.testing.assert_allclose(values, models.vectors().sum(axis=1)[[1, 2, 4]], atol=1e-4)


@pytest.mark.parametrize(("kind", "method"), [(models.IdsOfPieces, "kernel_shap"), (IdsInALoop, "")])
def test_more_ids_of_pieces_than_one_call_of_the_op_survives(saved, kind, method):
    texts = ["urgent " + "bad " * 3000, *["bad " * 3000] * 11, "bad " * 8200, "urgent"]
    job = _job(saved(kind), "text", method, **({} if method else {"baseline": "ZERO"}))
    examples = np.array([models.example(text=text) for text in texts], object)
    found = RowExplainer(job).explain(RowBatch(examples, "shard"))
    assert len(found.records) == len(texts) - 1
    assert _read(found.records[-1], "text")[0] == [b"1", b"2"]
    [refused] = found.dead_letters
    assert b"FastSentencepieceTokenizer" in refused and b"[32800]" in refused


@pytest.mark.parametrize("method", ["", "kernel_shap"])
def test_what_pads_a_row_to_the_longest_of_its_batch_is_no_token(saved, method):
    rows = [{"tags": [4]}, {"tags": [1, 0, 1]}]
    found = _explain_rows(saved(OpenIds), "tags", rows, method)
    assert [tokens for tokens, _ in found] == [[b"4"], [b"1", b"0", b"1"]]
    known = models.vectors().sum(axis=1)
    np.testing.assert_allclose(np.concatenate([values for _, values in found]), known[[4, 1, 0, 1]], atol=1e-4)


@pytest.mark.parametrize("method", ["", "kernel_shap"])
def test_a_list_as_a_sequence_has_tokens_in_rows_that_have_any(saved, method):
    rows = [{"tags": ["urgent", "zzz", "bad"]}, {"tags": ["good"]}, {"tags": ["bad", "good"]}]
    settings = {} if method else {"baseline": "ZERO"}
    found = _explain_rows(saved(Steps), "tags", rows, method, **settings)
    for row, (tokens, values) in zip(rows, found, strict=True):
        words, effects = _of_words(row["tags"])
        assert tokens == words
        np.testing.assert_allclose(values, effects, atol=1e-4)


def test_characters_are_players_where_the_model_reads_nothing_else(saved):
    text = "Aé\u4e2d a"
    tokens, values = _explain(saved(Letters), "text", {"text": text}, "kernel_shap")
    assert [token.decode() for token in tokens] == list(text)
    codes = [ord(character) % 9 for character in text.lower()]
    np.testing.assert_allclose(values, models.vectors().sum(axis=1)[codes], atol=1e-4)
    tokens, _ = _explain(saved(Letters), "text", {"text": text}, "kernel_shap", players="WORD")
    assert b" ".join(tokens).decode() == "Aé \u4e2d a"


def test_integers_of_which_a_table_hashes_the_unknown_are_tokens(saved):
    tokens, values = _explain(saved(ZipCodes), "tags", {"tags": [60601, 10115, 94103]}, baseline="ZERO")
    assert tokens == [b"60601", b"10115", b"94103"]
    ids = [1, 2 + tf.strings.to_hash_bucket_fast("10115", 5).numpy(), 0]
    np.testing.assert_allclose(values, models.vectors().sum(axis=1)[ids], atol=1e-4)


def test_ids_that_a_loop_makes_are_their_own_tokens(saved):
    tokens, values = _explain(saved(LoopedIds), "text", TEXT)
    assert tokens == [b"4", b"1", b"8", b"5"]
    np.testing.assert_allclose(values, _of_words(TEXT["text"].split())[1], atol=1e-4)


@pytest.mark.parametrize(
    ("model", "why"),
    [(Looped, r"within a loop \(tf\.map_fn"), (InOrderOfIds, "can't be followed to where the model looks")],
)
def test_tokens_that_are_not_found_are_for_methods_that_leave_them_out(saved, model, why):
    assert re.search(why, generate_metadata(saved(model)).inputs["text"].finding)
    with pytest.raises(ValueError, match=rf"{why}.*kernel_shap_attribution, need no vectors"):
        _explain(saved(model), "text", TEXT)
    tokens, values = _explain(saved(Looped), "text", TEXT, "kernel_shap")
    words, effects = _of_words(TEXT["text"].split())
    assert tokens == words
    np.testing.assert_allclose(values, effects, atol=1e-4)
