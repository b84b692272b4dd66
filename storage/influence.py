"""Classes on which no feature has any influence: their attributions are all 0, which explains nothing.

A softmax's reference class is the usual one: its logit is the same number for every row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

# What rounding leaves of 0, as a fraction of the output.
_ROUNDING = 1e-6


def lacks_influence(attributions: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Tells rows whose attributions are all 0, but for rounding.

    Args:
      attributions: float `[rows, features]`.
      outputs: The model's output at each row, float `[rows]`; NaN where it isn't known.

    Returns:
      bool `[rows]`; False where an attribution is NaN.
    """
    return np.abs(attributions).sum(axis=1) <= _ROUNDING * np.nan_to_num(np.abs(outputs))


def uninfluenced(rows: Mapping[str, int], without: Mapping[str, int]) -> Iterator[str]:
    """Yields a sentence for each class that no feature has any influence on.

    Args:
      rows: By model and class, as `candidate/>50K`, how many rows explain it.
      without: How many of these rows have attributions of 0 alone.
    """
    for key, count in without.items():
        if count == rows.get(key):
            model, _, name = key.partition("/")
            yield (
                f"No feature has any influence on class {name} of the {model} model: in each of its {count} rows all "
                "attributions are 0. Explain what the class's probability depends on (output_scale: LOG_ODDS), or "
                "another class."
            )
