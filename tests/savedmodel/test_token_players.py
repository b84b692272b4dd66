"""Where models are fed so that tokens can be absent one by one; their values, against the served model itself."""

import itertools
import math

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.attribution import KernelShap, SampledShapley, Tokens, sentences, words
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata, load_explainable


def _random(*shape, seed=0):
    return tf.Variable(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def _table():
    known = ["good", "bad", "film", "thing"]
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(known, tf.range(4, dtype=tf.int64)), 4)


class Served(tf.Module):
    """Scores tf.Examples of a text, a number, and a list of ids with weights."""

    spec = {
        "text": tf.io.FixedLenFeature([], tf.string),
        "number": tf.io.FixedLenFeature([], tf.float32),
        "ids": tf.io.VarLenFeature(tf.int64),
        "weights": tf.io.VarLenFeature(tf.float32),
    }

    def __init__(self):
        super().__init__()
        self.table, self.vectors, self.last = _table(), _random(5, 3), _random(3, 1, seed=1)

    def hidden(self, parsed):
        return self.of_text(parsed["text"]) + self.of_list(parsed)

    def of_text(self, texts):
        tokens = tf.strings.split(tf.strings.regex_replace(tf.strings.lower(texts), "[.,!?]", ""))
        ids = tf.ragged.map_flat_values(self.table.lookup, tokens)
        return tf.reduce_sum(tf.ragged.map_flat_values(lambda one: tf.gather(self.vectors, one), ids), axis=1)

    def of_list(self, parsed):
        ids = parsed["ids"].with_values(parsed["ids"].values % 5)
        return tf.nn.safe_embedding_lookup_sparse(self.vectors, ids, parsed["weights"], combiner="sum")

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve(self, examples):
        parsed = tf.io.parse_example(examples, self.spec)
        score = tf.tanh(self.hidden(parsed)) @ self.last
        return {"score": tf.squeeze(score, 1) * (1 + parsed["number"] ** 2)}


class Lengths(Served):
    """The text's length counts beside its words."""

    def of_text(self, texts):
        return super().of_text(texts) + tf.cast(tf.strings.length(texts), tf.float32)[:, None] / 50


class Characters(Served):
    """A text is its characters."""

    def of_text(self, texts):
        codes = tf.strings.unicode_decode(texts, "UTF-8") % 5
        return tf.reduce_sum(tf.ragged.map_flat_values(lambda one: tf.gather(self.vectors, one), codes), axis=1)


class Lists(Served):
    """Texts come as lists of any number of them."""

    spec = Served.spec | {"text": tf.io.VarLenFeature(tf.string)}

    def of_text(self, texts):
        return super().of_text(tf.strings.reduce_join(tf.RaggedTensor.from_sparse(texts), axis=1, separator=" "))


class Layered(Served):
    """Keras' TextVectorization, with pairs of words, to an open length."""

    def __init__(self):
        super().__init__()
        self.vectorizer = tf.keras.layers.TextVectorization(ngrams=2)
        self.vectorizer.adapt(["good film", "bad thing"])
        self.embedding = _random(9, 3, seed=2)

    def of_text(self, texts):
        ids = self.vectorizer(texts)
        return tf.reduce_sum(tf.gather(self.embedding, ids) * tf.cast(ids > 0, tf.float32)[:, :, None], axis=1)


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    found = {}

    def open_model(kind):
        if kind not in found:
            module, path = kind(), str(tmp_path_factory.mktemp("model"))
            tf.saved_model.save(module, path, signatures=module.serve)
            found[kind] = path, load_explainable(path, generate_metadata(path))
        return found[kind]

    return open_model


def _example(text=None, number=0.5, ids=(), weights=()):
    one = tf.train.Example()
    texts = [] if text is None else [text]
    one.features.feature["text"].bytes_list.value.extend(texts)
    one.features.feature["number"].float_list.value.append(number)
    one.features.feature["ids"].int64_list.value.extend(ids)
    one.features.feature["weights"].float_list.value.extend(weights)
    return one.SerializeToString()


def _explain(model, examples, method, whole_texts=False, splitter=words):
    players = {name: model.token_players(name, whole_texts) for name in ("text", "ids")}
    cut = model.coalitional(players)
    lists = [name for name, one in players.items() if one.is_list]
    texts = {name: splitter for name in players if name not in lists}
    inputs = cut.encode(tf.constant(examples))
    return players, Tokens(method, lists=lists, texts=texts).attribute(cut, inputs, cut.baselines, cut.players)


