"""Evaluations and config files for the gate's commands."""

import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma


@pytest.fixture
def evaluation(tmp_path):
    def write(auc):
        (tmp_path / "evaluation").mkdir()
        key = tfma.metrics.MetricKey("auc", example_weighted=False)
        metrics = tfma.writers.convert_slice_metrics_to_proto(((), {key: auc}), add_metrics_callbacks=[])
        with tf.io.TFRecordWriter(str(tmp_path / "evaluation" / "metrics-00000-of-00001.tfrecord")) as writer:
            writer.write(metrics.SerializeToString())
        return str(tmp_path / "evaluation")

    return write


@pytest.fixture
def file(tmp_path):
    def write(text, name="config"):
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write
