"""What a model decides for a row, by its outputs: a class where there are classes, else a number."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

from tfx_explain.savedmodel import ExplainedOutput
from tfx_explain.savedmodel.metadata.rules import EXCLUSIVE, LOG_ODDS

# Of a number, what counts as another prediction: so many standard deviations over the sampled rows.
_ANOTHER_NUMBER = 1.0


def is_probability(output: ExplainedOutput) -> bool:
    """Whether what is explained stands for a probability."""
    return output.quantity == LOG_ODDS


def probabilities(output: ExplainedOutput, values: np.ndarray) -> np.ndarray:
    """Returns the probabilities that log-odds stand for, and any other output as it is."""
    return expit(values) if is_probability(output) else values


def class_name(output: ExplainedOutput, target: int) -> str:
    """Returns an output's name for people; empty where there is only one without a name."""
    if output.names:
        return output.names[target]
    return "" if output.score.num_outputs == 1 else f"output {target}"


def decisions(output: ExplainedOutput, outputs: np.ndarray, target: int) -> np.ndarray | None:
    """Returns what is decided in each row.

    Args:
      output: What is explained.
      outputs: float64 `[rows, outputs]`.
      target: The output that is looked at.

    Returns:
      int `[rows]`, -1 where the outputs are NaN: of exclusive classes the one with the highest output; of a class by
      itself, 1 if its probability is one half or more, else 0. None: the output is a number.
    """
    unknown = np.isnan(outputs).any(axis=1)
    if output.classes == EXCLUSIVE and outputs.shape[1] > 1:
        return np.where(unknown, -1, np.argmax(np.where(np.isnan(outputs), -np.inf, outputs), axis=1))
    if is_probability(output):
        return np.where(unknown, -1, outputs[:, target] >= 0)
    return None


def decision_name(output: ExplainedOutput, decision: int, target: int) -> str:
    """Returns a decision of `decisions` for people."""
    if output.classes == EXCLUSIVE and output.score.num_outputs != 1:
        return class_name(output, decision)
    name = class_name(output, target) or "class 1"
    return name if decision else f"not {name}"


def are_other(output: ExplainedOutput, outputs: np.ndarray, own: np.ndarray, target: int) -> tuple[np.ndarray, str]:
    """Tells which rows have another prediction than a row's own.

    Args:
      output: What is explained.
      outputs: Of some rows, float64 `[rows, outputs]`.
      own: Of the row, float64 `[outputs]`.
      target: The output that is looked at.

    Returns:
      bool `[rows]`, and what that means.
    """
    decided = decisions(output, outputs, target)
    if decided is not None:
        mine = decisions(output, own[None], target)
        assert mine is not None
        return (decided >= 0) & (decided != mine[0]), "the candidate decides otherwise"
    values = outputs[:, target]
    least = _ANOTHER_NUMBER * float(np.nanstd(values)) if np.isfinite(values).any() else 0.0
    far = np.abs(values - own[target]) >= least
    return far & (least > 0), f"the candidate's output differs by at least {least:.4g}, the sample's standard deviation"
