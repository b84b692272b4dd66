"""Stage 7: tells by trying whether tensors are made row by row."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.graph.flat import FlatGraph, import_cut
from tfx_explain.savedmodel.rows.probes import ROWS, take

_RELATIVE, _ABSOLUTE = 1e-4, 1e-5  # float32, and kernels that differ by batch size


def runner(graph: FlatGraph, input_specs: Mapping[str, tf.TensorSpec], fetches: Sequence[str]) -> Any:
    """A function from rows (serialized examples, or signature inputs by name) to `fetches`, a dictionary."""
    feeds = {graph.inputs[name]: spec for name, spec in input_specs.items()}
    function = import_cut(graph, feeds, fetches)

    def run(rows: Any) -> dict[str, tf.Tensor]:
        arguments = [rows[name] for name in input_specs] if isinstance(rows, Mapping) else [rows]
        return dict(zip(fetches, function(*arguments), strict=True))

    return run


class Alignment:
    """Tells of tensors whether they are made row by row, trying each once."""

    def __init__(self, read: ReadModel, rows: Any) -> None:
        """Tells by `rows`, which the model accepts."""
        self._read, self._rows = read, rows
        self._known: dict[str, bool] = {}

    def __call__(self, tensors: Iterable[str]) -> frozenset[str]:
        """Those of `tensors` whose first axis is rows, each of them independent of the others."""
        tensors = list(tensors)
        new = list(dict.fromkeys(tensor for tensor in tensors if tensor not in self._known))
        if new:
            run = runner(self._read.graph, self._read.signature.input_specs, new)
            aligned = aligned_tensors(run, self._rows)
            self._known |= {tensor: tensor in aligned for tensor in new}
        return frozenset(tensor for tensor in tensors if self._known[tensor])


def aligned_tensors(run: Any, rows: Any) -> frozenset[str]:
    """The tensors of `run` whose first axis is rows, each row's part being the same whatever rows it is with."""
    order = np.random.default_rng(1).permutation(ROWS).tolist()
    some = (rows, take(rows, order), *(take(rows, [i]) for i in range(ROWS)))
    whole, permuted, *alone = ({name: tensor.numpy() for name, tensor in run(each).items()} for each in some)
    return frozenset(
        name
        for name, values in whole.items()
        if values.ndim > 0
        and len(values) == ROWS
        and _same(values[order], permuted[name])
        and all(_same(values[i : i + 1], one[name]) for i, one in enumerate(alone))
    )


def refuse_batch_dependence(run: Any, rows: Any, aligned: Collection[str], outputs: Mapping[str, str]) -> None:
    """Checks that outputs are made row by row.

    Args:
        run: evaluates the model.
        rows: what it is evaluated on.
        aligned: the tensors that are made row by row.
        outputs: tensor by output name.

    Raises:
        ValueError: if an output is random, or not among `aligned`.
    """
    first, second = run(rows), run(rows)
    for name, tensor in outputs.items():
        if not is_close(first[tensor], second[tensor]):
            raise ValueError(
                f"Output {name!r} differs from call to call on the same rows, so its changes cannot be attributed; "
                "export the model in inference mode, without dropout or random ops."
            )
        if tensor not in aligned:
            raise ValueError(
                f"Output {name!r} of a row depends on the other rows of its batch, or has no row axis (shape "
                f"{first[tensor].shape.as_list()} for {ROWS} rows), so a row has no attribution of its own; export an "
                "output that is computed row by row."
            )


def refuse_lost_rows(run: Any) -> Any:
    """As `run`, which evaluates a model, but that it fails on rows for which, one by one, there is no output."""

    def runs(rows: Any) -> Any:
        for row in range(ROWS):
            if any(tensor.shape.rank and tensor.shape[0] != 1 for tensor in run(take(rows, [row])).values()):
                raise tf.errors.InvalidArgumentError(None, None, "the model has no output for some rows")
        return run(rows)

    return runs


def is_close(one: tf.Tensor, other: tf.Tensor) -> bool:
    """Whether two tensors are equal, floats up to rounding."""
    if one.shape != other.shape:
        return False
    if not one.dtype.is_floating:
        return bool(tf.reduce_all(one == other))
    return close(one.numpy(), other.numpy())


def _same(one: np.ndarray, other: np.ndarray) -> bool:
    return one.shape == other.shape and close(one, other)


def close(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether two arrays of floats are equal up to rounding, which goes by the largest of their numbers."""
    one, other = one.astype(np.float64), other.astype(np.float64)  # NumPy compares no bfloat16
    scale = max(1.0, float(np.abs(other[np.isfinite(other)]).max(initial=0.0)))
    return np.allclose(one, other, rtol=_RELATIVE, atol=_ABSOLUTE * scale, equal_nan=True)
