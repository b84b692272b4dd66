"""TFX's older drivers, Airflow's: outputs of one name beside each other, and a node that is tried again."""

import pytest
from tfx import v1 as tfx
from tfx.components import CsvExampleGen
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.orchestration.metadata import Metadata
from tfx.types import Channel, component_spec
from tfx.types.standard_artifacts import Model, ModelEvaluation

from tfx_explain.components import LatestPushedModel
from tfx_explain.components.driver import Driver, repeatable


class Evaluate(base_executor.BaseExecutor):
    def Do(self, input_dict, output_dict, exec_properties):  # noqa: N802
        (evaluation,) = output_dict["evaluation"]
        with open(f"{evaluation.uri}/part", "x") as file:
            file.write("half")
        if exec_properties["fails"]:
            raise KeyboardInterrupt


class Spec(component_spec.ComponentSpec):
    PARAMETERS = {"fails": component_spec.ExecutionParameter(type=int)}
    INPUTS = {"model": component_spec.ChannelParameter(type=Model)}
    OUTPUTS = {"evaluation": component_spec.ChannelParameter(type=ModelEvaluation)}


class Stock(base_component.BaseComponent):
    """A component of TFX's, with an output as the Explainer and the Evaluator have it."""

    SPEC_CLASS = Spec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Evaluate)

    def __init__(self, model, fails=0):
        super().__init__(Spec(model=model.outputs["model"], fails=fails, evaluation=Channel(type=ModelEvaluation)))


class Ours(Stock):
    DRIVER_CLASS = Driver


@pytest.fixture
def model(launch, tmp_path):
    """A component that has run, for inputs."""
    component = LatestPushedModel(base_directory=str(tmp_path / "serving"))
    launch(component)
    return component


def test_an_output_has_its_name_beside_a_stock_components(launch, model):
    stock, ours = launch(Stock(model))["evaluation"], launch(Ours(model))["evaluation"]
    assert stock.name == "evaluation:1"
    assert ours.name == "Ours.evaluation[0]:1"
    assert stock.id != ours.id


@pytest.mark.parametrize("make", [Ours, lambda *given: repeatable(pipeline(Stock(*given))).components[0]])
def test_a_second_attempt_takes_up_the_artifact_of_the_first_empty(launch, database, model, make):
    with pytest.raises(KeyboardInterrupt):
        launch(make(model, 1))
    again = launch(make(model, 0))["evaluation"]
    with Metadata(database) as handle:
        (stored,) = handle.store.get_artifacts_by_type("ModelEvaluation")
    assert (stored.id, stored.uri) == (again.id, again.uri)


def test_why_stock_components_need_it(launch, model):
    with pytest.raises(KeyboardInterrupt):
        launch(Stock(model, 1))
    with pytest.raises(Exception, match="already exists"):
        launch(Stock(model))


def pipeline(*components):
    return tfx.dsl.Pipeline("p", "/root", components=list(components))


def test_example_gen_tried_again_hands_its_rows_on_once(launch, tmp_path, database):
    """Its own driver stays; without ours the next node would get two artifacts, and every row twice."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "rows.csv").write_text("age\n" + "7\n" * 20)
    (examples,) = repeatable(pipeline(CsvExampleGen(input_base=str(tmp_path / "data")))).components
    first, again = (launch(examples)["examples"] for _ in range(2))
    with Metadata(database) as handle:
        (stored,) = handle.store.get_artifacts()
    assert stored.id == first.id == again.id
    assert again.get_string_custom_property("input_fingerprint")
