import glob
import os
from typing import Any

import apache_beam as beam
import numpy as np
import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.metrics import attributions_extractor, evaluate_attributions
from tfx_explain.storage import columns


@pytest.fixture
def rows(explained):
    return [
        {
            "sex": "Male" if i % 2 else "Female",
            **explained({"age": i, "sex": 1.0}),
            **explained({"age": 1.0, "sex": -2.0 * i}, columns.BASELINE),
        }
        for i in range(4)
    ]


def test_the_default_config_is_read_by_all_of_tfmas_readers(evaluate, rows):
    output = evaluate(rows)
    result = tfma.load_eval_result(output)
    ((slice_key, by_output),) = result.slicing_metrics
    assert slice_key == ()
    assert by_output[""][""]["attribution_share/age"] == {"doubleValue": 0.6}
    assert by_output[""][""]["explained_rows"] == {"doubleValue": 4.0}
    (attributions,) = tfma.load_attributions(output)
    by_key = {(a.key.name, a.key.model_name): a.values for a in attributions.attributions_keys_and_values}
    assert by_key["mean_attributions", "candidate"]["age"].double_value.value == 1.5
    assert [spec.name for spec in result.config.model_specs] == ["candidate", "baseline"]


def test_a_first_releases_candidate_has_the_name_that_it_has_in_later_ones(evaluate, rows, explained):
    def share(records):
        output = evaluate(records)
        (of_whole,) = tfma.load_eval_result(output, model_name="candidate").slicing_metrics
        assert tfma.load_eval_result(output).slicing_metrics
        return of_whole[1][""][""]["attribution_share/age"]["doubleValue"]

    assert share([explained({"age": 1.0, "sex": 1.0})]) == 0.5
    assert share(rows) == 0.6


def test_tfmas_plots_take_the_result(evaluate, rows):
    result = tfma.load_eval_result(evaluate(rows), model_name="candidate")
    widget: Any = tfma.view.render_slicing_attributions(result, metric_name="mean_attributions")
    (shown,) = widget.data
    assert shown["slice"] == "Overall"
    assert shown["metrics"][""][""]["age"] == {"doubleValue": 1.5}


@pytest.mark.parametrize("name", ["Total", "TotalAbsolute", "Mean", "MeanAbsolute"])
def test_tfmas_own_metrics_agree(evaluate, rows, metric_config, values, name):
    theirs = config_pb2.MetricConfig(class_name=f"{name}Attributions")
    ours = [metric_config(f"{name}Attribution", f) for f in ("age", "sex")]
    output = evaluate(rows, config_pb2.EvalConfig(metrics_specs=[config_pb2.MetricsSpec(metrics=[theirs, *ours])]))
    by_key = {(n.split("/")[1], m): v for (_, n, m, diff), v in values(output).items() if "/" in n and not diff}
    (attributions,) = tfma.load_attributions(output)
    for item in attributions.attributions_keys_and_values:
        for feature, value in item.values.items():
            assert by_key.pop((feature, item.key.model_name)) == pytest.approx(value.double_value.value)
    assert not by_key


def test_other_metrics_and_thresholds_are_left_out(evaluate, rows, metric_config, values):
    bound = config_pb2.MetricThreshold(value_threshold=config_pb2.GenericValueThreshold(upper_bound={"value": 0.1}))
    config = config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec(label_key="income", signature_name="serving_default")],
        metrics_specs=[
            config_pb2.MetricsSpec(metrics=[config_pb2.MetricConfig(class_name="AUC"), metric_config("ExplainedRows")]),
            config_pb2.MetricsSpec(metrics=[config_pb2.MetricConfig(class_name="ExampleCount", threshold=bound)]),
        ],
    )
    output = evaluate(rows, config)
    assert {name for _, name, _, _ in values(output)} == {"explained_rows"}
    (written,) = tfma.load_eval_result(output, model_name="candidate").config.metrics_specs
    assert [m.class_name for m in written.metrics] == ["ExplainedRows"]


def test_wrong_names_come_in_one_error(evaluate, rows, metric_config):
    config = config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec(example_weight_key="weight")],
        slicing_specs=[config_pb2.SlicingSpec(feature_keys=["Sex"])],
        metrics_specs=[config_pb2.MetricsSpec(metrics=[metric_config("MeanAttribution", "agee")])],
    )
    wrong = "mean_attribution/agee has an unknown feature 'agee'; did you mean 'age'"
    with pytest.raises(ValueError, match=wrong) as error:
        evaluate(rows, config)
    assert "slicing has an unknown feature 'Sex'; did you mean 'sex'?" in str(error.value)
    assert "example_weight_key has an unknown feature 'weight'" in str(error.value)


