"""Where a verdict is written: never over what it is on, and not before everything was read."""

import datetime
import json

import pytest
import tensorflow_model_analysis as tfma

from tfx_explain.gate.reading.evidence import Sources
from tfx_explain.gate.validate import validate
from tfx_explain.proto import explanation_pb2

KEY = tfma.metrics.MetricKey("auc", example_weighted=False)


@pytest.fixture
def judge(config, metric, bound):
    def judged(output, *evaluations):
        sources = Sources(evaluations=evaluations)
        eval_config = config(metric("AUC", bound(lower=0.7)))
        return validate(eval_config, explanation_pb2.GatePolicy(), sources, _no_pipeline, str(output))

    return judged


def _no_pipeline():
    raise AssertionError("no records, no pipeline")


@pytest.mark.parametrize("where", ["", "below/it", "..", "link", "link/below"])
def test_an_output_that_is_an_input_is_refused_and_nothing_is_lost(judge, tmp_path, write_evaluation, where):
    folder = tmp_path / "parent" / "evaluation"
    folder.parent.mkdir()
    path = write_evaluation({(): {KEY: 0.8}}, "parent/evaluation")
    (tmp_path / "link").symlink_to(path)
    output = tmp_path / where if where.startswith("link") else folder / where
    before = {file: file.read_bytes() for file in folder.rglob("*")}
    with pytest.raises(
        ValueError, match=rf"The verdict would be written to {output}, but that is the input {path}, or"
    ):
        judge(output, path)
    assert {file: file.read_bytes() for file in folder.rglob("*")} == before


def test_another_evaluation_is_not_overwritten(judge, write_evaluation):
    path, other = (write_evaluation({(): {KEY: 0.8}}, name) for name in ("one", "other"))
    with pytest.raises(ValueError, match=r"which holds metrics-00000-of-00001.tfrecord and no earlier verdict"):
        judge(other, path)
    assert judge(f"{path}_verdict", other).blessed


def test_a_verdict_has_the_time_that_it_was_given_or_the_present(config, metric, bound, tmp_path, write_evaluation):
    sources = Sources(evaluations=[write_evaluation({(): {KEY: 0.8}})])
    eval_config, policy = config(metric("AUC", bound(lower=0.7))), explanation_pb2.GatePolicy()
    before = datetime.datetime.now(datetime.timezone.utc)
    for now, earliest in ((before - datetime.timedelta(days=1),) * 2, (None, before)):
        verdict = validate(eval_config, policy, sources, _no_pipeline, str(tmp_path / "verdict"), now)
        assert earliest <= verdict.decided_at <= earliest + datetime.timedelta(minutes=1)
        said = json.loads((tmp_path / "verdict" / "verdict.json").read_text())["decided_at"]
        assert datetime.datetime.fromisoformat(said.replace("Z", "+00:00")) == verdict.decided_at.replace(microsecond=0)


def test_an_earlier_verdict_stays_until_there_is_another(judge, tmp_path, write_evaluation):
    path, output = write_evaluation({(): {KEY: 0.8}}), tmp_path / "verdict"
    assert judge(output, path).blessed
    before = {file: file.read_bytes() for file in output.rglob("*")}
    assert {file.name for file in before} == {"verdict.json", "verdict.txt", "validations.tfrecord"}
    with pytest.raises(ValueError, match="is in two places"):
        judge(output, path, write_evaluation({(): {KEY: 0.9}}, "again"))
    assert {file: file.read_bytes() for file in output.rglob("*")} == before
    assert not judge(output, write_evaluation({(): {KEY: 0.6}}, "worse")).blessed
    assert not tfma.load_validation_result(str(output)).validation_ok
