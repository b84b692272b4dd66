"""The gate as a library: from directories to a verdict on disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

import apache_beam as beam
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.gate.deciding.decide import decide
from tfx_explain.gate.reading.evidence import Sources
from tfx_explain.gate.reading.gather import gather
from tfx_explain.gate.saying.verdict import JSON_FILE, TEXT_FILE, Verdict
from tfx_explain.proto import explanation_pb2

_VALIDATIONS_FILE = f"{tfma.VALIDATIONS_KEY}.tfrecord"
_LINES = 1000


def validate(
    eval_config: config_pb2.EvalConfig,
    policy: explanation_pb2.GatePolicy,
    sources: Sources,
    make_pipeline: Callable[[], beam.Pipeline],
    output_path: str,
) -> Verdict:
    """Decides whether a model is blessed, and writes the verdict.

    Args:
      eval_config: Metrics, slices and thresholds; checked by `config.verify_config`.
      policy: What to do where the config is silent.
      sources: Where the evidence lies; what it tells of a baseline model counts too.
      make_pipeline: Makes the Beam pipeline that computes metrics over the records.
      output_path: An existing directory. It gets TFMA's validation result, `verdict.json`, `verdict.txt`, and, if there
        are attributions, the metrics over them, in the place of an earlier verdict's.

    Returns:
      The verdict.

    Raises:
      ValueError: The config names what the records lack, or two sources hold the same metric.
    """
    _clear(output_path)
    verdict = decide(gather(eval_config, policy, sources, make_pipeline, output_path), policy)
    with tf.io.TFRecordWriter(os.path.join(output_path, _VALIDATIONS_FILE)) as writer:
        writer.write(verdict.validation.SerializeToString())
    for name, lines in ((JSON_FILE, verdict.json_lines()), (TEXT_FILE, verdict.text_lines())):
        _write(os.path.join(output_path, name), lines)
    return verdict


def _write(path: str, lines: Iterable[str]) -> None:
    with tf.io.gfile.GFile(path, "w") as file:
        many = []
        for line in lines:
            many.append(line)
            if len(many) == _LINES:
                file.write("".join(many))
                many.clear()
        file.write("".join(many))


def _clear(path: str) -> None:
    """Removes the metrics and the validation of an earlier verdict, which would be read with the new ones."""
    for name in (tfma.METRICS_KEY, tfma.ATTRIBUTIONS_KEY, tfma.VALIDATIONS_KEY):
        for file in tf.io.gfile.glob(os.path.join(path, f"{name}*.tfrecord")):
            tf.io.gfile.remove(file)
