"""What was found for some rows: every model's attributions, of each output explained."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np

from tfx_explain.attribution import Attributions
from tfx_explain.storage import columns
from tfx_explain.storage.influence import lacks_influence

# By row number: the model that failed, and why.
Failures: TypeAlias = dict[int, tuple[str, str]]


@dataclasses.dataclass(frozen=True)
class Results:
    """Attributions of the same rows and outputs, by model.

    Attributes:
      targets: int32 `[rows, outputs]`, the outputs explained.
      of_models: By `columns.CANDIDATE` and perhaps `columns.BASELINE`: the attributions `[rows, features]` of each of
        the outputs, in order.
      areas: By model and feature, float64 `[rows, outputs, 2]`, the areas under the insertion and deletion curves of
        the maps; empty where they were not asked for.
    """

    targets: Mapping[str, np.ndarray]
    of_models: Mapping[str, Sequence[Attributions]]
    areas: Mapping[str, Mapping[str, np.ndarray]] = dataclasses.field(default_factory=dict)

    @classmethod
    def joined(cls, parts: Sequence[Results]) -> Results:
        """Puts the rows of several results, at least one, into one, in order."""
        first = parts[0]
        return cls(
            {name: np.concatenate([part.targets[name] for part in parts]) for name in first.targets},
            {
                name: [Attributions.joined([part.of_models[name][i] for part in parts]) for i in range(len(outputs))]
                for name, outputs in first.of_models.items()
            },
            {
                name: {feature: np.concatenate([part.areas[name][feature] for part in parts]) for feature in areas}
                for name, areas in first.areas.items()
            },
        )

    def sizes(self) -> dict[str, tuple[int, ...]]:
        """Returns the height and width of the maps, by feature; empty where there are none."""
        first = next(iter(self.of_models.values()))[0]
        maps = {feature: regions.heat for feature, regions in first.regions.items()} or first.maps
        return {feature: one.shape[1:3] for feature, one in maps.items() if one.ndim == 3}

    def take(self, rows: np.ndarray) -> Results:
        """Returns the results of some rows, int `[taken]`, in that order."""
        taken = {name: [one.take(rows) for one in outputs] for name, outputs in self.of_models.items()}
        areas = {name: {feature: one[rows] for feature, one in of.items()} for name, of in self.areas.items()}
        return Results({name: targets[rows] for name, targets in self.targets.items()}, taken, areas)

    def failures(self) -> Failures:
        """Returns the rows that have no attribution."""
        found: Failures = {}
        for name, outputs in self.of_models.items():
            for one in outputs:
                failed = np.flatnonzero(np.asarray(one.failures, object) != "")
                found = {int(row): (name, one.failures[row]) for row in failed} | found
        return found

    def missed(self, name: str) -> np.ndarray:
        """Returns bool `[rows]`, whether an output's attributions in a model missed the tolerance."""
        return ~np.all([one.converged for one in self.of_models[name]], axis=0)

    def lacks_influence(self, name: str) -> np.ndarray:
        """Returns bool `[rows, outputs]`, where no feature has any influence on an output of a model."""
        outputs = self.of_models[name]
        return np.stack([lacks_influence(one.values, one.instance_outputs) for one in outputs], axis=1)

    def evaluations(self, name: str) -> int:
        """Returns how many rows went through a model."""
        return int(sum(one.evaluations.sum() for one in self.of_models[name]))

    def tokens_left_out(self) -> int:
        """Returns how many tokens are not listed, over all models and features; they are the same of each output."""
        every = [tokens for outputs in self.of_models.values() for tokens in outputs[0].tokens.values()]
        return int(sum(tokens.left_out.sum() for tokens in every if tokens.left_out is not None))


def of_one_size(
    parts: Sequence[np.ndarray], results: Sequence[Results]
) -> tuple[list[np.ndarray], list[Results], Failures]:
    """Sets the rows aside whose maps have another size than most have.

    A model may take pictures of any size, one after the other; maps of several sizes are no table.

    Args:
      parts: Row numbers.
      results: What was found for them.

    Returns:
      The rest of both, and what is said of the other rows.
    """
    sizes = [one.sizes() for one in results]
    counts = [sum(len(rows) for rows, size in zip(parts, sizes, strict=True) if size == own) for own in sizes]
    usual = sizes[int(np.argmax(counts))] if sizes else {}
    failures: Failures = {}
    for rows, size in zip(parts, sizes, strict=True):
        for feature in (feature for feature in size if size[feature] != usual[feature]):
            own, others = (" x ".join(map(str, one[feature])) for one in (size, usual))
            why = (
                f"Feature {feature!r} is a picture of {own} pixels, most that were read with it have {others}: maps "
                "are of pictures of one size. Resize them in the model, or explain it without maps."
            )
            failures |= {int(row): (columns.CANDIDATE, why) for row in rows}
    kept = [number for number, size in enumerate(sizes) if size == usual]
    return [parts[number] for number in kept], [results[number] for number in kept], failures
