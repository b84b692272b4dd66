"""The baseline model's values from its own earlier evaluation, where it wasn't evaluated again."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import tensorflow_model_analysis as tfma

from tfx_explain.gate.reading.evaluations import SliceMetrics, Slices, keys_of
from tfx_explain.gate.slices import printed


def as_baseline(earlier: Slices, baseline_name: str) -> Slices:
    """Returns the metrics of an earlier run's candidate, as the baseline model's.

    Args:
      earlier: The metrics of the run.
      baseline_name: The baseline model's name in the gate's config.

    Raises:
      ValueError: It can't be told which of the models was the candidate.
    """
    model = candidate_of({key.model_name for key in keys_of(earlier)})
    return {
        slice_key: SliceMetrics(
            {
                key._replace(model_name=baseline_name): value
                for key, value in metrics.values.items()
                if key.model_name == model and not key.is_diff
            }
        )
        for slice_key, metrics in earlier.items()
    }


def candidate_of(models: Collection[str]) -> str:
    """Returns which model was the candidate of a run, by their names.

    Raises:
      ValueError: That can't be told.
    """
    known = [name for name in ("", tfma.CANDIDATE_KEY) if name in models]
    if len(known) == 1 or len(models) < 2:
        return (*known, *models, "")[0]
    named = ", ".join(sorted(name or repr(name) for name in models))
    raise ValueError(
        f"It has metrics of the models {named}; of an earlier run, the gate takes the model that is "
        f"{tfma.CANDIDATE_KEY!r} or has no name."
    )


def merged(sources: Mapping[str, Slices], needed: Collection[tfma.metrics.MetricKey]) -> Slices:
    """Returns the baseline model's metrics of several sources.

    Args:
      sources: By a name for people, what `as_baseline` returned.
      needed: The metrics that the decision takes.

    Raises:
      ValueError: Two sources say different things of a needed metric.
    """
    result: Slices = {}
    places: dict[tuple, str] = {}
    for source, slices in sources.items():
        for slice_key, metrics in slices.items():
            known = result.setdefault(slice_key, SliceMetrics()).values
            for key, value in metrics.values.items():
                first = places.setdefault((slice_key, key), source)
                before = known.setdefault(key, value)
                if key in needed and before != value and not (math.isnan(before) and math.isnan(value)):
                    raise ValueError(
                        f"The baseline model's {key.name} on {printed(slice_key)} is {before:.6g} in {first} and "
                        f"{value:.6g} in {source}; the gate can't tell which one counts. Remove one of them."
                    )
    return result


def join(slices: Slices, earlier: Slices, baseline_name: str) -> None:
    """Adds to each slice the baseline model's values that it lacks, and the changes from them.

    The change has no confidence interval: that of a difference takes both models on the same rows. A slice that only
    the baseline model has is added, as it is where both were evaluated together: what is asked of it will be missing.

    Args:
      slices: The candidate's metrics; changed.
      earlier: The baseline model's metrics.
      baseline_name: The baseline model's name in the gate's config.
    """
    for slice_key, found in earlier.items():
        if slice_key not in slices:
            slices[slice_key] = SliceMetrics(dict(found.values))
            continue
        here = slices[slice_key].values
        for key, value in list(here.items()):
            at_baseline = key.make_baseline_key(baseline_name)
            if key.is_diff or key.model_name == baseline_name or at_baseline in here:
                continue
            if at_baseline in found.values:
                here[at_baseline] = found.values[at_baseline]
                here[key.make_diff_key()] = value - found.values[at_baseline]
