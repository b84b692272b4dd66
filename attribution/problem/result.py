"""What every attribution method returns."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from tfx_explain.attribution.images.regions import Regions
from tfx_explain.attribution.problem.tokens import TokenValues

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
        maps: of the features that the method was asked to keep maps of, `[rows, ...]` attributions of each number of
            their tensor, which add up to `values` but for rounding.
        regions: of the same features of `Xrai`, `[rows, height, width]` regions.
        tokens: of the features of which tokens were asked for, the tokens' attributions, which add up to `values` with
            their rest.
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
    maps: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    regions: Mapping[str, Regions] = dataclasses.field(default_factory=dict)
    tokens: Mapping[str, TokenValues] = dataclasses.field(default_factory=dict)

    def take(self, rows: np.ndarray) -> Attributions:
        """Returns the attributions of some rows, int `[taken]`, in that order."""
        taken = {
            field.name: value[rows]
            for field in dataclasses.fields(self)
            if isinstance(value := getattr(self, field.name), np.ndarray)
        }
        return dataclasses.replace(
            self,
            **taken,
            failures=tuple(self.failures[row] for row in rows),
            maps={feature: numbers[rows] for feature, numbers in self.maps.items()},
            regions={feature: regions.take(rows) for feature, regions in self.regions.items()},
            tokens={feature: tokens.take(rows) for feature, tokens in self.tokens.items()},
        )

    @classmethod
    def joined(cls, parts: Sequence[Attributions]) -> Attributions:
        """Puts the rows of several results, at least one, into one, in order."""
        first = parts[0]
        if len(parts) == 1:
            return first
        arrays = {
            field.name: np.concatenate([getattr(part, field.name) for part in parts])
            for field in dataclasses.fields(cls)
            if isinstance(getattr(first, field.name), np.ndarray)
        }
        return dataclasses.replace(
            first,
            **arrays,
            failures=sum((part.failures for part in parts), ()),
            maps={feature: np.concatenate([part.maps[feature] for part in parts]) for feature in first.maps},
            regions={feature: Regions.joined([part.regions[feature] for part in parts]) for feature in first.regions},
            tokens={feature: TokenValues.joined([part.tokens[feature] for part in parts]) for feature in first.tokens},
        )

    def with_maps(self, rows: np.ndarray, maps: Mapping[str, np.ndarray]) -> Attributions:
        """Adds maps `[tried, ...]` of the rows that were tried, int `[tried]`; NaN where a row has no attribution."""
        whole = {}
        for feature, numbers in maps.items():
            whole[feature] = np.full((len(self.failures), *numbers.shape[1:]), np.nan)
            whole[feature][rows] = numbers
            whole[feature][np.array([failure != "" for failure in self.failures], bool)] = np.nan
        return dataclasses.replace(self, maps=whole)

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
