"""README's snippet in a pipeline of somebody's own."""

import re
from pathlib import Path
from typing import Any

import pytest
import tensorflow_model_analysis as tfma
from tfx import v1 as tfx
from tfx.dsl.compiler import compiler
from tfx.dsl.components.base.base_component import BaseComponent

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture
def namespace():
    """What a pipeline has before the snippet, and after it."""
    (snippet,) = (
        code for code in re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL) if "Pusher" in code
    )
    example_gen = tfx.components.CsvExampleGen(input_base="/data")
    statistics_gen = tfx.components.StatisticsGen(examples=example_gen.outputs["examples"])
    schema_gen = tfx.components.SchemaGen(statistics=statistics_gen.outputs["statistics"])
    trainer = tfx.components.Trainer(run_fn="trainer.run_fn", examples=example_gen.outputs["examples"])
    names: dict[str, Any] = {name: value for name, value in locals().items() if isinstance(value, BaseComponent)}
    names |= {"serving_dir": "/serving", "evaluator_config": tfma.EvalConfig()}
    exec(snippet, names)
    return names


def test_the_snippet_makes_a_pipeline_that_compiles(namespace):
    nodes = [value for value in namespace.values() if isinstance(value, BaseComponent)]
    pipeline = tfx.dsl.Pipeline("own", "/root", components=nodes)
    compiled = compiler.Compiler().compile(pipeline)
    order = [node.pipeline_node.node_info.id for node in compiled.nodes]
    assert set(order) > {"LatestPushedModel", "Evaluator", "Explainer", "ThresholdValidator"}
    assert order[-1] == "Pusher"


def test_every_component_that_is_to_be_added_is_named(namespace):
    (sentence,) = re.findall(r"Add (`.*?) to the pipeline's `components`", README.read_text(), re.DOTALL)
    new = {name for name, value in namespace.items() if isinstance(value, BaseComponent)}
    assert set(re.findall(r"`(\w+)`", sentence)) == new - {"example_gen", "statistics_gen", "schema_gen", "trainer"}