def test_a_column_of_few_records_is_found(evaluate, explained, metric_config, values):
    rows = [explained({"age": 1.0})] * 1200 + [{"rare": "yes", **explained({"age": 1.0})}]
    config = config_pb2.EvalConfig(
        slicing_specs=[config_pb2.SlicingSpec(feature_keys=["rare"])],
        metrics_specs=[config_pb2.MetricsSpec(metrics=[metric_config("ExplainedRows")])],
    )
    assert values(evaluate(rows, config)) == {("rare:yes", "explained_rows", "candidate", False): 1.0}


@pytest.mark.parametrize("rows", [[], [{"age": 3.0}]])
def test_records_without_attributions_are_refused(evaluate, rows):
    with pytest.raises(ValueError, match=r"There are no attribution records in .*/Split-eval/\*; expected gzipped"):
        evaluate(rows)


def test_a_config_without_attribution_metrics_is_refused(evaluate, rows):
    config = config_pb2.EvalConfig(
        metrics_specs=[config_pb2.MetricsSpec(metrics=[config_pb2.MetricConfig(class_name="AUC")])]
    )
    with pytest.raises(ValueError, match=r"no metric over attributions; take one of tfx_explain\.metrics"):
        evaluate(rows, config)


def test_the_metrics_ask_for_the_extractor(tmp_path, write_records, explained, metric_config):
    config = config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec()],
        metrics_specs=[config_pb2.MetricsSpec(metrics=[metric_config("ExplainedRows")], model_names=[""])],
    )
    pattern = write_records([explained({"age": 1.0})])
    with pytest.raises(Exception, match=r"add tfx_explain\.metrics\.attributions_extractor"):
        tfma.run_model_analysis(eval_config=config, data_location=pattern, output_path=str(tmp_path / "out"))


def test_a_baseline_model_from_before_a_feature_has_no_value(evaluate, explained, metric_config, values):
    rows = [explained({"age": 1.0, "new": 3.0}) | explained({"age": 1.0}, columns.BASELINE)]
    metrics = [metric_config("AttributionShare", f) for f in ("age", "new")]
    got = values(evaluate(rows, config_pb2.EvalConfig(metrics_specs=[config_pb2.MetricsSpec(metrics=metrics)])))
    assert got["Overall", "attribution_share/new", "candidate", False] == 0.75
    assert np.isnan(got["Overall", "attribution_share/new", "baseline", False])
    assert np.isnan(got["Overall", "attribution_share/new", "candidate", True])
    assert got["Overall", "attribution_share/age", "candidate", True] == -0.75


def test_a_stock_evaluation_names_an_unknown_feature(tmp_path, write_records, explained, metric_config):
    config = config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec()],
        metrics_specs=[config_pb2.MetricsSpec(metrics=[metric_config("AttributionShare", "agee")], model_names=[""])],
    )
    extractors = [attributions_extractor(config), *tfma.default_extractors(eval_config=config)]
    pattern = write_records([explained({"age": 1.0})])
    with pytest.raises(Exception, match="attribution_share/agee has an unknown feature 'agee'; did you mean 'age'"):
        tfma.run_model_analysis(
            eval_config=config, data_location=pattern, output_path=str(tmp_path / "out"), extractors=extractors
        )


def test_a_file_that_was_cut_off_fails_the_evaluation(tmp_path, write_records, explained):
    pattern = write_records([explained({"age": float(i)}) for i in range(3000)])
    (path,) = glob.glob(pattern)
    with open(path, "rb+") as file:
        file.truncate(os.path.getsize(path) - 4)
    with pytest.raises(Exception, match="is damaged"), beam.Pipeline() as pipeline:
        evaluate_attributions(pipeline, [pattern], str(tmp_path / "out"))


def test_few_steps_compute_what_all_of_tfmas_do(evaluate, rows, metric_config):
    metrics = [metric_config("AttributionShare", "age"), metric_config("MeanAttribution", "sex")]
    metrics += [config_pb2.MetricConfig(class_name=name) for name in ("TotalAttributions", "MeanAbsoluteAttributions")]
    config = config_pb2.EvalConfig(
        slicing_specs=[config_pb2.SlicingSpec(), config_pb2.SlicingSpec(feature_keys=["sex"])],
        metrics_specs=[config_pb2.MetricsSpec(metrics=metrics)],
    )

    def found():
        output = evaluate(rows, config)
        return [sorted(map(str, load(output))) for load in (tfma.load_metrics, tfma.load_attributions)]

    few = found()
    assert [len(slices) for slices in few] == [3, 3]
    config.options.min_slice_size.value = 2  # which every slice has, and TFMA's evaluator alone hides
    assert found() == few
