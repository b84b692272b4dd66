"""Metrics of where in pictures the attributions are, against sums by hand."""

import math
import re

import numpy as np
import pytest
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.storage import columns

CORNER = [0, 0.75, 0.25, 1]
SCALES = (1.0, 2.0, 0.5)


def _with_map(row, numbers, model=columns.CANDIDATE, scale=1.0):
    parts = {
        columns.MAPS: numbers.astype("<f2").tobytes(),
        columns.MAP_SCALES: scale,
        columns.MAP_SHAPES: list(numbers.shape),
    }
    return row | {columns.map_column(model, part, "digit"): value for part, value in parts.items()}


def _gini(sizes):
    return np.abs(sizes[:, None] - sizes).mean() / (2 * sizes.mean())


@pytest.fixture
def maps():
    rng = np.random.default_rng(0)
    return rng.normal(size=(3, 2, 8, 12)).astype(np.float16).astype(np.float64)


@pytest.fixture
def rows(explained, maps):
    found = []
    for number, (new, old) in enumerate(maps):
        row = {"w": float(number + 1), "odd": str(number % 2)}
        row |= explained({"digit": 1.0, "age": 2.0}) | explained({"digit": 1.0, "age": 2.0}, columns.BASELINE)
        scale = SCALES[number]
        found.append(_with_map(_with_map(row, new / scale, scale=scale), old / scale, columns.BASELINE, scale))
    return found


def _config(metric_config, weighted=False):
    settings = {
        "MapShare": {"feature": "digit", "box": CORNER},
        "MapConcentration": {"feature": "digit"},
        "MapAgreement": {"feature": "digit"},
    }
    metrics = [metric_config(name, settings=one) for name, one in settings.items()]
    metrics.append(metric_config("MapShare", settings=settings["MapShare"] | {"outside": True, "name": "rest"}))
    return _of(metrics, weighted)


def _of(metrics, weighted=False):
    return config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec(example_weight_key="w" if weighted else "")],
        slicing_specs=[config_pb2.SlicingSpec(), config_pb2.SlicingSpec(feature_keys=["odd"])],
        metrics_specs=[config_pb2.MetricsSpec(metrics=metrics)],
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_shares_concentration_and_agreement_are_the_sums_by_hand(rows, maps, evaluate, values, metric_config, weighted):
    got = values(evaluate(rows, _config(metric_config, weighted)))
    sizes, times = np.abs(maps), np.arange(1.0, 4.0) if weighted else np.ones(3)
    for number, model in enumerate(("candidate", "baseline")):
        of_model = sizes[:, number]
        share = (times @ of_model[:, :2, 9:].sum(axis=(1, 2))) / (times @ of_model.sum(axis=(1, 2)))
        at = f"map_share/digit/{','.join(f'{end:g}' for end in CORNER)}"
        assert got["Overall", at, model, False] == pytest.approx(share)
        assert got["Overall", "rest", model, False] == pytest.approx(1 - share)
        gini = times @ [_gini(one.ravel()) for one in of_model] / times.sum()
        assert got["Overall", "map_concentration/digit", model, False] == pytest.approx(gini)
    shares = sizes / sizes.sum(axis=(2, 3), keepdims=True)
    overlaps = np.minimum(shares[:, 0], shares[:, 1]).sum(axis=(1, 2))
    agreement = [value for key, value in got.items() if key[:2] == ("Overall", "map_agreement/digit")]
    assert agreement == [pytest.approx(times @ overlaps / times.sum())]
    of_odd = [value for key, value in got.items() if key[:2] == ("odd:1", "map_agreement/digit")]
    assert of_odd == [pytest.approx(overlaps[1])]


def test_records_without_maps_pass_no_threshold(rows, explained, evaluate, values, metric_config):
    plain = explained({"digit": 1.0, "age": 2.0}) | explained({"digit": 1.0, "age": 2.0}, columns.BASELINE)
    got = values(evaluate([*rows, {"odd": "7", **plain}], _config(metric_config)))
    of_all = {key[1]: value for key, value in got.items() if key[0] == "Overall"}
    assert len(of_all) == 4 and all(math.isnan(value) for value in of_all.values())


def test_masks_and_borders_are_regions_too(rows, maps, evaluate, values, metric_config):
    counts = [8 * 4, 8, 8 * 7]  # COCO's run down the columns: the fifth is in it.
    settings = [{"border": 1}, {"mask": {"size": [8, 12], "counts": counts}, "name": "column"}]
    metrics = [metric_config("MapShare", settings={"feature": "digit", **one}) for one in settings]
    got = values(evaluate(rows, _of(metrics)))
    sizes = np.abs(maps[:, 0])
    inside = sizes[:, 1:-1, 1:-1].sum() / sizes.sum()
    assert got["Overall", "map_share/digit/border:1", "candidate", False] == pytest.approx(1 - inside)
    assert got["Overall", "column", "candidate", False] == pytest.approx(sizes[:, :, 4].sum() / sizes.sum())


def test_a_mask_of_another_size_than_the_maps_is_one_sentence(rows, evaluate, metric_config):
    mask = {"size": [12, 8], "counts": [0, 96]}
    metrics = [metric_config("MapShare", settings={"feature": "digit", "mask": mask})]
    with pytest.raises(ValueError, match=re.escape("is 12 x 8 pixels (height x width), and does not fit maps of 8 x")):
        evaluate(rows, _of(metrics))


def test_records_that_explain_other_classes_do_not_count(rows, maps, evaluate, values, metric_config):
    index = columns.field_column(columns.CANDIDATE, columns.OUTPUT_INDEX)
    rows = [{**row, index: number} for number, row in enumerate(rows)]
    metrics = [
        metric_config("MapShare", settings={"feature": "digit", "box": CORNER, "class_name": "1", "name": "one"})
    ]
    got = values(evaluate(rows, _of(metrics)))
    sizes = np.abs(maps[1, 0])
    assert got["Overall", "one", "candidate", False] == pytest.approx(sizes[:2, 9:].sum() / sizes.sum())
    assert math.isnan(got["odd:0", "one", "candidate", False])
