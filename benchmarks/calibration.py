"""Calibration: false alarms of suggested bounds, observed against promised, and what they catch

Small census models are trained on months drawn anew from the data. From histories of some of them `suggest` sets
bounds; others, which had no part in that, are candidates and baseline models.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping

import numpy as np

from benchmarks import spoiling
from benchmarks.gates import CALIBRATED, GATES, Gate, Pair, Seen
from benchmarks.report import Table
from benchmarks.retraining import Month, Network, Spoil, baseline_of, census

MODELS = 80  # Half of them history, the others candidates and baseline models.
HISTORIES = (2, 3, 5, 10, 20, 40)
USUAL_HISTORY = 20
STRENGTHS = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0)
SPOILT = 20  # Candidates of each kind and strength.
_SPLITS, _GROUPS = 160, 8
_CAUGHT = 0.8
_SEED = 2026

KINDS: Mapping[str, Callable[[float], Spoil]] = {
    "a label leaks into fnlwgt": spoiling.leak,
    "hours-per-week goes dead": spoiling.dead("hours-per-week"),
    "occupation is shuffled": spoiling.shuffled("occupation"),
    "native-country tells sex": spoiling.proxy,
}
SERVED = "codes of categories shift"
"""Of the candidate alone, and in what it is given when served."""


@dataclasses.dataclass(frozen=True)
class Trials:
    """What gates are tried on.

    Attributes:
      sound: Each sound model as a candidate against each as its baseline model, `[models, models]`.
      spoilt: By kind, spoilt candidates against sound baseline models, `[strengths, candidates]`.
    """

    sound: Pair
    spoilt: Mapping[str, Pair]


@dataclasses.dataclass(frozen=True)
class Measured:
    """What was measured.

    Attributes:
      alarms: By gate, then by length of history, the part of sound pairs that it stops, and the standard error.
      caught: By gate, then by kind, the part of spoilt candidates that it stops, float64 `[strengths]`.
      auc: By kind, the mean change of AUC, float64 `[strengths]`.
    """

    alarms: Mapping[str, Mapping[int, tuple[float, float]]]
    caught: Mapping[str, Mapping[str, np.ndarray]]
    auc: Mapping[str, np.ndarray]


def run() -> Iterator[Table]:
    """Trains, measures, and gives the tables."""
    yield from tables(measure(trials()))


def trials(models: int = MODELS, spoilt: int = SPOILT, seed: int = _SEED) -> Trials:
    """Trains so many sound models, and so many spoilt ones of each kind and strength."""
    network = Network()
    sound = [_sound(network, seed, number) for number in range(models)]
    return Trials(
        Pair.stack([_against_all(network, one, sound) for one in sound]),
        {
            kind: Pair.stack([_spoilt(network, kind, part, spoilt, sound, seed) for part in STRENGTHS])
            for kind in (*KINDS, SERVED)
        },
    )


def measure(tried: Trials, splits: int = _SPLITS) -> Measured:
    """Lets all gates decide, made from histories that are drawn so many times."""
    pairs = tried.sound
    lengths = [length for length in HISTORIES if length <= len(pairs.distance) // 2]
    alarms = {
        name: {length: _with_error(pairs, make, length, splits) for length in lengths} for name, make in GATES.items()
    }
    usual = min(USUAL_HISTORY, lengths[-1])
    gates = {name: [make(history) for history in _histories(pairs, usual, splits)] for name, make in GATES.items()}
    caught = {
        name: {
            kind: np.mean([gate(found).mean(axis=1) for gate in gates[name]], axis=0)
            for kind, found in tried.spoilt.items()
        }
        for name in GATES
    }
    changes = {kind: (found.aucs[..., 0] - found.aucs[..., 1]).mean(axis=1) for kind, found in tried.spoilt.items()}
    return Measured(alarms, caught, changes)


def tables(measured: Measured) -> Iterator[Table]:
    """Gives what was measured as tables."""
    lengths = list(measured.alarms[CALIBRATED])
    rows = [
        (name, *(f"{100 * rate:.2f}% ± {196 * error:.2f}" for rate, error in found.values()))
        for name, found in measured.alarms.items()
    ]
    title = "False alarms: sound candidates that are stopped, with 95% intervals; 1% is promised by the first two"
    yield Table(title, ("gate", *(f"{length} runs" for length in lengths)), rows)
    rows = []
    for kind, auc in measured.auc.items():
        cells = []
        for name in measured.caught:
            reached = np.flatnonzero(measured.caught[name][kind] > _CAUGHT - 1e-9)
            cells.append(f"{STRENGTHS[reached[0]]:g}" if len(reached) else "never")
        rows.append((kind, *cells, f"{auc[-1]:+.3f}"))
    title = (
        f"Power: the least part of the rows that is spoilt from which 4 of 5 candidates are stopped, "
        f"after {min(USUAL_HISTORY, lengths[-1])} runs"
    )
    yield Table(title, ("what goes wrong", *measured.caught, "AUC, all rows spoilt"), rows)
    rows = [(kind, *(f"{100 * part:.0f}%" for part in found)) for kind, found in measured.caught[CALIBRATED].items()]
    yield Table("What suggested bounds stop, by the part of the rows that is spoilt", ("", *map(str, STRENGTHS)), rows)


@dataclasses.dataclass(frozen=True)
class Trained:
    """A model, and the month that it is explained on."""

    weights: list[np.ndarray]
    explained: Month
    baseline: np.ndarray


def _sound(network: Network, seed: int, number: int) -> Trained:
    rng = np.random.default_rng([seed, number])
    trained, explained = census().month(rng)
    return Trained(network.train(trained, rng), explained, baseline_of(trained))


def _against_all(network: Network, one: Trained, others: list[Trained]) -> Pair:
    """Returns a candidate against each baseline model, itself among them, on the candidate's month."""
    seen = [Seen.of(network, other.weights, one.explained, one.baseline) for other in others]
    candidate = next(found for other, found in zip(others, seen, strict=True) if other is one)
    return Pair.stack([candidate.against(before) for before in seen])


