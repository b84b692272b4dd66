"""Tokens as players, against closed forms, enumeration, and what lime and shap say of the same texts."""

import itertools
import math

import hypothesis
import hypothesis.strategies as st
import lime.lime_text
import numpy as np
import pytest
import shap
import tensorflow as tf

from tfx_explain.attribution import (
    Banzhaf,
    IntegratedGradients,
    KernelShap,
    Lime,
    Occlusion,
    SampledShapley,
    Spans,
    Tokens,
    by_pattern,
    from_function,
    sentences,
    words,
)
from tfx_explain.attribution.methods.lime import _fit
from tfx_explain.attribution.problem.randomness import random_orders

EFFECTS = {b"urgent": 2.0, b"refund": 1.25, b"thanks": -1.5, b"not": 0.75}
TEXT = b"urgent: not the refund, not thanks"


def _effects():
    known = tf.lookup.KeyValueTensorInitializer(list(EFFECTS), tf.constant(list(EFFECTS.values())))
    return tf.lookup.StaticHashTable(known, 0.0)


def _tokens(texts):
    """Ragged `[rows, (tokens)]`, as the models read texts: without punctuation, split at spaces."""
    return tf.strings.split(tf.strings.regex_replace(texts, "[:,.!?]", ""))


@pytest.fixture(scope="module")
def models():
    table = _effects()

    def looked_up(texts):
        return tf.ragged.map_flat_values(table.lookup, _tokens(texts))

    def interacting(texts):
        found = looked_up(texts)
        total, size = tf.reduce_sum(found, axis=1), tf.cast(found.row_lengths(), tf.float32)
        return tf.tanh(total) + 0.3 * total * tf.math.log1p(size)

    def highest(texts):
        return tf.reduce_max(looked_up(texts).to_tensor(0.0, shape=[None, 32]), axis=1)

    functions = {
        "linear": lambda texts: tf.reduce_sum(looked_up(texts), axis=1),
        "highest": highest,
        "interacting": interacting,
    }
    return {name: from_function(lambda tensors, of=of: of(tensors["text"])) for name, of in functions.items()}


def _explain(method, model, texts, splitter=words, **settings):
    tokens = Tokens(method, texts={"text": splitter}, **settings)
    return tokens.attribute(model, {"text": tf.constant(texts)}, {"text": tf.constant([""])}, row_keys=_keys(texts))


def _keys(texts):
    return np.arange(len(texts), dtype=np.uint64) + np.uint64(7)


def _outputs(model, texts):
    return model.predict({"text": tf.constant(texts)}, tf.zeros([len(texts)], tf.int32)).numpy()


def _shapley(model, text, parts):
    """By the definition, the parts of a text being cut out of it."""
    coalitions = list(itertools.product([False, True], repeat=len(parts)))
    shown = []
    for present in coalitions:
        kept = bytearray(text)
        for is_there, (begin, end) in sorted(zip(present, parts, strict=True), key=lambda one: -one[1][0]):
            if not is_there:
                del kept[begin:end]
        shown.append(bytes(kept))
    values, count = np.zeros(len(parts)), len(parts)
    for present, output in zip(coalitions, _outputs(model, shown), strict=True):
        size = sum(present)
        for player in range(count):
            weight = math.factorial(size - present[player]) * math.factorial(count - 1 - size + present[player])
            values[player] += (1 if present[player] else -1) * weight / math.factorial(count) * output
    return values


def _adds_up(found, feature="text"):
    tokens = found.tokens[feature]
    rows = np.repeat(np.arange(len(tokens.rest)), tokens.row_lengths)
    total = np.bincount(rows, tokens.values, minlength=len(tokens.rest)) + tokens.rest
    np.testing.assert_allclose(total, found.values[:, found.features.index(feature)], atol=1e-9)


@pytest.mark.parametrize("method", [SampledShapley(), KernelShap(), Lime(), Occlusion(), Banzhaf()])
def test_planted_words_have_their_effects_whatever_the_method(models, method):
    found = _explain(method, models["linear"], [TEXT, b"", b"nothing known"])
    tokens = found.tokens["text"]
    assert tokens.row_splits.tolist() == [0, 6, 6, 8]
    assert tokens.tokens.tolist()[:6] == TEXT.split()
    np.testing.assert_allclose(tokens.values, [2, 0.75, 0, 1.25, 0.75, -1.5, 0, 0], atol=1e-4)
    np.testing.assert_allclose(tokens.rest, 0, atol=1e-4)
    assert [TEXT[a:b] for a, b in zip(tokens.begin[:6], tokens.end[:6], strict=True)] == TEXT.split()
    assert found.converged.all() and not any(found.failures)
    _adds_up(found)


