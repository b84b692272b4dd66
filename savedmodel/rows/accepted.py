"""Rows that a model accepts: made up, of what is known of its data, or real ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.analysis.vocabulary import vocabularies
from tfx_explain.savedmodel.graph.errors import MissingKernelError, cause
from tfx_explain.savedmodel.rows.data import Data
from tfx_explain.savedmodel.rows.probes import ROWS, probe_rows, take


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
            rows = take(data.sample.rows, [i % data.sample.num_rows for i in range(ROWS)])
            try:
                runs(rows)
            except tf.errors.OpError as error:
                raise ValueError(
                    f"The model fails on the `examples`: {cause(error)}. Give such as it serves."
                ) from error
            return rows
        values = {name: _scalars(entry) for name, entry in given.inputs.items()}
        if not any(values.values()):
            raise
        return probe_rows(read, data.known, {**values, **known}, runs)


def _scalars(entry: explanation_pb2.InputMetadata) -> tuple[Any, ...]:
    kinds = [(value, value.WhichOneof("kind")) for value in entry.input_baselines]
    strings = [value.string_value.encode() for value, kind in kinds if kind == "string_value"]
    return (*strings, *(value.number_value for value, kind in kinds if kind == "number_value"))
