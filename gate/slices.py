"""Slices: which slicing specs select them, and their names for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2, metrics_for_slice_pb2
from tensorflow_model_analysis.slicer import slicer_lib

from tfx_explain.proto.printable import printable, text_of

SliceKey = tuple[Any, ...]
SlicingSpec: TypeAlias = "config_pb2.SlicingSpec | config_pb2.CrossSlicingSpec"


def selector(spec: SlicingSpec | None) -> Callable[[SliceKey], bool]:
    """Returns what tells whether a threshold's slicing spec selects a slice, as TFMA's validator tells it.

    Args:
      spec: The slicing spec; None for every slice, but no cross-slice.
    """
    if isinstance(spec, config_pb2.CrossSlicingSpec):
        return lambda slice_key: (
            slicer_lib.is_cross_slice_key(slice_key)
            and slicer_lib.is_cross_slice_applicable(cross_slice_key=slice_key, cross_slicing_spec=spec)
        )
    single = tfma.slicer.SingleSliceSpec(spec=spec) if spec is not None else None
    return lambda slice_key: (
        not slicer_lib.is_cross_slice_key(slice_key) and (single is None or single.is_slice_applicable(slice_key))
    )


def slice_key_of(proto: metrics_for_slice_pb2.SliceKey) -> SliceKey:
    """Returns a slice's key as TFMA makes it; a value that is no UTF-8, which TFMA refuses, stays bytes."""
    return tuple((one.column, _value_of(one)) for one in proto.single_slice_keys)


def printed(slice_key: SliceKey) -> str:
    """Returns a slice as TFMA prints it, on one line."""
    if slicer_lib.is_cross_slice_key(slice_key):
        baseline, comparison = map(printed, slice_key)
        return f"{baseline} against {comparison}"
    shown = tuple((name, text_of(value) if isinstance(value, bytes) else value) for name, value in slice_key)
    return printable(tfma.slicer.stringify_slice_key(shown))


def is_asked_for(slice_key: SliceKey, eval_config: config_pb2.EvalConfig) -> bool:
    """Tells whether a stock Evaluator with this config would have the slice."""
    crosses = eval_config.cross_slicing_specs
    if slicer_lib.is_cross_slice_key(slice_key):
        baseline, comparison = slice_key
        return any(
            _matches(baseline, [c.baseline_spec]) and (not c.slicing_specs or _matches(comparison, c.slicing_specs))
            for c in crosses
        )
    # TFMA computes, and holds against the thresholds, the two sides of a cross-slice as well.
    sides = [spec for c in crosses for spec in (c.baseline_spec, *c.slicing_specs)]
    specs = [*eval_config.slicing_specs, *sides] or [config_pb2.SlicingSpec()]
    return any(spec.slice_keys_sql for spec in specs) or _matches(slice_key, specs)


def features_of(slice_keys: Iterable[SliceKey]) -> set[str]:
    """Returns the features that slices are by."""
    found = set()
    for slice_key in slice_keys:
        singles = slice_key if slicer_lib.is_cross_slice_key(slice_key) else (slice_key,)
        found.update(name for single in singles for name, _ in single)
    return found


def features_of_specs(specs: Iterable[Any]) -> set[str]:
    """Returns the features that slicing specs name."""
    found = set()
    for spec in specs:
        if isinstance(spec, config_pb2.CrossSlicingSpec):
            found |= features_of_specs([spec.baseline_spec, *spec.slicing_specs])
        elif spec is not None:
            found.update((*spec.feature_keys, *spec.feature_values))
    return found


def _matches(slice_key: SliceKey, specs: Iterable[config_pb2.SlicingSpec]) -> bool:
    return any(tfma.slicer.SingleSliceSpec(spec=spec).is_slice_applicable(slice_key) for spec in specs)


def _value_of(one: metrics_for_slice_pb2.SingleSliceKey) -> str | bytes | int | float:
    kind = one.WhichOneof("kind")
    if kind is None:
        raise ValueError(f"a slice by {one.column!r} has no value")
    if kind != "bytes_value":
        return getattr(one, kind)
    try:
        return one.bytes_value.decode()
    except UnicodeDecodeError:
        return one.bytes_value
