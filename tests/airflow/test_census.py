"""The census pipeline under Airflow's own scheduler, triggered by Airflow's own command, three times."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
import tensorflow as tf
from tfx.types import artifact_utils, standard_artifacts

from tests.airflow.conftest import KILLED, RUNS
from tfx_explain.components.artifacts import ExplanationMetadata
from tfx_explain.components.explainer.executor import Executor
from tfx_explain.pipelines.census.story import FAST_ROWS, deviations
from tfx_explain.pipelines.demonstration.outcome import open_store

pytestmark = pytest.mark.airflow


def test_all_runs_come_out_as_told(told):
    assert told.states == dict.fromkeys(RUNS, "successful")
    assert deviations(*told.outcomes) == []


def test_the_second_run_asks_its_change_thresholds(told):
    first, leaking = told.outcomes[:2]
    assert first.not_asked > 0
    assert leaking.not_asked == 0
    assert any(threshold["kind"] == "change" for threshold in leaking.thresholds)


def message(log):
    """Returns the lines of the gate's message in a task's log."""
    lines = log.splitlines()
    (start,) = (i for i, line in enumerate(lines) if "BLESSED: " in line)
    return [lines[start].partition("} ")[2], *lines[start + 1 :]]


def test_the_gate_speaks_in_the_tasks_log_and_the_verdict_comes_first(told):
    first, leaking, *third = (message(told.home.log(run_id, "ThresholdValidator")) for run_id in RUNS)
    assert re.fullmatch(r"WARNING - BLESSED: (\d+) of \1 thresholds passed", first[0])
    assert re.match(r"WARNING: There is no baseline model, so that \d+ thresholds were not asked. No version", first[1])
    assert leaking[0].startswith("WARNING - NOT BLESSED: ")
    assert leaking[1].startswith("- attribution_share/fnlwgt on Overall changed by")
    assert all(re.fullmatch(r"INFO - BLESSED: (\d+) of \1 thresholds passed", lines[0]) for lines in third)
    assert len(third) == len(RUNS) - 2


def test_it_is_said_which_model_was_the_baseline(told):
    logs = [told.home.log(run_id, "LatestPushedModel") for run_id in RUNS]
    version = min(path.name for path in (told.home.census / "serving").iterdir())
    assert "WARNING - No baseline model: No version was pushed to" in logs[0]
    for log in logs[1:]:
        assert f"The baseline model is {told.home.census}/serving/{version}: It is the newest" in log


@pytest.mark.parametrize("task", KILLED)
def test_a_killed_task_was_tried_again(told, task):
    assert len(told.killed[task]) == 1
    assert "return code -9" in told.home.log(RUNS[1], task, attempt=1)
    assert "Marking task as SUCCESS" in told.home.log(RUNS[1], task, attempt=2)


def test_no_execution_has_an_output_twice(told):
    store = open_store(str(told.home.census / "metadata.sqlite"))
    events = store.get_events_by_execution_ids([execution.id for execution in store.get_executions()])
    outputs = Counter((event.execution_id, event.path.steps[0].key) for event in events if event.type == event.OUTPUT)
    assert len(outputs) > 3 * len(KILLED)
    assert set(outputs.values()) == {1}


def second(told, node, key) -> Path:
    """Returns an artifact of the second run."""
    return sorted((told.home.census / "artifacts" / node / key).iterdir(), key=lambda path: int(path.name))[1]


def records(folder):
    files = sorted(map(str, Path(folder).glob("*.gz")))
    return sorted(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator())


def test_a_killed_explainers_records_are_those_of_one_that_was_let_be(told, tmp_path):
    kinds = {
        "model": ("Trainer", standard_artifacts.Model),
        "baseline_model": ("LatestPushedModel", standard_artifacts.Model),
        "examples": ("CsvExampleGen", standard_artifacts.Examples),
        "explanation_metadata": ("MetadataGenerator", ExplanationMetadata),
    }
    inputs = {key: [kind()] for key, (_, kind) in kinds.items()}
    for key, (node, _) in kinds.items():
        inputs[key][0].uri = str(second(told, node, "model" if key == "baseline_model" else key))
    inputs["examples"][0].split_names = artifact_utils.encode_split_names(["train", "eval"])
    outputs = {"attributions": [standard_artifacts.Examples()], "evaluation": [standard_artifacts.ModelEvaluation()]}
    for key, (output,) in outputs.items():
        output.uri = str(tmp_path / key)
    Executor().Do(inputs, outputs, {"parameters": "{}", "splits": json.dumps(["eval"])})
    after_the_kill = second(told, "Explainer", "attributions")
    assert records(after_the_kill / "Split-eval") == records(tmp_path / "attributions" / "Split-eval")
    assert [path.name for path in after_the_kill.parent.iterdir() if not path.name.isdecimal()] == []


def test_a_killed_example_gens_rows_are_all_there_once(told):
    folder = second(told, "CsvExampleGen", "examples")
    rows = sum(len(records(folder / f"Split-{split}")) for split in ("train", "eval"))
    assert rows == FAST_ROWS
