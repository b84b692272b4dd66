"""TFX's InteractiveContext in a real kernel: our components run, and `context.show` shows what they wrote."""

import textwrap

import nbformat
import pytest
from nbclient import NotebookClient

pytestmark = pytest.mark.slow

CELLS = """
import logging, os, warnings
warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)

---
import tensorflow as tf
from tfx import types, v1 as tfx
from tfx.types import standard_artifacts
from tfx_explain.components import Explainer, MetadataGenerator, ThresholdValidator
from tfx_explain.gate import presets
from tfx.orchestration.experimental.interactive.interactive_context import InteractiveContext

context = InteractiveContext(pipeline_root="root")


class Served(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve(self, examples):
        spec = {name: tf.io.FixedLenFeature([], tf.float32) for name in ("age", "gain")}
        parsed = tf.io.parse_example(examples, spec)
        return {"probability": tf.sigmoid(parsed["age"] * 0.1 + parsed["gain"])}


served = Served()
tf.saved_model.save(served, "model/Format-Serving", signatures=served.serve)
os.makedirs("examples/Split-eval")
with tf.io.TFRecordWriter("examples/Split-eval/data.gz", "GZIP") as writer:
    for age in range(50):
        features = {name: tf.train.Feature(float_list={"value": [age]}) for name in ("age", "gain")}
        writer.write(tf.train.Example(features={"feature": features}).SerializeToString())

model = tfx.dsl.Importer(os.path.abspath("model"), standard_artifacts.Model).with_id("model")
context.run(model)
examples = tfx.dsl.Importer(
    os.path.abspath("examples"), standard_artifacts.Examples, properties={"split_names": '["eval"]'}
).with_id("examples")
context.run(examples)
generator = MetadataGenerator(model=model.outputs["result"])
context.run(generator)
explainer = Explainer(
    model=model.outputs["result"],
    examples=examples.outputs["result"],
    explanation_metadata=generator.outputs["explanation_metadata"],
)
context.run(explainer)
validator = ThresholdValidator(
    model=model.outputs["result"],
    attributions=explainer.outputs["attributions"],
    eval_config=presets.release_config(presets.capped(["gain"], at_most=0.1)),
)
context.run(validator)

---
context.show(generator.outputs["explanation_metadata"])

---
context.show(explainer.outputs["attributions"])

---
context.show(validator.outputs["validation"])

---
context.show(validator.outputs["blessing"])

---
context.show(explainer.outputs["evaluation"])

---
context.show(examples.outputs["result"])

---
import tensorflow_model_analysis as tfma

metrics = [tfma.MetricsSpec(metrics=[tfma.MetricConfig(class_name="ExampleCount")])]
config = tfma.EvalConfig(model_specs=[tfma.ModelSpec(label_key="gain")], metrics_specs=metrics)
model = tfma.default_eval_shared_model("model/Format-Serving", eval_config=config)
tfma.run_model_analysis(model, config, "examples/Split-eval/*", output_path="others")
others = standard_artifacts.ModelEvaluation()
others.uri = os.path.abspath("others")
context.show(types.Channel(type=standard_artifacts.ModelEvaluation).set_artifacts([others]))

---
InteractiveContext(pipeline_root="root")
context.show(validator.outputs["validation"])
"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """What each of the cells that show something displays, as HTML."""
    cells = [nbformat.v4.new_code_cell(textwrap.dedent(cell)) for cell in CELLS.split("---\n")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    path = str(tmp_path_factory.mktemp("interactive"))
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": path}}).execute()
    return [
        "\n".join(output.data.get("text/html", "") for output in cell.outputs if output.output_type == "display_data")
        for cell in notebook.cells[2:]
    ]


def test_each_output_is_shown(shown):
    metadata, attributions, validation, blessing, evaluation, *_ = shown
    assert "is explained by the log-odds" in metadata
    assert "over 50 rows" in attributions and "gain" in attributions
    assert "NOT BLESSED: 0 of 1 thresholds passed" in validation
    assert "<b>NOT BLESSED</b>" in blessing
    assert "attribution_share/gain" in evaluation


def test_what_others_wrote_is_shown_as_ever(shown):
    *_, examples, evaluation, _ = shown
    assert "tfx-explain" not in examples + evaluation
    assert "html[theme=dark] iframe" in evaluation  # TFX's own.


def test_a_new_context_shows_it_too(shown):
    assert "NOT BLESSED: 0 of 1 thresholds passed" in shown[-1]
