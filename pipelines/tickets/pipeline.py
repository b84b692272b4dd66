"""The tickets pipeline, from a folder of CSV files to a pushed model."""

from __future__ import annotations

from tfx import v1 as tfx

from tfx_explain.components import Evaluator, Explainer, LatestPushedModel, MetadataGenerator, ThresholdValidator
from tfx_explain.pipelines.tickets import features, gate
from tfx_explain.proto import explanation_pb2


def create_pipeline(
    root: str, data_dir: str, serving_dir: str, *, metadata_path: str | None = None
) -> tfx.dsl.Pipeline:
    """Returns the tickets pipeline, for any of TFX's orchestrators.

    ```
    CsvExampleGen - Trainer -+- Evaluator ---------+
                             |- MetadataGenerator  |
         LatestPushedModel --+----- Explainer -----+- ThresholdValidator - Pusher
    ```

    Args:
      root: Where the artifacts go.
      data_dir: A folder with CSV files of the columns `features.FEATURES` and `features.LABEL`.
      serving_dir: Where a blessed model is pushed to, each in a folder of its own; the newest there is the baseline.
      metadata_path: The SQLite file of a local run's metadata store; None for an orchestrator that has its own.
    """
    example_gen = tfx.components.CsvExampleGen(input_base=data_dir)
    trainer = tfx.components.Trainer(
        run_fn="tfx_explain.pipelines.tickets.trainer.run_fn", examples=example_gen.outputs["examples"]
    )
    latest_pushed_model = LatestPushedModel(base_directory=serving_dir)
    evaluator = Evaluator(
        examples=example_gen.outputs["examples"],
        model=trainer.outputs["model"],
        baseline_model=latest_pushed_model.outputs["model"],
        eval_config=gate.evaluator_config(),
    )
    metadata_generator = MetadataGenerator(model=trainer.outputs["model"])
    explainer = Explainer(
        model=trainer.outputs["model"],
        examples=example_gen.outputs["examples"],
        explanation_metadata=metadata_generator.outputs["explanation_metadata"],
        baseline_model=latest_pushed_model.outputs["model"],
        parameters=explanation_pb2.ExplanationParameters(
            tokens=explanation_pb2.TokenConfig(features=[features.TEXT]),
        ),
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
        pipeline_name="tickets",
        pipeline_root=root,
        components=[
            example_gen,
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
