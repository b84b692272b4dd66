"""Which model the resolver finds, over real runs on SQLite: only the gate's blessings may count."""

# pyright: reportInvalidTypeArguments=false
# TFX's annotations take their argument by a metaclass, which a type checker doesn't see.

from typing import Any

import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2
from tfx import v1 as tfx
from tfx.dsl.component.experimental.annotations import InputArtifact, OutputArtifact, Parameter
from tfx.orchestration.metadata import Metadata, sqlite_metadata_connection_config
from tfx.types.standard_artifacts import Model, ModelBlessing, ModelEvaluation

from tfx_explain.components.threshold_validator import ThresholdValidator


@tfx.dsl.components.component
def Trainer(model: OutputArtifact[Model]):  # noqa: N802
    tf.io.gfile.makedirs(model.uri)


@tfx.dsl.components.component
def Evaluator(  # noqa: N802
    model: InputArtifact[Model],
    evaluation: OutputArtifact[ModelEvaluation],
    blessing: OutputArtifact[ModelBlessing],
    auc: Parameter[float],
):
    """Reports the AUC that it is told, and blesses whatever comes: an Evaluator with a bound too low."""
    key = tfma.metrics.MetricKey("auc", example_weighted=False)
    measured: Any = {key: auc}
    metrics = tfma.writers.convert_slice_metrics_to_proto(((), measured), add_metrics_callbacks=[])
    with tf.io.TFRecordWriter(f"{evaluation.uri}/metrics-00000-of-00001.tfrecord") as writer:
        writer.write(metrics.SerializeToString())
    blessing.set_int_custom_property("blessed", 1)
    blessing.set_int_custom_property("current_model_id", model.id)


def run(folder, auc, bound, blessings):
    """Runs the pipeline once."""
    resolver = tfx.dsl.Resolver(
        strategy_class=tfx.dsl.experimental.LatestBlessedModelStrategy,
        model=tfx.dsl.Channel(type=Model),
        model_blessing=blessings,
    ).with_id("latest_blessed_model_resolver")
    trainer = Trainer()
    evaluator = Evaluator(model=trainer.outputs["model"], auc=auc)
    validator = ThresholdValidator(
        model=trainer.outputs["model"],
        baseline_model=resolver.outputs["model"],
        evaluation=evaluator.outputs["evaluation"],
        eval_config=config_pb2.EvalConfig(
            metrics_specs=[
                config_pb2.MetricsSpec(metrics=[config_pb2.MetricConfig(class_name="AUC", threshold=bound(lower=0.7))]),
            ],
        ),
    )
    pipeline = tfx.dsl.Pipeline(
        pipeline_name="gated",
        pipeline_root=str(folder / "root"),
        components=[resolver, trainer, evaluator, validator],
        metadata_connection_config=sqlite_metadata_connection_config(str(folder / "mlmd.sqlite")),
        enable_cache=False,
    )
    tfx.orchestration.LocalDagRunner().run(pipeline)


def verdicts(folder):
    """Returns, in order of the runs, the gate's (blessed, candidate, baseline model), models numbered from 1."""
    with Metadata(sqlite_metadata_connection_config(str(folder / "mlmd.sqlite"))) as handle:
        models = {artifact.id: i + 1 for i, artifact in enumerate(handle.store.get_artifacts_by_type("Model"))}
        properties = [a.custom_properties for a in handle.store.get_artifacts_by_type("ModelBlessing")]
    gates = [p for p in properties if p["component_id"].string_value == "ThresholdValidator"]
    return [
        (p["blessed"].int_value, models[p["current_model_id"].int_value], models.get(p["baseline_model_id"].int_value))
        for p in gates
    ]


def test_a_model_that_the_gate_rejected_is_never_the_baseline(tmp_path, bound):
    for auc in (0.9, 0.5, 0.8, 0.9):
        blessings = tfx.dsl.Channel(type=ModelBlessing, producer_component_id="ThresholdValidator")
        run(tmp_path, auc, bound, blessings)
    assert verdicts(tmp_path) == [(1, 1, None), (0, 2, 1), (1, 3, 1), (1, 4, 3)]


def test_an_unrestricted_channel_takes_the_evaluators_blessing(tmp_path, bound):
    """Why the restriction is needed: the second model, which the gate rejected, becomes the baseline."""
    for auc in (0.9, 0.5, 0.8):
        run(tmp_path, auc, bound, tfx.dsl.Channel(type=ModelBlessing))
    assert verdicts(tmp_path) == [(1, 1, None), (0, 2, 1), (1, 3, 2)]
