"""What every attribution method returns."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

NOT_FINITE = "the output is not finite"


@dataclasses.dataclass(frozen=True)
class Attributions:
    """Attributions of a batch of rows, one per feature, with their error and cost.

    Floating arrays are float64, in the unit of the explained output. A row that could not be attributed has NaN in them
    and its reason in `failures`.

    Attributes:
        features: names of the features, in the order of `values`' columns.
        values: `[rows, features]` attributions.
        baseline_outputs: `[rows]` output at the baseline, the mean over baselines where there are several.
        instance_outputs: `[rows]` output at the row itself.
        approximation_errors: `[rows]` estimated error. Path methods: never below the absolute completeness gap
            (sum of attributions - (instance output - baseline output)); others: with a probability of 95% a row, every
            feature's error is at most this, which is what rounding of the outputs may do where the attributions are
            exact.
        standard_errors: `[rows, features]` expected sizes of the errors, of methods that play coalitions or sample;
            else None.
        evaluations: `[rows]` int64, rows given to the model (path methods: to its gradient) for this row.
        converged: `[rows]` bool, whether the error is within the tolerance.
        failures: `[rows]` '' or why the row has no attribution, naming the feature where one is the cause.
    """

    features: tuple[str, ...]
    values: np.ndarray
    baseline_outputs: np.ndarray
    instance_outputs: np.ndarray
    approximation_errors: np.ndarray
    standard_errors: np.ndarray | None
    evaluations: np.ndarray
    converged: np.ndarray
    failures: tuple[str, ...]

    def take(self, rows: np.ndarray) -> Attributions:
        """Returns the attributions of some rows, int `[taken]`, in that order."""
        taken = {
            field.name: value[rows]
            for field in dataclasses.fields(self)
            if isinstance(value := getattr(self, field.name), np.ndarray)
        }
        return dataclasses.replace(self, **taken, failures=tuple(self.failures[row] for row in rows))

    @property
    def completeness_gaps(self) -> np.ndarray:
        """`[rows]` sum of attributions - (instance output - baseline output)."""
        return self.values.sum(axis=1) - (self.instance_outputs - self.baseline_outputs)


def assemble(
    features: tuple[str, ...],
    failures: Sequence[str],
    rows: np.ndarray,
    *,
    values: np.ndarray,
    baseline_outputs: np.ndarray,
    instance_outputs: np.ndarray,
    approximation_errors: np.ndarray,
    evaluations: np.ndarray,
    converged: np.ndarray,
    reasons: np.ndarray,
    standard_errors: np.ndarray | None = None,
) -> Attributions:
    """Puts the results of the rows that were attributed among the rows that could not be.

    Args:
        features: names of the features.
        failures: of all rows, '' or why the row was not tried.
        rows: int `[tried]`, the rows that the other arguments are about; these are as in `Attributions`.
        values: `[tried, features]`.
        baseline_outputs: `[tried]`.
        instance_outputs: `[tried]`.
        approximation_errors: `[tried]`.
        evaluations: `[tried]`.
        converged: `[tried]`.
        reasons: str `[tried]`, '' or why the row failed.
        standard_errors: `[tried, features]` or None.

    Returns:
        The attributions of all rows.
    """
    all_reasons = np.array(list(failures), dtype=object)
    all_reasons[rows] = reasons
    failed = reasons != ""

    def spread(tried: np.ndarray, otherwise: float | int | bool) -> np.ndarray:
        everyone = np.full((len(failures), *tried.shape[1:]), otherwise, dtype=tried.dtype)
        everyone[rows] = tried
        if tried.dtype.kind in "fb":
            everyone[rows[failed]] = otherwise
        return everyone

    return Attributions(
        features=features,
        values=spread(values, np.nan),
        baseline_outputs=spread(baseline_outputs, np.nan),
        instance_outputs=spread(instance_outputs, np.nan),
        approximation_errors=spread(approximation_errors, np.nan),
        standard_errors=None if standard_errors is None else spread(standard_errors, np.nan),
        evaluations=spread(evaluations, 0),
        converged=spread(converged, False),
        failures=tuple(all_reasons),
    )
