"""Integrated gradients: Sundararajan, Taly, Yan, "Axiomatic Attribution for Deep Networks", ICML 2017.

The attribution of feature i is (x_i - b_i) times the mean of d output / d x_i on the straight path from the baseline b
to the row x.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from tfx_explain.attribution.model.blocks import each_block
from tfx_explain.attribution.path.causes import NO_INTEGRAL, POINT_AT_END, integral_reasons
from tfx_explain.attribution.path.integration import FIRST_POINTS, PathIntegrals, integrate, integrate_fixed
from tfx_explain.attribution.path.path import Arrays, Path
from tfx_explain.attribution.path.quadrature import RULES
from tfx_explain.attribution.problem.method import Method
from tfx_explain.attribution.problem.problem import Problem
from tfx_explain.attribution.problem.result import Attributions, assemble

# What the meshes of a block of rows may take; of many features, the fewest rows take more. A call takes a time for each
# tensor, so that blocks of ever fewer rows would take the square of the features' number.
_MESH_BYTES, _FEWEST_ROWS = 2**24, 32
# Few rows of a block need more points.
_USUAL_POINTS = 128
# How many calls the first points of a block of wide rows make; those of some of the rows, which follow, are large then.
_FIRST_CALLS = 4
# What rounding may do to averages, relative to the outputs.
_ROUNDING = 4e-6


class IntegratedGradients(Method):
    """Attributions that add up to the output's change from the baseline, for models that have gradients.

    A feature's tensors must be dense and floating (see `Path`). `approximation_errors` also bound the completeness gap.
    """

    def __init__(
        self,
        *,
        steps: int | None = None,
        rule: str = "gauss_legendre",
        tolerance: float = 0.01,
        max_gradients: int = 512,
        maps: bool | Collection[str] = False,
        entries: Mapping[str, int] | None = None,
        batch_size: int = 16384,
    ) -> None:
        """Chooses accuracy and cost.

        Args:
            steps: gradients per row and baseline that the rule takes; two at the ends are added, and for every ten one
                more, up to five, that tell how far off it is. None, the default: per row as many as the tolerance
                takes.
            rule: where the steps lie: 'gauss_legendre', 'riemann' (at the middles of equal parts) or 'trapezoid'. Only
                with `steps`.
            tolerance: stated error that is good enough, relative to the sum of the row's absolute attributions.
            max_gradients: most gradients per row and baseline where `steps` is None, at least 9, and of a row that has
                no finite gradient at an end at least 18.
            maps: names of features, each one whole tensor, or keys of whole tensors, of which the attributions of every
                number are kept (see `Attributions.maps`); True: of all that are images or the like,
                `[rows, height, width, ...]`. Without `steps` that takes each gradient a second time.
            entries: by keys of whole tensors `[rows, *entries, ...]`, such as vectors of words, how many axes the
                entries have. Their maps are kept, too, under the keys, and as sums by entry, `[rows, *entries]`; those
                of up to 64 entries take no gradient twice.
            batch_size: most rows in one call of the model; fewer where a tensor of a row takes more than 256 bytes.

        Raises:
            ValueError: if a setting is out of range.
        """
        if steps is not None and steps < 1:
            raise ValueError(f"steps is {steps}; give at least 1, or None to meet the tolerance.")
        if rule not in RULES:
            raise ValueError(f"rule is {rule!r}; choose one of {sorted(RULES)}.")
        if max_gradients < 9 or batch_size < 1 or not tolerance > 0:
            raise ValueError(
                f"max_gradients is {max_gradients} (at least 9), batch_size {batch_size} (at least 1), "
                f"tolerance {tolerance} (above 0); put each in its range."
            )
        self._steps, self._rule, self._maps, self._entries = steps, rule, maps, dict(entries or {})
        self._tolerance, self._max_gradients, self._batch_size = tolerance, max_gradients, batch_size

    def _explain(self, problem: Problem, row_keys: np.ndarray | None) -> Attributions:
        rows = problem.sound_rows()
        points = self._steps or min(self._max_gradients, _USUAL_POINTS)
        keys = self._mapped(problem)
        path = Path(problem, self._batch_size, set(keys.values()), self._entries)
        first = FIRST_POINTS if self._steps is None else self._steps + 2
        block = max(_FEWEST_ROWS, _MESH_BYTES // (4 * points * (len(path.feature_of) + 4)))
        block = max(1, min(_FIRST_CALLS * path.batch_size // first, block))
        integrals, maps = [], path.empty_maps(rows, keys.values())
        for baseline in range(problem.num_baselines):
            integrate_block = functools.partial(self._integrate, path, baseline, set(keys.values()))
            found = each_block(integrate_block, rows, block)
            integrals.append(_joined([one for one, _ in found]))
            for key, total in maps.items():
                total += np.concatenate([one[key] for _, one in found]) / problem.num_baselines
        stacked = {name: np.stack([one[name] for one in integrals]) for name in integrals[0]}
        troubles = np.bitwise_or.reduce(stacked["troubles"], axis=0)
        places = NO_INTEGRAL if self._steps is None else POINT_AT_END
        reasons = integral_reasons(problem, rows, troubles, places, self._batch_size)
        return _averaged(problem, rows, stacked, reasons, self._tolerance).with_maps(
            rows, {feature: maps[key] for feature, key in keys.items()}
        )

    def _mapped(self, problem: Problem) -> dict[str, str]:
        """Returns the keys of the features whose maps are kept, by feature."""
        if not (self._maps or self._entries):
            return {}
        whole = problem.whole_tensors()
        known = {key: key for key, owner in problem.owners.items() if not isinstance(owner, np.ndarray)} | whole
        images = [feature for feature, key in whole.items() if self._maps and problem.inputs[key].shape.rank > 2]
        wanted = (*(images if isinstance(self._maps, bool) else self._maps), *self._entries)
        unfit = sorted(set(wanted) - set(known))
        if unfit:
            raise ValueError(f"maps names {unfit}; features that are one whole tensor each are {sorted(whole)}.")
        return {feature: known[feature] for feature in wanted}

    def _integrate(
        self, path: Path, baseline: int, keys: Collection[str], rows: np.ndarray
    ) -> tuple[PathIntegrals, Arrays]:
        if self._steps is None:
            evaluate = functools.partial(path.slopes, baseline)
            found = integrate(evaluate, rows, self._tolerance, self._max_gradients, bool(keys))
            if not keys:
                return found.by_feature(path.feature_of), {}
            columns = path.columns(keys)
            if columns is not None:
                values = np.where(np.isfinite(found.values), found.values, 0)
                return found.by_feature(path.feature_of), {key: values[:, of_key] for key, of_key in columns.items()}
            maps = path.maps(baseline, rows, found.rule, keys)
            found = dataclasses.replace(found, points=2 * found.points, rule=found.rule[:, :0])
            return found.by_feature(path.feature_of), maps
        maps = path.empty_maps(rows, keys)
        found = path.weighted_slopes(baseline, rows, self._rule, self._steps, maps)
        fixed = integrate_fixed(self._rule, *found, self._tolerance, float(np.finfo(path.dtype).eps))
        return fixed.by_feature(path.feature_of), maps


def _joined(parts: Sequence[PathIntegrals]) -> dict[str, np.ndarray]:
    names = [field.name for field in dataclasses.fields(PathIntegrals)]
    return {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}


def _averaged(
    problem: Problem, rows: np.ndarray, stacked: dict[str, np.ndarray], reasons: np.ndarray, tolerance: float
) -> Attributions:
    """Averages `[baselines, rows, ...]` over the baselines; errors average too, since they can only partly cancel."""
    values, errors, starts, ends = (stacked[name].mean(axis=0) for name in ("values", "errors", "starts", "ends"))
    # What several baselines say may cancel, and with it what the tolerance is relative to.
    enough = tolerance * np.abs(values).sum(axis=1) + _ROUNDING * (np.abs(starts) + np.abs(ends))
    if len(stacked["errors"]) == 1:
        enough = np.full_like(errors, np.inf)
    return assemble(
        problem.features,
        problem.failures,
        rows,
        values=values,
        baseline_outputs=starts,
        instance_outputs=ends,
        approximation_errors=errors,
        evaluations=stacked["points"].sum(axis=0),
        converged=np.all(stacked["converged"], axis=0) & (errors <= enough),
        reasons=reasons,
    )
