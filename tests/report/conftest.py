"""Attributions and verdicts to report on, as an Explainer and a gate leave them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.gate.saying.check import Check
from tfx_explain.gate.saying.verdict import JSON_FILE, Verdict
from tfx_explain.proto import explanation_pb2
from tfx_explain.storage import columns

Row = Mapping[str, object]
_KINDS = {bytes: "bytes_list", float: "float_list", int: "int64_list"}


@pytest.fixture(scope="session")
def explained() -> Callable[..., dict[str, object]]:
    def build(attributions: Mapping[str, float], model: str = columns.CANDIDATE, gap: float = 0.0) -> dict[str, object]:
        """The columns of one model's explanation of one row."""
        fields = {
            columns.BASELINE_OUTPUT_VALUE: 0.5,
            columns.INSTANCE_OUTPUT_VALUE: 0.5 + float(sum(attributions.values())) - gap,
            columns.APPROXIMATION_ERROR: 0.01,
            columns.OUTPUT_INDEX: 1,
            columns.TOLERANCE_MET: 1,
        }
        shown = {columns.attribution_column(model, name): float(value) for name, value in attributions.items()}
        return shown | {columns.field_column(model, name): value for name, value in fields.items()}

    return build


@pytest.fixture(scope="session")
def rows(explained) -> list[Row]:
    """400 people; the candidate's attribution of fnlwgt has grown for men who work long."""
    generator = np.random.default_rng(7)
    result = []
    for _ in range(400):
        raw = {
            "sex": [b"Male", b"Female"][generator.integers(2)],
            "hours-per-week": int(generator.integers(10, 70)),
            "fnlwgt": float(generator.uniform(1, 9)),
        }
        old = {"sex": generator.normal(0, 1), "hours-per-week": generator.normal(1, 1), "fnlwgt": 0.1}
        moves = raw["sex"] == b"Male" and raw["hours-per-week"] >= 45
        new = old | {"fnlwgt": 5.0 + generator.normal(0, 0.1) if moves else 0.1}
        result.append(raw | explained(new) | explained(old, columns.BASELINE))
    return result


@pytest.fixture(scope="session")
def one_model_rows(rows) -> list[Row]:
    return [{name: value for name, value in row.items() if "/baseline/" not in name} for row in rows]


@pytest.fixture
def write(tmp_path) -> Callable[..., str]:
    def write_attributions(rows: Sequence[Row], summary: Mapping[str, object] | None = None, split="eval") -> str:
        """Writes an Explainer's directory, and returns it."""
        folder = tmp_path / "attributions" / f"Split-{split}"
        folder.mkdir(parents=True)
        options = tf.io.TFRecordOptions(compression_type="GZIP")
        with tf.io.TFRecordWriter(str(folder / "attributions-00000-of-00001.gz"), options) as writer:
            for row in rows:
                example = tf.train.Example()
                for name, value in row.items():
                    values = value if isinstance(value, list) else [value]
                    getattr(example.features.feature[name], _KINDS[type(values[0])]).value.extend(values)
                writer.write(example.SerializeToString(deterministic=True))
        if summary is not None:
            (folder.parent / "summary.json").write_text(json.dumps({split: summary}))
        return str(folder.parent)

    return write_attributions


@pytest.fixture(scope="session")
def check() -> Callable[..., Check]:
    def build(feature: str = "fnlwgt", passed: bool | None = False, **more) -> Check:
        """A threshold on a feature's share, which fails."""
        found = {
            "metric": f"attribution_share/{feature}",
            "title": f"attribution_share/{feature}",
            "feature": feature,
            "key": {"name": f"attribution_share/{feature}"},
            "slice": "Overall",
            "kind": "value",
            "direction": "",
            "relative_change": "",
            "bounds": {"upper_bound": 0.1},
            "allowed": "at most 0.1",
            "observed": 0.25,
            "baseline": 0.03,
            "margin": -0.15,
            "passed": passed,
        }
        return Check(**found | more)

    return build


@pytest.fixture
def judge(tmp_path) -> Callable[..., str]:
    def write_verdict(checks: Sequence[Check] = (), **more) -> str:
        """Writes a validation's directory, and returns it."""
        found = {
            "blessed": False,
            "problems": (),
            "unreadable": False,
            "has_baseline": True,
            "policy": explanation_pb2.GatePolicy(),
            "override": None,
            "checks": checks,
            "not_asked": (),
            "validation": None,
        }
        folder: Path = tmp_path / "validation"
        folder.mkdir()
        (folder / JSON_FILE).write_text(Verdict(**found | more).to_json())
        return str(folder)

    return write_verdict
