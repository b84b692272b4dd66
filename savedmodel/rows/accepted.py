"""Rows that a model accepts: made up, of what is known of its data, or real ones."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.analysis.vocabulary import vocabularies
from tfx_explain.savedmodel.graph.errors import MissingKernelError, cause
from tfx_explain.savedmodel.rows.data import Data
from tfx_explain.savedmodel.rows.probes import ROWS, probe_rows, take
from tfx_explain.savedmodel.rows.sample import Sample


def accepted_rows(
    read: ReadModel, data: Data, given: explanation_pb2.ExplanationMetadata, runs: Callable[[Any], Any]
) -> Any:
    """Rows to try the model on, `[ROWS]` serialized examples or signature inputs `[ROWS, ...]` by name.

    They are made up first, as their values differ more than real ones'. A model that refuses these is tried on the
    examples, else on the baselines that a person gave in place of words that nobody knows.

    Raises:
        ValueError: if the model accepts none of them.
    """
    known = vocabularies(read.graph, read.features, read.depends)
    try:
        return probe_rows(read, data.known, known, runs)
    except MissingKernelError:
        raise
    except ValueError:
        if data.sample is not None:
            return _of_sample(data.sample, runs)
        values = {name: _scalars(entry) for name, entry in given.inputs.items()}
        if not any(values.values()):
            raise
        return probe_rows(read, data.known, {**values, **known}, runs)


def _of_sample(sample: Sample, runs: Callable[[Any], Any]) -> Any:
    """The first rows of a sample; where the model fails on some of these, the first that it takes by themselves."""

    def repeated(which: Sequence[int]) -> Any:
        return take(sample.rows, [which[i % len(which)] for i in range(ROWS)])

    every = range(sample.num_rows)
    error = _error(runs, repeated(every))
    if not error:
        return repeated(every)
    sound = list(itertools.islice((row for row in every if not _error(runs, repeated([row]))), ROWS))
    if not sound or _error(runs, repeated(sound)):
        raise ValueError(f"The model fails on the `examples`: {cause(error)}. Give such as it serves.") from error
    return repeated(sound)


def _error(runs: Callable[[Any], Any], rows: Any) -> tf.errors.OpError | None:
    try:
        runs(rows)
    except tf.errors.OpError as error:
        return error
    return None


def _scalars(entry: explanation_pb2.InputMetadata) -> tuple[Any, ...]:
    kinds = [(value, value.WhichOneof("kind")) for value in entry.input_baselines]
    strings = [value.string_value.encode() for value, kind in kinds if kind == "string_value"]
    return (*strings, *(value.number_value for value, kind in kinds if kind == "number_value"))
