"""Tokens as players, from records to records."""

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import json_format

from tests.beam import text_models as models
from tfx_explain.beam.explain import RowExplainer
from tfx_explain.beam.explaining.job import ExplanationJob
from tfx_explain.beam.explaining.parameters import check_parameters
from tfx_explain.beam.reading.batches import RowBatch
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata
from tfx_explain.storage import columns

METHODS = ("sampled_shapley", "kernel_shap", "lime", "occlusion")


class Hashed(models.SplitHashes):
    """Words, of any case and with marks that stick to them, add what their bucket does; and there is a country."""

    SPEC = models.TEXT | {"country": tf.io.FixedLenFeature([], tf.string, default_value="")}

    def pooled(self, parsed):
        texts = tf.strings.regex_replace(tf.strings.lower(parsed["text"]), "[.,!?]", "")
        return super().pooled({"text": texts}) + tf.cast(tf.equal(parsed["country"], "nz"), tf.float32)[:, None]


def _job(folder, feature, method="kernel_shap", baseline_model="", **config):
    asked = {f"{method}_attribution": {}, "tokens": {"features": [feature], **config}, "max_failed_fraction": 1.0}
    parameters = json_format.ParseDict(asked, explanation_pb2.ExplanationParameters())
    return ExplanationJob(folder, generate_metadata(folder), parameters, baseline_model)


def _explain(job, rows):
    return RowExplainer(job.completed()).explain(RowBatch(np.array(rows, object), "shard"))


def _column(record, part, feature, model=columns.CANDIDATE):
    name = f"{columns.PREFIX}{model}/{part}/{feature}"
    value = tf.train.Example.FromString(record).features.feature[name]
    return list(getattr(value, value.WhichOneof("kind") or "float_list").value)


def _effects(tokens):
    return models.vectors().sum(axis=1)[tf.strings.to_hash_bucket_fast(tokens, 9)]


@pytest.mark.parametrize("method", METHODS)
def test_words_have_the_effect_of_their_bucket(saved, method):
    texts = [b"Some words, some more!", b"", b"more"]
    found = _explain(_job(saved(Hashed), "text", method), [models.example(text=text) for text in texts])
    assert (found.summary.rows_explained, found.summary.tolerance_not_met) == (3, 0)
    tokens = [_column(record, columns.TOKENS, "text") for record in found.records]
    assert tokens == [[b"some", b"words", b"some", b"more"], [], [b"more"]]
    for record, own in zip(found.records, tokens, strict=True):
        values = _column(record, columns.TOKEN_ATTRIBUTIONS, "text")
        # LIME's ridge makes coefficients smaller, and leaves next to nothing of a single word.
        if method != "lime" or len(own) > 1:
            np.testing.assert_allclose(values, _effects(own) if own else [], atol=1e-4 if method != "lime" else 0.1)
        rest, whole = _column(record, columns.TOKEN_REST, "text"), _column(record, "attributions", "text")
        assert sum(values) + rest[0] == pytest.approx(whole[0], abs=1e-5)
    assert _column(found.records[0], columns.TOKEN_BEGIN, "text") == [0, 5, 12, 17]
    assert _column(found.records[0], columns.TOKEN_END, "text") == [4, 10, 16, 21]


@pytest.mark.parametrize(
    ("players", "expected"),
    [("WORD", [b"Some", b"words.", b"Some", b"more!"]), ("SENTENCE", [b"Some words.", b"Some more!"])],
)
def test_players_may_be_words_and_sentences_of_the_text(saved, players, expected):
    text = b"Some words. Some more!"
    found = _explain(_job(saved(Hashed), "text", players=players), [models.example(text=text)])
    assert _column(found.records[0], columns.TOKENS, "text") == expected
    begin, end = (_column(found.records[0], part, "text") for part in (columns.TOKEN_BEGIN, columns.TOKEN_END))
    assert [text[a:b] for a, b in zip(begin, end, strict=True)] == expected
    of_words = _effects(["some", "words", "some", "more"])
    sums = of_words if players == "WORD" else of_words.reshape(2, 2).sum(axis=1)
    np.testing.assert_allclose(_column(found.records[0], columns.TOKEN_ATTRIBUTIONS, "text"), sums, atol=1e-4)


@pytest.mark.parametrize("kind", [models.WordPieces, models.PiecesOfWords, models.RegexSplit])
def test_what_the_models_own_tokenizer_makes_of_a_text_are_players(saved, kind):
    text = "Urgent please thanks!"
    found = _explain(_job(saved(kind), "text"), [models.example(text=text), models.example(text="")])
    first, second = (_column(record, columns.TOKENS, "text") for record in found.records)
    pieces = [b"ur", b"##gent", b"please", b"thank", b"##s", b"!"]
    assert (first, second) == ([b"Urgent", b"please", b"thanks"] if kind is models.RegexSplit else pieces, [])
    values = _column(found.records[0], columns.TOKEN_ATTRIBUTIONS, "text")
    np.testing.assert_allclose(values, kind().effects(tf.constant([text])), atol=1e-4)
    begin, end = (_column(found.records[0], part, "text") for part in (columns.TOKEN_BEGIN, columns.TOKEN_END))
    own = [one.removeprefix(b"##") for one in first]
    assert [text[a:b].lower().encode() for a, b in zip(begin, end, strict=True)] == [one.lower() for one in own]


