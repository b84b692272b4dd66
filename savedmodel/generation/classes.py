"""Names of classes by index, from what a signature serves beside its scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel.analysis.outputs import Label, Outputs
from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.graph.parts import import_cut
from tfx_explain.savedmodel.rows.baselines import to_proto
from tfx_explain.savedmodel.rows.rows import runner


def name_classes(metadata: explanation_pb2.ExplanationMetadata, read: ReadModel, outputs: Outputs, rows: Any) -> None:
    """Adds `index_name_mapping` to the outputs whose classes have names.

    Names come from an output that is the same for all rows and has one for each score (`classes` of a classification
    signature), else from a served label: every class is fed where classes are chosen, and its label read.

    Args:
        metadata: changed in place.
        read: the model.
        outputs: what it serves.
        rows: that the model accepts.
    """
    fetches = list(dict.fromkeys([*outputs.scores.values(), *outputs.fixed.values()]))
    found = runner(read.graph, read.signature.input_specs, fetches)(rows)
    for name, tensor in outputs.scores.items():
        scores = found[tensor].numpy()
        count = 1 if scores.ndim == 1 else scores.shape[-1]
        names = _listed(outputs, found, count)
        if not names and name in outputs.labels:
            names = _of_each_class(read, outputs.labels[name], count)
        if names:
            metadata.outputs[name].index_name_mapping.CopyFrom(to_proto(names))


def _listed(outputs: Outputs, found: Mapping[str, tf.Tensor], count: int) -> list[str]:
    for tensor in outputs.fixed.values():
        values = found[tensor].numpy()
        if found[tensor].dtype == tf.string and values.ndim == 2 and values.shape[1] == count:
            rows = values.tolist()
            if all(row == rows[0] for row in rows) and len(set(rows[0])) == count:
                return [_text(value) for value in rows[0]]
    return []


def _of_each_class(read: ReadModel, label: Label, count: int) -> list[str]:
    """The string that is served for each class; [] where there is none, or it takes something else too."""
    spec = read.specs[label.decision]
    if spec.shape.rank is None or read.specs[label.served].dtype != tf.string:
        return []
    # One score decides between two classes, and is that of the second.
    classes = np.arange(count) if count > 1 else np.array([1])
    width = [size or 1 for size in spec.shape[1:].as_list()]
    fed = np.broadcast_to(classes.reshape([-1, *[1] * len(width)]), [len(classes), *width])
    fed_spec = tf.TensorSpec([None, *spec.shape[1:]], spec.dtype)
    label_of = import_cut(read.graph, {label.decision: fed_spec}, [label.served])
    try:
        (served,) = label_of(tf.constant(fed.astype(spec.dtype.as_numpy_dtype)))
    except tf.errors.OpError:  # it reads the rows as well, for their number for example
        return []
    values = served.numpy().reshape([len(classes), -1])
    return [_text(value) for value in values[:, 0]]


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
