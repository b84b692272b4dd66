"""Metrics of how good maps are, against means by hand."""

import math

import pytest
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.storage import columns

AREAS = {columns.INSERTION_AREAS: (0.9, 0.4, 0.8), columns.DELETION_AREAS: (0.1, 0.2, 0.3)}


@pytest.fixture
def rows(explained):
    found = []
    for number in range(3):
        row = {"w": float(number + 1)}
        for model, factor in ((columns.CANDIDATE, 1.0), (columns.BASELINE, 0.5)):
            row |= explained({"digit": 1.0}, model)
            row |= {columns.map_column(model, part, "digit"): factor * of[number] for part, of in AREAS.items()}
        found.append(row)
    return found


@pytest.fixture
def config(metric_config):
    metrics = [metric_config(name, settings={"feature": "digit"}) for name in ("MapInsertion", "MapDeletion")]
    return config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec(example_weight_key="w")],
        metrics_specs=[config_pb2.MetricsSpec(metrics=metrics)],
    )


def test_areas_are_weighted_means(rows, config, evaluate, values):
    got = values(evaluate(rows, config))
    for model, factor in (("candidate", 1.0), ("baseline", 0.5)):
        assert got["Overall", "map_insertion/digit", model, False] == pytest.approx(factor * (0.9 + 0.8 + 2.4) / 6)
        assert got["Overall", "map_deletion/digit", model, False] == pytest.approx(factor * (0.1 + 0.4 + 0.9) / 6)


def test_records_without_areas_pass_no_threshold(rows, explained, config, evaluate, values):
    plain = {"w": 1.0} | explained({"digit": 1.0}) | explained({"digit": 1.0}, columns.BASELINE)
    of_all = values(evaluate([*rows, plain], config)).values()
    assert len(of_all) == 6 and all(math.isnan(value) for value in of_all)
