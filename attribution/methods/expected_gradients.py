"""Expected gradients: Erion, Janizek, Sturmfels, Lundberg, Lee, "Improving performance of deep learning models with
axiomatic attribution priors and expected gradients", Nature Machine Intelligence 2021.

The mean of integrated gradients over baselines drawn from a background sample, by one random point of one path a draw.
"""

from __future__ import annotations

import numpy as np

from tfx_explain.attribution.model.blocks import each_block
from tfx_explain.attribution.path.causes import gradient_reasons
from tfx_explain.attribution.path.path import Path
from tfx_explain.attribution.problem.estimates import Estimates, averaged, joined
from tfx_explain.attribution.problem.method import Method
from tfx_explain.attribution.problem.problem import Problem
from tfx_explain.attribution.problem.randomness import keys_of_rows, random_words
from tfx_explain.attribution.problem.result import Attributions

# What the slopes of a block of rows may take, in bytes.
_SLOPE_BYTES = 2**26


class ExpectedGradients(Method):
    """Integrated gradients against a whole background sample at the cost of a few hundred gradients a row.

    The baselines are the background sample, `[baselines, ...]`; features are those of `IntegratedGradients`.
    Attributions have standard errors, and add up to the output's change within those.
    """

    def __init__(self, *, samples: int = 200, tolerance: float = 0.01, seed: int = 0, batch_size: int = 16384) -> None:
        """Chooses accuracy and cost.

        Args:
            samples: gradients per row, at least 2.
            tolerance: stated error, relative to the sum of the row's absolute attributions, that counts as converged.
            seed: of the draws; a row's own come from the seed and its row key.
            batch_size: rows in one call of the model.

        Raises:
            ValueError: if a setting is out of range.
        """
        if samples < 2 or batch_size < 1 or not tolerance > 0:
            raise ValueError(
                f"samples is {samples} (at least 2), batch_size {batch_size} (at least 1), tolerance {tolerance} "
                "(above 0); put each in its range."
            )
        self._samples, self._tolerance, self._seed, self._batch_size = samples, tolerance, seed, batch_size

    def _explain(self, problem: Problem, row_keys: np.ndarray | None) -> Attributions:
        path, features = Path(problem, self._batch_size), len(problem.features)
        keys = keys_of_rows(problem.inputs, row_keys)

        def estimate(rows: np.ndarray) -> Estimates:
            # Alphas are spread evenly, one to each of as many intervals as samples; baselines are independent of them.
            words = random_words(self._seed, keys[rows], np.arange(self._samples), 2) / 2.0**64
            alphas = (np.arange(self._samples) + words[:, :, 0]) / self._samples
            drawn = np.minimum((words[:, :, 1] * problem.num_baselines).astype(np.int64), problem.num_baselines - 1)
            each = np.repeat(rows, self._samples)
            outputs, slopes = path.slopes(drawn.ravel(), each, alphas.reshape(-1, 1))
            starts = path.outputs(drawn.ravel(), each, 0.0).reshape(drawn.shape)
            slopes = slopes.reshape(len(rows), self._samples, features).astype(np.float64, order="C")
            values = slopes.mean(axis=1)
            # What changes along the path is sampled evenly, and no part of the error: neighbours tell the rest.
            variances = (np.diff(slopes, axis=1) ** 2).mean(axis=1) / 2
            standard_errors = np.sqrt(variances / self._samples)
            empty, full = starts.mean(axis=1), path.outputs(0, rows, 1.0)
            outputs_finite = np.isfinite(outputs.reshape(drawn.shape)).all(axis=1) & np.isfinite(empty + full)
            return Estimates.drawn(
                values,
                standard_errors,
                (empty, full),
                draws=self._samples,
                # Neighbours share samples.
                degrees=max(1, 2 * (self._samples - 1) // 3),
                evaluations=np.full(len(rows), 2 * self._samples + 1),
                reasons=gradient_reasons(problem, rows, np.isfinite(values), outputs_finite, self._batch_size),
                tolerance=self._tolerance,
                # A step that no sample is on is seen by the output alone.
                missed=np.abs(values.sum(axis=1) - (full - empty)),
            )

        rows = problem.sound_rows()
        blocks = each_block(estimate, rows, _SLOPE_BYTES // (8 * self._samples * features))
        return averaged(problem, rows, [joined(blocks)])
