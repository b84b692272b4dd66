"""What of a history can be bounded: the features that all runs have, and slices of enough rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tfx_explain.gate.calibration.reading import History
from tfx_explain.gate.calibration.runs import Run
from tfx_explain.gate.calibration.suggestion import spec_of
from tfx_explain.gate.slices import SliceKey, printed, selector

_SHOWN = 10


@dataclass(frozen=True)
class Chosen:
    """Shares of features on slices.

    Attributes:
      slices: The slices, the whole first.
      quantities: Slice and feature of each share.
      shares: float64 `[runs, quantities]`.
      noise: The variance that comes from which rows are explained, the mean over runs, of shares and of their cube
        roots, float64 `[2, quantities]`.
      same_rows: Whether all runs explained the same rows.
      notes: What was left out, in sentences.
    """

    slices: tuple[SliceKey, ...]
    quantities: tuple[tuple[SliceKey, str], ...]
    shares: np.ndarray
    noise: np.ndarray
    same_rows: bool
    notes: tuple[str, ...]


def choose(history: History, least_rows: int) -> Chosen:
    """Chooses what is bounded.

    Args:
      history: The runs.
      least_rows: What a slice must have in each run.

    Raises:
      ValueError: There are fewer than two runs, they share no feature, or the whole has too few rows.
    """
    runs = history.runs
    if len(runs) < 2:
        raise ValueError(
            "One model does not tell how much models differ; give the attributions of two or more, of past runs or of "
            "the same training with other seeds."
        )
    features = sorted(set.intersection(*(set(run.features) for run in runs)))
    if not features:
        raise ValueError("The runs have no feature in common; give runs of models that read the same features.")
    slices = sorted({key for run in runs for key in run.rows}, key=lambda key: (len(key), printed(key)))
    kept, small, odd = [], [], []
    for key in slices:
        rows = min(run.rows.get(key, 0) for run in runs)
        if rows < least_rows:
            small.append(f"{printed(key)} ({rows})")
        elif not selector(spec_of(key))(key) or not _is_explained(runs, key):
            odd.append(printed(key))
        else:
            kept.append(key)
    if () not in kept:
        raise ValueError(
            f"A run has only {min(run.rows.get((), 0) for run in runs)} explained rows, or attributions that are all "
            f"0; {least_rows} rows in each run are needed."
        )
    quantities = tuple((key, feature) for key in kept for feature in features)
    places = [run.places(features) for run in runs]
    shares, noise = (
        np.stack(
            [
                np.concatenate([getattr(run, name)[key][..., place] for key in kept], axis=-1)
                for run, place in zip(runs, places, strict=True)
            ]
        )
        for name in ("shares", "noise")
    )
    notes = (*_left_out(runs, features), *_small(small, least_rows), *_odd(odd))
    return Chosen(tuple(kept), quantities, shares, noise.mean(axis=0), _same_rows(runs), notes)


def _is_explained(runs: Sequence[Run], key: SliceKey) -> bool:
    return all(np.isfinite(run.shares[key]).all() and np.isfinite(run.noise[key]).all() for run in runs)


def _same_rows(runs: Sequence[Run]) -> bool:
    """Tells whether runs are of the same rows: as Explainers say, or else because every slice has as many in each."""
    first = runs[0]
    if any(run.explained for run in runs):
        return all(run.explained == first.explained and run.rows == first.rows for run in runs)
    return all(run.rows == first.rows for run in runs)


def _left_out(runs: Sequence[Run], features: Sequence[str]) -> Iterator[str]:
    odd = sorted({name for run in runs for name in run.features} - set(features))
    if odd:
        yield f"Features that not all runs have are left out: {_some(odd)}."


def _small(slices: Sequence[str], least_rows: int) -> Iterator[str]:
    if slices:
        yield f"Slices with fewer than {least_rows} rows in a run are too small to gate, and left out: {_some(slices)}."


def _odd(slices: Sequence[str]) -> Iterator[str]:
    if slices:
        yield f"Slices are left out that no slicing spec selects, or on which a run explains nothing: {_some(slices)}."


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
