"""What all methods share: the way from a request to attributions."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any

import numpy as np

from tfx_explain.attribution.model.interface import Model, Tensors
from tfx_explain.attribution.problem.problem import Players, Problem, prepare
from tfx_explain.attribution.problem.result import Attributions


class Method(abc.ABC):
    """Explains rows of a model."""

    def attribute(
        self,
        model: Model | Callable[..., Any],
        inputs: Tensors | Any,
        baselines: Tensors | Any = 0.0,
        players: Players | None = None,
        targets: Any = None,
        row_keys: np.ndarray | None = None,
    ) -> Attributions:
        """Explains every row; `prepare` describes the other arguments.

        Tensors without a player are held at the row's value. Attributions are averaged over the baselines.

        Args:
            model: a model or a TensorFlow function.
            inputs: `[rows, ...]` tensors by key, or one tensor `[rows, columns]`.
            baselines: `[baselines, ...]` of each key with a player, or a scalar.
            players: tensor keys of each feature.
            targets: int32 `[rows]` class to explain.
            row_keys: uint64 `[rows]`, from which a row's randomness is drawn; None: the hash of its tensors. Of no use
                to a method that draws nothing.

        Returns:
            Attributions `[rows, features]`, with the error that the method's class describes.

        Raises:
            ValueError: if the request is incomplete, or does not suit the method.
        """
        problem = prepare(model, inputs, baselines, players, targets)
        # Numbers that are not finite are reported by row.
        with np.errstate(all="ignore"):
            return self._explain(problem, row_keys)

    @abc.abstractmethod
    def _explain(self, problem: Problem, row_keys: np.ndarray | None) -> Attributions:
        """Explains every row of a problem."""