def test_the_highest_word_shares_what_others_would_have_given(models):
    found = _explain(SampledShapley(), models["highest"], [b"urgent refund not now"])
    # Of a maximum of 0.75, 1.25 and 2: each step is shared by all that reach it (Littlechild, Owen 1973).
    steps = 0.75 / 3, 0.75 / 3 + 0.5 / 2, 0.75 / 3 + 0.5 / 2 + 0.75
    np.testing.assert_allclose(found.tokens["text"].values, [steps[2], steps[1], steps[0], 0], atol=1e-6)


@pytest.mark.parametrize("method", [SampledShapley(), KernelShap(max_evaluations=4096)])
@pytest.mark.parametrize(("splitter", "text"), [(words, TEXT), (sentences, b"urgent! not the refund. Ok?\nnot thanks")])
def test_few_players_have_the_shapley_values_of_the_definition(models, method, splitter, text):
    spans = splitter(np.array([text], object))
    expected = _shapley(models["interacting"], text, list(zip(spans.begin, spans.end, strict=True)))
    found = _explain(method, models["interacting"], [text, b"thanks"], splitter)
    np.testing.assert_allclose(found.tokens["text"].values[: len(expected)], expected, atol=1e-5)
    change = np.diff(_outputs(models["interacting"], [b"", text]))[0]
    assert found.tokens["text"].values[: len(expected)].sum() == pytest.approx(change, abs=1e-5)
    _adds_up(found)


def test_sampled_values_are_within_their_stated_error_of_enumerated_ones(models):
    texts = [b" ".join([TEXT, b"not refund urgent", b"a b c d e"[: 2 * more]]) for more in range(5)]
    exact = _explain(SampledShapley(max_evaluations=2**14), models["interacting"], texts)
    for method in (SampledShapley(max_evaluations=400), KernelShap(max_evaluations=400)):
        found = _explain(method, models["interacting"], texts)
        off = np.abs(found.tokens["text"].values - exact.tokens["text"].values)
        rows = np.repeat(np.arange(len(texts)), found.tokens["text"].row_lengths)
        assert (off <= found.approximation_errors[rows]).mean() > 0.95
        assert (found.evaluations < exact.evaluations)[1:].all()
        _adds_up(found)


def test_lime_agrees_with_the_text_explainer_of_its_authors_on_the_same_samples(models):
    text = "urgent this is not the refund that I was told of, thanks not urgent at all"
    ours = Lime(samples=300, distance="cosine", ridge=1.0, seed=4)
    found = _explain(ours, models["interacting"], [text.encode()])
    count = len(text.split())
    seats = random_orders(4, _keys([text]), np.array([0]), count)[0, 0]
    present = np.empty((302, count), bool)
    present[:, seats] = _fit(count, 300, ("cosine", None, 1.0), 4).present
    # Theirs has everybody first, and asks for the others' absent words.
    others = present[~present.all(axis=1)]

    class Samples:
        absent = iter(np.flatnonzero(~row) for row in others)

        def randint(self, *_):
            return (~others).sum(axis=1)

        def choice(self, *_, **__):
            return next(self.absent)

    def outputs(texts):
        return _outputs(models["interacting"], texts)[:, None]

    theirs = lime.lime_text.LimeTextExplainer(
        split_expression=r"\s+", bow=False, mask_string="", feature_selection="none"
    )
    theirs.random_state = Samples()
    said = theirs.explain_instance(text, outputs, labels=(0,), num_samples=len(others) + 1)
    expected = np.array([value for _, value in sorted(said.local_exp[0])])
    np.testing.assert_allclose(found.tokens["text"].values, expected, rtol=1e-4, atol=1e-5)


def test_limes_ridge_costs_few_words_no_more_than_many(models):
    """As where its authors' program draws as many samples, of few words the same ones again and again."""
    found = _explain(Lime(samples=1000, distance="cosine", ridge=1.0), models["linear"], [b"urgent refund"])
    np.testing.assert_allclose(found.tokens["text"].values, [2, 1.25], rtol=0.05)


