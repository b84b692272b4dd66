"""Attributions and verdicts to report on, as an Explainer and a gate leave them."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.gate.saying.check import Check
from tfx_explain.gate.saying.verdict import JSON_FILE, Verdict
from tfx_explain.proto import explanation_pb2
from tfx_explain.report.write import write_report
from tfx_explain.storage import columns

Row = Mapping[str, object]
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "a\x1b[31m\u202eb\n",
    "{{ 7 * 7 }}",
    "x" * 10_240,
)
HEIGHT, WIDTH = 8, 10
CLASSES = (b"cat", b"</title><script>alert(1)</script>")
SCALES = np.float32(np.random.default_rng(4).uniform(0.1, 9, (30, 2)))
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
def token_columns() -> Callable[..., dict[str, object]]:
    def build(model: str, words: Sequence[bytes], values: Sequence[float], rest: float = 0.0, separator: bytes = b" "):
        """The columns of the tokens of a text in which words stand between separators."""
        ends = np.cumsum([len(word) + len(separator) for word in words]) - len(separator)
        begins = [int(end) - len(word) for word, end in zip(words, ends, strict=True)]
        parts = (list(words), [float(value) for value in values], rest, begins, ends.tolist())
        names = [columns.token_column(model, part, "text") for part in columns.PARTS_OF_TOKENS]
        return dict(zip(names, parts, strict=True))

    return build


@pytest.fixture(scope="session")
def odd_texts(explained, token_columns) -> list[Row]:
    """Texts in several directions and scripts, meant to do harm, very long, and no UTF-8 at all."""
    texts = [name.encode("utf-8", "replace") for name in HOSTILE]
    texts += ["שלום, לא עובד since 10:30".encode(), "مرحبا النظام لا يعمل".encode(), b"bytes \xff\xfe", b"word " * 3000]
    result = []
    for number, text in enumerate(texts * 10):
        words = text.split(b" ")
        row = {"text": text, "age": float(number)}
        for model, sign in zip(columns.MODELS, (1.0, -0.5), strict=True):
            values = [sign * (place % 5 - 2) for place, _ in enumerate(words)]
            row |= explained({"text": sum(values), "age": 1.0}, model) | token_columns(model, words, values)
        result.append(row)
    return result


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
def maps() -> np.ndarray:
    """Of 30 pictures and both models; the candidate looks at the lower right of the second class."""
    found = np.random.default_rng(3).normal(size=(30, 2, HEIGHT, WIDTH)).astype(np.float16)
    found[1::2, 0, 6:, 7:] *= 20
    return found / np.abs(found).max(axis=(2, 3), keepdims=True)


@pytest.fixture(scope="session")
def pictures(explained, maps) -> list[Row]:
    rows = []
    for number, of_models in enumerate(maps):
        row = {"image": tf.io.encode_png(np.full((HEIGHT, WIDTH, 1), number, np.uint8)).numpy()}
        for model, numbers, scale in zip(columns.MODELS, of_models, SCALES[number], strict=True):
            row |= explained({"image": 1.0}, model)
            row[columns.field_column(model, columns.OUTPUT_DISPLAY_NAME)] = CLASSES[number % 2]
            row[columns.map_column(model, columns.MAPS, "image")] = numbers.astype("<f2").tobytes()
            row[columns.map_column(model, columns.MAP_SCALES, "image")] = float(scale)
            row[columns.map_column(model, columns.MAP_SHAPES, "image")] = [HEIGHT, WIDTH]
        rows.append(row)
    return rows


@pytest.fixture(scope="session")
def one_model_rows(rows) -> list[Row]:
    return [{name: value for name, value in row.items() if "/baseline/" not in name} for row in rows]


@pytest.fixture
def write(tmp_path) -> Callable[..., str]:
    return functools.partial(write_attributions, tmp_path / "attributions")


def write_attributions(
    root: Path, rows: Sequence[Row], summary: Mapping[str, object] | None = None, split: str = "eval"
) -> str:
    """Writes an Explainer's directory, and returns it."""
    folder = root / f"Split-{split}"
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
        (root / "summary.json").write_text(json.dumps({split: summary}))
    return str(root)


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
    return functools.partial(write_verdict, tmp_path / "validation")


def write_verdict(folder: Path, checks: Sequence[Check] = (), **more) -> str:
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
    folder.mkdir()
    (folder / JSON_FILE).write_text(Verdict(**found | more).to_json())
    return str(folder)


@pytest.fixture(scope="session")
def pages(tmp_path_factory, rows, one_model_rows, odd_texts, pictures, explained, check) -> Mapping[str, Path]:
    """Pages of ordinary and of odd evidence, as files."""
    root = tmp_path_factory.mktemp("pages")
    failed = check(slice="sex:Male", bounds={"absolute": 0.1}, change=0.22, kind="change")
    summary = {"rows_read": 402, "rows_explained": 400, "rows_failed": 2, "tolerance_not_met": 1}
    summary |= {"causes": {"the feature 'age' is missing": 2}, "provenance": {"parameters": {}}}
    hostile = {name: name.encode() for name in HOSTILE} | explained({name: float(i) for i, name in enumerate(HOSTILE)})
    hostile |= explained({name: 1.0 for name in HOSTILE}, columns.BASELINE)
    names = [f"feature {i}" for i in range(2000)]
    wide = {name: float(i % 3) for i, name in enumerate(names)} | explained(
        {name: 1.0 + i for i, name in enumerate(names)}
    )
    evidence = {
        "blocked": (rows, summary, [failed, check(), check("sex", passed=True, observed=0.05)], {}),
        "one-row": (one_model_rows[:1], None, [check(passed=True, baseline=None)], {"blessed": True}),
        "pictures": (pictures, None, [check("image", title="map_share/image/border:3")], {}),
        "hostile": (
            [hostile] * 30,
            summary | {"causes": dict.fromkeys(HOSTILE, 1)},
            [check(name, title=f"share/{name}", slice=name) for name in HOSTILE],
            {"problems": HOSTILE},
        ),
        "texts": (odd_texts, None, [check("text")], {}),
        "large": (
            [wide | {"town": f"town {i % 2}".encode()} for i in range(60)],
            None,
            [check(f"feature {i}", slice=f"town:town {i}") for i in range(500)],
            {},
        ),
    }
    return {name: _page(root / f'{name} "<b>', *one) for name, one in evidence.items()}


def _page(folder: Path, rows, summary, checks, verdict) -> Path:
    split = f"{write_attributions(folder / 'attributions', rows, summary)}/Split-eval"
    validation = write_verdict(folder / "validation", checks, **verdict)
    return Path(write_report(str(folder / "report.html"), [split], validation))