def test_both_models_and_lists_with_weights(saved):
    folder = saved(models.WeightedTags)
    rows = [models.example(tags=["urgent", "bad"], weights=[0.5, 2.0]), models.example(tags=["good"], weights=[3.0])]
    found = _explain(_job(folder, "ta*", baseline_model=saved(models.Tags)), rows)
    values = [_column(record, columns.TOKEN_ATTRIBUTIONS, "tags") for record in found.records]
    np.testing.assert_allclose(np.concatenate(values), [2.0, -6.0, 6.0], atol=1e-4)
    others = [_column(record, columns.TOKEN_ATTRIBUTIONS, "tags", columns.BASELINE) for record in found.records]
    # The mean of 4 and -3, of nothing 0: each has half of its own, and half of its share of the pair's.
    np.testing.assert_allclose(np.concatenate(others), [(4 + 0.5 + 3) / 2, (-3 + 0.5 - 4) / 2, 2.0], atol=1e-4)


def test_a_row_with_fewer_weights_than_tags_is_a_dead_letter_and_harms_no_other(saved):
    rows = [models.example(tags=["good", "bad"], weights=[1.0]), models.example(tags=["good"], weights=[3.0])]
    found = _explain(_job(saved(models.WeightedTags), "tags"), rows)
    assert (found.summary.rows_explained, found.summary.rows_failed) == (1, 1)
    assert _column(found.records[0], columns.TOKEN_ATTRIBUTIONS, "tags") == pytest.approx([6.0], abs=1e-4)


def test_long_and_odd_texts(saved):
    long = b" ".join([b"w0"] * 10_000)
    texts = [long, b"\xff\xfe bad \xf0\x9f\x98\x80", "\u05e9\u05dc\u05d5\u05dd good".encode()]
    found = _explain(_job(saved(models.SplitHashes), "text"), [models.example(text=text) for text in texts])
    tokens = [_column(record, columns.TOKENS, "text") for record in found.records]
    assert [len(own) for own in tokens] == [512, 3, 2] and tokens[1:] == [text.split() for text in texts[1:]]
    assert found.summary.tokens_left_out == 10_000 - 512
    assert _column(found.records[0], columns.TOKEN_BEGIN, "text")[:3] == [0, 3, 6]
    for record in found.records:
        values, rest = (_column(record, part, "text") for part in (columns.TOKEN_ATTRIBUTIONS, columns.TOKEN_REST))
        assert sum(values) + rest[0] == pytest.approx(_column(record, "attributions", "text")[0], rel=1e-4, abs=1e-3)


def test_a_model_that_takes_no_empty_text_wants_a_stand_in(saved):
    folder = saved(models.SplitMean)
    rows = [models.example(text="urgent good")]
    failed = _explain(_job(folder, "text"), rows)
    assert failed.summary.rows_failed == 1
    assert "give absent tokens a stand-in (tokens.baseline: UNKNOWN)" in next(iter(failed.summary.causes))
    found = _explain(_job(folder, "text", baseline="UNKNOWN"), rows)
    unknown = models.vectors()[-1].sum()
    expected = [(4 - unknown) / 2, (2 - unknown) / 2]
    np.testing.assert_allclose(_column(found.records[0], columns.TOKEN_ATTRIBUTIONS, "text"), expected, atol=1e-4)


def test_what_has_no_such_tokens_is_refused(saved):
    with pytest.raises(ValueError, match=r"'country' has no tokens: nothing in the model is seen to take .* WORD"):
        RowExplainer(_job(saved(Hashed), "country").completed())
    with pytest.raises(ValueError, match=r"names 'texts'; the features are 'country', 'text'"):
        RowExplainer(_job(saved(Hashed), "texts").completed())
    with pytest.raises(ValueError, match=r"UNKNOWN, but 'tags' are lists of numbers"):
        RowExplainer(_job(saved(models.Numbers), "tags", baseline="UNKNOWN").completed())
    with pytest.raises(ValueError, match=r"tokens.baseline is ZERO, which kernel_shap_attribution does not have"):
        check_parameters(_job(saved(Hashed), "text", baseline="ZERO").parameters)
    with pytest.raises(ValueError, match=r"xrai_attribution gives tokens no attribution"):
        check_parameters(_job(saved(Hashed), "text", "xrai").parameters)


def test_lime_and_occlusion_explain_features_without_tokens(saved):
    for method in ("lime", "occlusion"):
        job = _job(saved(Hashed), "text", method)
        job.parameters.ClearField("tokens")
        found = _explain(job, [models.example(text="more", country="nz")])
        assert _column(found.records[0], "attributions", "country") == pytest.approx([3.0], abs=1e-3)
        assert _column(found.records[0], columns.TOKEN_REST, "text") == []
