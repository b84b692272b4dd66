"""The component and its executor on real artifacts, and the real Pusher on what they write."""

import json
import logging

import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorflow_model_analysis.proto import config_pb2
from tfx import types
from tfx.components.pusher import executor as pusher_executor
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import proto_utils

from tfx_explain.components.threshold_validator import ThresholdValidator
from tfx_explain.components.threshold_validator.executor import Executor
from tfx_explain.proto import explanation_pb2
from tfx_explain.storage import event_files
from tfx_explain.storage.fingerprint import model_fingerprint


@pytest.fixture
def artifact(tmp_path):
    def build(kind, name, uri=None, id=0, **properties):
        result = kind()
        result.uri = uri or str(tmp_path / name)
        result.id = id
        for key, value in properties.items():
            setattr(result, key, value)
        return result

    return build


@pytest.fixture
def inputs(artifact, tmp_path, records, evaluation):
    (tmp_path / "model" / "Format-Serving").mkdir(parents=True)
    (tmp_path / "model" / "Format-Serving" / "saved_model.pb").write_text("a model")
    split = records.rsplit("/Split-", 1)[0]
    names = artifact_utils.encode_split_names(["eval"])
    return {
        "model": [artifact(standard_artifacts.Model, "model", id=7)],
        "baseline_model": [artifact(standard_artifacts.Model, "baseline", id=5)],
        "evaluation": [artifact(standard_artifacts.ModelEvaluation, "evaluation", evaluation)],
        "attributions": [artifact(standard_artifacts.Examples, "attributions", split, split_names=names)],
    }


@pytest.fixture
def do(artifact, tmp_path):
    def run(inputs, eval_config, policy=None, **more):
        outputs = {
            "blessing": [artifact(standard_artifacts.ModelBlessing, "blessing")],
            "validation": [artifact(standard_artifacts.ModelEvaluation, "validation")],
        }
        for (output,) in outputs.values():
            (tmp_path / output.uri).mkdir()  # as TFX does
        properties = {
            "eval_config": proto_utils.proto_to_json(eval_config),
            "policy": proto_utils.proto_to_json(policy or explanation_pb2.GatePolicy()),
            **more,
        }
        Executor().Do(inputs, outputs, properties)
        return outputs["blessing"][0]

    return run


@pytest.fixture
def push(artifact, tmp_path):
    def run(model, blessing):
        """Runs TFX's Pusher; returns the versions that lie at its destination."""
        pushed = artifact(standard_artifacts.PushedModel, "pushed")
        served = tmp_path / "serving"
        served.mkdir()
        destination = pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(base_directory=str(served))
        )
        properties = {"push_destination": proto_utils.proto_to_json(destination)}
        inputs = {"model": [model], "model_blessing": [blessing]}
        pusher_executor.Executor().Do(inputs, {"pushed_model": [pushed]}, properties)
        assert pushed.get_int_custom_property("pushed") == len(list(served.iterdir()))
        return [path.name for version in served.iterdir() for path in version.iterdir()]

    return run


def test_a_blessing_has_what_the_pusher_and_the_resolver_read(do, push, inputs, config, metric, bound, tmp_path):
    metrics = [metric("AUC", bound(lower=0.6)), metric("AttributionShare", bound(upper=0.9, absolute=0.5), "age")]
    blessing = do(inputs, config(*metrics))
    assert [path.name for path in (tmp_path / "blessing").iterdir()] == ["BLESSED"]
    assert blessing.get_int_custom_property("blessed") == 1
    assert blessing.get_string_custom_property("current_model") == inputs["model"][0].uri
    assert blessing.get_int_custom_property("current_model_id") == 7
    assert blessing.get_string_custom_property("baseline_model") == inputs["baseline_model"][0].uri
    assert blessing.get_int_custom_property("baseline_model_id") == 5
    fingerprint = model_fingerprint(f"{inputs['model'][0].uri}/Format-Serving")
    assert blessing.get_string_custom_property("model_fingerprint") == fingerprint
    assert blessing.get_string_custom_property("baseline_model_fingerprint") == ""
    verdict = json.loads((tmp_path / "validation" / "verdict.json").read_text())
    assert blessing.get_string_custom_property("decided_at") == verdict["decided_at"] != ""
    assert tfma.load_validation_result(str(tmp_path / "validation")).validation_ok
    assert push(inputs["model"][0], blessing) == ["saved_model.pb"]


