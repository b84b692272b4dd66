"""Banzhaf values: Banzhaf, "Weighted Voting Doesn't Work", 1965; for models Wang, Jia, "Data Banzhaf", AISTATS 2023.

The attribution of a feature is the mean, over all coalitions of the others, of the output's change when it joins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tfx_explain.attribution.model import Model, Tensors
from tfx_explain.attribution.problem import Players, prepare
from tfx_explain.attribution.regression import Regression, attribute_by_regression
from tfx_explain.attribution.result import Attributions


class Banzhaf:
    """Banzhaf values: every coalition of the others counts the same, so that they do not add up to the output's change.

    Their order is less disturbed by noise in the outputs than that of Shapley values. The standard error rests on a
    model of the interactions, as `KernelShap`'s does.
    """

    def __init__(
        self,
        *,
        evaluations: int | None = None,
        tolerance: float = 0.01,
        max_evaluations: int = 2048,
        seed: int = 0,
        batch_size: int = 8192,
    ) -> None:
        """Chooses accuracy and cost; where 2^features evaluations fit, the values are exact.

        Args:
            evaluations: model evaluations per row and baseline, at most 4096. None: as many as the tolerance takes.
            tolerance: standard error of every feature that is good enough, relative to the sum of the row's absolute
                attributions.
            max_evaluations: most model evaluations per row and baseline where `evaluations` is None, at most 4096.
            seed: of the places that features take in the coalitions; a row's own come from the seed and its row key.
            batch_size: rows in one call of the model.

        Raises:
            ValueError: if a setting is out of range.
        """
        self._regression = Regression("banzhaf", evaluations, tolerance, max_evaluations, seed, batch_size)

    def attribute(
        self,
        model: Model | Callable[..., Any],
        inputs: Tensors | Any,
        baselines: Tensors | Any = 0.0,
        players: Players | None = None,
        targets: Any = None,
        row_keys: np.ndarray | None = None,
    ) -> Attributions:
        """Explains every row; arguments and errors are those of `SampledShapley.attribute`, so is the result."""
        return attribute_by_regression(self._regression, prepare(model, inputs, baselines, players, targets), row_keys)
