"""MetadataGenerator component definition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from tfx import types
from tfx.dsl.components.base import base_component, executor_spec
from tfx.orchestration import data_types
from tfx.types import component_spec, standard_artifacts
from tfx.types import standard_component_specs as keys
from tfx.utils import json_utils

from tfx_explain.components import artifacts
from tfx_explain.components.driver import Driver
from tfx_explain.components.metadata_generator import executor
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import ColumnNames, check_overrides, parse_choices


class MetadataGeneratorSpec(component_spec.ComponentSpec):
    """MetadataGenerator component spec."""

    PARAMETERS: ClassVar[dict[str, Any]] = {
        executor.SIGNATURE_NAME_KEY: component_spec.ExecutionParameter(type=str, optional=True),
        executor.OUTPUT_NAME_KEY: component_spec.ExecutionParameter(type=str, optional=True),
        executor.OUTPUT_ELEMENT_KEY: component_spec.ExecutionParameter(type=str, optional=True),
        executor.TAGS_KEY: component_spec.ExecutionParameter(type=str, optional=True),
        executor.BASELINES_KEY: component_spec.ExecutionParameter(type=str, optional=True),
        executor.COLUMNS_KEY: component_spec.ExecutionParameter(type=str, optional=True),
        executor.OVERRIDES_KEY: component_spec.ExecutionParameter(
            type=explanation_pb2.ExplanationMetadata, optional=True
        ),
    }
    INPUTS: ClassVar[dict[str, Any]] = {
        keys.MODEL_KEY: component_spec.ChannelParameter(type=standard_artifacts.Model),
        keys.SCHEMA_KEY: component_spec.ChannelParameter(type=standard_artifacts.Schema, optional=True),
        keys.STATISTICS_KEY: component_spec.ChannelParameter(type=standard_artifacts.ExampleStatistics, optional=True),
        keys.EXAMPLES_KEY: component_spec.ChannelParameter(type=standard_artifacts.Examples, optional=True),
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
        schema=schema_gen.outputs['schema'],
        statistics=statistics_gen.outputs['statistics'],
    )
    ```

    Component `outputs` contains:

     - `explanation_metadata`: Channel of type `ExplanationMetadata` with the file `explanation_metadata.json`. Its
                               `finding` says, feature by feature, what cannot be explained and why. Beside it
                               `vertex_explanation_metadata.json`: the part of it that Vertex AI has keys for.

    A file of that name that was written by hand, in either dialect, works in the place of this component:

    ```python
    metadata_importer = tfx.dsl.Importer(
        source_uri='gs://bucket/folder_with_explanation_metadata_json',
        artifact_type=tfx_explain.components.artifacts.ExplanationMetadata,
    )
    ```
    """

    SPEC_CLASS = MetadataGeneratorSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)
    DRIVER_CLASS = Driver

    def __init__(
        self,
        model: types.BaseChannel,
        schema: types.BaseChannel | None = None,
        statistics: types.BaseChannel | None = None,
        examples: types.BaseChannel | None = None,
        signature_name: str | data_types.RuntimeParameter | None = None,
        output_name: str | data_types.RuntimeParameter | None = None,
        output_element: Sequence[int] | data_types.RuntimeParameter | None = None,
        tags: Sequence[str] | data_types.RuntimeParameter | None = None,
        baselines: Sequence[str] | data_types.RuntimeParameter | None = None,
        columns: ColumnNames | data_types.RuntimeParameter | None = None,
        overrides: explanation_pb2.ExplanationMetadata | data_types.RuntimeParameter | None = None,
    ) -> None:
        """Constructs a MetadataGenerator component.

        Args:
          model: A channel of type `standard_artifacts.Model`, usually from a Trainer.
          schema: A channel of type `standard_artifacts.Schema`: says which integers stand for names, and which features
            are images or texts.
          statistics: A channel of type `standard_artifacts.ExampleStatistics`, of which the split `train` is read, else
            the first: domains, and medians, means and most frequent values as baselines.
          examples: A channel of type `standard_artifacts.Examples` (tf.Example records), of which the first 1000 of the
            split `train` are read, else of the first: rows as baselines, and values to try a model on that refuses
            made-up ones.
          signature_name: The signature to explain. By default the only one there is, else `xai_model`, else
            `serving_default`.
          output_name: The output to explain. By default all that can be.
          output_element: Of an output of rank three and more (a sequence of scores, a heat map), the element to
            explain: an index for each axis but the rows', or for each but the last as well. As a RuntimeParameter, a
            JSON list.
          tags: Of the meta graph to open. By default `serve`, or the only one there is. As a RuntimeParameter, a JSON
            list of strings.
          baselines: Kinds of baselines, over which attributions are averaged: 'zero'; 'median' or 'mode' (the median of
            numbers, the most frequent of other values); 'mean'; 'examples:K' (K rows that stand for the others). By
            default the median or mode where statistics or examples say it, else zero. As a RuntimeParameter, a JSON
            list of strings.
          columns: Names of the columns of the model's matrix of numbers, in order; of several matrices, lists of names
            by input. By default the schema's where it says them, else `input[0]`, `input[1]`... As a RuntimeParameter,
            the same as JSON.
          overrides: Metadata, or a part of it, that takes the place of what is found: map entries are merged by key,
            lists replaced. As a RuntimeParameter, the message as JSON.

        Raises:
          ValueError: A kind of baseline is unknown or lacks the channel that it comes from, or an override has a value
            that the format does not allow. All mistakes are in one message.
        """
        _check(signature_name, baselines, overrides, statistics is not None, examples is not None)
        super().__init__(
            spec=MetadataGeneratorSpec(
                **{
                    keys.MODEL_KEY: model,
                    keys.SCHEMA_KEY: schema,
                    keys.STATISTICS_KEY: statistics,
                    keys.EXAMPLES_KEY: examples,
                    executor.SIGNATURE_NAME_KEY: signature_name,
                    executor.OUTPUT_NAME_KEY: output_name,
                    executor.OUTPUT_ELEMENT_KEY: _as_json(output_element),
                    executor.TAGS_KEY: _as_json(tags),
                    executor.BASELINES_KEY: _as_json(baselines),
                    executor.COLUMNS_KEY: _as_json(columns),
                    executor.OVERRIDES_KEY: overrides,
                    artifacts.EXPLANATION_METADATA_KEY: types.Channel(type=artifacts.ExplanationMetadata),
                }
            )
        )


def _check(signature_name: Any, baselines: Any, overrides: Any, has_statistics: bool, has_examples: bool) -> None:
    """Raises the mistakes that can be known before the pipeline runs; what is a RuntimeParameter can't."""
    problems = []
    if baselines is not None and not isinstance(baselines, data_types.RuntimeParameter):
        try:
            parse_choices(baselines, has_statistics=has_statistics, has_examples=has_examples)
        except ValueError as error:
            problems.append(str(error))
    if isinstance(overrides, explanation_pb2.ExplanationMetadata):
        name = signature_name if isinstance(signature_name, str) else None
        try:
            check_overrides(overrides, name)
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ValueError("\n".join(problems))


def _as_json(
    names: ColumnNames | Sequence[int] | data_types.RuntimeParameter | None,
) -> str | data_types.RuntimeParameter | None:
    """A list, or a dictionary of lists, as an execution property."""
    if names is None or isinstance(names, data_types.RuntimeParameter):
        return names
    return json_utils.dumps({key: list(n) for key, n in names.items()} if isinstance(names, Mapping) else list(names))
