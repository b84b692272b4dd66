"""Calls of traced functions that leave no trace of which rows are called together.

TensorFlow splits an operation over more threads the more rows it gets, and where it splits a sum, the sum rounds in
another way. Here each operation stays in one thread, and parallelism comes from several calls at once (`each_block`),
whose threads also wait less for one another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf


def steady(function: Callable[..., Any], specs: Sequence[tf.TensorSpec]) -> Callable[..., Any]:
    """Traces a function so that on processors none of its operations is split over threads.

    With whole vectors of rows, a row then gets the same bits in calls of any size. On other devices the function is
    called as it is: what limits threads runs on processors only.

    Args:
        function: takes tensors, returns any structure of them; Python's branches in it have been translated.
        specs: of the tensors that it takes.

    Returns:
        A function of the same tensors to the same structure. It can be called from several threads.
    """
    wrapped = tf.compat.v1.wrap_function(function, list(specs))
    if any(device.device_type != "CPU" for device in tf.config.list_logical_devices()):
        return wrapped
    dtypes, shapes = zip(*((output.dtype, output.shape) for output in wrapped.graph.outputs), strict=True)

    def in_one_thread(*tensors: tf.Tensor) -> list[tf.Tensor]:
        # The only operation with a limit of threads that is its own; all others have the whole process's. It maps
        # elements: here there is one, which is not copied. The function is prepared once, not in each call.
        found = tf.raw_ops.MapDefun(
            arguments=[tf.expand_dims(tensor, 0) for tensor in tensors],
            captured_inputs=wrapped.captured_inputs,
            output_types=dtypes,
            output_shapes=shapes,
            f=wrapped,
            max_intra_op_parallelism=1,
        )
        return [tf.squeeze(one, axis=0) for one in found]

    limited = tf.compat.v1.wrap_function(in_one_thread, list(specs))

    def call(*tensors: tf.Tensor) -> Any:
        # Beginning this operation takes a fifth of the time that beginning a call of the traced function takes.
        outputs = tf.raw_ops.StatefulPartitionedCall(args=[*tensors, *limited.captured_inputs], Tout=dtypes, f=limited)
        return tf.nest.pack_sequence_as(wrapped.structured_outputs, outputs, expand_composites=True)

    return call
