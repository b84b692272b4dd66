"""What the methods that take gradients along a path share: the way from a request to attributions."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import Any

from tfx_explain.attribution.model import Model, Tensors
from tfx_explain.attribution.problem import Players, Problem, prepare
from tfx_explain.attribution.result import Attributions


class PathMethod(abc.ABC):
    """Explains rows of a model that has gradients, the same rows always alike."""

    def attribute(
        self,
        model: Model | Callable[..., Any],
        inputs: Tensors | Any,
        baselines: Tensors | Any = 0.0,
        players: Players | None = None,
        targets: Any = None,
    ) -> Attributions:
        """Explains every row; `prepare` describes the arguments.

        A feature's tensors must be dense and floating; tensors without a player are held at the row's value.
        Attributions are averaged over the baselines.

        Args:
            model: a model or a TensorFlow function.
            inputs: `[rows, ...]` tensors by key, or one tensor `[rows, columns]`.
            baselines: `[baselines, ...]` of each key with a player, or a scalar.
            players: tensor keys of each feature.
            targets: int32 `[rows]` class to explain.

        Returns:
            Attributions `[rows, features]`. `approximation_errors` bound the completeness gap.

        Raises:
            ValueError: if the request is incomplete or a feature has no path (see `Path`).
        """
        return self._explain(prepare(model, inputs, baselines, players, targets))

    @abc.abstractmethod
    def _explain(self, problem: Problem) -> Attributions:
        """Explains every row of a problem."""
