"""Tokens as the players of coalition methods: Ribeiro, Singh, Guestrin, "Why Should I Trust You?", KDD 2016."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.coalitions.method import CoalitionMethod
from tfx_explain.attribution.coalitions.parts import ROW, ModelOfParts, presence_key
from tfx_explain.attribution.coalitions.units import MOST_PLAYERS, Units, units_of_list, units_of_rows, units_of_text
from tfx_explain.attribution.problem.method import Method
from tfx_explain.attribution.problem.problem import Problem
from tfx_explain.attribution.problem.randomness import keys_of_rows
from tfx_explain.attribution.problem.result import Attributions, assemble
from tfx_explain.attribution.texts.spans import Splitter

# What may be amiss where an output without some tokens is not finite.
_EMPTY = "; if the model takes no empty list or text, give absent tokens a stand-in (tokens.baseline: UNKNOWN)"

# Bytes of a row from which on fewer than a whole vector of them are shown at once.
_LONG = 2**18


class Tokens(Method):
    """Attributions of the values of lists and the words of texts, each of which is present, or absent.

    Features are attributed as `method` does it; then, one feature after the other, its tokens: of the output's change
    from the row without any of them to the row as it is, other features staying as they are. What that change differs
    by from the feature's own attribution is in the rest, so that tokens and rest add up to it. Where a row has more
    than 64 tokens, neighbours are present or absent together, in near equal numbers, and share their attribution
    evenly. The stated error is the largest of features and of such players.
    """

    def __init__(
        self,
        method: CoalitionMethod,
        *,
        lists: Collection[str] = (),
        texts: Mapping[str, Splitter] | None = None,
        padded: Mapping[str, Any] | None = None,
        stand_in: bytes | None = None,
        max_tokens: int = 512,
        batch_size: int = 16384,
    ) -> None:
        """Chooses the players.

        Args:
            method: `SampledShapley`, `KernelShap`, `Lime`, `Banzhaf` or `Occlusion`, with its own tolerance, and a
                budget of its own, which has to do for 64 players.
            lists: features whose values are tokens: ragged tensors `[rows, (values)]` of the same lengths, such as
                values and weights; or one `[rows, (lists), (values)]`, such as the pieces of words.
            texts: features that are one string tensor, `[rows]`, `[rows, n]` or ragged, and what cuts each text:
                `words`, `sentences`, `by_pattern`, or any function from texts, bytes `[texts]`, to `Spans`.
            padded: features that have the same number of values in every row, each of them a token: one dense tensor
                `[rows, n]`; and what they are padded with, a scalar or one for each value. Where there is no
                `stand_in`, it stands in the place of an absent value, too.
            stand_in: stands in the place of an absent token of a text, or of a list of strings. None: it is left out.
            max_tokens: the most tokens of a row that are listed; those beyond are one player, and in the rest.
            batch_size: most rows in one call of the model; fewer where texts and lists are long.

        Raises:
            ValueError: if a setting is out of range.
        """
        texts, padded = texts or {}, padded or {}
        if max_tokens < 1 or batch_size < 1 or len({*lists, *texts, *padded}) < len(lists) + len(texts) + len(padded):
            raise ValueError(
                f"max_tokens is {max_tokens}, batch_size {batch_size} (both at least 1), lists {sorted(lists)}, texts "
                f"{sorted(texts)}, padded {sorted(padded)} (no feature in several); put each in its range."
            )
        if not isinstance(method, CoalitionMethod):
            raise ValueError(f"{type(method).__name__} plays no coalitions; give KernelShap, for example, or Lime.")
        method.check_budget(MOST_PLAYERS)
        self._method, self._lists, self._texts, self._padded = method, tuple(lists), dict(texts), dict(padded)
        self._stand_in, self._max_tokens, self._batch_size = stand_in, max_tokens, batch_size

    def _explain(self, problem: Problem, row_keys: np.ndarray | None) -> Attributions:
        keys, settings = keys_of_rows(problem.inputs, row_keys), (self._stand_in, self._max_tokens)
        units = {name: units_of_list(name, _tensors(problem, name), *settings) for name in self._lists}
        units |= {
            name: units_of_text(name, _tensors(problem, name), splitter, *settings)
            for name, splitter in self._texts.items()
        }
        units |= {
            name: units_of_rows(name, _tensors(problem, name), padding, *settings)
            for name, padding in self._padded.items()
        }
        found = self._method.attribute(
            problem.model, problem.inputs, problem.given, problem.parts(), problem.targets, keys
        )
        of_players = {}
        for name, own in units.items():
            found, of_players[name] = self._with_players(problem, name, own, found, keys)
        of_features = dict(zip(found.features, found.values.T, strict=True))
        tokens = {
            name: own.token_values(of_players[name], of_features[name], self._max_tokens) for name, own in units.items()
        }
        return dataclasses.replace(found, tokens=tokens)

    def _with_players(
        self, problem: Problem, name: str, units: Units, found: Attributions, keys: np.ndarray
    ) -> tuple[Attributions, np.ndarray]:
        """Attributes a feature's players in the rows that have an attribution.

        Returns:
            What was found of the rows, with what is now known of errors, cost and failures; and the players' values,
            float64 `[rows, MOST_PLAYERS]`.
        """
        values, rows = np.zeros((problem.rows, MOST_PLAYERS)), np.flatnonzero(units.counts > 0)
        rows = rows[[not found.failures[row] for row in rows]]
        sizes = np.array([self._method.roomy(count) for count in units.counts[rows]], np.int64)
        # Rows with as many places are explained together; long ones apart, as they are shown few at once.
        kinds = np.stack([sizes, units.row_bytes[rows] > _LONG], axis=1)
        for size, is_long in np.unique(kinds, axis=0):
            which = rows[(kinds == (size, is_long)).all(axis=1)]
            of_players = self._play(problem, name, units, which, keys[which], int(size))
            values[which, :size] = of_players.values
            found = _with_errors(found, which, of_players, is_left_out=self._stand_in is None)
        return found, values

    def _play(
        self, problem: Problem, name: str, units: Units, rows: np.ndarray, keys: np.ndarray, size: int
    ) -> Attributions:
        """Attributes a feature's players, of which no row has more than `size`, in some rows, int `[rows]`."""
        at_once = problem.batch_rows(self._batch_size, int(units.row_bytes[rows].max()))
        model = ModelOfParts(problem.model, units.parted, at_once)
        present = {presence_key(key): np.ones((len(rows), size), np.float32) for key in units.parted}
        others = {key: tf.gather(tensor, rows) for key, tensor in problem.inputs.items() if key not in units.parted}
        players = {f"{name}[{number}]": [(key, number) for key in present] for number in range(size)}
        inputs = {**others, **present, ROW: tf.constant(rows)}
        return self._method.attribute(model, inputs, dict.fromkeys(present, 0.0), players, problem.targets[rows], keys)


