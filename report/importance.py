"""Every feature's part of the explanation, the candidate's above the baseline model's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tfx_explain.report.totals import Totals
from tfx_explain.storage import columns

_NAMED = 12


@dataclass(frozen=True)
class Part:
    """A feature's part of a model's total absolute attribution.

    Attributes:
      share: From 0 to 1; NaN where all attributions are 0.
      low: The lower end of its 95% interval; NaN: not known.
      high: The upper end.
      rank: 1 is the largest; equal ones share the best.
      mean: Mean attribution: in which direction it moves the output.
    """

    share: float
    low: float
    high: float
    rank: int
    mean: float


@dataclass(frozen=True)
class Importance:
    """A feature's parts, by model; a model that lacks the feature is not there."""

    feature: str
    parts: Mapping[str, Part]

    @property
    def change(self) -> float:
        """Candidate's share minus the baseline model's, 0 being that of a model without the feature."""
        shares = [self.parts[model].share if model in self.parts else 0.0 for model in columns.MODELS]
        return shares[0] - shares[1]

    @property
    def places(self) -> str:
        """The candidate's place, and the baseline model's where it is another: "1 ← 8"."""
        ranks = [str(self.parts[model].rank) if model in self.parts else "\N{EN DASH}" for model in columns.MODELS]
        is_same = ranks[0] == ranks[1] or columns.BASELINE not in self.parts
        return ranks[0] if is_same else " \N{LEFTWARDS ARROW} ".join(ranks)


def importances(totals: Mapping[str, Totals]) -> list[Importance]:
    """Returns every feature of any model, the candidate's largest first."""
    by_model = {model: _parts(total) for model, total in totals.items()}
    features = {feature for parts in by_model.values() for feature in parts}
    found = [
        Importance(feature, {model: parts[feature] for model, parts in by_model.items() if feature in parts})
        for feature in features
    ]
    return sorted(found, key=_order)


def movements(found: Sequence[Importance]) -> Iterator[str]:
    """Yields sentences about what entered, left and changed its place most; there are two models."""
    both = {one.feature: [one.parts.get(model) for model in columns.MODELS] for one in found}
    sizes = {name: [part.share if part else 0.0 for part in parts] for name, parts in both.items()}
    yield from _named("Entered", [name for name, (new, old) in sizes.items() if new > 0 and not old > 0])
    yield from _named("Left", [name for name, (new, old) in sizes.items() if old > 0 and not new > 0])
    moved = {name: old.rank - new.rank for name, (new, old) in both.items() if new and old and new.rank != old.rank}
    places = {
        name: f"{name} from place {old.rank} to {new.rank}"
        for name, (new, old) in both.items()
        if name in moved and new and old
    }
    order = sorted(moved, key=lambda name: (-abs(moved[name]), name))
    yield from _named("Changed place", [places[name] for name in order])
    if not moved:
        yield "No feature that both models have changed its place."


def _named(what: str, names: Sequence[str]) -> Iterator[str]:
    if names:
        more = f", and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        yield f"{what}: {', '.join(names[:_NAMED])}{more}."


def _parts(totals: Totals) -> dict[str, Part]:
    shares, widths = totals.shares(), totals.half_widths()
    ordered = np.sort(totals.absolute)
    ranks = 1 + len(ordered) - np.searchsorted(ordered, totals.absolute, side="right")
    means = totals.signed / totals.rows if totals.rows else np.full(len(shares), np.nan)
    return {
        name: Part(float(share), float(max(share - width, 0)), float(min(share + width, 1)), int(rank), float(mean))
        for name, share, width, rank, mean in zip(totals.features, shares, widths, ranks, means, strict=True)
    }


def _order(one: Importance) -> tuple[float, float, str]:
    shares = [np.nan_to_num(one.parts[model].share) if model in one.parts else 0.0 for model in columns.MODELS]
    return (-shares[0], -shares[1], one.feature)