class _AsShapWantsIt:
    """A tokenizer of words with their places."""

    def __call__(self, text, return_offsets_mapping=True):
        spans = words(np.array([text.encode()], object))
        places = list(zip(spans.begin.tolist(), spans.end.tolist(), strict=True))
        return {"input_ids": [text[a:b] for a, b in places], "offset_mapping": places}


@pytest.mark.parametrize("name", ["interacting", "linear"])
def test_shap_says_the_same_with_its_text_masker_and_the_same_tokenizer(models, name):
    masker = shap.maskers.Text(
        _AsShapWantsIt(), mask_token=",", collapse_mask_token=True
    )  # the models pass over commas
    explainers = {"linear": shap.explainers.PartitionExplainer, "interacting": shap.explainers.ExactExplainer}
    if name == "interacting":
        masker.clustering = None  # Shapley values, not those of a hierarchy
    explainer = explainers[name](lambda texts: _outputs(models[name], [str(one) for one in texts]), masker)
    theirs = explainer([TEXT.decode()])
    ours = _explain(SampledShapley(), models[name], [TEXT])
    np.testing.assert_allclose(ours.tokens["text"].values, np.ravel(theirs.values[0]), atol=1e-4)


def test_texts_of_any_kind_and_length(models):
    long = b" ".join([b"urgent"] * 100 + [b"x%d" % number for number in range(9_900)])
    texts = [
        b"",
        b"   ",
        b"urgent",
        b"\xff\xfe urgent \xc3",
        "\U0001f600 urgent \u0645\u0631\u062d\u0628\u0627".encode(),
    ]
    found = _explain(KernelShap(), models["linear"], [*texts, b"not not not", long])
    tokens = found.tokens["text"]
    assert tokens.row_lengths.tolist() == [0, 0, 1, 3, 3, 3, 512]
    assert tokens.tokens[:7].tolist() == [b"urgent", *texts[3].split(b" "), *texts[4].split(b" ")]
    np.testing.assert_allclose(tokens.values[:10], [2, 0, 2, 0, 0, 2, 0, 0.75, 0.75, 0.75], atol=1e-4)
    of_long = tokens.values[10:]
    # 63 players of eight or nine neighbours, and one of all that are not listed.
    np.testing.assert_allclose(of_long[:96], 2, atol=0.01)
    assert of_long.sum() == pytest.approx(200, rel=1e-3) and np.abs(of_long[112:]).max() < 0.01
    np.testing.assert_allclose(tokens.rest, 0, atol=0.1)
    assert not any(found.failures)
    _adds_up(found)


def test_tokens_beyond_the_listed_ones_are_in_the_rest(models):
    found = _explain(KernelShap(), models["linear"], [b"not urgent thanks", b"not"], max_tokens=2)
    tokens = found.tokens["text"]
    assert tokens.tokens.tolist() == [b"not", b"urgent", b"not"]
    np.testing.assert_allclose(tokens.values, [0.75, 2, 0.75], atol=1e-5)
    np.testing.assert_allclose(tokens.rest, [-1.5, 0], atol=1e-5)


def test_lists_lose_values_and_weights_together():
    inputs = {
        "ids": tf.ragged.constant([[3, 1, 3], [], [5]], dtype=tf.int64),
        "weights": tf.ragged.constant([[1.0, 2.0, -1.0], [], [0.5]]),
        "age": tf.constant([[0.0], [2.0], [0.0]]),
    }
    empty = {key: inputs[key][1:2] for key in ("ids", "weights")}
    players = {"tags": ("ids", "weights"), "age": ("age",)}

    def model(tensors):
        floats = tf.ragged.map_flat_values(lambda ids: tf.cast(ids, tf.float32), tensors["ids"])
        longest = tf.reduce_max(floats.to_tensor(0.0, shape=[None, 4]), axis=1)
        return tf.reduce_sum(floats * tensors["weights"], axis=1) + tensors["age"][:, 0] * longest

    found = Tokens(SampledShapley(), lists=["tags"]).attribute(model, inputs, {**empty, "age": 0.0}, players)
    tokens = found.tokens["tags"]
    assert tokens.tokens.tolist() == [b"3", b"1", b"3", b"5"] and tokens.begin is None
    np.testing.assert_allclose(tokens.values, [3, 2, -3, 2.5], atol=1e-5)
    _adds_up(found, "tags")


