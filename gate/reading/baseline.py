"""The baseline model's values from its own earlier evaluation, where it wasn't evaluated again."""

from __future__ import annotations

import tensorflow_model_analysis as tfma

from tfx_explain.gate.reading.evaluations import Slices, keys_of


def join(slices: Slices, earlier: Slices, baseline_name: str) -> None:
    """Adds to each slice the baseline model's values that it lacks, and the changes from them.

    The change has no confidence interval: that of a difference takes both models on the same rows.

    Args:
      slices: The candidate's metrics; changed.
      earlier: The metrics of the baseline model's own run, when it was the candidate.
      baseline_name: The baseline model's name in the gate's config.

    Raises:
      ValueError: It can't be told which of the models in `earlier` was the candidate.
    """
    model = _candidate_of(earlier)
    for slice_key, here in slices.items():
        then = earlier[slice_key].values if slice_key in earlier else {}
        for key, value in list(here.values.items()):
            if key.is_diff or key.model_name == baseline_name:
                continue
            at_baseline, before = key.make_baseline_key(baseline_name), key._replace(model_name=model)
            if at_baseline not in here.values and before in then:
                here.values[at_baseline] = then[before]
                here.values[key.make_diff_key()] = value - then[before]


def _candidate_of(slices: Slices) -> str:
    models = {key.model_name for key in keys_of(slices)}
    for name in ("", tfma.CANDIDATE_KEY):
        if name in models:
            return name
    if len(models) > 1:
        raise ValueError(
            f"It has metrics of the models {', '.join(sorted(models))}; of an earlier run, the gate takes the model "
            f"that is {tfma.CANDIDATE_KEY!r} or has no name."
        )
    return next(iter(models), "")
