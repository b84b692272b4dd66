"""Fixed cost: what the components take in a running pipeline on a hundred rows, stage by stage.

A pipeline of census rows and models that are there already, run by TFX's LocalDagRunner in a process of its own. TFX's
Evaluator comes first, as in most pipelines: what it imports, nobody waits for again, and what it takes on the same rows
is there to compare with.
"""

from __future__ import annotations

import json
import pathlib
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from benchmarks.processes import measured
from benchmarks.report import Table
from benchmarks.stages import Spent, Stages

_ROWS = 100
_LABEL = "over_50k"
_EVALUATOR = "TFX's Evaluator"
_TOTAL = "in all"
_LEAST_SHARE = 0.02


def run() -> Iterator[Table]:
    """Measures, in a process of its own, in a minute."""
    with tempfile.TemporaryDirectory() as folder:
        found = measured(["-m", "benchmarks.fixed_cost", folder])
    rows = [row for component, runs in found.items() for row in _rows(component, runs)]
    title = f"{_ROWS} census rows, two models, all in one process; in brackets, a second run in it"
    yield Table(title, ("component: stage", "processor s", "s by the clock"), rows)


def _rows(component: str, runs: Sequence[Mapping[str, Spent]]) -> Iterator[tuple[str, ...]]:
    first, second = (dict(stages) for stages in runs)
    for stages in (first, second):
        processor, clock = zip(*stages.values(), strict=True)
        stages[_TOTAL] = sum(processor), sum(clock)
    largest = sorted(first, key=lambda stage: -first[stage][0])
    for stage in largest if component != _EVALUATOR else [_TOTAL]:
        if first[stage][0] >= _LEAST_SHARE * first[_TOTAL][0]:
            again = second.get(stage, (0.0, 0.0))
            cells = (f"{one:.2f} ({other:.2f})" for one, other in zip(first[stage], again, strict=True))
            yield (f"{component}: {stage}", *cells)


def measure(folder: pathlib.Path) -> dict[str, list[dict[str, Spent]]]:
    """Runs the pipeline twice; returns what each component took in each run, stage by stage."""
    from tfx import v1 as tfx

    prepare(folder)
    runs = []
    for number in range(2):
        with Stages(_components(), _stages()) as stages:
            tfx.orchestration.LocalDagRunner().run(_pipeline(folder, folder / f"run-{number}"))
        runs.append(stages.spent)
    return {name: [one[name] for one in runs] for name in runs[0]}


def prepare(folder: pathlib.Path) -> None:
    """Writes rows with their labels to `folder/rows`, and two models to `folder/candidate` and `folder/baseline`."""
    import tensorflow as tf

    from benchmarks import census
    from tfx_explain.pipelines.census import data

    table = data.monthly_extract(0)
    (folder / "rows").mkdir()
    with tf.io.TFRecordWriter(str(folder / "rows" / "rows.tfrecord")) as writer:
        for row in table.head(_ROWS).to_dict("records"):
            message = tf.train.Example.FromString(census.example(row))
            message.features.feature[_LABEL].float_list.value.append(float(row[_LABEL]))
            writer.write(message.SerializeToString())
    for name in ("candidate", "baseline"):
        network = census.CensusModel(table)
        served = str(folder / name / "Format-Serving")
        tf.saved_model.save(network, served, signatures={"serving_default": network.serve})


def _pipeline(folder: pathlib.Path, root: pathlib.Path) -> Any:
    """The rows, the models, the Evaluator and the three components."""
    from tfx import v1 as tfx

    from tfx_explain.components import Explainer, MetadataGenerator, ThresholdValidator
    from tfx_explain.gate import presets

    split = tfx.proto.Input(splits=[tfx.proto.Input.Split(name="eval", pattern="*")])
    examples = tfx.components.ImportExampleGen(str(folder / "rows"), input_config=split)
    models = {
        name: tfx.dsl.Importer(str(folder / name), tfx.types.standard_artifacts.Model).with_id(name)
        for name in ("candidate", "baseline")
    }
    given = {"model": models["candidate"].outputs["result"], "baseline_model": models["baseline"].outputs["result"]}
    config = presets.release_config(
        presets.metric("AUC", at_least=0.01, may_lose=0.5), *presets.GUARDS, label_key=_LABEL, slices=[["sex"]]
    )
    evaluator = tfx.components.Evaluator(
        examples=examples.outputs["examples"], eval_config=_of_metrics(config), example_splits=["eval"], **given
    )
    generator = MetadataGenerator(model=given["model"])
    explainer = Explainer(
        examples=examples.outputs["examples"],
        explanation_metadata=generator.outputs["explanation_metadata"],
        **given,
    )
    validator = ThresholdValidator(
        evaluation=evaluator.outputs["evaluation"],
        attributions=explainer.outputs["attributions"],
        eval_config=config,
        **given,
    )
    # What is put in order by what it reads alone would run the Evaluator last.
    generator.add_upstream_node(evaluator)
    return tfx.dsl.Pipeline(
        pipeline_name="fixed_cost",
        pipeline_root=str(root),
        components=[examples, *models.values(), evaluator, generator, explainer, validator],
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(f"{root}.sqlite"),
    )


def _of_metrics(config: Any) -> Any:
    """Returns the part of a gate's config that TFX's Evaluator computes."""
    from tfx_explain.metrics import configs

    part = type(config)()
    part.CopyFrom(config)
    for spec in part.metrics_specs:
        kept = [metric for metric in spec.metrics if metric.module != configs.MODULE]
        del spec.metrics[:]
        spec.metrics.extend(kept)
    kept_specs = [spec for spec in part.metrics_specs if spec.metrics]
    del part.metrics_specs[:]
    part.metrics_specs.extend(kept_specs)
    return part


def _components() -> dict[str, Callable[..., Any]]:
    from tfx.components.evaluator import executor as evaluator

    from tfx_explain.components.explainer import executor as explainer
    from tfx_explain.components.metadata_generator import executor as metadata_generator
    from tfx_explain.components.threshold_validator import executor as threshold_validator

    modules = {
        _EVALUATOR: evaluator,
        "MetadataGenerator": metadata_generator,
        "Explainer": explainer,
        "ThresholdValidator": threshold_validator,
    }
    return {name: module.Executor.Do for name, module in modules.items()}


def _stages() -> dict[str, Sequence[Callable[..., Any]]]:
    """What is worth a name of its own in what the components call."""
    import apache_beam as beam

    from tfx_explain.beam import run, transforms
    from tfx_explain.gate.config import verify
    from tfx_explain.gate.deciding import decide
    from tfx_explain.metrics import evaluate
    from tfx_explain.report import evidence, write
    from tfx_explain.savedmodel.analysis import read
    from tfx_explain.savedmodel.generation import generate

    return {
        "loading the model": [read.read_model],
        "analysing its graph": [generate.generate_metadata],
        "trying what was found": [generate._verify],
        "loading and cutting the models": [transforms.ExplainBatches.load],
        "explaining, on Beam": [run.explain_splits],
        # Of the pipelines, the metrics' alone is run by leaving its block.
        "metrics, on Beam": [evaluate.evaluate_attributions, beam.Pipeline.__exit__],
        "checking the config": [verify.verify_config],
        "deciding": [decide.decide],
        "the report's sums": [evidence.read_evidence],
        "the report's figures": [write.build],
        "the report's page": [write.write_report],
    }


if __name__ == "__main__":
    print(json.dumps(measure(pathlib.Path(sys.argv[1]))))
