"""The attributions that TFX's own Evaluator computes, thresholds on them, and the ModelBlessing that comes of it."""

import json
import math

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from google.protobuf import json_format
from tensorflow_model_analysis.proto import config_pb2
from tfx.components.evaluator.executor import Executor
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import path_utils

from tests.beam import text_models
from tfx_explain.beam import evaluator
from tfx_explain.metrics import configs
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata, metadata_to_json

MODULE = "tfx_explain.beam.evaluator"


def metric(class_name, /, upper=None, change=None, **config):
    """A metric of ours; `upper` bounds its value, `change` its absolute change."""
    threshold = config_pb2.MetricThreshold()
    if upper is not None:
        threshold.value_threshold.upper_bound.value = upper
    if change is not None:
        threshold.change_threshold.absolute.value = change
        threshold.change_threshold.direction = config_pb2.LOWER_IS_BETTER
    return config_pb2.MetricConfig(
        class_name=class_name, module="tfx_explain.metrics", config=json.dumps(config), threshold=threshold
    )


def eval_config(*metrics, **model_spec):
    return config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec(label_key="label", **model_spec)],
        slicing_specs=[config_pb2.SlicingSpec(), config_pb2.SlicingSpec(feature_keys=["color"])],
        metrics_specs=[
            config_pb2.MetricsSpec(metrics=[config_pb2.MetricConfig(class_name="ExampleCount"), *metrics]),
        ],
    )


@pytest.fixture
def model(save_model, tmp_path):
    def build(slope):
        """A Model artifact as a Trainer writes it; `x` leaks the label the more, the greater the slope."""
        artifact = standard_artifacts.Model()
        artifact.uri = str(tmp_path / f"model-{slope}")
        saved = save_model(slope)
        tf.io.gfile.makedirs(artifact.uri)
        tf.io.gfile.rename(saved, path_utils.serving_model_dir(artifact.uri))
        return artifact

    return build


@pytest.fixture
def records(example):
    colors = ("red", "green", "blue")
    return [example(x=0.5 + i % 5, y=0.1 * i, color=colors[i % 3], label=i % 2) for i in range(30)]


@pytest.fixture
def run_evaluator(tmp_path, records, write_rows):
    def run(candidate, config, baseline=None, rows=records):
        """Runs the Evaluator's executor; returns whether it blessed and its metrics by (slice, name, is difference)."""
        examples = standard_artifacts.Examples()
        examples.uri = str(tmp_path / "examples")
        examples.split_names = artifact_utils.encode_split_names(["eval"])
        (tmp_path / "examples" / "Split-eval").mkdir(parents=True)
        write_rows(tmp_path / "examples" / "Split-eval", rows)
        blessing, evaluation = standard_artifacts.ModelBlessing(), standard_artifacts.ModelEvaluation()
        blessing.uri, evaluation.uri = str(tmp_path / "blessing"), str(tmp_path / "evaluation")
        inputs = {"examples": [examples], "model": [candidate], "baseline_model": [baseline] if baseline else []}
        properties = {
            "eval_config": json_format.MessageToJson(config, preserving_proto_field_name=True),
            "module_path": MODULE,
            "example_splits": "null",
        }
        Executor().Do(inputs, {"blessing": [blessing], "evaluation": [evaluation]}, properties)
        return bool(blessing.get_int_custom_property("blessed")), found_metrics(evaluation.uri)

    return run


def found_metrics(path):
    """The candidate's numbers by (slice, name, is difference)."""
    return {
        (
            tfma.slicer.stringify_slice_key(tfma.slicer.deserialize_slice_key(of_slice.slice_key)),
            key.name,
            key.is_diff,
        ): (item.value.double_value.value)
        for of_slice in tfma.load_metrics(path)
        for item in of_slice.metric_keys_and_values
        if (key := item.key).model_name in ("", "candidate")
    }


@pytest.mark.parametrize(("slope", "blessed"), [(0.5, True), (50.0, False)])
def test_a_leaking_feature_blocks_the_models_blessing(run_evaluator, model, slope, blessed):
    config = eval_config(metric("AttributionShare", upper=0.9, feature="[xy]"), metric("FailedRows", upper=0))
    got, values = run_evaluator(model(slope), config)
    assert got == blessed
    # From zeros and an unknown color, x takes slope x + x y / 2, y takes x y / 2, the color its embedding.
    x = [0.5 + i % 5 for i in range(30)]
    products = [x[i] * 0.1 * i for i in range(30)]
    embedded = [(1.0, 2.0, 4.0)[i % 3] for i in range(30)]
    of_x = slope * sum(x) + sum(products) / 2
    share = of_x / (of_x + sum(products) / 2 + sum(embedded))
    assert values["Overall", "attribution_share/x", False] == pytest.approx(share, rel=1e-3)
    assert ("Overall", "attribution_share/color", False) not in values
    assert values["color:red", "failed_rows", False] == 0
    assert values["color:red", "example_count", False] == 10


