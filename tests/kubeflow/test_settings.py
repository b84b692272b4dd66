import pytest

from tests.kubeflow import pipelines
from tfx_explain.kubeflow.compile import Target, compile_pipeline
from tfx_explain.kubeflow.settings import TaskSettings, read_settings

SECRET = {"secret": "store", "key": "password"}


def test_settings_reach_the_spec_and_the_platform():
    settings = {
        "default": {"environment": {"A": "1"}, "volumes": {"/data": "claim"}, "retries": 2},
        "Explainer": {"memory_limit": 8, "cpu_request": 0.5, "environment": {"B": "2"}, "secrets": {"P": SECRET}},
    }
    spec, platform = compile_pipeline(pipelines.create(), "image:1", Target.KFP, settings)
    container = spec["deploymentSpec"]["executors"]["Explainer_executor"]["container"]
    assert container["resources"] == {"cpuRequest": 0.5, "memoryLimit": 8.0}
    assert container["env"] == [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    tasks = spec["root"]["dag"]["tasks"]
    assert tasks["ThresholdValidator"]["retryPolicy"]["maxRetryCount"] == 2
    kubernetes = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    # Importers have no pod of ours.
    assert set(kubernetes) == {"MetadataGenerator_executor", "Explainer_executor", "ThresholdValidator_executor"}
    assert kubernetes["Explainer_executor"]["pvcMount"][0]["mountPath"] == "/data"
    assert kubernetes["Explainer_executor"]["secretAsEnv"][0]["keyToEnv"] == [{"secretKey": "password", "envVar": "P"}]


def test_a_nodes_own_settings_take_the_place_of_the_default():
    found = read_settings({"default": {"retries": 3, "memory_limit": 4}, "A": {"retries": 0}}, ["A", "B"])
    assert found == {"A": TaskSettings(retries=0, memory_limit=4), "B": TaskSettings(retries=3, memory_limit=4)}


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"Trainr": {}}, "The pipeline has no node 'Trainr'; 'Trainer' is near"),
        ({"Trainer": {"memory": 4}}, "Trainer: there is no setting 'memory'"),
        ({"Trainer": {"memory_limit": "4G"}}, "Trainer: memory_limit is a number of GB above 0, not '4G'"),
        ({"Trainer": {"memory_limit": True}}, "not True"),
        ({"Trainer": {"environment": {"A": 1}}}, "environment is a map of variables to texts"),
        ({"default": {"secrets": {"A": {"secret": "s"}}}}, "default: secrets is a map of variables to {secret"),
        ({"Trainer": {"retries": -1}}, "retries is a whole number from 0, not -1"),
        ({"Trainer": 3}, "Trainer: settings are names and values, not 3"),
    ],
)
def test_what_is_no_setting_is_named(given, sentence):
    with pytest.raises(ValueError, match=sentence):
        read_settings(given, ["Trainer", "Pusher"])


def test_vertex_has_no_volumes():
    with pytest.raises(ValueError, match="Vertex AI mounts no volumes"):
        compile_pipeline(
            pipelines.create("gs://b/root"), "image:1", Target.VERTEX, {"Explainer": {"volumes": {"/d": "c"}}}
        )
