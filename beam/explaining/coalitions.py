"""Methods over coalitions as the parameters name them, of features and of their tokens."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from tfx_explain.attribution import (
    Attributions,
    KernelShap,
    Lime,
    Occlusion,
    SampledShapley,
    Tokens,
    characters,
    sentences,
    words,
)
from tfx_explain.attribution.coalitions.method import CoalitionMethod
from tfx_explain.attribution.problem.tokens import TokenValues
from tfx_explain.beam.explaining.tokens import MOST_TOKENS, chosen_features
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import CutModel, ExplainableModel
from tfx_explain.savedmodel.explainable.places import places
from tfx_explain.savedmodel.explainable.token_players import MadeLists

_Config = explanation_pb2.TokenConfig
# As vocabularies write it, which know it as what they don't know.
_UNKNOWN = b"[UNK]"


def coalition_method(parameters: explanation_pb2.ExplanationParameters) -> CoalitionMethod | None:
    """Builds the method over coalitions of features that the parameters name, if they name one.

    Raises:
      ValueError: A setting is out of range, in the method's own words; or tokens have no such baseline.
    """
    seed, shapley, kernel = parameters.seed, parameters.sampled_shapley_attribution, parameters.kernel_shap_attribution
    lime = parameters.lime_attribution
    of_texts: dict[str, Any] = {}
    if parameters.tokens.features:  # as its authors have it for texts
        of_texts = {"distance": "cosine", "ridge": 1.0, "by_size": True}
    made: dict[str, Callable[[], CoalitionMethod]] = {
        "sampled_shapley_attribution": lambda: SampledShapley(
            seed=seed,
            **given(paths=shapley.path_count, tolerance=shapley.tolerance, max_evaluations=shapley.max_evaluations),
        ),
        "kernel_shap_attribution": lambda: KernelShap(
            seed=seed,
            **given(
                coalitions=kernel.coalition_count, tolerance=kernel.tolerance, max_evaluations=kernel.max_evaluations
            ),
        ),
        "lime_attribution": lambda: Lime(
            seed=seed, **of_texts, **given(samples=lime.sample_count, tolerance=lime.tolerance)
        ),
        "occlusion_attribution": Occlusion,
    }
    chosen = parameters.WhichOneof("method") or ""
    if chosen not in made:
        return None
    if parameters.tokens.baseline == _Config.ZERO and parameters.tokens.features:
        raise ValueError(
            f"tokens.baseline is ZERO, which {chosen} does not have: take PAD, which leaves absent tokens out, or "
            f"UNKNOWN, which puts {_UNKNOWN.decode()} in their place."
        )
    return made[chosen]()


def given(**settings: float) -> dict[str, Any]:
    """Drops what is 0, proto3's "not set", so that the method's own default holds."""
    return {name: value for name, value in settings.items() if value}


class TokenCoalitions:
    """The features of a model whose tokens are players."""

    def __init__(self, asked: _Config, model: ExplainableModel, *, is_required: bool) -> None:
        """Finds them.

        Args:
          asked: Names the features, and says what their players are.
          model: The model.
          is_required: Whether each name has to stand for a feature that has some.

        Raises:
          ValueError: A name stands for none, or an absent token can't be what is asked for.
        """
        self._asked, self._model, whole_texts = asked, model, asked.players != _Config.TOKEN

        def why_none(name: str) -> str:
            try:
                model.token_players(name, whole_texts)
            except ValueError as error:
                return str(error)
            return ""

        features = chosen_features(asked, model, why_none, is_required)
        self._players = {name: model.token_players(name, whole_texts) for name in features}
        numbers = [name for name, own in self._players.items() if not own.are_strings]
        if asked.baseline == _Config.UNKNOWN and numbers:
            raise ValueError(
                f"tokens.baseline is UNKNOWN, but {', '.join(map(repr, numbers))} are lists of numbers, among which "
                "none is unknown; take PAD, which leaves absent values out, or, of texts, the players WORD."
            )
        self._made_lists = model.made_lists(self._players)

    def model(self) -> CutModel:
        """Returns the model, fed where tokens can be absent one by one."""
        return self._model.coalitional(self._players)

    def method(self, method: CoalitionMethod) -> Tokens:
        """Returns a method that attributes tokens, too."""
        whole = sentences if self._asked.players == _Config.SENTENCE else words
        return Tokens(
            method,
            lists=[name for name, own in self._players.items() if own.is_list and not own.padding],
            padded={name: own.padding for name, own in self._players.items() if own.padding},
            texts={
                name: characters if own.are_characters else whole
                for name, own in self._players.items()
                if not own.is_list
            },
            stand_in=_UNKNOWN if self._asked.baseline == _Config.UNKNOWN else None,
            max_tokens=self._asked.max_tokens or MOST_TOKENS,
        )

    def with_words(self, found: Attributions, rows: Any) -> Attributions:
        """Spells the tokens of the lists that the model made of texts, and adds where they stand in these.

        Args:
          found: Attributions of some rows.
          rows: What the model's signature takes of them.
        """
        if not self._made_lists:
            return found
        made = self._made_lists(rows)
        tokens = {name: _placed(own, made[name]) if name in made else own for name, own in found.tokens.items()}
        return dataclasses.replace(found, tokens=tokens)


def _placed(tokens: TokenValues, made: MadeLists) -> TokenValues:
    """Spells the tokens of each row, and finds them in its text."""
    spelled = tokens.tokens.copy()
    begin, end = np.full((2, len(spelled)), -1, np.int64)
    for row, (text, strings) in enumerate(zip(made.texts, made.strings, strict=True)):
        which = slice(*tokens.row_splits[row : row + 2])
        listed = which.stop - which.start
        spelled[which] = np.array([*strings[:listed], None], object)[:-1]
        found = places(text, strings)  # of all tokens: where only the listed ones stand, may not be told
        if found is not None:
            begin[which], end[which] = (ends[:listed] for ends in found)
    return dataclasses.replace(tokens, tokens=spelled, begin=begin, end=end)
