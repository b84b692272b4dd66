"""Occlusion: Zeiler, Fergus, "Visualizing and Understanding Convolutional Networks", ECCV 2014.

The attribution of a feature is what the output loses when that feature alone is absent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tfx_explain.attribution.coalitions import CoalitionGame
from tfx_explain.attribution.estimates import MASK_BYTES, Estimates, over_baselines
from tfx_explain.attribution.model import Model, Tensors
from tfx_explain.attribution.problem import Players, prepare
from tfx_explain.attribution.result import Attributions, output_reasons


class Occlusion:
    """The cheapest coalition method: `features + 2` evaluations a row. Blind to features that stand in for each other.

    Attributions do not add up to the output's change where features interact.
    """

    def __init__(self, *, batch_size: int = 8192) -> None:
        """Sets the number of rows in one call of the model."""
        self._batch_size = batch_size

    def attribute(
        self,
        model: Model | Callable[..., Any],
        inputs: Tensors | Any,
        baselines: Tensors | Any = 0.0,
        players: Players | None = None,
        targets: Any = None,
    ) -> Attributions:
        """Explains every row; arguments and errors are those of `SampledShapley.attribute`; there is no sampling."""
        problem = prepare(model, inputs, baselines, players, targets)
        features = len(problem.features)
        block = MASK_BYTES // (features * (features + 2))
        return over_baselines(problem, self._batch_size, block, lambda game, _, rows: _occlude(game, features, rows))


def _occlude(game: CoalitionGame, features: int, rows: np.ndarray) -> Estimates:
    nobody, everybody = np.zeros((1, features), bool), np.ones((1, features), bool)
    present = np.concatenate([nobody, everybody, ~np.eye(features, dtype=bool)])
    outputs = game(np.repeat(rows, len(present)), np.tile(present, (len(rows), 1))).reshape(len(rows), len(present))
    values = outputs[:, 1:2] - outputs[:, 2:]
    return Estimates(
        values=values,
        standard_errors=np.zeros_like(values),
        empty=outputs[:, 0],
        full=outputs[:, 1],
        evaluations=np.full(len(rows), len(present)),
        converged=np.ones(len(rows), bool),
        reasons=output_reasons(np.all(np.isfinite(outputs), axis=1)),
    )