def test_other_features_keep_the_rows_values_and_the_rest_takes_the_difference():
    model = from_function(
        lambda tensors: tf.cast(tensors["list"].row_lengths(), tf.float32) * (1 + tensors["times"][:, 0])
    )
    inputs = {"list": tf.ragged.constant([["a", "b"], ["c"]]), "times": tf.constant([[3.0], [0.0]])}
    baselines = {"list": tf.ragged.constant([["z"]]), "times": 0.0}
    found = Tokens(SampledShapley(), lists=["list"]).attribute(model, inputs, baselines)
    tokens = found.tokens["list"]
    np.testing.assert_allclose(tokens.values, [4, 4, 1], atol=1e-5)
    np.testing.assert_allclose(found.values[:, 0], [1 + 3 / 2, 0], atol=1e-5)
    np.testing.assert_allclose(tokens.rest, [2.5 - 8, -1], atol=1e-5)


def test_something_may_stand_where_a_token_was():
    model = from_function(lambda tensors: tf.cast(tf.strings.length(tensors["text"]), tf.float32))
    found = _explain(Occlusion(), model, [b"ab cdefg"], stand_in=b"UNK")
    np.testing.assert_allclose(found.tokens["text"].values, [2 - 3, 5 - 3], atol=1e-6)
    lists = from_function(
        lambda tensors: tf.reduce_sum(
            tf.ragged.map_flat_values(lambda one: tf.cast(tf.strings.length(one), tf.float32), tensors["list"])
            * tensors["weights"],
            axis=1,
        )
    )
    inputs = {"list": tf.ragged.constant([["ab", "cdefg"]]), "weights": tf.ragged.constant([[1.0, 2.0]])}
    baselines = {"list": tf.ragged.constant([[""]]), "weights": tf.ragged.constant([[1.0]])}
    tokens = Tokens(Occlusion(), lists=["list"], stand_in=b"UNK")
    found = tokens.attribute(lists, inputs, baselines, {"list": ("list", "weights")})
    np.testing.assert_allclose(found.tokens["list"].values, [-1, 4], atol=1e-6)


def test_several_texts_a_row_dense_or_ragged():
    table = _effects()

    @from_function
    def model(tensors):
        rows = tf.strings.reduce_join(tensors["text"], axis=1, separator=" ")
        return tf.reduce_sum(tf.ragged.map_flat_values(table.lookup, _tokens(rows)), axis=1)

    method = Tokens(KernelShap(), texts={"text": words})
    ragged = tf.ragged.constant([["urgent not", "refund"], ["thanks"], []])
    found = method.attribute(model, {"text": ragged}, {"text": ragged[2:]})
    tokens = found.tokens["text"]
    np.testing.assert_allclose(tokens.values, [2, 0.75, 1.25, -1.5], atol=1e-5)
    assert tokens.begin.tolist() == [-1, -1, -1, 0] and tokens.end.tolist() == [-1, -1, -1, 6]
    dense = tf.constant([["urgent not", "refund"], ["", "thanks"]])
    found = method.attribute(model, {"text": dense}, {"text": tf.constant([["", ""]])})
    np.testing.assert_allclose(found.tokens["text"].values, [2, 0.75, 1.25, -1.5], atol=1e-5)


def test_neither_other_rows_nor_their_order_change_a_bit(models):
    texts = [TEXT, b"not " * 20, b"", b"refund thanks " * 30, b"urgent"]
    for method in (KernelShap(max_evaluations=300), Lime(samples=200), SampledShapley(max_evaluations=300)):
        whole = _explain(method, models["interacting"], texts).tokens["text"]
        tokens = Tokens(method, texts={"text": words}, batch_size=48)
        for row in range(len(texts)):
            one = tokens.attribute(
                models["interacting"],
                {"text": tf.constant(texts[row : row + 1])},
                {"text": tf.constant([""])},
                row_keys=_keys(texts)[row : row + 1],
            ).tokens["text"]
            np.testing.assert_array_equal(one.values, whole.take(np.array([row])).values)


def test_a_row_whose_output_is_not_finite_without_a_token_fails_alone():
    model = from_function(
        lambda tensors: tf.math.log(tf.cast(tensors["list"].row_lengths(), tf.float32) + tensors["more"][:, 0])
    )
    inputs = {"list": tf.ragged.constant([["a", "b"], ["a", "b"], []], dtype=tf.string), "more": [[0.0], [1.0], [1.0]]}
    baselines = {"list": tf.ragged.constant([["z"]]), "more": 1.0}
    found = Tokens(KernelShap(), lists=["list"]).attribute(model, inputs, baselines)
    assert found.failures[0].startswith("the output is not finite where feature 'list[") and not any(found.failures[1:])
    assert found.tokens["list"].row_lengths.tolist() == [0, 2, 0]
    assert np.isnan(found.tokens["list"].rest[0]) and np.isnan(found.values[0]).all()
    _adds_up(found.take(np.array([1, 2])), "list")


