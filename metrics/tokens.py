"""Metrics of the tokens of a text or of a list of categories, over attributions that an Explainer keeps on request.

A token's mass is the sum of its absolute attributions. Tokens are as the model's own graph makes them, and compared
byte by byte: case counts, and "Kim" is never found where the graph makes "kim" of it. What a record lacks makes metrics
NaN, which passes no threshold.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.metrics import metric_types

from tfx_explain.metrics.base import ModelMetric, ratio
from tfx_explain.metrics.drift import DriftMetric, importance_ndcg
from tfx_explain.metrics.naming import of_class
from tfx_explain.metrics.notes import Noted, by_key
from tfx_explain.metrics.token_extracts import Asked, TokenTotals, totals_computation
from tfx_explain.metrics.token_sums import LEAST_SIGHTINGS
from tfx_explain.metrics.wanted_tokens import Wanted
from tfx_explain.proto.printable import text_of

_NAMED, _LONGEST = 8, 40

Compared = Callable[[TokenTotals, TokenTotals], Noted]


class TokenShare(ModelMetric):
    """The part of a text's mass, its tokens' and its rest's, that some tokens carry, from 0 to 1.

    Of a leaked identifier, of names, of slurs, of a template's phrases. The tokens are named in the config, match a
    pattern as a whole, or stand in a file. It is added up exactly, however many different tokens there are.
    """

    def __init__(
        self,
        feature: str,
        tokens: Sequence[str] = (),
        pattern: str = "",
        file: str = "",
        name: str = "",
        class_name: str = "",
    ) -> None:
        r"""Initializes the metric; one of `tokens`, `pattern` and `file` says which tokens are meant.

        Args:
          feature: The feature's name in the attribution records.
          tokens: Whole tokens.
          pattern: A regular expression of Python's that matches whole tokens: `ticket-\d+`, `(?i)kim`. What is no UTF-8
            in a token is `\xff` there.
          file: A text file in UTF-8, local or remote, a token a line; blanks around it, and empty lines, don't count.
          name: See `ExplanationMetric`, as `class_name`.
          class_name: The class.

        Raises:
          ValueError: Not one of the three is given, the pattern is none, or the file can't be read or is empty.
        """
        self.feature, self.asked = feature, Asked(feature, class_name)
        wanted = Wanted.of(tokens, pattern, file)
        name = name or of_class(f"token_share/{wanted.title}/{feature}", class_name)
        settings = {"tokens": list(tokens), "pattern": pattern, "file": file}
        super().__init__(
            functools.partial(_share, feature),
            name,
            computation=functools.partial(totals_computation, self.asked, wanted),
            feature=feature,
            class_name=class_name,
            **settings,
        )


class TokenDrift(DriftMetric):
    """A comparison of two models' tokens."""

    def __init__(self, compared: Compared, feature: str, name: str, class_name: str, **config: Any) -> None:
        self.feature, self.asked = feature, Asked(feature, class_name)
        compare = functools.partial(_computations, self.asked, compared)
        super().__init__(compare, of_class(name, class_name), feature=feature, class_name=class_name, **config)


class TokensEntering(TokenDrift):
    """How many of the candidate's most important tokens are not among as many of the baseline model's.

    Tokens that were seen less than `LEAST_SIGHTINGS` times have no place. Of two sound trainings a few tokens cross the
    border, too: bound it by what these have.
    """

    def __init__(self, feature: str, top: int = 20, name: str = "", class_name: str = "") -> None:
        """Initializes the metric.

        Args:
          feature: The feature's name in the attribution records.
          top: How many tokens are compared, 1 or more.
          name: See `ExplanationMetric`, as `class_name`.
          class_name: The class.

        Raises:
          ValueError: `top` is no such number.
        """
        if not isinstance(top, int) or isinstance(top, bool) or top < 1:
            raise ValueError(f"TokensEntering has top {top!r}; give how many tokens are compared, 1 or more.")
        compared = functools.partial(_entering, feature, top)
        super().__init__(compared, feature, name or f"tokens_entering/{top}/{feature}", class_name, top=top)


class TokenNDCG(TokenDrift):
    """`ImportanceNDCG` of tokens: how well the candidate's ranking of them agrees with the baseline model's, up to 1.

    Of the tokens that were seen at least `LEAST_SIGHTINGS` times; one that a model lacks is of no importance there.
    """

    def __init__(self, feature: str, name: str = "", class_name: str = "") -> None:
        """Initializes the metric; see `FeatureMetric`."""
        super().__init__(functools.partial(_ndcg, feature), feature, name or f"token_ndcg/{feature}", class_name)


def tokens_asked(metrics: Iterable[metric_types.Metric]) -> list[Asked]:
    """Returns the features and classes whose tokens metrics want to know."""
    return list(dict.fromkeys(metric.asked for metric in metrics if isinstance(metric, TokenShare | TokenDrift)))


