import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tfx_explain.pipelines.demonstration.outcome import Outcome


@dataclass(frozen=True)
class Told:
    """What `python -m tfx_explain.pipelines.NAME.demo --fast` left behind."""

    status: int
    stdout: str
    stderr: str
    folder: Path


@pytest.fixture(scope="session")
def tell(tmp_path_factory) -> Callable[[str], Told]:
    def run(name: str) -> Told:
        """Tells a demonstration's story."""
        folder = tmp_path_factory.mktemp("demo") / "output"
        # As a person's shell has it: without what the tests' own environment silences.
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "CUDA_"))}
        done = subprocess.run(
            [sys.executable, "-m", f"tfx_explain.pipelines.{name}.demo", "--fast", "--output", str(folder)],
            env=kept,
            capture_output=True,
            text=True,
            check=False,
        )
        return Told(done.returncode, done.stdout, done.stderr, folder)

    return run


@pytest.fixture(scope="session")
def told(tell) -> Told:
    return tell("census")


def threshold(metric="auc", kind="value", passed=True, **fields):
    """A threshold as `verdict.json` has it."""
    defaults = {
        "feature": "",
        "slice": "Overall",
        "direction": "",
        "bounds": {"lower_bound": 0.85},
        "observed": 0.9,
        "baseline": None,
        "change": None,
        "reason": f"{metric} was asked",
    }
    return {"metric": metric, "kind": kind, "passed": passed, **defaults, **fields}


def auc_change(change):
    return threshold(
        kind="change",
        direction="HIGHER_IS_BETTER",
        bounds={"absolute": -0.02},
        observed=0.9 + change,
        baseline=0.9,
        change=change,
    )


LEAK = threshold(
    "attribution_share/fnlwgt",
    "change",
    passed=False,
    feature="fnlwgt",
    slice="sex:Male",
    direction="LOWER_IS_BETTER",
    bounds={"absolute": 0.1},
    observed=0.24,
    baseline=0.05,
    change=0.19,
    reason="fnlwgt leapt",
)


def outcome(**fields):
    defaults = {
        "model": "one",
        "baseline_model": None,
        "evaluator_blessed": True,
        "gate_blessed": True,
        "thresholds": [threshold()],
        "reasons": [],
        "not_asked": 0,
        "validation_uri": "/validation",
        "pushed_to": "/serving/1",
    }
    return Outcome(**{**defaults, **fields})


@pytest.fixture
def first():
    return outcome(not_asked=15)


@pytest.fixture
def leaking():
    return outcome(
        model="two",
        baseline_model="one",
        gate_blessed=False,
        thresholds=[LEAK, threshold(), auc_change(0.06)],
        reasons=["fnlwgt leapt"],
        pushed_to=None,
    )


@pytest.fixture
def third():
    return outcome(model="three", baseline_model="one", thresholds=[threshold(), auc_change(0.001)])
