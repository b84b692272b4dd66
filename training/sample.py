"""The rows that are attributed after each epoch, in the form that the methods take."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.model.functions import ONLY_KEY
from tfx_explain.attribution.model.interface import Tensor
from tfx_explain.attribution.problem.problem import Part


@dataclass(frozen=True)
class Sample:
    """Rows, and what stands for an absent feature.

    Attributes:
      inputs: Tensors `[rows, ...]` by name, or one tensor `[rows, columns]`.
      baselines: Of each feature's tensor, `[baselines, ...]`, or a number; or that of the one tensor.
      players: By feature, what of the inputs it is.
    """

    inputs: Mapping[str, Tensor] | Tensor
    baselines: Any
    players: Mapping[str, Sequence[Part]]

    @classmethod
    def of(cls, rows: Mapping[str, Any] | Any, features: Sequence[str] | None, baselines: Any) -> Sample:
        """Checks a sample; see `TensorBoardAttributions` for the arguments.

        Raises:
          ValueError: It is empty or of another form, or a column has no name.
        """
        if isinstance(rows, Mapping):
            tensors = {str(name): _tensor(str(name), values) for name, values in rows.items()}
            return cls._by_name(tensors, features, baselines)
        tensor = _tensor("rows", rows)
        if tensor.shape.rank != 2:
            raise ValueError(f"The sample has shape {tensor.shape}; give an array [rows, columns], or arrays by name.")
        columns = tensor.shape[1]
        if features is None or len(set(features)) != columns or len(features) != columns:
            given = "none" if features is None else ", ".join(map(repr, features))
            raise ValueError(f"The sample has {columns} columns; give each a name of its own in features, not {given}.")
        players = {name: ((ONLY_KEY, index),) for index, name in enumerate(features)}
        return cls(tensor, _baseline(tensor) if baselines is None else baselines, players)

    @classmethod
    def _by_name(cls, tensors: Mapping[str, Tensor], features: Sequence[str] | None, baselines: Any) -> Sample:
        counts = {name: int(tensor.shape[0]) for name, tensor in tensors.items()}
        if not counts or len(set(counts.values())) > 1:
            raise ValueError(f"The sample's arrays need the same number of rows, but they have {counts or 'none'}.")
        names = list(tensors) if features is None else list(features)
        if unknown := [name for name in names if name not in tensors]:
            raise ValueError(f"features has {unknown[0]!r}, which the sample lacks; it has {', '.join(tensors)}.")
        given = baselines
        if baselines is None or isinstance(baselines, Mapping):
            chosen = dict(baselines or {})
            if unknown := [name for name in chosen if name not in names]:
                raise ValueError(f"baselines has {unknown[0]!r}, which is no feature; features are {', '.join(names)}.")
            given = {name: chosen[name] if name in chosen else _baseline(tensors[name]) for name in names}
        return cls(tensors, given, {name: (name,) for name in names})

    @property
    def is_floating(self) -> bool:
        """Whether all features are floating-point numbers."""
        if not isinstance(self.inputs, Mapping):
            return self.inputs.dtype.is_floating
        return all(self.inputs[name].dtype.is_floating for name in self.players)

    def as_given(self, inputs: Any) -> Any:
        """Returns what a method gives a function as the model takes it: by name, also where there is one name."""
        if isinstance(self.inputs, Mapping) and not isinstance(inputs, Mapping):
            return {name: inputs for name in self.inputs}
        return inputs


def _tensor(name: str, values: Any) -> Tensor:
    try:
        tensor = tf.convert_to_tensor(values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name!r} of the sample is no array: give numbers or texts, [rows, ...].") from error
    if not tensor.shape.rank or not tensor.shape[0]:
        raise ValueError(f"{name!r} of the sample has no rows; its shape is {tensor.shape}.")
    return tf.cast(tensor, tf.keras.backend.floatx()) if tensor.dtype.is_floating else tensor


def _baseline(tensor: Tensor) -> Tensor:
    """Returns what is usual for a tensor `[rows, ...]`, `[1, ...]`: medians of numbers, the commonest of the rest."""
    values = tensor.numpy()
    if tensor.dtype.is_floating:
        usual = np.nanmedian(values, axis=0)
    elif tensor.dtype.is_integer:
        usual = np.quantile(values, 0.5, axis=0, method="nearest")
    else:
        columns = values.reshape(len(values), -1).T
        usual = np.array([_commonest(column) for column in columns], values.dtype).reshape(values.shape[1:])
    return tf.constant(np.asarray(usual)[np.newaxis], tensor.dtype)


def _commonest(values: np.ndarray) -> Any:
    found, counts = np.unique(values, return_counts=True)
    return found[counts.argmax()]
