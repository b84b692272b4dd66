"""Shapley estimators of other libraries, where they are installed: shap and shapiq."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

# From NumPy rows to outputs, `[rows, features]` to `[rows]`.
Predict = Callable[[np.ndarray], np.ndarray]
# From a function, NumPy rows and evaluations a row to values `[rows, features]`.
Estimator = Callable[[Predict, np.ndarray, int], np.ndarray]

# Its estimators of Shapley values that need nothing beyond it.
_SHAPIQ = (
    "KernelSHAP",
    "kADDSHAP",
    "UnbiasedKernelSHAP",
    "PermutationSamplingSV",
    "StratifiedSamplingSV",
    "SVARM",
)


def installed_peers() -> dict[str, Estimator]:
    """Returns the estimators by name and version."""
    peers: dict[str, Estimator] = {}
    if importlib.util.find_spec("shap"):
        version = importlib.metadata.version("shap")
        peers[f"shap {version} KernelExplainer"] = _shap_kernel
        peers[f"shap {version} PermutationExplainer"] = _shap_permutation
    if importlib.util.find_spec("shapiq"):
        version = importlib.metadata.version("shapiq")
        for name in _SHAPIQ:
            peers[f"shapiq {version} {name}"] = _shapiq(name)
    return peers


def _shap_kernel(predict: Predict, rows: np.ndarray, evaluations: int) -> np.ndarray:
    import shap

    explainer = shap.KernelExplainer(predict, np.zeros((1, rows.shape[1])))
    # Of the evaluations, shap spends two on the ends without counting them.
    return explainer.shap_values(rows, nsamples=evaluations - 2, l1_reg="num_features(100)", silent=True)


def _shap_permutation(predict: Predict, rows: np.ndarray, evaluations: int) -> np.ndarray:
    import shap

    masker = shap.maskers.Independent(np.zeros((1, rows.shape[1])))
    explainer = shap.PermutationExplainer(predict, masker)
    return np.asarray(explainer(rows, max_evals=max(evaluations, 2 * rows.shape[1] + 1), silent=True).values)


def _shapiq(name: str) -> Estimator:
    def estimate(predict: Predict, rows: np.ndarray, evaluations: int) -> np.ndarray:
        values = []
        for number, row in enumerate(rows):
            approximator = _approximator(name, len(row), number)
            game = _masked(predict, row)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = approximator.approximate(evaluations, game)
            values.append([found[(feature,)] for feature in range(len(row))])
        return np.array(values)

    return estimate


def _masked(predict: Predict, row: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    empty = float(predict(np.zeros((1, len(row)), row.dtype))[0])
    return lambda coalitions: predict(np.where(np.atleast_2d(coalitions), row, 0).astype(row.dtype)) - empty


def _approximator(name: str, features: int, seed: int) -> Any:
    import shapiq

    return getattr(shapiq.approximator, name)(n=features, random_state=seed)
