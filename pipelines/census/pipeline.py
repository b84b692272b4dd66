"""The census pipeline, from a folder of CSV files to a pushed model."""

from __future__ import annotations

from tfx import v1 as tfx

from tfx_explain.components import Evaluator, Explainer, LatestPushedModel, MetadataGenerator, ThresholdValidator
from tfx_explain.pipelines.census import gate

_MODULES = "tfx_explain.pipelines.census"


def create_pipeline(
    root: str, data_dir: str, serving_dir: str, *, metadata_path: str | None = None, epochs: int = 5
) -> tfx.dsl.Pipeline:
    """Returns the census pipeline, for any of TFX's orchestrators.

    ```
    CsvExampleGen - StatisticsGen - SchemaGen - ExampleValidator
                                        |
                                    Transform - Trainer -+- Evaluator ---------+
                                                         |- MetadataGenerator  |
                          LatestPushedModel -------------+----- Explainer -----+- ThresholdValidator - Pusher
    ```

    Args:
      root: Where the artifacts go.
      data_dir: A folder with CSV files of the columns `features.FEATURES` and `features.LABEL`.
      serving_dir: Where a blessed model is pushed to, each in a folder of its own; the newest there is the baseline.
      metadata_path: The SQLite file of a local run's metadata store; None for an orchestrator that has its own.
      epochs: How often training passes over the rows.
    """
    example_gen = tfx.components.CsvExampleGen(input_base=data_dir)
    statistics_gen = tfx.components.StatisticsGen(examples=example_gen.outputs["examples"])
    schema_gen = tfx.components.SchemaGen(statistics=statistics_gen.outputs["statistics"])
    example_validator = tfx.components.ExampleValidator(
        statistics=statistics_gen.outputs["statistics"], schema=schema_gen.outputs["schema"]
    )
    transform = tfx.components.Transform(
        examples=example_gen.outputs["examples"],
        schema=schema_gen.outputs["schema"],
        preprocessing_fn=f"{_MODULES}.preprocessing.preprocessing_fn",
        # Each run reads its month from scratch, and StatisticsGen has described the rows already.
        disable_analyzer_cache=True,
        disable_statistics=True,
    )
    trainer = tfx.components.Trainer(
        run_fn=f"{_MODULES}.trainer.run_fn",
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        custom_config={"epochs": epochs},
    )
    # What the gate blocked was not pushed, so that it is never the baseline, whatever the Evaluator says of it.
    latest_pushed_model = LatestPushedModel(base_directory=serving_dir)
    evaluator = Evaluator(
        examples=example_gen.outputs["examples"],
        model=trainer.outputs["model"],
        baseline_model=latest_pushed_model.outputs["model"],
        eval_config=gate.evaluator_config(),
    )
    metadata_generator = MetadataGenerator(
        model=trainer.outputs["model"],
        schema=schema_gen.outputs["schema"],
        statistics=statistics_gen.outputs["statistics"],
    )
    explainer = Explainer(
        model=trainer.outputs["model"],
        examples=example_gen.outputs["examples"],
        explanation_metadata=metadata_generator.outputs["explanation_metadata"],
        baseline_model=latest_pushed_model.outputs["model"],
    )
    threshold_validator = ThresholdValidator(
        model=trainer.outputs["model"],
        baseline_model=latest_pushed_model.outputs["model"],
        evaluation=evaluator.outputs["evaluation"],
        attributions=explainer.outputs["attributions"],
        eval_config=gate.gate_config(),
    )
    pusher = tfx.components.Pusher(
        model=trainer.outputs["model"],
        model_blessing=threshold_validator.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=serving_dir)
        ),
    )
    return tfx.dsl.Pipeline(
        pipeline_name="census",
        pipeline_root=root,
        components=[
            example_gen,
            statistics_gen,
            schema_gen,
            example_validator,
            transform,
            trainer,
            latest_pushed_model,
            evaluator,
            metadata_generator,
            explainer,
            threshold_validator,
            pusher,
        ],
        metadata_connection_config=(
            tfx.orchestration.metadata.sqlite_metadata_connection_config(metadata_path) if metadata_path else None
        ),
    )
