import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel.analysis.features import Feature
from tfx_explain.savedmodel.generation.describe_data import describe_baselines
from tfx_explain.savedmodel.rows.baselines import Baseline, Choice, choose_baselines, raw_baselines, to_proto
from tfx_explain.savedmodel.rows.data import Data
from tfx_explain.savedmodel.rows.statistics import FeatureSummary, is_typical


def feature(dtype, shape=(None,), **settings):
    return Feature("f", "f:0", dtype, tf.TensorShape(shape), **settings)


NUMERIC, CATEGORICAL = FeatureSummary(median=2.6), FeatureSummary(categorical=True, top_values=(b"3", b"1"))


@pytest.mark.parametrize(
    ("dtype", "summary", "expected"),
    [
        (tf.float32, NUMERIC, Baseline(2.6, "median")),
        (tf.int64, NUMERIC, Baseline(3, "median")),
        (tf.int64, CATEGORICAL, Baseline(3, "mode")),
        (tf.string, CATEGORICAL, Baseline("3", "mode")),
        (tf.string, FeatureSummary(), Baseline("", "zero")),
        (tf.string, NUMERIC, Baseline("", "zero")),
        (tf.int64, FeatureSummary(), Baseline(0, "zero")),
        (tf.bool, FeatureSummary(), Baseline(False, "zero")),
    ],
)
def test_choice(dtype, summary, expected):
    modality = "categorical" if summary.categorical else "numeric"
    (chosen,) = choose_baselines(feature(dtype), summary, modality, [Choice("median")], [])
    assert chosen == expected and type(chosen.value) is type(expected.value)


RARE = FeatureSummary(categorical=True, top_values=(b"a sentence", b"another"), top_is_typical=False)


@pytest.mark.parametrize(
    ("settings", "kind", "expected"),
    [
        ({}, "median", Baseline("", "zero")),
        ({"indices": "f:1", "dense_shape": "f:2"}, "median", Baseline([], "zero")),
        ({}, "mean", Baseline("", "zero")),
        ({}, "mode", Baseline("a sentence", "mode")),
    ],
)
def test_of_texts_that_hardly_repeat_the_empty_one_says_nothing(settings, kind, expected):
    assert choose_baselines(feature(tf.string, **settings), RARE, "text", [Choice(kind)], []) == [expected]


RARE_IDS = FeatureSummary(categorical=True, top_values=(b"7", b"8"), top_is_typical=False)


def test_integers_that_stand_for_names_have_no_empty_text_but_an_empty_list():
    median = [Choice("median")]
    assert choose_baselines(feature(tf.int64), RARE_IDS, "categorical", median, []) == [Baseline(7, "mode")]
    several = feature(tf.int64, indices="f:1", dense_shape="f:2")
    assert choose_baselines(several, RARE_IDS, "categorical", median, []) == [Baseline([], "zero")]


@pytest.mark.parametrize("is_typical", [False, True])
def test_ids_of_which_none_stands_for_the_others_say_so(is_typical):
    entry = explanation_pb2.InputMetadata(modality="categorical")
    known = {"f": dataclasses.replace(RARE_IDS, top_is_typical=is_typical)}
    describe_baselines(entry, feature(tf.int64), Data([Choice("median")], known, known))
    assert ("names that hardly repeat" in entry.finding) != is_typical


@pytest.mark.parametrize(
    ("count", "values", "distinct", "typical"),
    [
        (2, 5, 4, True),  # few rows
        (1, 5, 5, False),  # all different
        (30, 100_000, 5_000, False),  # ids
        (9, 1000, 900, False),  # sentences, some of them twice
        (150, 1000, 851, True),  # one of them is what people write who write nothing
        (12, 1000, 100, True),  # a hundred names
    ],
)
def test_what_is_typical(count, values, distinct, typical):
    assert is_typical(count, values, distinct) == typical


@pytest.mark.parametrize(
    ("dtype", "shape", "given", "expected"),
    [
        (tf.float32, [None], [1.5, 2], [1.5, 2.0]),
        (tf.float32, [None, 2], [7], [[7.0, 7.0]]),
        (tf.float32, [None, 2], [[1, 2]], [[1.0, 2.0]]),
        (tf.int64, [None, 1], [3], [[3]]),
        (tf.string, [None, 1], ["a", ["b"]], [[b"a"], [b"b"]]),
        (tf.float32, [None, 2], [], [[0.0, 0.0], [0.0, 0.0]]),
    ],
)
def test_given_values_take_the_tensors_shape(dtype, shape, given, expected):
    baselines = raw_baselines(feature(dtype, shape), [to_proto(value) for value in given], count=2)
    assert baselines.dtype == dtype
    np.testing.assert_array_equal(baselines, expected)


def test_sparse_features_get_rows_of_values():
    sparse = feature(tf.string, indices="f:1", dense_shape="f:2")
    baselines = raw_baselines(sparse, [to_proto(value) for value in ("a", [], ["b", "c"])], count=3)
    assert baselines.to_list() == [[b"a"], [], [b"b", b"c"]]


@pytest.mark.parametrize(
    ("dtype", "shape", "given", "message"),
    [
        (tf.float32, [None], "x", r"got a str of shape \[\]; give a float32 scalar or a list of shape \[\]"),
        (tf.string, [None], 1.0, "got a float"),
        (
            tf.float32,
            [None, 2],
            [1, 2, 3],
            r"got a list of shape \[3\]; give a float32 scalar or a list of shape \[2\]",
        ),
        (tf.int64, [None], 1.5, "give a int64 scalar"),
    ],
)
def test_mistakes(dtype, shape, given, message):
    with pytest.raises(ValueError, match=message):
        raw_baselines(feature(dtype, shape), [to_proto(given)], count=1)
