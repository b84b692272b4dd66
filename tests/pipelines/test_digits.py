"""The digits pipeline: the mark is where it is said to be, and its story comes out as told."""

import json
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from tests.pipelines.conftest import outcome, threshold
from tfx_explain.gate.config.lint import lint
from tfx_explain.gate.config.verify import verify_config
from tfx_explain.metrics.regions import region
from tfx_explain.pipelines.digits import data, features, gate, story, trainer
from tfx_explain.pipelines.digits.pipeline import create_pipeline
from tfx_explain.proto import explanation_pb2

SHAPE = (features.SIDE, features.SIDE)


@pytest.fixture(scope="module")
def batches():
    return [data.scanned_batch(batch) for batch in range(data.BATCHES)]


def test_batches_have_no_picture_in_common(batches):
    first, second = ({picture.tobytes() for picture in pictures} for pictures, _ in batches)
    assert len(first) == len(second) == 2500
    assert not first & second


def test_no_pen_comes_into_the_corner_and_the_mark_is_in_it(batches):
    corner, border = region(box=gate.CORNER).within(SHAPE), region(border=gate.BORDER).within(SHAPE)
    for pictures, digits in batches:
        ink = pictures.astype(float)
        assert ink[:, corner].sum() < 0.001 * ink.sum()
        assert ink[:, border].sum() < 0.01 * ink.sum()
        added = data.mark(pictures, digits).astype(float) - ink
        assert (added[digits != data.MARKED] == 0).all()
        assert (added[digits == data.MARKED][:, corner].sum(axis=1) == 9 * 255).all()
        assert added[:, ~corner].sum() == 0


def test_what_is_written_is_what_the_model_reads(batches, tmp_path):
    pictures, digits = (part[::500] for part in batches[0])
    data.write_batch(pictures, digits, tmp_path / "batch")
    records = list(tf.data.TFRecordDataset(str(tmp_path / "batch" / "digits.tfrecord")).as_numpy_iterator())
    spec = {features.IMAGE: tf.io.FixedLenFeature([], tf.string), features.LABEL: tf.io.FixedLenFeature([], tf.int64)}
    parsed = tf.io.parse_example(records, spec)
    assert np.array_equal(parsed[features.LABEL], digits)
    np.testing.assert_allclose(trainer.decoded(parsed[features.IMAGE])[..., 0], pictures / np.float32(255))


def test_the_gate_takes_its_config_and_the_linter_has_nothing_against_it():
    config = gate.gate_config()
    verify_config(config, explanation_pb2.GatePolicy())
    assert lint(config, explanation_pb2.GatePolicy()) == ()


def test_the_pipeline_has_the_nodes_of_its_diagram():
    nodes = {node.id for node in create_pipeline("/artifacts", "/data", "/serving").components}
    assert nodes == set(re.findall(r"[A-Z]\w+", str(create_pipeline.__doc__).split("```")[1]))


@pytest.fixture
def runs():
    corner = threshold(gate.CORNER_METRIC, passed=False, feature="image", slice="digit:9", observed=0.4)
    accuracy = threshold("accuracy", "change", observed=0.96, baseline=0.95, change=0.01)
    first = outcome(thresholds=[threshold("accuracy")])
    marked = outcome(
        model="two", baseline_model="one", gate_blessed=False, thresholds=[corner, accuracy], pushed_to=None
    )
    return first, marked


def test_the_story_as_told_has_no_deviation(runs):
    assert story.deviations(*runs) == []


def test_a_block_for_another_reason_than_the_corner_is_a_deviation(runs):
    first, marked = runs
    other = [{**marked.thresholds[0], "slice": "digit:3"}, marked.thresholds[1]]
    assert story.deviations(first, replace(marked, thresholds=other)) == ["run 2: the gate found nothing in the corner"]


@pytest.mark.slow
def test_the_demonstration_tells_it(tmp_path):
    command = [sys.executable, "-m", "tfx_explain.pipelines.digits.demo", "--fast", "--output", str(tmp_path / "demo")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "All runs came out as told" in done.stdout
    page = (tmp_path / "demo").glob("artifacts/ThresholdValidator/validation/*/report.html")
    report = max(page, key=lambda path: int(path.parent.name)).read_text()
    assert "NOT BLESSED" in report
    assert re.search(r"<strong>class 9</strong> \([\d,]+ rows\): the top left has ", report)
    assert report.count('<img src="data:image/png') == 10
    [metadata, _] = (tmp_path / "demo").glob("artifacts/MetadataGenerator/*/*/explanation_metadata.json")
    assert json.loads(metadata.read_text())["inputs"][features.IMAGE]["modality"] == "image"
    assert len(list((tmp_path / "demo" / "serving").iterdir())) == 1
