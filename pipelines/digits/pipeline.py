"""The digits pipeline, from a folder of tf.Examples to a pushed model."""

from __future__ import annotations

from tfx import v1 as tfx

from tfx_explain.components import Evaluator, Explainer, LatestPushedModel, MetadataGenerator, ThresholdValidator
from tfx_explain.pipelines.digits import features, gate
from tfx_explain.proto import explanation_pb2

_MODULES = "tfx_explain.pipelines.digits"
# Which features are pictures the model tells; how maps are drawn over them is taste.
_DRAWING = explanation_pb2.ExplanationMetadata()
_DRAWING.inputs[features.IMAGE].visualization.CopyFrom(
    explanation_pb2.Visualization(type="pixels", polarity="both", overlay_type="grayscale")
)


def create_pipeline(
    root: str, data_dir: str, serving_dir: str, *, metadata_path: str | None = None, epochs: int = 12
) -> tfx.dsl.Pipeline:
    """Returns the digits pipeline, for any of TFX's orchestrators.

    ```
    ImportExampleGen - Trainer -+- Evaluator ---------+
                                |- MetadataGenerator  |
            LatestPushedModel --+----- Explainer -----+- ThresholdValidator - Pusher
    ```

    Statistics and a schema would say nothing of pictures.

    Args:
      root: Where the artifacts go.
      data_dir: A folder with files of tf.Examples, as `data.write_batch` writes them.
      serving_dir: Where a blessed model is pushed to, each in a folder of its own; the newest there is the baseline.
      metadata_path: The SQLite file of a local run's metadata store; None for an orchestrator that has its own.
      epochs: How often training passes over the rows.
    """
    example_gen = tfx.components.ImportExampleGen(input_base=data_dir)
    trainer = tfx.components.Trainer(
        run_fn=f"{_MODULES}.trainer.run_fn",
        examples=example_gen.outputs["examples"],
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
    metadata_generator = MetadataGenerator(model=trainer.outputs["model"], overrides=_DRAWING)
    explainer = Explainer(
        model=trainer.outputs["model"],
        examples=example_gen.outputs["examples"],
        explanation_metadata=metadata_generator.outputs["explanation_metadata"],
        baseline_model=latest_pushed_model.outputs["model"],
        # By pixel: integrated gradients, which are the default.
        parameters=explanation_pb2.ExplanationParameters(keep_maps=True),
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
    nodes = [example_gen, trainer, latest_pushed_model, evaluator, metadata_generator, explainer, threshold_validator]
    return tfx.dsl.Pipeline(
        pipeline_name="digits",
        pipeline_root=root,
        components=[*nodes, pusher],
        metadata_connection_config=(
            tfx.orchestration.metadata.sqlite_metadata_connection_config(metadata_path) if metadata_path else None
        ),
    )
