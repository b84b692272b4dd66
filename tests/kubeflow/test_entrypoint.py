import json

import pytest
import tensorflow as tf
from tfx import v1 as tfx

from tfx_explain.kubeflow import entrypoint
from tfx_explain.kubeflow.compile import Target, as_text, compile_pipeline

SCHEMA = {"instanceSchema": "title: tfx.Model\ntype: object\n"}
DECLARED = {"artifacts": {"model": {"artifactType": SCHEMA}}}, {"artifacts": {"blessing": {"artifactType": SCHEMA}}}


def invocation(uri="minio://bucket/model", **fields):
    artifact = {"uri": uri, "metadata": {"trained_on": "minio://bucket/examples", "rows": 3.0}, **fields}
    return {
        "inputs": {"artifacts": {"model": {"artifacts": [artifact]}}, "parameterValues": {"where": "s3://bucket/data"}},
        "outputs": {
            "artifacts": {"blessing": {"artifacts": [{"uri": "s3://bucket/blessing"}]}},
            "outputFile": "/tmp/o",
        },
    }


@pytest.mark.parametrize("given", [{}, {"type": {"schemaTitle": "Model"}}])
def test_tfx_gets_folders_and_the_types_that_are_declared(given):
    local = entrypoint.localize(invocation(**given), *DECLARED)
    (model,) = local["inputs"]["artifacts"]["model"]["artifacts"]
    assert model == {
        "uri": "/minio/bucket/model",
        "metadata": {"trained_on": "/minio/bucket/examples", "rows": 3.0},
        "type": SCHEMA,
    }
    assert local["outputs"]["artifacts"] == {
        "blessing": {"artifacts": [{"uri": "/s3/bucket/blessing", "type": SCHEMA}]}
    }
    assert local["outputs"]["outputFile"] == "/tmp/o"


def test_what_only_a_parameter_names_is_where_it_was():
    assert entrypoint.localize(invocation(), *DECLARED)["inputs"]["parameterValues"] == {"where": "s3://bucket/data"}


def test_tfx_reads_gs_itself():
    (model,) = entrypoint.localize(invocation("gs://b/m"), *DECLARED)["inputs"]["artifacts"]["model"]["artifacts"]
    assert model["uri"] == "gs://b/m"


def test_a_driver_that_fails_is_the_tasks_end():
    given = {"invocation": invocation(), "inputs_spec": DECLARED[0], "outputs_spec": DECLARED[1]}
    arguments = [text for name, one in given.items() for text in (f"--json_serialized_{name}_args", json.dumps(one))]
    assert entrypoint.main(["--driver", "no_such_module", *arguments]) == 1


@pytest.mark.slow
def test_an_example_gen_takes_the_newest_span(backend, tmp_path):
    for span, value in ((1, "old"), (2, "new")):
        folder = tmp_path / "data" / f"span-{span}"
        folder.mkdir(parents=True)
        (folder / "rows.csv").write_text(f"x\n{value}\n")
    splits = [tfx.proto.Input.Split(name="all", pattern="span-{SPAN}/*")]
    example_gen = tfx.components.CsvExampleGen(str(tmp_path / "data"), input_config=tfx.proto.Input(splits=splits))
    documents = compile_pipeline(tfx.dsl.Pipeline("spans", "", components=[example_gen]), "image:1", Target.KFP)
    run = backend().run(as_text(documents, Target.KFP))
    files = [str(path) for path in run.path("CsvExampleGen", "examples").rglob("*.gz")]
    rows = [tf.train.Example.FromString(row) for row in tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator()]
    assert [list(row.features.feature["x"].bytes_list.value) for row in rows] == [[b"new"]]
