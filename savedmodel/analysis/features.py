"""The raw features of a model, as records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf


@dataclass(frozen=True)
class Feature:
    """One raw feature.

    Attributes:
        name: the tf.Example's key, or the signature input's name.
        values: the tensor of its values: `[rows, ...]`, of a sparse or ragged feature `[values]`.
        dtype: of the values.
        shape: static shape of `values`.
        indices: of a sparse feature, the tensor `[values, 2]` of (row, position); else ''.
        dense_shape: of a sparse feature, the tensor (rows, longest row); else ''.
        row_splits: of a ragged feature, the tensor `[rows + 1]` of where each row's values begin and end; else ''.
        required: whether an example without a value cannot be parsed.
        default: what the parser reads of a row without it, or behind its end: one value, or one for each element; ()
            where it reads nothing then.
    """

    name: str
    values: str
    dtype: tf.DType
    shape: tf.TensorShape
    indices: str = ""
    dense_shape: str = ""
    row_splits: str = ""
    required: bool = True
    default: tuple[Any, ...] = ()

    @property
    def is_sparse(self) -> bool:
        """Whether rows have different numbers of values."""
        return bool(self.indices or self.row_splits)

    @property
    def row_shape(self) -> list[int]:
        """Size of each axis of one row's values, -1 where rows may differ."""
        if self.is_sparse or self.shape.rank is None:
            return [-1]
        return [-1 if size is None else size for size in self.shape[1:]]

    @property
    def padding(self) -> tuple[Any, ...]:
        """What stands in the place of an absent one of several values: one for all or for each; () where none does."""
        if self.is_sparse or self.shape[1:].num_elements() == 1:
            return ()
        return self.default or ("" if self.dtype == tf.string else 0,)

    @property
    def tensors(self) -> tuple[str, ...]:
        """Every tensor that is fed for this feature."""
        beside = (self.indices, self.dense_shape, self.row_splits)
        return (self.values, *(tensor for tensor in beside if tensor))


@dataclass(frozen=True)
class Features:
    """What a signature reads.

    Attributes:
        by_name: the raw features.
        serialized: the tensor of serialized tf.Examples that the parser reads; '' where there is no parser.
        examples_input: the signature input that is that tensor; '' where there is none, as it may be decoded first.
    """

    by_name: Mapping[str, Feature]
    serialized: str = ""
    examples_input: str = ""
