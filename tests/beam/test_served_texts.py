"""Tokens of the ways in which people serve texts, each with planted words whose effect is known."""

from __future__ import annotations

import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.beam import text_models as models
from tests.beam.test_tokens import _assert_complete, _column, _explained, _tokens

layers = keras.layers
pytestmark = pytest.mark.slow

TEXT = "Urgent: please help, thanks!"
WORDS = [b"urgent", b"please", b"help", b"thanks"]


def _keras(vectorize, *behind):
    """A Keras model as its export serves it: of texts in tf.Examples."""
    text = keras.Input([], dtype="string")
    found = vectorize(text)
    for layer in behind:
        found = layer(found)
    return models.Exported(keras.Model(text, found))


def _vectorize(**settings):
    return layers.TextVectorization(vocabulary=list(models.WORDS), **settings)


def _embedding(**settings):
    return layers.Embedding(10, 3, embeddings_initializer=keras.initializers.Constant(models.vectors(2, 0)), **settings)


def _summed(size: int = 3):
    return layers.Dense(1, use_bias=False, kernel_initializer="ones")


MEANS = {
    "fixed": (lambda: _keras(_vectorize(output_sequence_length=6), _embedding(), _mean(), _summed()), 6),
    "masked": (
        lambda: _keras(_vectorize(output_sequence_length=6), _embedding(mask_zero=True), _mean(), _summed()),
        4,
    ),
    "open": (lambda: _keras(_vectorize(), _embedding(mask_zero=True), _mean(), _summed()), 4),
}


def _mean():
    return layers.GlobalAveragePooling1D()


@pytest.mark.parametrize("name", MEANS)
def test_means_of_vectors_give_each_word_its_part(tmp_path, name) -> None:
    make, length = MEANS[name]
    folder = models.save(make(), str(tmp_path / name))
    found = _explained(folder, "text", [models.example(text=TEXT), models.example(text="bad")], baseline="ZERO")
    tokens, values = zip(*_tokens(found.records[0], "text"), strict=True)
    assert list(tokens) == WORDS
    np.testing.assert_allclose(values, np.array([4.0, 0, 0, 0]) / length, atol=1e-5)
    _assert_complete(found.records, "text")


CURVED = {
    "lstm": lambda: _keras(
        _vectorize(output_sequence_length=6), _embedding(mask_zero=True), layers.LSTM(4), layers.Dense(1)
    ),
    "gru": lambda: _keras(_vectorize(), _embedding(mask_zero=True), layers.GRU(4), layers.Dense(1)),
    "convolution": lambda: _keras(
        _vectorize(output_sequence_length=6, ngrams=2),
        _embedding(),
        layers.Conv1D(4, 3, activation="relu"),
        layers.GlobalMaxPooling1D(),
        layers.Dense(1),
    ),
    "attention": lambda: _keras(_vectorize(output_sequence_length=6), _embedding(mask_zero=True), Attention(), _mean()),
}


class Attention(layers.Layer):
    """Each word attends to all."""

    def __init__(self) -> None:
        super().__init__()
        self.attention, self.supports_masking = layers.MultiHeadAttention(1, 3, output_shape=1), True

    def call(self, words):
        return self.attention(words, words)


@pytest.mark.parametrize("name", CURVED)
def test_layers_over_positions_have_tokens_that_add_up(tmp_path, name) -> None:
    keras.utils.set_random_seed(1)
    folder = models.save(CURVED[name](), str(tmp_path / name))
    texts = [TEXT, "bad", "urgent bad urgent the a good please help thanks"]
    # By itself, a text without words has no sequence for the recurrent layer; a mean of none is no number.
    texts += [""] if name == "gru" else []
    found = _explained(folder, "text", [models.example(text=text) for text in texts])
    assert found.summary.rows_explained == len(texts)
    assert name != "gru" or _column(found.records[3], "attributions", "text") == [0]
    assert [token for token, _ in _tokens(found.records[0], "text")][:4] == WORDS
    assert any(value for _, value in _tokens(found.records[0], "text"))
    _assert_complete(found.records, "text")


RAGGED = {
    "regex_split": (models.RegexSplit, WORDS),
    "unicode_decode": (models.CodePoints, [char.encode() for char in TEXT]),
    "unicode_split": (models.Characters, [char.encode() for char in TEXT]),
    "ngrams": (models.Ngrams, [b"Urgent: please", b"please help,", b"help, thanks!"]),
    "one_hot": (models.OneHot, [b"Urgent:", b"please", b"help,", b"thanks!"]),
    "word_pieces": (
        models.WordPieces,
        [b"ur", b"##gent", b"[UNK]", b"please", b"help", b"[UNK]", b"thank", b"##s", b"!"],
    ),
}


@pytest.mark.parametrize("name", RAGGED)
def test_sums_of_vectors_give_each_token_its_own(tmp_path, name) -> None:
    kind, expected = RAGGED[name]
    model = kind()
    found = _explained(models.save(model, str(tmp_path / name)), "text", [models.example(text=TEXT)], baseline="ZERO")
    tokens, values = zip(*_tokens(found.records[0], "text"), strict=True)
    assert list(tokens) == expected
    np.testing.assert_allclose(values, model.effects(tf.constant([TEXT])), atol=1e-5)
    _assert_complete(found.records, "text")


def test_words_that_are_there_or_not_share_what_is_theirs(tmp_path) -> None:
    weights = keras.initializers.Constant(np.arange(9.0)[:, None])
    model = _keras(_vectorize(output_mode="multi_hot"), layers.Dense(1, use_bias=False, kernel_initializer=weights))
    rows = [models.example(text=text) for text in ("Urgent bad, zzz bad!", "", "good")]
    found = _explained(models.save(model, str(tmp_path / "multi_hot")), "text", rows)
    tokens, values = zip(*_tokens(found.records[0], "text"), strict=True)
    assert tokens == (b"urgent", b"bad", b"zzz", b"bad")
    # The first weight is of unknown words.
    np.testing.assert_allclose(values, [5, 1, 0, 1], atol=1e-5)
    assert _tokens(found.records[1], "text") == []
    _assert_complete(found.records, "text")


@pytest.mark.parametrize("kind", ["embedding", "indicator"])
def test_an_estimators_columns_have_the_values_of_lists(tmp_path, kind) -> None:
    folder, weights = models.save_columns(str(tmp_path / kind), kind)
    rows = [models.example(tags=tags) for tags in (["urgent", "zzz", "bad"], [], ["good"])]
    found = _explained(folder, "tags", rows, baseline="ZERO")
    tokens, values = zip(*_tokens(found.records[0], "tags"), strict=True)
    assert tokens == (b"urgent", b"zzz", b"bad")
    np.testing.assert_allclose(values, [weights[4], 0.0, weights[1]], atol=1e-5)
    assert _tokens(found.records[1], "tags") == []
    _assert_complete(found.records, "tags")


def test_the_ops_of_pieces_are_brought_by_themselves(tmp_path) -> None:
    folder = models.save(models.RegexSplit(), str(tmp_path / "model"))
    code = (
        "import sys; from tfx_explain.savedmodel import generate_metadata;"
        "print(generate_metadata(sys.argv[1]).inputs['text'].modality)"
    )
    done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["text"], done.stderr
