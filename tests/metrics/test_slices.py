"""Slices, plain and crossed: each against the formulas on its own rows."""

import numpy as np
import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.metrics import AttributionShare
from tfx_explain.storage import columns

TEAMS = ("a", "b", "c")


@pytest.fixture(scope="module")
def drawn():
    generator = np.random.default_rng(4)
    return generator.normal(size=(2, 30, 2)).astype(np.float32), generator.integers(1, 4, 30)


@pytest.fixture
def rows(explained, drawn):
    (candidate, baseline), weights = drawn
    return [
        {
            "team": TEAMS[i % 3],
            "age": i,
            "w": float(weights[i]),
            **explained(dict(zip(("age", "sex"), candidate[i], strict=True))),
            **explained(dict(zip(("age", "sex"), baseline[i], strict=True)), columns.BASELINE),
        }
        for i in range(30)
    ]


@pytest.fixture
def config(metric_config):
    metrics = [metric_config(n, "age") for n in ("TotalAttribution", "TotalAbsoluteAttribution", "AttributionShare")]
    metrics += [metric_config(name) for name in ("ExplainedRows", "AttributionAgreement", "LargestShareChange")]
    return config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec(example_weight_key="w")],
        slicing_specs=[config_pb2.SlicingSpec(), config_pb2.SlicingSpec(feature_keys=["team"])],
        metrics_specs=[config_pb2.MetricsSpec(metrics=metrics)],
    )


def test_the_slices_of_a_partition_add_up(evaluate, rows, config, values):
    got = values(evaluate(rows, config))
    for name in ("total_attribution/age", "total_absolute_attribution/age", "explained_rows"):
        for of in (("candidate", False), ("baseline", False), ("candidate", True)):
            parts = [got[(f"team:{team}", name, *of)] for team in TEAMS]
            assert got[("Overall", name, *of)] == pytest.approx(sum(parts))
    # The mean of a partition is the mean of its parts' means, by their weights.
    weight = {team: sum(row["w"] for row in rows if row["team"] == team) for team in TEAMS}
    parts = [weight[team] * got[f"team:{team}", "attribution_agreement", "candidate", True] for team in TEAMS]
    agreement = got["Overall", "attribution_agreement", "candidate", True]
    assert agreement == pytest.approx(sum(parts) / sum(weight.values()))


def test_drift_is_weighted_and_of_the_slice(evaluate, rows, config, values, drawn):
    got = values(evaluate(rows, config))
    models, weights = drawn
    for index, team in enumerate(TEAMS):
        sizes = [weights[index::3] @ np.abs(of_model[index::3]) for of_model in models]
        new, old = (size / size.sum() for size in sizes)
        found = got[f"team:{team}", "largest_share_change", "candidate", True]
        assert found == pytest.approx(np.abs(new - old).max())


def test_a_cross_slice_is_the_difference_of_two(evaluate, rows, config, values):
    config.cross_slicing_specs.add(
        baseline_spec=config_pb2.SlicingSpec(feature_values={"team": "a"}),
        slicing_specs=[config_pb2.SlicingSpec(feature_values={"team": "b"})],
    )
    output = evaluate(rows, config)
    (crossed,) = [m for m in tfma.load_metrics(output) if m.HasField("cross_slice_key")]
    of_slice = values(output)
    for item in crossed.metric_keys_and_values:
        key = (item.key.name, item.key.model_name, item.key.is_diff)
        expected = of_slice[("team:a", *key)] - of_slice[("team:b", *key)]
        assert item.value.double_value.value == pytest.approx(expected)
    assert len(crossed.metric_keys_and_values) == 4 * 3 + 2


def test_no_metric_is_made_anew_for_each_slice(evaluate, rows, config, monkeypatch):
    made, make = [], AttributionShare.__init__

    def counted(self, *args, **kwargs):
        made.append(1)
        make(self, *args, **kwargs)

    monkeypatch.setattr(AttributionShare, "__init__", counted)
    config.slicing_specs.add(feature_keys=["age"])
    evaluate(rows, config)
    assert len(made) < len(rows)  # each has a slice of its own
