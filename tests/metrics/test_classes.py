"""Metrics of one class, by its name or index, on records that explain several; and classes without influence."""

import json

import pytest
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.storage import columns


def several(explained, model=columns.CANDIDATE, names=True, **classes):
    """A record that explains classes in the order given: by class, the attribution of age."""
    each = [explained({"age": value}, model) for value in classes.values()]
    record = {column: [one[column] for one in each] for column in each[0]}
    record[columns.field_column(model, columns.OUTPUT_INDEX)] = [int(name[1:]) for name in classes]
    if names:
        record[columns.field_column(model, columns.OUTPUT_DISPLAY_NAME)] = list(classes)
    return record


def config(*metrics):
    return config_pb2.EvalConfig(metrics_specs=[config_pb2.MetricsSpec(metrics=metrics)])


def metric(class_name, /, **settings):
    return config_pb2.MetricConfig(class_name=class_name, module="tfx_explain.metrics", config=json.dumps(settings))


def test_metrics_are_about_the_class_that_they_name(explained, evaluate, values):
    rows = [several(explained, c0=1.0, c2=10.0), several(explained, c2=20.0, c0=3.0), several(explained, c0=5.0)]
    asked = config(
        metric("MeanAttribution", feature="a*", class_name="c2"),
        metric("MeanAttribution", feature="age", class_name="0"),
        metric("MeanAttribution", feature="age"),
        metric("ExplainedRows", class_name="c2"),
        metric("FailedRows", class_name="c2"),
        metric("TotalAttribution", feature="age", class_name="c1"),
        metric("TotalAttribution", feature="age", class_name="c0", name="mine"),
    )
    got = {name: value for (_, name, _, _), value in values(evaluate(rows, asked)).items() if name != "example_count"}
    assert got.pop("total_attribution/age@c1") != got.get("total_attribution/age@c1")  # NaN: no row explains it
    assert got == {
        "mean_attribution/age@c2": 15.0,
        "mean_attribution/age@0": 3.0,
        "mean_attribution/age": pytest.approx((1.0 + 20.0 + 5.0) / 3),
        "explained_rows@c2": 2.0,
        "failed_rows@c2": 0.0,
        "mine": 9.0,
    }


def test_the_baseline_model_is_compared_by_the_candidate_s_class(explained, evaluate, values):
    rows = [
        several(explained, c0=1.0, c1=2.0) | several(explained, columns.BASELINE, names=False, c0=5.0, c1=-2.0)
        for _ in range(3)
    ]
    asked = config(metric("AttributionAgreement", class_name="c1"), metric("AttributionAgreement"))
    got = values(evaluate(rows, asked))
    assert got["Overall", "attribution_agreement@c1", "candidate", True] == pytest.approx(-1)
    assert got["Overall", "attribution_agreement", "candidate", True] == pytest.approx(1)


def test_a_number_is_no_index_where_classes_have_numbers_for_names(explained, evaluate, values):
    """Also in a slice, or a batch, in which no row explains the class of that name."""
    rows = [several(explained, c1=1.0) for _ in range(3)]
    for row in rows:
        row[columns.field_column(columns.CANDIDATE, columns.OUTPUT_DISPLAY_NAME)] = ["7"]
    got = values(evaluate(rows, config(*(metric("ExplainedRows", class_name=name) for name in ("1", "7")))))
    assert got["Overall", "explained_rows@1", "candidate", False] == 0
    assert got["Overall", "explained_rows@7", "candidate", False] == 3


def test_rows_of_a_class_without_influence_are_counted(explained, evaluate, values):
    pinned = [several(explained, c0=0.0), several(explained, c0=0.0), several(explained, c1=3.0)]
    at_its_baseline = [several(explained, c1=0.0), several(explained, c1=3.0)]
    asked = config(metric("UninfluencedRows"))
    assert values(evaluate(pinned, asked))["Overall", "uninfluenced_rows", "candidate", False] == 2.0
    assert values(evaluate(at_its_baseline, asked))["Overall", "uninfluenced_rows", "candidate", False] == 0.0