def _histories(pairs: Pair, length: int, splits: int) -> Iterator[Pair]:
    """Yields histories out of the first half of the models: a row of releases, each compared with the one before."""
    rng = np.random.default_rng(length)
    half = len(pairs.distance) // 2
    for _ in range(splits):
        order = rng.permutation(half)[:length]
        yield pairs[order, np.roll(order, 1)]


def _alarms(pairs: Pair, make: Callable[[Pair], Gate], length: int, splits: int, models: np.ndarray) -> float:
    """Returns the part of sound pairs that are stopped, over random halves of some models."""
    rng, stopped = np.random.default_rng(length), []
    for _ in range(splits):
        order = rng.permutation(models)
        history, others = order[:length], order[len(order) // 2 :]
        gate = make(pairs[history, np.roll(history, 1)])
        found = gate(pairs[np.ix_(others, others)])
        stopped.append(found[~np.eye(len(others), dtype=bool)].mean())
    return float(np.mean(stopped))


def _with_error(pairs: Pair, make: Callable[[Pair], Gate], length: int, splits: int) -> tuple[float, float]:
    """Returns the part, and its standard error by the jackknife over groups of models."""
    every = np.arange(len(pairs.distance))
    without = [
        _alarms(pairs, make, min(length, 7 * len(every) // 16), splits, every[every % _GROUPS != group])
        for group in range(_GROUPS)
    ]
    error = np.sqrt((_GROUPS - 1) * np.var(without))
    return _alarms(pairs, make, length, splits, every), float(error)


def _spoilt(network: Network, kind: str, strength: float, count: int, sound: list[Trained], seed: int) -> Pair:
    """Returns spoilt candidates against sound baseline models, out of those that are no history."""
    pairs = []
    for number in range(count):
        rng = np.random.default_rng([seed, 1 + list((*KINDS, SERVED)).index(kind), int(1000 * strength), number])
        trained, explained = census().month(rng, KINDS[kind](strength) if kind in KINDS else None)
        weights, baseline = network.train(trained, rng), baseline_of(trained)
        before = Seen.of(network, sound[-1 - number].weights, explained, baseline)
        if kind == SERVED:
            spoiling.shifted(strength)(explained, rng)
        pairs.append(Seen.of(network, weights, explained, baseline).against(before))
    return Pair.stack(pairs)
