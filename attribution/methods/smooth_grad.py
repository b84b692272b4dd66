"""SmoothGrad: Smilkov, Thorat, Kim, Viegas, Wattenberg, "SmoothGrad: removing noise by adding noise", 2017."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.methods.gradients import Saliency
from tfx_explain.attribution.model.blocks import near_equal_slices
from tfx_explain.attribution.problem.estimates import Estimates, averaged, joined
from tfx_explain.attribution.problem.method import Method
from tfx_explain.attribution.problem.problem import Problem
from tfx_explain.attribution.problem.promise import CONFIDENCE, simultaneous
from tfx_explain.attribution.problem.randomness import keys_of_rows, random_words
from tfx_explain.attribution.problem.result import Attributions

# How much wider the noise is of the copies that tell what lies beyond those that are all alike.
_WIDER = 3.0
# Copies are as good as alike where attributions differ among them by less than this share of their size, or the output
# moves by less than this share of its change from the baseline.
_ALIKE = 0.01


class SmoothGrad(Method):
    """The mean of a method's attributions over noisy copies of each row.

    They add up to the mean output of the copies less the output at the baseline; `instance_outputs` is that mean. A
    `noise_sigma` of a feature that the request does not have is a `ValueError`.
    """

    def __init__(
        self,
        method: Method,
        *,
        noise_sigma: float | Mapping[str, float] = 0.1,
        samples: int = 10,
        tolerance: float = 0.01,
        seed: int = 0,
        rows_at_once: int = 4096,
    ) -> None:
        """Chooses the noise.

        Args:
            method: explains the copies: `IntegratedGradients`, `GradientTimesInput` or `Saliency`.
            noise_sigma: standard deviation of the normal noise, in the tensors' own unit; one, or of each feature (0
                where a feature is missing).
            samples: copies of each row, at least 2.
            tolerance: stated error, relative to the sum of the row's absolute attributions, that counts as converged.
            seed: of the noise; a row's own comes from the seed and its row key.
            rows_at_once: copies explained together.

        Raises:
            ValueError: if a setting is out of range.
        """
        sigmas = list(noise_sigma.values()) if isinstance(noise_sigma, Mapping) else [noise_sigma]
        if samples < 2 or rows_at_once < 1 or min(sigmas, default=0) < 0 or not tolerance > 0:
            raise ValueError(
                f"samples is {samples} (at least 2), rows_at_once {rows_at_once} (at least 1), noise_sigma "
                f"{noise_sigma} (not negative), tolerance {tolerance} (above 0); put each in its range."
            )
        self._method, self._noise_sigma, self._samples = method, noise_sigma, samples
        self._tolerance, self._seed, self._rows_at_once = tolerance, seed, rows_at_once

    def _explain(self, problem: Problem, row_keys: np.ndarray | None) -> Attributions:
        sigmas = self._sigmas(problem)
        keys = keys_of_rows(problem.inputs, row_keys)
        rows = problem.sound_rows()
        size = max(1, self._rows_at_once // self._samples)
        parts = near_equal_slices(len(rows), size) if len(rows) else [slice(0, 0)]
        found = [self._smooth(problem, (sigmas, keys), rows[part]) for part in parts]
        smooth = averaged(problem, rows, [joined([estimates for estimates, _ in found])])
        maps = {feature: np.concatenate([one[feature] for _, one in found]) for feature in found[0][1]}
        return smooth.with_maps(rows, maps)

    def _sigmas(self, problem: Problem) -> np.ndarray:
        """Returns `[features + 1]`, the last for what no feature owns."""
        if not isinstance(self._noise_sigma, Mapping):
            return np.array([self._noise_sigma] * len(problem.features) + [0.0])
        unknown = set(self._noise_sigma) - set(problem.features)
        if unknown:
            raise ValueError(f"noise_sigma names {sorted(unknown)}; the features are {sorted(problem.features)}.")
        return np.array([self._noise_sigma.get(feature, 0.0) for feature in problem.features] + [0.0])

    def _smooth(
        self, problem: Problem, noise: tuple[np.ndarray, np.ndarray], rows: np.ndarray
    ) -> tuple[Estimates, dict[str, np.ndarray]]:
        """Explains noisy copies of some rows; `noise` is `[features + 1]` sigmas and all rows' keys.

        Returns:
            What is found of the rows, and the mean of the copies' maps.
        """
        sigmas, keys = noise
        by_row, maps = self._copies(problem, noise, rows, first=0)
        means = {name: array.mean(axis=1) for name, array in by_row.items() if array.dtype.kind == "f"}
        values, evaluations = by_row["values"], by_row["evaluations"].sum(axis=1)
        spread, missed = values.std(axis=1, ddof=1), np.zeros(len(rows))
        # Other methods' attributions change with every copy, and their errors are their own.
        if isinstance(self._method, Saliency) and sigmas.any():
            missed = _missed(by_row["instance_outputs"], means["values"], sigmas[:-1])
            change = np.abs(means["instance_outputs"] - means["baseline_outputs"])
            alike = spread.max(axis=1, initial=0) <= _ALIKE * np.abs(means["values"]).sum(axis=1)
            alike |= means["values"] @ sigmas[:-1] <= _ALIKE * change
            first = len(problem.owners) * self._samples
            wide, _ = self._copies(problem, (_WIDER * sigmas, keys), rows[alike], first)
            missed[alike] = np.maximum(missed[alike], _beyond(values[alike], wide["values"]))
            evaluations[alike] += wide["evaluations"].sum(axis=1)
        estimates = Estimates.drawn(
            means["values"],
            spread / np.sqrt(self._samples),
            (means["baseline_outputs"], means["instance_outputs"]),
            draws=self._samples if sigmas.any() else np.inf,
            degrees=self._samples - 1,
            evaluations=evaluations,
            reasons=by_row["failures"].astype(object).max(axis=1),
            tolerance=self._tolerance,
            besides=means["approximation_errors"],
            missed=missed,
        )
        return estimates, {name: of_copies.mean(axis=1) for name, of_copies in maps.items()}

    def _copies(
        self, problem: Problem, noise: tuple[np.ndarray, np.ndarray], rows: np.ndarray, first: int
    ) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Returns what the method finds of noisy copies, `[rows, samples, ...]`, and their maps.

        `first` numbers the first draw.
        """
        sigmas, keys = noise
        each = np.repeat(rows, self._samples)
        copies = {key: tf.gather(tensor, each) for key, tensor in problem.inputs.items()}
        for number, (key, owner) in enumerate(problem.owners.items()):
            draws = first + number * self._samples + np.arange(self._samples)
            copies[key] += self._noise(keys[rows], draws, copies[key], sigmas[owner])
        targets = problem.targets[each]
        result = self._method.attribute(problem.model, copies, problem.given, problem.parts(), targets)
        shape = len(rows), self._samples
        found = {
            name: np.asarray(array).reshape(*shape, *np.shape(array)[1:])
            for name, array in vars(result).items()
            if name not in ("features", "standard_errors", "maps", "regions", "tokens")
        }
        return found, {name: one.reshape(*shape, *one.shape[1:]) for name, one in result.maps.items()}

    def _noise(self, keys: np.ndarray, draws: np.ndarray, copies: Any, sigmas: np.ndarray) -> np.ndarray:
        """Draws normal noise of the shape of `copies`, by Box and Muller's transform of two uniform words."""
        size = int(np.prod(copies.shape[1:]))
        words = (random_words(self._seed, keys, draws, 2 * size) + np.uint64(1)) / 2.0**64
        uniform = np.maximum(words, 2.0**-64)
        normal = np.sqrt(-2 * np.log(uniform[:, :, :size])) * np.cos(2 * np.pi * uniform[:, :, size:])
        return (normal.reshape(copies.shape) * sigmas).astype(copies.dtype.as_numpy_dtype)