def test_a_rejected_model_is_not_pushed(do, push, inputs, config, metric, bound, tmp_path):
    blessing = do(inputs, config(metric("AttributionShare", bound(upper=0.01), "age")))
    assert [path.name for path in (tmp_path / "blessing").iterdir()] == ["NOT_BLESSED"]
    assert blessing.get_int_custom_property("blessed") == 0
    assert not tfma.load_validation_result(str(tmp_path / "validation")).validation_ok
    assert json.loads((tmp_path / "validation" / "verdict.json").read_text())["blessed"] is False
    assert push(inputs["model"][0], blessing) == []


@pytest.mark.parametrize(("which", "has_rows"), [("everything", True), ("sums", False)])
def test_a_report_shows_why(do, inputs, config, metric, bound, tmp_path, which, has_rows):
    do(inputs, config(metric("AttributionShare", bound(upper=0.01), "age")), report=which)
    page = (tmp_path / "validation" / "report.html").read_text()
    assert "NOT BLESSED: 0 of 1 thresholds passed" in page
    assert ("Single rows" in page) == has_rows


def test_no_report_is_written_where_none_is_wanted(do, inputs, config, metric, bound, tmp_path):
    do(inputs, config(metric("AttributionShare", bound(upper=0.01), "age")), report="none")
    assert not (tmp_path / "validation" / "report.html").exists()


def test_each_run_is_a_step_for_tensorboard(do, inputs, config, metric, bound, tmp_path):
    logs = tmp_path / "logs"
    do(inputs, config(metric("AttributionShare", bound(upper=0.01), "age")), tensorboard_log_dir=str(logs))
    accumulator = EventAccumulator(str(logs / "Overall"))
    accumulator.Reload()
    (blessed,) = accumulator.Tensors("verdict/blessed")
    (share,) = accumulator.Tensors("attribution_share/age")
    assert (blessed.step, tf.make_ndarray(blessed.tensor_proto)) == (1, 0.0)
    said = json.loads((tmp_path / "validation" / "verdict.json").read_text())["thresholds"][0]
    assert tf.make_ndarray(share.tensor_proto) == pytest.approx(said["observed"])
    assert accumulator.Tensors("drift/baseline_model/importance_ndcg")


