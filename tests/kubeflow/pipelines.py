"""Pipelines to compile: our three components over imported artifacts."""

import tensorflow_model_analysis as tfma
from tfx import v1 as tfx
from tfx.orchestration import data_types
from tfx.types import standard_artifacts

from tfx_explain.components import Explainer, MetadataGenerator, ThresholdValidator


def threshold(bound=0.5):
    metric = tfma.MetricConfig(class_name="AttributionShare", module="tfx_explain.metrics", config='{"feature": "x"}')
    metric.threshold.value_threshold.upper_bound.value = bound
    return tfma.EvalConfig(metrics_specs=[tfma.MetricsSpec(metrics=[metric])], slicing_specs=[tfma.SlicingSpec()])


def imported(name, kind, uri, **properties):
    return tfx.dsl.Importer(source_uri=uri, artifact_type=kind, properties=properties).with_id(name)


def create(
    root: str = "minio://mlpipeline/root",
    model: str = "minio://models/1",
    examples: str = "minio://examples/1",
    bound: float = 0.5,
    splits: list[str] | data_types.RuntimeParameter = ["eval"],  # noqa: B006
    eval_config: data_types.RuntimeParameter | None = None,
    baseline: tfx.dsl.Resolver | None = None,
    name: str = "explained",
) -> tfx.dsl.Pipeline:
    model_importer = imported("Model", standard_artifacts.Model, model)
    examples_importer = imported("Examples", standard_artifacts.Examples, examples, split_names='["eval"]')
    inputs = {"model": model_importer.outputs["result"]}
    generator = MetadataGenerator(**inputs, output_name=data_types.RuntimeParameter("output", str, default="score"))
    if baseline:
        inputs["baseline_model"] = baseline.outputs["model"]
    explainer = Explainer(
        **inputs,
        examples=examples_importer.outputs["result"],
        explanation_metadata=generator.outputs["explanation_metadata"],
        splits=splits,
    )
    gate = ThresholdValidator(
        **inputs, attributions=explainer.outputs["attributions"], eval_config=eval_config or threshold(bound)
    )
    nodes = [model_importer, examples_importer, *([baseline] if baseline else []), generator, explainer, gate]
    return tfx.dsl.Pipeline(name, root, components=nodes)


def with_resolver(root: str = "gs://bucket/root", producer: str | None = None, **arguments) -> tfx.dsl.Pipeline:
    blessed = tfx.dsl.Resolver(
        strategy_class=tfx.dsl.experimental.LatestBlessedModelStrategy,
        model=tfx.dsl.Channel(type=standard_artifacts.Model),
        model_blessing=tfx.dsl.Channel(type=standard_artifacts.ModelBlessing, producer_component_id=producer),
    ).with_id("Blessed")
    return create(root, baseline=blessed, **arguments)


def with_parameters() -> tfx.dsl.Pipeline:
    names = ("model", "splits", "eval_config")
    return create(**{name: data_types.RuntimeParameter(name, str) for name in names})


def nothing() -> None:
    """What a function that forgot its return statement returns."""
