"""Values that can't be are damage."""

import math

import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from google.protobuf import text_format
from tensorflow_model_analysis.proto import metrics_for_slice_pb2

CANDIDATE = tfma.metrics.MetricKey("auc", "candidate", example_weighted=False)
BASELINE, CHANGE = CANDIDATE._replace(model_name="baseline"), CANDIDATE._replace(is_diff=True)
COUNT = CANDIDATE._replace(name="example_count")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({CANDIDATE: 7.0}, "auc on Overall is 7, but it can't be more than 1"),
        ({CANDIDATE: -0.1}, "auc on Overall is -0.1, but it can't be less than 0"),
        ({CANDIDATE: math.inf}, "auc on Overall is inf, but it can't be more than 1"),
        ({CANDIDATE: 0.8, COUNT: -3.0}, "example_count on Overall is -3, but it can't be less than 0"),
        ({CANDIDATE: 0.8, COUNT: math.nan}, "example_count on Overall is not a number (NaN), which no count is"),
        ({CANDIDATE: 0.8, BASELINE: 0.7, CHANGE: 1.2}, "auc on Overall is 1.2, but a change can't be more than 1"),
        (
            {CANDIDATE: 0.8, BASELINE: 0.7, CHANGE: 0.2},
            "auc on Overall changed by 0.2, but its two values are 0.7 and 0.8",
        ),
        ({CANDIDATE: 0.8, BASELINE: 0.7, CHANGE: math.nan}, "changed by nan, but its two values are 0.7 and 0.8"),
    ],
)
def test_a_value_that_can_not_be_is_damage(run, write_evaluation, config, metric, bound, values, sentence):
    path = write_evaluation({(): values})
    verdict = run(config(metric("AUC", bound(lower=0.7))), [path])
    assert verdict.unreadable
    assert verdict.problems[0].startswith(f"There is damage in the evaluation {path}: ")
    assert sentence in verdict.problems[0]


def test_values_that_can_be_are_read(run, write_evaluation, config, metric, bound):
    fine = {CANDIDATE: 0.8, BASELINE: 0.7, CHANGE: 0.8 - 0.7 + 1e-9, COUNT: 12.0, COUNT._replace(is_diff=True): 0.0}
    assert run(config(metric("AUC", bound(lower=0.7))), [write_evaluation({(): fine})]).blessed
    undefined = {CANDIDATE: math.nan, BASELINE: 0.7, CHANGE: math.nan}
    verdict = run(config(metric("AUC", bound(lower=0.7))), [write_evaluation({(): undefined}, "undefined")])
    assert not verdict.unreadable
    assert not verdict.blessed


@pytest.mark.parametrize(
    ("item", "sentence"),
    [
        ("value {}", "auc on Overall: it has no value"),
        ("value { bounded_value { lower_bound {} upper_bound {} } }", "it has a BoundedValue without value"),
        ("value { bounded_value { value {} upper_bound {} } }", "it has a BoundedValue without lower_bound"),
        ("value { t_distribution_value { sample_mean {} } }", "a TDistributionValue without sample_standard_deviation"),
        ("value { double_value {} } confidence_interval { lower_bound {} }", "its confidence interval lacks an end"),
    ],
)
def test_a_number_that_is_not_there_is_not_0(run, tmp_path, config, metric, bound, item, sentence):
    text = f'slice_key {{}} metric_keys_and_values {{ key {{ name: "auc" }} {item} }}'
    write(tmp_path / "evaluation", text)
    verdict = run(config(metric("AUC", bound(upper=0.7))), [str(tmp_path / "evaluation")])
    assert verdict.unreadable
    assert sentence in verdict.problems[0]


def test_a_record_without_a_slice_is_not_the_whole(run, tmp_path, config, metric, bound):
    write(
        tmp_path / "evaluation", 'metric_keys_and_values { key { name: "auc" } value { double_value { value: 0.8 } } }'
    )
    verdict = run(config(metric("AUC", bound(lower=0.7))), [str(tmp_path / "evaluation")])
    assert "a record of it has no slice" in verdict.problems[0]


def write(folder, text):
    folder.mkdir()
    message = text_format.Parse(text, metrics_for_slice_pb2.MetricsForSlice())
    with tf.io.TFRecordWriter(str(folder / "metrics-00000-of-00001.tfrecord")) as writer:
        writer.write(message.SerializeToString())
