"""Gates to compare: bounds that `suggest` sets, bounds on AUC alone, and fixed ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from scipy import special
from scipy.spatial import distance

from benchmarks.retraining import Month, Network, auc, census
from tfx_explain.gate.calibration import bounds
from tfx_explain.metrics.agreement import cosines, histograms_of
from tfx_explain.metrics.drift import LEAST_SHARE, importance_ndcg

RATE = 0.01
CALIBRATED, AUC, PRESETS, CLARIFY, VERTEX = (
    "suggested",
    "AUC alone",
    "presets.GUARDS",
    "NDCG < 0.9",
    "Jensen-Shannon > 0.3",
)


@dataclasses.dataclass(frozen=True)
class Pair:
    """What a gate sees of candidates, against baseline models on the same rows; arrays `[..., what]`.

    Attributes:
      shares: The candidates' shares, float64 `[..., quantities]`.
      before: The baseline models'.
      agreement: Agreement by row, then NDCG, on each slice, float64 `[..., 2 slices]`.
      aucs: The candidates' and the baseline models' AUC, float64 `[..., 2]`.
      distance: The largest Jensen-Shannon distance of any feature, float64 `[...]`.
    """

    shares: np.ndarray
    before: np.ndarray
    agreement: np.ndarray
    aucs: np.ndarray
    distance: np.ndarray

    def __getitem__(self, index: object) -> Pair:
        """Takes some of the pairs."""
        return Pair(*(getattr(self, field.name)[index] for field in dataclasses.fields(self)))

    @classmethod
    def stack(cls, pairs: Sequence[Pair]) -> Pair:
        """Joins pairs along a new first axis."""
        return cls(*(np.stack([getattr(pair, field.name) for pair in pairs]) for field in dataclasses.fields(cls)))


@dataclasses.dataclass(frozen=True)
class Seen:
    """One model on some rows."""

    attributions: np.ndarray
    slices: Mapping[str, np.ndarray]
    auc: float

    @classmethod
    def of(cls, network: Network, weights: list[np.ndarray], month: Month, baseline: np.ndarray) -> Seen:
        """Explains a model on a month, against an encoded baseline."""
        network.load(weights)
        encoded = census().encode(month)
        return cls(network.explain(encoded, baseline), month.slices, auc(month.labels, network.scores(encoded)))

    def importances(self) -> np.ndarray:
        """Returns sums of absolute attributions, float64 `[slices, features]`."""
        return np.stack([np.abs(self.attributions[rows]).sum(axis=0) for rows in self.slices.values()])

    def against(self, before: Seen) -> Pair:
        """Returns the pair of this candidate and a baseline model on the same rows."""
        ours, theirs = self.importances(), before.importances()
        found = cosines(self.attributions, before.attributions)
        agreement = [found[rows].mean() for rows in self.slices.values()]
        ranking = [importance_ndcg(*pair) for pair in zip(ours, theirs, strict=True)]
        counts = [histograms_of(one.attributions, np.ones(len(found))) for one in (self, before)]
        far = np.asarray(max(distance.jensenshannon(*pair, base=2) for pair in zip(*counts, strict=True)))
        shares, others = (sums / sums.sum(axis=1, keepdims=True) for sums in (ours, theirs))
        return Pair(
            shares.ravel(), others.ravel(), np.array(agreement + ranking), np.array([self.auc, before.auc]), far
        )


Gate = Callable[[Pair], np.ndarray]


def suggested(history: Pair, rate: float = RATE) -> Gate:
    """Returns the gate that `suggest` makes of past runs, each one's candidate and its baseline model `[runs]`.

    The first run has no baseline model.
    """
    comparisons = history.agreement[1:]
    thresholds = bounds.how_many(history.shares) + (comparisons.shape[1] if len(comparisons) > 1 else 0)
    found = bounds.share_bounds(history.shares, rate / thresholds)
    least = bounds.least_agreement(comparisons, rate / thresholds)[1] if len(comparisons) > 1 else np.nan

    def stops(pairs: Pair) -> np.ndarray:
        shares, before = pairs.shares, pairs.before
        with np.errstate(divide="ignore", invalid="ignore"):
            left = np.where(before >= LEAST_SHARE, shares / before, 1.0)
        broken = (shares < found.lower) | (shares > found.upper) | (shares - before > found.rise) | (left < found.rest)
        return broken.any(axis=-1) | (pairs.agreement < least).any(axis=-1)

    return stops


def auc_alone(history: Pair, rate: float = RATE) -> Gate:
    """Returns a gate on AUC, which may not fall too far below the baseline model's, nor below that of past runs."""
    aucs = history.aucs[:, 0]
    t, deviation = -special.stdtrit(len(aucs) - 1, rate / 2), aucs.std(ddof=1)
    least, fall = aucs.mean() - t * deviation * (1 + 1 / len(aucs)) ** 0.5, t * deviation * 2**0.5
    return lambda pairs: (pairs.aucs[..., 0] < least) | (pairs.aucs[..., 0] - pairs.aucs[..., 1] < -fall)


def presets(_: Pair) -> Gate:
    """Returns the gate of `presets.GUARDS`, of which the explanations are sound here."""

    def stops(pairs: Pair) -> np.ndarray:
        shares, before = pairs.shares, pairs.before
        gone = (before >= LEAST_SHARE) & (shares < 0.2 * before)
        return ((shares - before > 0.1) | gone).any(axis=-1) | clarify(pairs)(pairs)

    return stops


def clarify(_: Pair) -> Gate:
    """Returns SageMaker Clarify's gate: NDCG of the ranking, on the whole, below 0.9."""
    return lambda pairs: pairs.agreement[..., pairs.agreement.shape[-1] // 2] < 0.9


def vertex(_: Pair) -> Gate:
    """Returns Vertex AI's gate: Jensen-Shannon distance of a feature's attributions above 0.3."""
    return lambda pairs: pairs.distance > 0.3


GATES: Mapping[str, Callable[[Pair], Gate]] = {
    CALIBRATED: suggested,
    AUC: auc_alone,
    PRESETS: presets,
    CLARIFY: clarify,
    VERTEX: vertex,
}