_WORDS = st.lists(st.sampled_from(["urgent", "refund", "thanks", "not", "the", "\U0001f600", "né"]), max_size=9)


@hypothesis.given(texts=st.lists(_WORDS, min_size=1, max_size=3))
@hypothesis.settings(deadline=None, max_examples=25)
def test_efficiency_dummy_and_symmetry(models, texts):
    raw = [" ".join(one).encode() for one in texts]
    found = _explain(SampledShapley(), models["interacting"], raw)
    tokens, outputs = found.tokens["text"], _outputs(models["interacting"], [*raw, b""])
    for row, present in enumerate(texts):
        one = tokens.take(np.array([row]))
        assert one.values.sum() == pytest.approx(outputs[row] - outputs[-1], abs=1e-4)
        for word in set(present):
            same = one.values[[other == word for other in present]]
            np.testing.assert_allclose(same, same[0], atol=1e-5)
    linear = _explain(KernelShap(), models["linear"], raw).tokens["text"]
    of_dummies = linear.values[[token not in EFFECTS for token in linear.tokens]]
    np.testing.assert_allclose(of_dummies, 0, atol=1e-5)


def test_what_makes_no_sense_is_refused(models):
    with pytest.raises(ValueError, match="IntegratedGradients plays no coalitions"):
        Tokens(IntegratedGradients())
    with pytest.raises(ValueError, match="max_tokens is 0"):
        Tokens(Lime(), max_tokens=0)
    with pytest.raises(ValueError, match=r"tokens of 'other' .* whole tensors are \['text'\]"):
        Tokens(Lime(), lists=["other"]).attribute(models["linear"], {"text": [TEXT]}, {"text": tf.constant([""])})
    with pytest.raises(ValueError, match="lists names 'text'; a list is of ragged tensors"):
        Tokens(Lime(), lists=["text"]).attribute(models["linear"], {"text": [TEXT]}, {"text": tf.constant([""])})
    with pytest.raises(ValueError, match="spans of a text overlap"):
        _explain(
            Lime(), models["linear"], [TEXT], lambda _: Spans(np.array([0, 2]), np.array([0, 2]), np.array([3, 4]))
        )
    numbers = tf.ragged.constant([[1, 2]])
    with pytest.raises(ValueError, match="'x' is a list of int32; only strings have a stand-in"):
        Tokens(Lime(), lists=["x"], stand_in=b"?").attribute(lambda x: x["x"][:, 0], {"x": numbers}, {"x": numbers})
    with pytest.raises(ValueError, match="texts names 'x'"):
        Tokens(Lime(), texts={"x": words}).attribute(lambda x: x["x"][:, 0], {"x": numbers}, {"x": numbers})
    with pytest.raises(ValueError, match="100 evaluations a row are too few for 64 features; give at least 132"):
        Tokens(KernelShap(coalitions=100))
    with pytest.raises(tf.errors.InvalidArgumentError, match="a row of 'x' has not as many values as weights"):
        uneven = {"x": numbers, "weights": tf.ragged.constant([[1]])}
        players = {"x": ("x", "weights")}
        Tokens(Lime(), lists=["x"]).attribute(lambda x: x["x"][:, 0], uneven, uneven, players)
    with pytest.raises(ValueError, match=r"'\[' is no regular expression"):
        by_pattern("[")


def test_spans_are_those_of_bytes():
    text = 'Hello there. "How (are) you?"\n  3.5 is \u00e9t\u00e9\u3002 \u4eca\u65e5'.encode()
    for splitter, expected in (
        (words, ["Hello", "there.", '"How', "(are)", 'you?"', "3.5", "is", "\u00e9t\u00e9\u3002", "\u4eca", "\u65e5"]),
        (sentences, ["Hello there.", '"How (are) you?"', "3.5 is \u00e9t\u00e9\u3002", "\u4eca\u65e5"]),
        (by_pattern(r"\w*e\w*|"), ["Hello", "there", "are"]),
    ):
        spans = splitter(np.array([b"", text], object))
        assert spans.row_splits.tolist() == [0, 0, len(spans.begin)]
        assert [text[a:b].decode() for a, b in zip(spans.begin, spans.end, strict=True)] == expected
