import json

import pytest
import yaml

from tfx_explain.cli.main import run


@pytest.fixture
def compiled(tmp_path, capfd):
    def compile(function, *options, target="kfp"):
        output = tmp_path / "out"
        arguments = ["compile", f"tests.kubeflow.pipelines:{function}", "--target", target, "--image", "image:1"]
        status = run([*arguments, "--output", str(output), *options])
        said = capfd.readouterr().err
        return status, said, output.read_text() if output.exists() else None

    return compile


def test_arguments_and_parameters_reach_the_function(compiled):
    options = ["--argument", "name=mine", "--argument", "bound=0.25", "--parameter", "examples=minio://e/2"]
    status, said, text = compiled("create", *options)
    assert (status, said) == (0, "")
    spec = yaml.safe_load(text)
    assert spec["pipelineInfo"]["name"] == "mine"
    given = spec["root"]["dag"]["tasks"]["ThresholdValidator"]["inputs"]["parameters"]["eval_config"]
    assert '"upper_bound": 0.25' in given["runtimeValue"]["constant"]
    assert spec["root"]["inputDefinitions"]["parameters"]["examples"] == {
        "parameterType": "STRING",
        "defaultValue": "minio://e/2",
        "isOptional": True,
    }


def test_settings_come_from_a_file(compiled, tmp_path):
    (tmp_path / "settings.yaml").write_text("default:\n  volumes: {/data: claim}\n")
    status, _, text = compiled("create", "--settings", str(tmp_path / "settings.yaml"))
    assert status == 0
    assert [sorted(document)[0] for document in yaml.safe_load_all(text)] == ["components", "platforms"]


def test_vertex_takes_a_job_as_json(compiled):
    status, _, text = compiled("with_resolver", target="vertex")
    assert status == 0
    assert set(json.loads(text)) == {"displayName", "labels", "pipelineSpec", "runtimeConfig"}


@pytest.mark.parametrize(
    ("function", "options", "sentence"),
    [
        ("with_resolver", (), "Blessed is a Resolver"),
        ("nowhere", (), "tests.kubeflow.pipelines has no function 'nowhere'"),
        ("nothing", (), "returned NoneType, not a tfx.dsl.Pipeline"),
        ("create", ("--argument", "rot=x"), "got an unexpected keyword argument 'rot'"),
        ("create", ("--argument", "bound=much"), "bound=much: that is no <class 'float'>"),
        ("create", ("--argument", "bound"), "'bound' gives no value"),
        ("create", ("--parameter", "bound:real=1"), "the kinds are str, int, float"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(compiled, function, options, sentence):
    status, said, text = compiled(function, *options)
    assert (status, text) == (2, None)
    assert sentence in said
