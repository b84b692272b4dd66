import json

import pytest
from tfx.dsl.components.base import base_component
from tfx.utils import import_utils

from tfx_explain.pipelines.census.pipeline import create_pipeline


@pytest.fixture(scope="module")
def census():
    return create_pipeline("/artifacts", "/data", "/serving", metadata_path="/metadata.sqlite", epochs=3)


@pytest.fixture(scope="module")
def nodes(census):
    return {node.id: node for node in census.components}


def test_the_pipeline_has_the_nodes_of_its_diagram(nodes):
    assert set(nodes) == {
        "CsvExampleGen",
        "StatisticsGen",
        "SchemaGen",
        "ExampleValidator",
        "Transform",
        "Trainer",
        "LatestPushedModel",
        "Evaluator",
        "MetadataGenerator",
        "Explainer",
        "ThresholdValidator",
        "Pusher",
    }


def producer(nodes, node: str, key: str) -> tuple[str, str]:
    channel = nodes[node].inputs[key]
    return channel.producer_component_id, channel.output_key


@pytest.mark.parametrize(
    ("node", "key", "expected"),
    [
        ("Pusher", "model_blessing", ("ThresholdValidator", "blessing")),
        ("Pusher", "model", ("Trainer", "model")),
        ("ThresholdValidator", "attributions", ("Explainer", "attributions")),
        ("ThresholdValidator", "evaluation", ("Evaluator", "evaluation")),
        ("Explainer", "explanation_metadata", ("MetadataGenerator", "explanation_metadata")),
        ("Explainer", "examples", ("CsvExampleGen", "examples")),
        ("MetadataGenerator", "statistics", ("StatisticsGen", "statistics")),
        ("Trainer", "transform_graph", ("Transform", "transform_graph")),
    ],
)
def test_inputs_come_from_where_the_diagram_says(nodes, node, key, expected):
    assert producer(nodes, node, key) == expected


@pytest.mark.parametrize("node", ["Evaluator", "Explainer", "ThresholdValidator"])
def test_all_that_compare_take_the_same_baseline_model(nodes, node):
    assert nodes[node].inputs["baseline_model"] is nodes["LatestPushedModel"].outputs["model"]


@pytest.mark.parametrize(("node", "property_name"), [("Transform", "preprocessing_fn"), ("Trainer", "run_fn")])
def test_the_pipelines_functions_are_found_by_their_dotted_names(nodes, node, property_name):
    module, _, name = nodes[node].exec_properties[property_name].rpartition(".")
    assert callable(import_utils.import_func_from_module(module, name))


def test_without_a_metadata_path_the_orchestrator_brings_its_own():
    assert create_pipeline("/artifacts", "/data", "/serving").metadata_connection_config is None


def test_the_baseline_model_is_looked_for_where_models_are_pushed_to(nodes):
    destination = json.loads(nodes["Pusher"].exec_properties["push_destination"])["filesystem"]["base_directory"]
    assert nodes["LatestPushedModel"].exec_properties["base_directory"] == destination


def test_no_node_needs_more_than_a_container(census):
    """A Resolver would: Kubeflow Pipelines has none."""
    assert all(isinstance(node, base_component.BaseComponent) for node in census.components)
