"""The gate as a library: from directories to a verdict on disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

import apache_beam as beam
import tensorflow as tf
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.components.threshold_validator.decide import decide
from tfx_explain.components.threshold_validator.evidence import gather
from tfx_explain.components.threshold_validator.verdict import JSON_FILE, TEXT_FILE, Verdict
from tfx_explain.proto import explanation_pb2

_VALIDATIONS_FILE = f"{tfma.VALIDATIONS_KEY}.tfrecord"


def validate(
    eval_config: config_pb2.EvalConfig,
    policy: explanation_pb2.GatePolicy,
    evaluations: Sequence[str],
    attributions: Mapping[str, str],
    make_pipeline: Callable[[], beam.Pipeline],
    output_path: str,
    has_baseline: bool = False,
) -> Verdict:
    """Decides whether a model is blessed, and writes the verdict.

    Args:
      eval_config: Metrics, slices and thresholds; checked by `config.verify_config`.
      policy: What to do where the config is silent.
      evaluations: Directories of ModelEvaluations, as an Evaluator writes them.
      attributions: By a name for people, globs of attribution records.
      make_pipeline: Makes the Beam pipeline that computes metrics over the records.
      output_path: An existing directory. It gets TFMA's validation result, `verdict.json`, `verdict.txt`, and, if there
        are attributions, the metrics over them.
      has_baseline: Whether a baseline model was given; if not, the evidence tells.

    Returns:
      The verdict.

    Raises:
      ValueError: The config names what the records lack, or two sources hold the same metric.
    """
    evidence = gather(eval_config, evaluations, attributions, make_pipeline, output_path, has_baseline)
    verdict = decide(evidence, policy)
    with tf.io.TFRecordWriter(os.path.join(output_path, _VALIDATIONS_FILE)) as writer:
        writer.write(verdict.validation.SerializeToString())
    for name, content in ((JSON_FILE, verdict.to_json()), (TEXT_FILE, verdict.to_text())):
        with tf.io.gfile.GFile(os.path.join(output_path, name), "w") as file:
            file.write(content)
    return verdict
