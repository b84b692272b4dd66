"""Odd texts and lists whose tokens are players, and what is refused."""

import numpy as np
import pytest
import tensorflow as tf

from tests.attribution.token_models import TEXT, assert_complete, effects, explain, keys, make_models, tokens_of
from tfx_explain.attribution import (
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


@pytest.fixture(scope="module")
def models():
    return make_models()


def test_texts_of_any_kind_and_length(models):
    long = b" ".join([b"urgent"] * 100 + [b"x%d" % number for number in range(9_900)])
    texts = [
        b"",
        b"   ",
        b"urgent",
        b"\xff\xfe urgent \xc3",
        "\U0001f600 urgent \u0645\u0631\u062d\u0628\u0627".encode(),
    ]
    found = explain(KernelShap(), models["linear"], [*texts, b"not not not", long])
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
    assert_complete(found)


def test_tokens_beyond_the_listed_ones_are_in_the_rest(models):
    found = explain(KernelShap(), models["linear"], [b"not urgent thanks", b"not"], max_tokens=2)
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
    assert_complete(found, "tags")


def test_lists_of_lists_go_with_the_last_of_their_values():
    lists = tf.ragged.constant([[[1.0, 2.0], [3.0]], [[4.0]], []], ragged_rank=2)

    @from_function
    def model(tensors):
        means = tf.reduce_mean(tensors["words"], axis=2)
        return tf.reduce_sum(means, axis=1) + 10 * tf.cast(means.row_lengths(), tf.float32)

    found = Tokens(SampledShapley(), lists=["words"]).attribute(model, {"words": lists}, {"words": lists[2:]})
    tokens = found.tokens["words"]
    assert tokens.row_lengths.tolist() == [3, 1, 0]
    # The mean of 1 and 2: each has half of its own, and half of its share of the pair's; and of their list.
    first, second = (1 + 1.5 - 2) / 2, (2 + 1.5 - 1) / 2
    np.testing.assert_allclose(tokens.values, [first + 5, second + 5, 13, 14], atol=1e-5)
    np.testing.assert_allclose(tokens.rest, 0, atol=1e-5)


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
    found = explain(Occlusion(), model, [b"ab cdefg"], stand_in=b"UNK")
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
    table = effects()

    @from_function
    def model(tensors):
        rows = tf.strings.reduce_join(tensors["text"], axis=1, separator=" ")
        return tf.reduce_sum(tf.ragged.map_flat_values(table.lookup, tokens_of(rows)), axis=1)

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
        whole = explain(method, models["interacting"], texts).tokens["text"]
        tokens = Tokens(method, texts={"text": words}, batch_size=48)
        for row in range(len(texts)):
            one = tokens.attribute(
                models["interacting"],
                {"text": tf.constant(texts[row : row + 1])},
                {"text": tf.constant([""])},
                row_keys=keys(texts)[row : row + 1],
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
    assert_complete(found.take(np.array([1, 2])), "list")


def test_values_of_rows_of_one_length_have_padding_in_their_place():
    ids = tf.constant([[5, 0, 7], [0, 0, 0], [4, 1, 2], [0, 3, 2]])
    weights = np.array([1.0, 10.0, 100.0])

    def model(tensors):
        return tf.linalg.matvec(tf.cast(tensors["ids"], tf.float64), weights)

    tokens = Tokens(KernelShap(), padded={"ids": [0, 1, 2]}).attribute(model, {"ids": ids}, {"ids": ids[1:2]}).tokens
    found = tokens["ids"]
    # What is padding stands for nothing at the end alone; 0 is none where 1 is.
    assert found.tokens.tolist() == [b"5", b"0", b"7", b"0", b"0", b"0", b"4", b"0", b"3"]
    np.testing.assert_allclose(found.values, [5, -10, 500, 0, -10, -200, 4, 0, 20], atol=1e-9)
    none = tf.zeros([2, 0], tf.int32)
    empty = Tokens(KernelShap(), padded={"ids": 0}).attribute(
        lambda x: tf.zeros([len(x["ids"])]), {"ids": none}, {"ids": none[:1]}
    )
    assert len(empty.tokens["ids"].tokens) == 0
    with pytest.raises(ValueError, match="padded names 'ids'"):
        lists = {"ids": tf.ragged.constant([[1]])}
        Tokens(KernelShap(), padded={"ids": 0}).attribute(model, lists, lists)


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
        explain(Lime(), models["linear"], [TEXT], lambda _: Spans(np.array([0, 2]), np.array([0, 2]), np.array([3, 4])))
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