def _shapley(score, tokens):
    """By the definition, of a function of lists of tokens, None in the place of those that are absent."""
    values, count = np.zeros(len(tokens)), len(tokens)
    coalitions = list(itertools.product([False, True], repeat=count))
    outputs = score(
        [[one if is_there else None for one, is_there in zip(tokens, some, strict=True)] for some in coalitions]
    )
    for some, output in zip(coalitions, outputs, strict=True):
        for player in range(count):
            weight = math.factorial(sum(some) - some[player]) * math.factorial(count - 1 - sum(some) + some[player])
            values[player] += (1 if some[player] else -1) * weight / math.factorial(count) * output
    return values


@pytest.mark.parametrize("kind", [Served, Layered, Lengths, Lists, Characters])
def test_tokens_have_the_shapley_values_of_the_served_model(opened, kind):
    path, model = opened(kind)
    serve = tf.saved_model.load(path).signatures["serving_default"]
    text, ids, weights = b"Good film, what a bad thing!", (3, 1, 7), (1.0, 2.0, -0.5)

    def of_texts(some):
        return [_example(b" ".join(token or b"" for token in one), 2.0, ids, weights) for one in some]

    def of_lists(some):
        kept = [list(zip(*filter(None, one), strict=True)) or [(), ()] for one in some]
        return [_example(text, 2.0, *one) for one in kept]

    expected, of_list = (
        _shapley(lambda some, make=make: serve(tf.constant(make(some)))["score"].numpy(), tokens)
        for make, tokens in ((of_texts, text.split()), (of_lists, list(zip(ids, weights, strict=True))))
    )
    for whole_texts in (False, True):
        players, found = _explain(
            model, [_example(text, 2.0, ids, weights), _example(b"", 1.0)], SampledShapley(), whole_texts
        )
        assert players["text"].is_list == (not whole_texts and kind in (Served, Layered))
        tokens = found.tokens["text"]
        lowered = [one.strip(b",!") for one in text.lower().split()]
        assert tokens.tokens.tolist() == (lowered if players["text"].is_list else text.split())
        np.testing.assert_allclose(tokens.values, expected, atol=1e-4)
        np.testing.assert_allclose(found.tokens["ids"].values, of_list, atol=1e-4)
        assert found.tokens["ids"].tokens.tolist() == [b"3", b"1", b"7"]
        row, rest = found.features.index("text"), tokens.rest
        assert tokens.values.sum() + rest[0] == pytest.approx(found.values[0, row], abs=1e-6)
        assert rest[1] == pytest.approx(found.values[1, row], abs=1e-6)


def test_sentences_are_players_of_whole_texts(opened):
    _, model = opened(Served)
    _, found = _explain(model, [_example(b"Good film. Bad thing!\nGood.")], KernelShap(), True, sentences)
    assert found.tokens["text"].tokens.tolist() == [b"Good film.", b"Bad thing!", b"Good."]
    assert found.tokens["text"].begin.tolist() == [0, 11, 22]


def test_what_has_no_tokens_says_why(opened):
    path, model = opened(Served)
    with pytest.raises(ValueError, match=r"'number' can't be left out one by one: .* but float32 \[\] a row"):
        model.token_players("number")
    metadata = generate_metadata(path)
    metadata.inputs["text"].group_name = metadata.inputs["number"].group_name = "both"
    with pytest.raises(ValueError, match="'both' can't be left out one by one: it is a group"):
        load_explainable(path, metadata).token_players("both")


def test_encoded_baselines_are_refused_where_tokens_are_asked_for(opened):
    path, _ = opened(Served)
    metadata: explanation_pb2.ExplanationMetadata = generate_metadata(path)
    entry = metadata.inputs["text"]
    del entry.input_baselines[:]
    entry.encoded_baselines.add().list_value.extend([0.0, 0.0, 0.0])
    model = load_explainable(path, metadata)
    with pytest.raises(ValueError, match=r"inputs\['text'\] gives encoded_baselines, but tokens of it are asked for"):
        model.coalitional({"text": model.token_players("text")})
