"""MetadataGenerator component definition."""

from __future__ import annotations

from typing import Any, ClassVar

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.orchestration import data_types
from tfx.types import component_spec, standard_artifacts
from tfx.types import standard_component_specs as keys

from tfx_explain.components import artifacts
from tfx_explain.components.metadata_generator import executor


class MetadataGeneratorSpec(component_spec.ComponentSpec):
    """MetadataGenerator component spec."""

    PARAMETERS: ClassVar[dict[str, Any]] = {
        executor.SIGNATURE_NAME_KEY: component_spec.ExecutionParameter(type=str, optional=True),
    }
    INPUTS: ClassVar[dict[str, Any]] = {
        keys.MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model),
        keys.SCHEMA_KEY: component_spec.ChannelParameter(type=standard_artifacts.Schema, optional=True),
        keys.STATISTICS_KEY: component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics, optional=True),
    }
    OUTPUTS: ClassVar[dict[str, Any]] = {
        artifacts.EXPLANATION_METADATA_KEY: component_spec.ChannelParameter(type=artifacts.ExplanationMetadata),
    }


class MetadataGenerator(base_component.BaseComponent):
    """A TFX component that finds out how a model can be explained.

    It takes the served model apart: the tensors of each raw feature behind the tf.Example parser, the tensors behind
    vocabularies and embeddings through which the output can be differentiated, the logits behind a sigmoid or softmax.
    What it found is held against the model on synthetic rows before it is written.

    ## Example
    ```python
    metadata_generator = MetadataGenerator(
        model=trainer.outputs['model'],
        statistics=statistics_gen.outputs['statistics'],
    )
    ```

    Component `outputs` contains:

     - `explanation_metadata`: Channel of type `ExplanationMetadata` with the file `explanation_metadata.json`. Its
                               `finding` says, feature by feature, what cannot be explained and why.
    """

    SPEC_CLASS = MetadataGeneratorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        model: types.BaseChannel,
        schema: types.BaseChannel | None = None,
        statistics: types.BaseChannel | None = None,
        signature_name: str | data_types.RuntimeParameter | None = None,
    ) -> None:
        """Constructs a MetadataGenerator component.

        Args:
          model: A channel of type `standard_artifacts.Model`, usually from a Trainer.
          schema: A channel of type `standard_artifacts.Schema`: says which integers stand for names.
          statistics: A channel of type `standard_artifacts.ExampleStatistics`. Baselines are the median or the most
            frequent value in its split `train` (else its first split); without it they are zero.
          signature_name: The signature to explain. By default the only one there is, else `xai_model`, else
            `serving_default`.
        """
        super().__init__(
            spec=MetadataGeneratorSpec(
                **{
                    keys.MODEL_KEY: model,
                    keys.SCHEMA_KEY: schema,
                    keys.STATISTICS_KEY: statistics,
                    executor.SIGNATURE_NAME_KEY: signature_name,
                    artifacts.EXPLANATION_METADATA_KEY: types.Channel(type=artifacts.ExplanationMetadata),
                }
            )
        )
