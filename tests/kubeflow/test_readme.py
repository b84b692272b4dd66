"""README's snippet, in a user's own pipeline, compiles for both targets without a change."""

import re
from pathlib import Path

import pytest
import tensorflow_model_analysis as tfma
from tfx import v1 as tfx

from tfx_explain.kubeflow.compile import Target, compile_pipeline

README = Path(__file__).parents[2] / "README.md"


@pytest.fixture
def components():
    """The components of a pipeline that the snippet was pasted into."""
    (snippet,) = (text for text in re.findall(r"```python\n(.*?)```", README.read_text(), re.S) if "Pusher(" in text)
    example_gen = tfx.components.CsvExampleGen(input_base="/data")
    statistics_gen = tfx.components.StatisticsGen(examples=example_gen.outputs["examples"])
    schema_gen = tfx.components.SchemaGen(statistics=statistics_gen.outputs["statistics"])
    trainer = tfx.components.Trainer(run_fn="my_package.run_fn", examples=example_gen.outputs["examples"])
    own = {"example_gen": example_gen, "statistics_gen": statistics_gen, "schema_gen": schema_gen, "trainer": trainer}
    names = {**own, "serving_dir": "/serving", "evaluator_config": tfma.EvalConfig()}
    exec(snippet, names)
    pasted = ("baseline", "evaluator", "metadata_generator", "explainer", "validator", "pusher")
    return [*own.values(), *(names[name] for name in pasted)]


@pytest.mark.parametrize("target", list(Target))
def test_a_users_own_pipeline_compiles(components, target):
    pipeline = tfx.dsl.Pipeline("own", "gs://bucket/root", components=components, enable_cache=True)
    (document,) = compile_pipeline(pipeline, "image:1", target)
    tasks = document.get("pipelineSpec", document)["root"]["dag"]["tasks"]
    assert len(tasks) == 10
    cached = {name for name, task in tasks.items() if task.get("cachingOptions", {}).get("enableCache")}
    assert cached == set(tasks) - {"LatestPushedModel"}
