"""A run killed whole, at random moments: nothing that looks finished, and a rerun gives the right output.

`python tests/beam/test_killed.py 20` tries twenty.
"""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import tensorflow as tf

_ROWS = 3000


class Served(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(self, examples):
        parsed = tf.io.parse_example(examples, {name: tf.io.FixedLenFeature([], tf.float32) for name in ("x", "y")})
        return {"value": tf.sin(parsed["x"]) * parsed["y"]}


def _inputs(folder):
    module = Served()
    tf.saved_model.save(module, str(folder / "model"), signatures={"serving_default": module.serve})
    for shard in range(3):
        with tf.io.TFRecordWriter(str(folder / f"rows-{shard}")) as writer:
            for i in range(_ROWS // 3):
                message = tf.train.Example()
                message.features.feature["x"].float_list.value.append(0.01 * i)
                message.features.feature["y"].float_list.value.append(1.0 + shard)
                writer.write(message.SerializeToString())


def _start(folder):
    arguments = ["--model", folder / "model", "--examples", folder / "rows-*", "--output", folder / "output"]
    command = [sys.executable, "-m", "tfx_explain.cli.main", "explain", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)


def _records(folder):
    files = sorted(map(str, (folder / "output" / "Split-eval").glob("*.gz")))
    return sorted(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator())


def kill_at_random(folder, times, seed):
    """Returns how many of the killed runs were over before they were killed."""
    draw = random.Random(seed)
    started = time.monotonic()
    whole = _start(folder)
    assert whole.wait() == 0, whole.stderr.read().decode()
    seconds, expected = time.monotonic() - started, _records(folder)
    assert len(expected) == _ROWS
    finished = 0
    for _ in range(times):
        shutil.rmtree(folder / "output", ignore_errors=True)
        run = _start(folder)
        # Before that it imports, of which there is little to tell.
        time.sleep(seconds * draw.uniform(0.3, 1.0))
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
        if (folder / "output").exists():
            finished += 1
            assert _records(folder) == expected
    shutil.rmtree(folder / "output", ignore_errors=True)
    rerun = _start(folder)
    assert rerun.wait() == 0, rerun.stderr.read().decode()
    assert _records(folder) == expected
    assert {path.name for path in folder.iterdir()} == {"model", "output", "rows-0", "rows-1", "rows-2"}
    return finished


@pytest.mark.slow
def test_a_killed_run_leaves_nothing_that_looks_finished(tmp_path):
    _inputs(tmp_path)
    kill_at_random(tmp_path, 2, seed=7)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        _inputs(Path(scratch))
        tried = int(sys.argv[1])
        print(f"{kill_at_random(Path(scratch), tried, seed=1)} of {tried} runs were over before they were killed")
