"""Attributions of tokens: from those of each number that a model is fed for them."""

from __future__ import annotations

import dataclasses
import fnmatch
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from tfx_explain.attribution import Attributions
from tfx_explain.attribution.problem.tokens import TokenValues, splits_of
from tfx_explain.proto import explanation_pb2
from tfx_explain.proto.printable import printable
from tfx_explain.savedmodel import ExplainableModel
from tfx_explain.savedmodel.explainable.token_features import TokenFeature, TokenRows

_Baseline = explanation_pb2.TokenConfig.Baseline
MOST_TOKENS = 512


def chosen_features(
    asked: explanation_pb2.TokenConfig, model: ExplainableModel, why_none: Callable[[str], str], is_required: bool
) -> list[str]:
    """Returns the features of a model of which tokens are asked for: those named, and of a glob those that have some.

    Args:
      asked: Names the features.
      model: The model.
      why_none: Why a feature has none; '' where it has some.
      is_required: Whether each name has to stand for some.

    Raises:
      ValueError: The model has no such feature, or its tokens can't be found; the message says why.
    """
    chosen: dict[str, None] = {}
    for pattern in asked.features:
        named = [name for name in model.features if name == pattern]
        matching = named or [name for name in model.features if fnmatch.fnmatchcase(name, pattern)]
        if not matching and is_required:
            raise ValueError(printable(f"tokens.features names {pattern!r}; {_why_unknown(pattern, model)}"))
        if named and is_required:  # that there are none is said where they are looked for
            chosen[pattern] = None
            continue
        reasons = {name: why_none(name) for name in matching}
        found = [name for name, reason in reasons.items() if not reason]
        if not found and is_required:
            raise ValueError(printable(f"tokens.features names {pattern!r}. {' '.join(reasons.values())}"))
        chosen |= dict.fromkeys(found)
    return list(chosen)


def _why_unknown(name: str, model: ExplainableModel) -> str:
    group = model.group_of(name)
    if group:
        return (
            f"it gets one attribution together with others, as {group!r}. Give it a group_name of its own (overrides), "
            "and its tokens can be left out, by kernel_shap_attribution for example."
        )
    return f"the features are {', '.join(map(repr, model.features))}."


def baseline_of(asked: explanation_pb2.TokenConfig) -> str:
    """Returns the name of the baseline of tokens, as `ExplainableModel.tokenized` has it."""
    return _Baseline.Name(asked.baseline).lower()


def with_tokens(
    found: Attributions,
    players: Mapping[str, Sequence[object]],
    features: Mapping[str, TokenFeature],
    tokens: Mapping[str, TokenRows],
    max_tokens: int,
) -> Attributions:
    """Sums what each number has of a feature's attribution up by token.

    Args:
      found: Attributions with maps of the tensors of tokens, under their keys.
      players: The keys of each feature.
      features: The features with tokens.
      tokens: Of the same rows.
      max_tokens: The most tokens of a row that are kept; 0: 512.

    Returns:
      The attributions with tokens and without those maps.
    """
    keys = {key.key for feature in features.values() for key in feature.keys}
    maps = {name: numbers for name, numbers in found.maps.items() if name not in keys}
    most = max_tokens or MOST_TOKENS
    values = {}
    for name, feature in features.items():
        own = [key.key for key in feature.keys]
        beside = set(players[name]) - set(own)
        values[name] = _token_values(found, name, own, tokens[name], most, bool(beside))
    return dataclasses.replace(found, maps=maps, tokens=values)


def _token_values(
    found: Attributions, name: str, keys: Sequence[str], tokens: TokenRows, most: int, has_others: bool
) -> TokenValues:
    whole = found.values[:, found.features.index(name)]
    lengths = np.diff(tokens.row_splits)
    failed = np.array([reason != "" for reason in found.failures], bool)
    kept = np.where(failed, 0, np.minimum(lengths, most))
    row_of = np.repeat(np.arange(len(lengths)), lengths)
    sums, rest = np.zeros(len(tokens.texts)), np.zeros(len(lengths))
    for key in keys:
        entries, rows, owners = _by_entry(found.maps[key], tokens.owners[key], tokens.entry_splits[key])
        is_owned = (owners >= 0) & (owners < lengths[rows])
        which = tokens.row_splits[rows] + owners
        sums += np.bincount(which[is_owned], entries[is_owned], minlength=len(sums))
        rest += np.bincount(rows[~is_owned], entries[~is_owned], minlength=len(rest))
    # One count is of all tokens that are alike.
    first = tokens.row_splits[row_of] + tokens.shared
    sums = sums[first] / np.bincount(first, minlength=len(sums))[first]
    if has_others:
        rest = whole - np.bincount(row_of, sums, minlength=len(rest))
    is_kept = np.arange(len(sums)) - tokens.row_splits[row_of] < kept[row_of]
    rest += np.bincount(row_of[~is_kept], sums[~is_kept], minlength=len(rest))
    rest[failed] = np.nan
    return TokenValues(
        splits_of(kept),
        tokens.texts[is_kept],
        sums[is_kept],
        rest,
        tokens.begin[is_kept],
        tokens.end[is_kept],
        np.where(failed, 0, lengths - kept),
    )


def _by_entry(numbers: np.ndarray, owners: np.ndarray, splits: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Takes what rows' entries `[rows, entries and padding, ...]` have of an attribution, without padding.

    Returns:
      That, float `[entries]` of all rows, and the row and the owner of each.
    """
    lengths = np.diff(splits)
    entries = numbers[np.arange(numbers.shape[1]) < lengths[:, None]]
    rows = np.repeat(np.arange(len(lengths)), lengths * math.prod(owners.shape[1:]))
    return entries.reshape(-1), rows, owners.reshape(-1)
