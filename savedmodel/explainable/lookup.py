"""Looking up in a model what metadata names, and noting what does not fit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import tensorflow as tf

from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.metadata.nearest import nearest


@dataclass
class Lookup:
    """A model, and the problems found so far, one line each.

    Attributes:
        read: the model.
        problems: sentences that begin with the metadata's key.
    """

    read: ReadModel
    problems: list[str] = field(default_factory=list)

    def tensor(self, where: str, name: str) -> str:
        """The graph tensor of a signature input's or a tensor's name; '' where there is none."""
        name = self.read.graph.inputs.get(name, name)
        if name not in self.read.specs:
            self.unknown(where, name, self.read.specs)
            return ""
        return name

    def check_dtype(self, where: str, given: str, actual: tf.DType) -> None:
        """Notes a dtype that is given and wrong."""
        if not given:
            return
        try:
            dtype = tf.as_dtype(given.lower().removeprefix("dt_"))
        except TypeError:
            dtype = None
        if dtype != actual:
            self.problems.append(f"{where}: {given!r} is wrong, the tensor is {actual.name!r}")

    def check_float(self, where: str, tensor: str) -> None:
        """Notes a tensor that is not float."""
        dtype = self.read.specs[tensor].dtype
        if not dtype.is_floating:
            self.problems.append(f"{where}: {tensor!r} is {dtype.name}; name a float tensor")

    def unknown(self, where: str, name: str, known: Iterable[str]) -> None:
        """Notes a name that does not exist, with the nearest one that does."""
        self.problems.append(f"{where}: the model has no {name!r}; {nearest(name, known)}")
