"""Sums over all rows: they are those of TFMA's metrics, and the intervals hold."""

import apache_beam as beam
import numpy as np
import pytest

from tfx_explain.report.evidence import read_evidence
from tfx_explain.report.importance import importances, movements
from tfx_explain.report.records import SmallestHashes
from tfx_explain.storage import columns


@pytest.fixture
def read(tmp_path):
    def read_folders(folders):
        scratch = tmp_path / "scratch"
        scratch.mkdir(exist_ok=True)
        return read_evidence(folders, "", beam.Pipeline, str(scratch))

    return read_folders


@pytest.fixture
def evidence(read, write, rows):
    return read([f"{write(rows)}/Split-eval"])


def test_shares_are_parts_of_the_absolute_attributions(evidence, rows):
    totals = evidence.totals[columns.CANDIDATE]
    names = [columns.attribution_column("candidate", feature) for feature in totals.features]
    values = np.array([[row[name] for name in names] for row in rows])
    sizes = np.abs(values).sum(axis=0)
    np.testing.assert_allclose(totals.shares(), sizes / sizes.sum(), rtol=1e-6)
    assert (totals.rows, totals.failed, evidence.rows) == (400, 0, 400)


def test_the_intervals_of_shares_are_those_of_the_bootstrap(evidence):
    totals = evidence.totals[columns.CANDIDATE]
    sizes = np.abs(evidence.sample["candidate"]["attribution"].to_numpy())
    generator = np.random.default_rng(5)
    again = np.stack([sizes[generator.integers(len(sizes), size=len(sizes))].sum(axis=0) for _ in range(4000)])
    again /= again.sum(axis=1, keepdims=True)
    # 4,000 draws tell a standard deviation to 1.1%; four of these, and the delta method's own error.
    np.testing.assert_allclose(totals.half_widths(), 1.959964 * again.std(axis=0), rtol=0.06)


def test_places_are_those_of_both_models(evidence):
    found = importances(evidence.totals)
    assert {one.feature: one.places for one in found}["fnlwgt"] == "2 \N{LEFTWARDS ARROW} 3"
    assert next(one.change for one in found if one.feature == "fnlwgt") > 0.15
    assert list(movements(found)) == ["Changed place: fnlwgt from place 3 to 2, sex from place 2 to 3."]


def test_what_entered_and_left_is_named(read, write, explained):
    row = explained({"a": 1.0, "b": 0.0}) | explained({"a": 0.0, "b": 1.0}, columns.BASELINE)
    found = importances(read([f"{write([row])}/Split-eval"]).totals)
    assert list(movements(found))[:2] == ["Entered: a.", "Left: b."]
    assert np.isnan(found[0].parts["candidate"].low)


def test_rows_that_are_not_finite_count_as_failed(read, write, explained):
    rows = [explained({"age": 1.0}), explained({"age": float("nan")})]
    totals = read([f"{write(rows)}/Split-eval"]).totals[columns.CANDIDATE]
    assert (totals.rows, totals.failed, totals.absolute.tolist()) == (1, 1, [1.0])


def test_records_of_two_explainers_do_not_mix(read, write, explained):
    folders = [f"{write([explained({name: 1.0})], split=name)}/Split-{name}" for name in ("age", "sex")]
    with pytest.raises(ValueError, match="disagree about their features: age, sex are in some records only"):
        read(folders)


def test_the_sample_does_not_depend_on_the_order():
    records = np.array([f"row {i}".encode() for i in range(1000)], object)
    one, other = SmallestHashes(10), SmallestHashes(10)
    for batch in np.split(records, 40):
        one.add(batch)
    other.add(records[::-1])
    assert one.records().tolist() == other.records().tolist()
    assert len(one.records()) == 10
    halves = SmallestHashes(10), SmallestHashes(10)
    for half, part in zip(halves, np.split(records, [700]), strict=True):
        half.add(part)
    halves[1].merge(halves[0])
    assert halves[1].records().tolist() == one.records().tolist()


def test_large_records_make_a_smaller_sample():
    records = np.array([b"x" * 100 + str(i).encode() for i in range(100)], object)
    one, other = SmallestHashes(50, 1050), SmallestHashes(50, 1050)
    one.add(records)
    for record in records[::-1]:
        other.add(np.array([record], object))
    assert one.records().tolist() == other.records().tolist()
    assert len(one.records()) == 10


def test_a_class_that_no_record_explains_is_refused(write, explained, tmp_path):
    path = write([explained({"age": 1.0})])
    with pytest.raises(ValueError, match="No record explains a class '7'"):
        read_evidence([f"{path}/Split-eval"], "7", beam.Pipeline, str(tmp_path))


def test_evidence_is_the_same_however_it_is_split(read, write, rows, monkeypatch):
    whole = read([f"{write(rows)}/Split-eval"])
    monkeypatch.setattr("tfx_explain.report.evidence._FEW_BYTES", 0)  # on Beam
    parts = read([f"{write(part, split=name)}/Split-{name}" for name, part in (("a", rows[250:]), ("b", rows[:250]))])
    assert parts.rows == whole.rows
    assert parts.sample.equals(whole.sample)
    assert {model: one.to_dict() for model, one in parts.totals.items()} == {
        model: one.to_dict() for model, one in whole.totals.items()
    }
