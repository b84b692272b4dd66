"""Tokens found in served graphs, and their attributions, from records to records."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from google.protobuf import json_format

from tests.beam import text_models as models
from tfx_explain.beam.explain import ExplainedBatch, RowExplainer
from tfx_explain.beam.explaining.job import ExplanationJob
from tfx_explain.beam.reading.batches import RowBatch
from tfx_explain.cli.explain import command
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata
from tfx_explain.storage import columns

TEXTS = ["urgent please help", "good bad good", "", "zzz", "bad"]
LISTS = [text.split() for text in TEXTS]


def _explained(folder, feature: str, rows, **settings) -> ExplainedBatch:
    return _explainer(folder, feature, **settings).explain(RowBatch(np.array(rows, object), "shard"))


def _explainer(folder, feature: str, parameters: dict | None = None, baseline_model: str = "", **config):
    tokens = {"features": [feature], **config}
    parsed = json_format.ParseDict({"tokens": tokens, **(parameters or {})}, explanation_pb2.ExplanationParameters())
    metadata = generate_metadata(str(folder))
    assert {entry.modality for entry in metadata.inputs.values()} <= {"text", "categorical", "numeric"}
    return RowExplainer(ExplanationJob(str(folder), metadata, parsed, baseline_model).completed())


def _column(record: bytes, part: str, feature: str, model: str = columns.CANDIDATE) -> list:
    name = f"{columns.PREFIX}{model}/{part}/{feature}"
    value = tf.train.Example.FromString(record).features.feature[name]
    return list(getattr(value, value.WhichOneof("kind") or "float_list").value)


def _tokens(record: bytes, feature: str) -> list[tuple[bytes, float]]:
    parts = (_column(record, part, feature) for part in (columns.TOKENS, columns.TOKEN_ATTRIBUTIONS))
    return list(zip(*parts, strict=True))


def _assert_complete(records, feature: str) -> None:
    for record in records:
        rest, whole = _column(record, columns.TOKEN_REST, feature), _column(record, "attributions", feature)
        values = np.reshape(_column(record, columns.TOKEN_ATTRIBUTIONS, feature), (len(rest), -1))
        np.testing.assert_allclose(
            values.sum(axis=1) + rest, whole, rtol=1e-5, atol=1e-3 if values.size > 100 else 1e-6
        )


def _effects(words) -> np.ndarray:
    return np.array([models.EFFECTS.get(word, 0.0) for word in words])


@pytest.mark.parametrize("kind", [models.SplitMean, models.Masked, models.Tags])
def test_planted_words_have_their_effect_over_the_length(saved, kind) -> None:
    feature = next(iter(kind.SPEC))
    rows = [models.example(**{feature: LISTS[i] if feature == "tags" else TEXTS[i]}) for i in (0, 1, 4)]
    found = _explained(saved(kind), feature, rows, baseline="ZERO")
    assert found.summary.rows_explained == 3
    for record, words in zip(found.records, [LISTS[0], LISTS[1], LISTS[4]], strict=True):
        tokens, values = zip(*_tokens(record, feature), strict=True)
        assert [token.decode() for token in tokens] == words
        np.testing.assert_allclose(values, _effects(words) / len(words), atol=1e-5)
    _assert_complete(found.records, feature)


def test_values_of_a_weighted_list_have_their_weighted_effect(saved) -> None:
    rows = [models.example(tags=["urgent", "bad"], weights=[0.5, 2.0]), models.example(tags=["good"], weights=[3.0])]
    found = _explained(saved(models.WeightedTags), "tags", rows, baseline="ZERO")
    values = [[value for _, value in _tokens(record, "tags")] for record in found.records]
    np.testing.assert_allclose(np.concatenate(values), [2.0, -6.0, 6.0], atol=1e-5)
    _assert_complete(found.records, "tags")


def test_ids_of_a_vocabulary_are_their_own_tokens(saved) -> None:
    rows = [models.example(tags=ids) for ids in ([4, 5, 1], [], [0])]
    found = _explained(saved(models.Numbers), "tags", rows)
    tokens = [[token for token, _ in _tokens(record, "tags")] for record in found.records]
    assert tokens == [[b"4", b"5", b"1"], [], [b"0"]]
    np.testing.assert_allclose([value for _, value in _tokens(found.records[0], "tags")], [4, 0, -3], atol=1e-5)
    assert _column(found.records[1], columns.TOKEN_REST, "tags") == [0]


def test_unknown_tags_that_the_model_leaves_out_have_nothing(saved) -> None:
    found = _explained(saved(models.Tags), "tags", [models.example(tags=["bad", "zzz", "bad"])])
    assert _tokens(found.records[0], "tags") == [
        (b"bad", pytest.approx(-1.5)),
        (b"zzz", 0.0),
        (b"bad", pytest.approx(-1.5)),
    ]


def test_hashed_words_have_the_effect_of_their_bucket(saved) -> None:
    found = _explained(saved(models.SplitHashes), "text", [models.example(text="Some words, some more")])
    buckets = tf.strings.to_hash_bucket_fast(["Some", "words,", "some", "more"], 9)
    values = [value for _, value in _tokens(found.records[0], "text")]
    np.testing.assert_allclose(values, models.vectors().sum(axis=1)[buckets], atol=1e-5)
    assert _column(found.records[0], columns.TOKEN_BEGIN, "text") == [0, 5, 12, 17]
    assert _column(found.records[0], columns.TOKEN_END, "text") == [4, 11, 16, 21]


def test_odd_texts_have_tokens_or_none(saved) -> None:
    texts = [b"", b"good", b"\xff\xfe bad \xf0\x9f\x98\x80", b"good " * 10_000, "שלום good".encode()]
    found = _explained(saved(models.SplitHashes), "text", [models.example(text=text) for text in texts])
    assert found.summary.rows_explained == 5
    tokens = [[token for token, _ in _tokens(record, "text")] for record in found.records]
    assert tokens[:3] == [[], [b"good"], [b"\xff\xfe", b"bad", b"\xf0\x9f\x98\x80"]]
    assert len(tokens[3]) == 512 and found.summary.tokens_left_out == 10_000 - 512
    assert _column(found.records[0], columns.TOKEN_REST, "text") == [0]
    _assert_complete(found.records, "text")


COALITIONS = {"kernel_shap_attribution": {}}


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        (models.Masked, {}),
        (models.Open, {}),
        (models.Tags, {}),
        (models.Open, COALITIONS),
        pytest.param(models.Tags, COALITIONS, marks=pytest.mark.slow),
    ],
)
def test_a_row_has_the_same_bits_whatever_rows_it_comes_with(saved, kind, parameters) -> None:
    (feature,) = kind.SPEC
    explainer = _explainer(saved(kind), feature, parameters)
    # The last but one has too many words for all their coalitions.
    texts = [*TEXTS, " ".join([*models.WORDS, *models.WORDS]), "a b c d e f g h i j k l"]
    values = [text.split() if feature == "tags" else text for text in texts]
    rows = np.array([models.example(**{feature: value}) for value in values], object)
    together = explainer.explain(RowBatch(rows, "shard")).records
    alone = [explainer.explain(RowBatch(rows[row : row + 1], "shard")).records for row in range(len(rows))]
    assert list(together) == [record for records in alone for record in records]
    assert len(together) == len(rows)


def test_a_row_whose_tokens_cant_be_followed_fails_alone(saved) -> None:
    rows = [models.example(text=text) for text in ("urgent help", "urgent zzz", "bad")]
    found = _explained(saved(models.Dropped), "text", rows, baseline="ZERO")
    assert [_tokens(record, "text") for record in found.records] == [
        [(b"urgent", pytest.approx(4, abs=1e-5)), (b"help", pytest.approx(0, abs=1e-5))],
        [(b"bad", pytest.approx(-3, abs=1e-5))],
    ]
    (letter,) = map(tf.train.Example.FromString, found.dead_letters)
    assert letter.features.feature["record"].bytes_list.value[0] == rows[1]
    assert b"the tokens of 'text' can't be followed" in letter.features.feature["error"].bytes_list.value[0]


METHODS = {
    "adaptive": {},
    "steps": {"integrated_gradients_attribution": {"step_count": 7}},
    "noise": {"integrated_gradients_attribution": {"smooth_grad_config": {"noise_sigma": 0.2}}},
}


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("baseline", ["PAD", "UNKNOWN"])
def test_tokens_and_rest_are_the_feature_of_every_class_and_model(saved, method, baseline) -> None:
    rows = [models.example(text=text) for text in ("urgent bad zzz good the help a thanks", "good", "")]
    parameters = METHODS[method] | {"output_indices": [-1]}
    folder = saved(models.Classes)
    found = _explained(folder, "text", rows, parameters=parameters, baseline=baseline, baseline_model=folder)
    assert found.summary.rows_explained == 3
    _assert_complete(found.records, "text")
    for record in found.records:
        # Attributions class after class, of the same tokens in both models.
        tokens, values = (_column(record, part, "text") for part in (columns.TOKENS, columns.TOKEN_ATTRIBUTIONS))
        assert len(values) == 3 * len(tokens)
        assert values == _column(record, columns.TOKEN_ATTRIBUTIONS, "text", columns.BASELINE)
    # What the model cuts off has no part in it; an empty text has none at all.
    last = np.reshape(_column(found.records[0], columns.TOKEN_ATTRIBUTIONS, "text"), (3, 8))[:, models.Classes.LENGTH :]
    assert not last.any()
    if baseline == "PAD" and method != "noise":
        assert _column(found.records[2], columns.TOKEN_REST, "text") == [0, 0, 0]


def test_what_has_no_tokens_is_refused_and_said(saved) -> None:
    entry = generate_metadata(saved(models.Counted)).inputs["text"]
    assert "Its tokens can't be found" in entry.finding and "it counts them" in entry.finding
    with pytest.raises(ValueError, match=r"The tokens of 'text' can't be found in the model: .*it counts them"):
        _explainer(saved(models.Counted), "text")
    with pytest.raises(ValueError, match=r"tokens.features names 'txt'; the features are 'text'"):
        _explainer(saved(models.SplitMean), "txt")
    with pytest.raises(ValueError, match=r"not looked up in a table.*PAD or ZERO"):
        _explainer(saved(models.SplitHashes), "text", baseline="UNKNOWN")


def test_the_command_writes_tokens(saved, tmp_path) -> None:
    path = str(tmp_path / "rows.tfrecord")
    with tf.io.TFRecordWriter(path) as writer:
        for text in TEXTS:
            writer.write(models.example(text=text))
    output = str(tmp_path / "explained")
    arguments = ["--model", saved(models.Classes), "--examples", path, "--output", output]
    done = CliRunner().invoke(command, [*arguments, "--tokens", "te*"])
    assert done.exit_code == 0, done.output
    files = tf.io.gfile.glob(f"{output}/Split-eval/*.gz")
    records = list(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator())
    assert sorted(b" ".join(_column(record, columns.TOKENS, "text")) for record in records) == sorted(
        text.encode() for text in TEXTS
    )
    _assert_complete(records, "text")