def _beyond(values: np.ndarray, wide: np.ndarray) -> np.ndarray:
    """Estimates what copies that are all alike may have missed, from copies of wider noise.

    Where a function is linear in pieces, a share of the wider copies lies in other pieces. If these begin at a plane,
    the share tells how far away it is, and so which share of all narrower copies lies beyond.

    Args:
        values: `[rows, copies, features]`, nearly alike.
        wide: of that shape, with `_WIDER` times the noise.

    Returns:
        `[rows]`, the largest error of a feature's mean.
    """
    count, normal = wide.shape[1], NormalDist()
    means = values.mean(axis=1)
    changes = np.abs(wide - means[:, None]).max(axis=2)
    others = changes > _ALIKE * np.abs(means).sum(axis=1)[:, None]
    found = others.sum(axis=1)
    # As many copies leave, with a probability of 95%, no larger share unseen.
    most = 1 - (1 - CONFIDENCE) ** (1 / count)
    shares = [normal.cdf(_WIDER * normal.inv_cdf((number + 1) / (count + 2))) for number in range(count + 1)]
    size = np.sqrt((changes**2 * others).sum(axis=1) / np.maximum(found, 1))
    return np.minimum(most, np.array(shares)[found]) * size


def _missed(outputs: np.ndarray, values: np.ndarray, sigmas: np.ndarray) -> np.ndarray:
    """Returns `[rows]` what absolute gradients lack to explain how the outputs of the copies differ.

    By a step that none of the copies is on. The mean length of the gradient, times the noise, is at least
    sqrt(2 / pi) times the mean deviation of the output (Gaussian isoperimetry: Ledoux, "Isoperimetry and Gaussian
    analysis", 1996).

    Args:
        outputs: `[rows, copies]`.
        values: `[rows, features]`, mean absolute gradients.
        sigmas: `[features]`.
    """
    count, deviations = outputs.shape[1], np.abs(outputs - outputs.mean(axis=1, keepdims=True))
    most = deviations.mean(axis=1) + simultaneous(1, count - 1) * deviations.std(axis=1, ddof=1) / math.sqrt(count)
    least = np.min(sigmas, where=sigmas > 0, initial=np.inf)
    return np.maximum(0, math.sqrt(2 / math.pi) * most - values @ sigmas) / least