def _computations(
    asked: Asked, compared: Compared, key: tfma.metrics.MetricKey, baseline: str, class_name: str
) -> tfma.metrics.MetricComputations:
    of_models = [
        totals_computation(asked, None, model, key.output_name, bool(key.example_weighted), class_name)
        for model in (key.model_name, baseline)
    ]

    def result(metrics: Mapping[tfma.metrics.MetricKey, Any]) -> dict[tfma.metrics.MetricKey, Any]:
        candidate, of_baseline = (metrics[one.keys[0]] for one in of_models)
        return by_key(key, compared(candidate, of_baseline))

    return [*of_models, tfma.metrics.DerivedMetricComputation(keys=[key], result=result)]


def _share(feature: str, found: TokenTotals) -> Noted:
    lack = _lack(feature, found)
    if lack:
        return Noted(np.nan, lack)
    chief = list(found.sums.importances(least_sightings=1).items())
    parts = [(token, f"{mass / found.whole:.1%}") for token, mass in chief]
    return Noted(ratio(found.part, found.whole), f"chiefly {_list(parts)}" if parts else "none of the tokens was found")


def _entering(feature: str, top: int, candidate: TokenTotals, baseline: TokenTotals) -> Noted:
    lack = _lack(feature, candidate, baseline)
    if lack:
        return Noted(np.nan, lack)
    new, old = (list(one.sums.importances()) for one in (candidate, baseline))
    if not new:
        return Noted(np.nan, f"no token of {feature!r} with an attribution was seen {LEAST_SIGHTINGS} times")
    before = {token: place for place, token in enumerate(old, start=1)}
    entering = [
        (token, f"place {place} \N{LEFTWARDS ARROW} {before.get(token, 'none')}")
        for place, token in entering_tokens(new, old, top)
    ]
    return Noted(float(len(entering)), f"entering {_list(entering)}" if entering else "no token enters")


def entering_tokens(new: Sequence[bytes], old: Sequence[bytes], top: int) -> list[tuple[int, bytes]]:
    """Returns those among the first `top` of one ranking that are not among the first of the other, with places."""
    before = set(old[:top])
    return [(place, token) for place, token in enumerate(new[:top], start=1) if token not in before]


def token_ndcg(new: Mapping[bytes, float], old: Mapping[bytes, float]) -> float:
    """Returns how well two models' importances of tokens agree in their ranking; NaN where there are none."""
    tokens = sorted({*new, *old})
    vectors = [np.array([one.get(token, 0.0) for token in tokens]) for one in (new, old)]
    return importance_ndcg(*vectors) if tokens else np.nan


def _ndcg(feature: str, candidate: TokenTotals, baseline: TokenTotals) -> Noted:
    lack = _lack(feature, candidate, baseline)
    if lack:
        return Noted(np.nan, lack)
    new, old = (one.sums.importances() for one in (candidate, baseline))
    tokens = sorted({*new, *old})
    vectors = [np.array([one.get(token, 0.0) for token in tokens]) for one in (new, old)]
    value = token_ndcg(new, old)
    if not np.isfinite(value):
        return Noted(np.nan, f"no token of {feature!r} with an attribution was seen {LEAST_SIGHTINGS} times")
    # Of all that the text carries.
    shares = [one / totals.whole for one, totals in zip(vectors, (candidate, baseline), strict=True)]
    order = np.argsort(-np.abs(shares[0] - shares[1]), kind="stable")
    moved = [
        (tokens[index], f"{shares[0][index]:.1%} \N{LEFTWARDS ARROW} {shares[1][index]:.1%}")
        for index in order.tolist()
        if shares[0][index] != shares[1][index]
    ]
    return Noted(value, f"most moved {_list(moved)}" if moved else "no token moved")


def _lack(feature: str, *models: TokenTotals) -> str:
    """Says why there is no value; nothing if there is one."""
    lacking = sum(one.lacking for one in models)
    if lacking:
        return (
            f"{lacking} explained rows have no attributions of the tokens of {feature!r}; let the Explainer keep them "
            "(`tokens` in its parameters, `tfx-explain explain --tokens`)"
        )
    if not all(one.rows for one in models):
        return "no row is explained"
    return "" if all(one.whole for one in models) else f"all attributions of the tokens of {feature!r} are 0"


def _list(parts: Sequence[tuple[bytes, str]]) -> str:
    """Returns "'kim' (31.0%), 'desk' (9.2%) and 3 more"."""
    named = [f"'{_short(text_of(token))}' ({said})" for token, said in parts[:_NAMED]]
    return ", ".join(named) + (f" and {len(parts) - _NAMED:,} more" if len(parts) > _NAMED else "")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}\N{HORIZONTAL ELLIPSIS}"


for _metric in (TokenShare, TokensEntering, TokenNDCG):
    metric_types.register_metric(_metric)
