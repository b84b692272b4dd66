"""docs/metrics.md says what there is, and its code runs."""

import importlib
import re
import types
from pathlib import Path
from typing import Any

import pytest
from tensorflow_model_analysis.metrics import metric_types
from tfx.types import channel, standard_artifacts

from tfx_explain import metrics
from tfx_explain.storage import columns

TEXT = (Path(__file__).parents[2] / "docs" / "metrics.md").read_text()
CONFIG, EVALUATOR, OWN_MODULE, LIBRARY = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
SETTINGS = {"feature": "age", "metric": "AttributionShare", "quantile": 0.95, "box": [0, 0.75, 0.25, 1]}
SETTINGS |= {"tokens": ["kim", "lee"], "top": 20}
SETTINGS |= {"usual": {}, "rate": 0.01, "horizon": 1, "thresholds": 1}


def documented() -> dict[str, str]:
    """From class name to the metric's name, in all tables."""
    return dict(re.findall(r"(?m)^\| `([A-Z]\w+)` \| `([^`]+)` \|", TEXT))


def test_every_metric_is_documented_under_its_name():
    found = {}
    for name in metrics.__all__:
        of_class = getattr(metrics, name)
        if isinstance(of_class, type) and issubclass(of_class, metric_types.Metric):
            settings = {key: value for key, value in SETTINGS.items() if key in of_class.__init__.__annotations__}
            found[name] = of_class(**settings).name
    assert found.pop("EveryFeature") == "attribution_shares"
    stands_for = {"FEATURE": "age", "QUANTILE": "0.95", "BOX": "0,0.75,0.25,1"}
    stands_for |= {"TOKENS": "kim,lee", "TOP": "20"}
    said = documented()
    for word, value in stands_for.items():
        said = {name: told.replace(word, value) for name, told in said.items()}
    assert found == said


def test_the_config_and_the_library_run(explained, write_records, evaluate, values, tmp_path):
    attributions = {"capital-gain": 1.0, "capital-loss": 0.5, "age": 2.0}
    rows = [{"sex": "Male", **explained(attributions), **explained(attributions, columns.BASELINE)}] * 4
    namespace = {"file_pattern": write_records(rows), "output_path": str(tmp_path / "by_library")}
    exec(CONFIG + LIBRARY, namespace)
    got = values(evaluate(rows, namespace["eval_config"]))
    names = {name for at, name, _, _ in got if at == "sex:Male"}
    assert {"attribution_share/capital-gain", "attribution_share/capital-loss", "importance_ndcg"} <= names


@pytest.mark.parametrize("code", [EVALUATOR, OWN_MODULE])
def test_the_evaluator_and_a_module_of_ones_own_are_python_that_works(code):
    types_of = {"examples": standard_artifacts.Examples, "model": standard_artifacts.Model}
    outputs = types.SimpleNamespace(outputs={name: channel.Channel(type=t) for name, t in types_of.items()})
    namespace: dict[str, Any] = dict.fromkeys(("example_gen", "trainer", "model_resolver"), outputs)
    exec(CONFIG + code, namespace)
    if code == EVALUATOR:
        module = importlib.import_module(namespace["evaluator"].exec_properties["module_path"])
        assert callable(module.custom_extractors)