def test_a_verdict_stands_without_tensorboard(do, inputs, config, metric, bound, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(event_files.importlib.util, "find_spec", lambda name: None)
    do(inputs, config(metric("AttributionShare", bound(upper=0.9), "age")), tensorboard_log_dir=str(tmp_path / "logs"))
    assert "Nothing was written for TensorBoard" in caplog.text
    assert "pip install 'tfx-explain[tensorboard]'" in caplog.text
    assert (tmp_path / "blessing" / "BLESSED").exists()


def test_an_unknown_report_is_refused(config, metric):
    with pytest.raises(ValueError, match="report is 'all'; give one of everything, sums, none"):
        ThresholdValidator(model=channel(standard_artifacts.Model), eval_config=config(metric("AUC")), report="all")


def test_a_config_that_only_the_run_knows_is_checked_there(do, inputs, config, metric, tmp_path):
    with pytest.raises(ValueError, match="eval_config is wrong: it has no threshold"):
        do(inputs, config(metric("AUC")))
    assert list((tmp_path / "blessing").iterdir()) == []


@pytest.mark.parametrize("says_so", [False, True])
def test_no_baseline_model_is_none_and_a_warning(
    do, inputs, config, metric, bound, one_model_evaluation, empty_model, caplog, says_so
):
    inputs |= {"baseline_model": [empty_model] if says_so else [], "attributions": []}
    inputs["evaluation"][0].uri = one_model_evaluation
    blessing = do(inputs, config(metric("AUC", bound(lower=0.6, absolute=0.5, better="HIGHER"))))
    assert blessing.get_int_custom_property("blessed") == 1
    assert not blessing.has_custom_property("baseline_model")
    (record,) = [record for record in caplog.records if record.name.startswith("tfx_explain.components")]
    assert record.levelno == logging.WARNING
    first, warning, *_ = record.getMessage().splitlines()
    assert first == "BLESSED: 1 of 1 thresholds passed"
    assert warning.startswith("WARNING: There is no baseline model, so that 1 threshold was not asked.")
    assert warning.endswith("Nothing was pushed.") == says_so


def test_an_error_leaves_nothing_that_looks_finished(do, inputs, config, metric, bound, tmp_path):
    with pytest.raises(ValueError, match="unknown feature 'agee'; did you mean 'age'"):
        do(inputs, config(metric("AttributionShare", bound(upper=1), "agee")))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["blessing", "model", "validation"]
    assert not list((tmp_path / "blessing").iterdir())
    assert not list((tmp_path / "validation").iterdir())


def test_an_override_is_recorded_on_the_blessing(do, inputs, config, metric, bound):
    inputs |= {"attributions": []}
    policy = explanation_pb2.GatePolicy(override={"who": "Ada", "why": "a fix", "until": "9999-12-31"})
    blessing = do(inputs, config(metric("AUC", bound(lower=2))), policy)
    assert blessing.get_int_custom_property("blessed") == 1
    said = [blessing.get_string_custom_property(f"override_{name}") for name in ("who", "why", "until")]
    assert said == ["Ada", "a fix", "9999-12-31"]


def channel(kind):
    return types.Channel(type=kind)


def test_the_component_carries_config_and_policy(config, metric, bound):
    eval_config = config(metric("AttributionShare", bound(upper=0.2, absolute=0.1), "age"))
    policy = explanation_pb2.GatePolicy(missing_baseline=explanation_pb2.GatePolicy.REJECT)
    validator = ThresholdValidator(
        model=channel(standard_artifacts.Model),
        baseline_model=channel(standard_artifacts.Model),
        attributions=channel(standard_artifacts.Examples),
        eval_config=eval_config,
        policy=policy,
    )
    read = config_pb2.EvalConfig()
    proto_utils.json_to_proto(validator.exec_properties["eval_config"], read)
    assert read == eval_config
    assert json.loads(validator.exec_properties["policy"]) == {"missing_baseline": "REJECT"}
    assert validator.outputs["blessing"].type is standard_artifacts.ModelBlessing
    assert validator.outputs["validation"].type is standard_artifacts.ModelEvaluation


def test_a_wrong_config_is_refused_when_the_pipeline_is_written(config, metric):
    with pytest.raises(ValueError, match="has no threshold"):
        ThresholdValidator(
            model=channel(standard_artifacts.Model),
            evaluation=channel(standard_artifacts.ModelEvaluation),
            eval_config=config(metric("AUC")),
        )


def test_several_evaluations_are_wired_as_one_input(config, metric, bound):
    evaluations = [channel(standard_artifacts.ModelEvaluation) for _ in range(2)]
    validator = ThresholdValidator(
        model=channel(standard_artifacts.Model),
        evaluation=evaluations,
        baseline_evaluation=evaluations[0],
        eval_config=config(metric("AUC", bound(lower=0.7, absolute=0, better="HIGHER"))),
    )
    assert validator.inputs["evaluation"].channels == evaluations
    assert validator.inputs["baseline_evaluation"] is evaluations[0]