def test_change_against_the_baseline_model_is_gated(run_evaluator, model):
    config = eval_config(metric("AttributionShare", change=0.05, feature="x"), metric("LargestShareChange", change=1))
    blessed, values = run_evaluator(model(9.0), config, baseline=model(1.0))
    assert not blessed
    change = values["Overall", "attribution_share/x", True]
    assert change > 0.2
    assert values["Overall", "largest_share_change", True] == pytest.approx(change, rel=1e-3)


def test_a_row_that_cannot_be_explained_fails_alone(run_evaluator, model, records, example):
    of_class = [metric("FailedRows", class_name="0"), metric("MeanAttribution", feature="[xy]", class_name="0")]
    of_first = [metric("FailedRows", upper=0), metric("ExplainedRows"), metric("MeanAttribution", feature="x")]
    config = eval_config(*of_first, *of_class)
    bad = example(x=math.nan, y=1.0, color="red", label=0)
    blessed, values = run_evaluator(model(2.0), config, rows=[*records[:3], bad, *records[3:]])
    assert not blessed
    assert values["color:red", "failed_rows", False] == 1
    assert values["Overall", "explained_rows", False] == 30
    of_x = sum(2 * (0.5 + i % 5) + (0.5 + i % 5) * 0.1 * i / 2 for i in range(30))
    assert values["Overall", "mean_attribution/x", False] == pytest.approx(of_x / 30, rel=1e-3)
    for name in ("failed_rows", "mean_attribution/x"):
        assert values["color:red", f"{name}@0", False] == values["color:red", name, False]


EVERY_METRIC = [
    *(metric(name, feature="x") for name in ("MeanAttribution", "AttributionShare", "AttributionRank")),
    *(metric(name) for name in ("CompletenessGap", "ApproximationError", "ToleranceMissed", "ExplainedRows")),
    metric("CompletenessGapQuantile", quantile=0.9),
    metric("FailedRows"),
]
EVERY_COMPARISON = [
    metric("AttributionDistance", feature="x"),
    *(metric(name) for name in ("AttributionAgreement", "ImportanceNDCG", "ImportanceSpearman", "LargestShareChange")),
]


@pytest.mark.parametrize("good", [0, 30])
def test_batches_of_which_no_row_is_left(save_model, records, example, tmp_path, good):
    """Alone, and beside a batch of good rows; for every metric, and TFMA's own."""
    config = eval_config(*EVERY_METRIC, *EVERY_COMPARISON, config_pb2.MetricConfig(class_name="MeanAttributions"))
    del config.slicing_specs[1:]
    config = configs.attribution_config(configs.with_defaults(config, has_baseline=True))
    models = [
        tfma.default_eval_shared_model(save_model(slope), model_name=name, eval_config=config)
        for name, slope in ((tfma.CANDIDATE_KEY, 2.0), (tfma.BASELINE_KEY, 3.0))
    ]
    explain, *_ = evaluator.custom_extractors(models, config)
    # TFMA's attribution metrics ask for predictions, which nobody reads here.
    without = beam.Map(lambda extracts: {**extracts, tfma.PREDICTIONS_KEY: None})
    no_predictions = tfma.extractors.Extractor("NoPredictions", without)
    bad = [example(x=math.nan, y=1.0, color="red", label=0)]
    batches = [pa.array([[row] for row in rows]) for rows in (records[:good], bad, bad * 3) if rows]
    with beam.Pipeline() as pipeline:
        raw = pipeline | beam.Create([pa.RecordBatch.from_arrays([rows], ["__raw_record__"]) for rows in batches])
        _ = raw | tfma.ExtractEvaluateAndWriteResults(
            eval_config=config,
            extractors=[explain, no_predictions, *tfma.default_extractors(eval_config=config)],
            output_path=str(tmp_path),
        )
    got = found_metrics(str(tmp_path))
    assert (got["Overall", "explained_rows", False], got["Overall", "failed_rows", False]) == (good, 4)
    of_rows = [value for (_, name, _), value in got.items() if not name.endswith(("_rows", "_count"))]
    assert len(of_rows) > 15
    assert [math.isnan(value) for value in of_rows] == [not good] * len(of_rows)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        (eval_config(), r"EvalConfig has no metric over attributions; take one of tfx_explain\.metrics"),
        (
            eval_config(metric("AttributionShare", feature="colour"), metric("MeanAttribution", feature="z")),
            "attribution_share/colour has an unknown feature 'colour'; did you mean 'color'.*mean_attribution/z has an",
        ),
    ],
)
def test_mistakes_are_named_before_anything_runs(save_model, config, sentence):
    models = tfma.default_eval_shared_model(save_model(2.0), eval_config=config)
    with pytest.raises(ValueError, match=sentence):
        evaluator.custom_extractors(models, config)


