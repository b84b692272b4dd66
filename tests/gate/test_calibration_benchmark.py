"""The benchmark of calibration and the guide's picture can be made again, and its gate decides as the real one does."""

import importlib.util
import pathlib

import numpy as np
import pytest

from benchmarks import calibration, gates
from benchmarks.gates import Pair
from tfx_explain.gate.calibration import bounds


@pytest.fixture(scope="module")
def tried():
    return calibration.trials(models=8, spoilt=1)


def test_tables_are_of_every_gate_and_every_kind(tried):
    alarms, power, curves = calibration.tables(calibration.measure(tried, splits=2))
    assert [row[0] for row in alarms.rows] == list(gates.GATES)
    assert [row[0] for row in power.rows] == [*calibration.KINDS, calibration.SERVED]
    assert len(curves.rows[0]) == 1 + len(calibration.STRENGTHS)


def test_a_model_is_its_own_equal(tried):
    same = tried.sound[np.arange(8), np.arange(8)]
    assert same.shares == pytest.approx(same.before)
    assert same.agreement == pytest.approx(np.ones_like(same.agreement))
    assert same.distance == pytest.approx(np.zeros(8))


def test_a_leak_of_the_whole_label_is_stopped(tried):
    history = tried.sound[np.arange(4), np.roll(np.arange(4), 1)]
    leaks = tried.spoilt["a label leaks into fnlwgt"]
    assert gates.suggested(history)(leaks)[-1].all()


def test_bounds_are_those_of_the_library():
    shares = np.random.default_rng(0).normal(0.3, 0.01, (6, 4))
    history = Pair(shares, shares, np.empty((6, 0)), np.empty((6, 2)), np.empty(6))
    gate = gates.suggested(history)
    found = bounds.share_bounds(shares, gates.RATE / bounds.how_many(shares))
    sound = np.full(4, 0.3)
    for name, beyond in (("upper", 1e-6), ("lower", -1e-6)):
        changed = np.where(np.arange(4) == 2, getattr(found, name) + beyond, sound)
        assert gate(Pair(changed, changed, np.empty(0), np.empty(2), np.empty(())))
        allowed = np.where(np.arange(4) == 2, getattr(found, name) - beyond, sound)
        assert not gate(Pair(allowed, allowed, np.empty(0), np.empty(2), np.empty(())))


def test_the_guides_picture_can_be_made(tried, tmp_path):
    script = pathlib.Path(__file__).parents[2] / "docs" / "calibration_picture.py"
    spec = importlib.util.spec_from_file_location("calibration_picture", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.draw(calibration.measure(tried, splits=2), tmp_path / "picture.svg")
    assert "</svg>" in (tmp_path / "picture.svg").read_text()
    assert "calibration.svg" in script.with_name("calibration.md").read_text()