def _tensors(problem: Problem, name: str) -> dict[str, Any]:
    """Returns the tensors of a feature, which it has as a whole."""
    parts = problem.parts().get(name, [])
    keys = [part for part in parts if isinstance(part, str)]
    if not keys or len(keys) < len(parts):
        raise ValueError(
            f"tokens of {name!r} are asked for; features that are whole tensors are {sorted(problem.whole_tensors())}."
        )
    return {key: problem.inputs[key] for key in keys}


def _with_errors(found: Attributions, rows: np.ndarray, of_players: Attributions, is_left_out: bool) -> Attributions:
    """Adds to some rows what playing their players has cost, how far off it may be, and why it failed."""
    arrays = {name: np.copy(getattr(found, name)) for name in ("approximation_errors", "evaluations", "converged")}
    arrays["approximation_errors"][rows] = np.maximum(
        arrays["approximation_errors"][rows], of_players.approximation_errors
    )
    arrays["evaluations"][rows] += of_players.evaluations
    arrays["converged"][rows] &= of_players.converged
    reasons = np.array(found.failures, object)
    reasons[rows] = [why and why + _EMPTY * is_left_out for why in of_players.failures]
    return assemble(
        found.features,
        [""] * len(reasons),
        np.arange(len(reasons)),
        values=found.values,
        baseline_outputs=found.baseline_outputs,
        instance_outputs=found.instance_outputs,
        standard_errors=found.standard_errors,
        reasons=reasons,
        **arrays,
    )