SHAPLEY = explanation_pb2.ExplanationParameters(sampled_shapley_attribution={"path_count": 4})


@pytest.mark.parametrize("parameters", [SHAPLEY, None])
def test_metadata_beside_the_model_is_taken(save_model, records, tmp_path, parameters):
    """A feature that gradients can't explain is explained by Shapley values, asked for or not."""
    model_dir = save_model(2.0)
    metadata = generate_metadata(model_dir)
    metadata.inputs["x"].input_baselines[0].number_value = 0.5
    metadata.inputs["x"].explainable_by.remove("integrated_gradients")
    with open(f"{model_dir}/explanation_metadata.json", "w") as file:
        file.write(metadata_to_json(metadata))
    config = eval_config(metric("MeanAttribution", feature="x"))
    config.metrics_specs[0].metrics.add(class_name="MeanAttributions")
    models = tfma.default_eval_shared_model(model_dir, eval_config=config)
    extractor, *_ = evaluator.custom_extractors(models, config, parameters=parameters)
    raw = pa.RecordBatch.from_arrays([pa.array([[record] for record in records])], ["__raw_record__"])
    with beam.Pipeline() as pipeline:
        extracts = pipeline | beam.Create([{tfma.ARROW_RECORD_BATCH_KEY: raw}]) | extractor.ptransform
        of_x = extracts | beam.Map(lambda extract: json.dumps(extract[tfma.ATTRIBUTIONS_KEY]["x"].tolist()))
        _ = of_x | beam.io.WriteToText(str(tmp_path / "of_x"), shard_name_template="")
    x = np.asarray([0.5 + i % 5 for i in range(30)])
    expected = 2 * (x - 0.5) + (x - 0.5) * 0.1 * np.arange(30) / 2
    np.testing.assert_allclose(json.loads((tmp_path / "of_x").read_text()), expected, rtol=1e-4, atol=1e-5)


def test_tokens_that_metrics_want_are_explained(run_evaluator, tmp_path):
    artifact = standard_artifacts.Model()
    artifact.uri = str(tmp_path / "texts")
    served = text_models.SplitMean()
    tf.saved_model.save(served, path_utils.serving_model_dir(artifact.uri), signatures=served.serve)
    rows = []
    for text in (b"urgent please", b"the urgent help", b"a"):
        example = tf.train.Example()
        example.features.feature["text"].bytes_list.value.append(text)
        example.features.feature["label"].int64_list.value.append(1)
        example.features.feature["color"].bytes_list.value.append(b"red")
        rows.append(example.SerializeToString())
    metrics = [
        metric("TokenShare", upper=0.1, feature="text", tokens=["urgent"], name="urgent"),
        metric("TokenShare", feature="text", pattern=".*", name="all"),
    ]
    blessed, values = run_evaluator(artifact, eval_config(*metrics), rows=rows)
    assert not blessed
    assert 0.4 < values["Overall", "urgent", False] < values["Overall", "all", False] <= 1
    assert ("Overall", "urgent/note", False) in values


class Corner(tf.Module):
    """The sum of a picture's pixels, ten times those of the upper left corner."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve(self, examples):
        picture = tf.io.parse_example(examples, {"picture": tf.io.FixedLenFeature([12, 9, 1], tf.float32)})["picture"]
        corner = tf.reduce_sum(picture[:, :3, :3], axis=[1, 2, 3])
        return {"score": tf.reduce_sum(picture, axis=[1, 2, 3]) + 9.0 * corner}


@pytest.fixture
def corner(tmp_path):
    artifact = standard_artifacts.Model()
    artifact.uri = str(tmp_path / "pictures")
    served = Corner()
    tf.saved_model.save(served, path_utils.serving_model_dir(artifact.uri), signatures=served.serve)
    return artifact


def test_maps_that_metrics_want_are_kept_and_measured(run_evaluator, corner, example):
    pictures = [[1.0] * 108, [2.0] * 108, [math.nan] * 108, [3.0] * 108]
    rows = [example(picture=picture, color="red", label=1) for picture in pictures]
    metrics = [
        metric("MapShare", upper=0.4, feature="picture", box=[0, 0, 0.25, 1 / 3], name="corner"),
        metric("MapInsertion", feature="picture", name="insertion"),
    ]
    blessed, values = run_evaluator(corner, eval_config(*metrics), rows=rows)
    assert not blessed
    assert values["Overall", "corner", False] == pytest.approx(90 / 189, rel=1e-3)
    assert math.isfinite(values["Overall", "insertion", False])


def test_maps_are_kept_where_only_their_quality_is_wanted(run_evaluator, corner, example):
    config = eval_config(metric("MapInsertion", feature="picture", name="insertion"))
    _, values = run_evaluator(corner, config, rows=[example(picture=[1.0] * 108, color="red", label=1)])
    assert math.isfinite(values["Overall", "insertion", False])
