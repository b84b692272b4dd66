"""From the attributions of sound models to bounds that rarely stop one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from tfx_explain.gate.calibration import bounds as rule
from tfx_explain.gate.calibration import rules
from tfx_explain.gate.calibration.chosen import Chosen, choose
from tfx_explain.gate.calibration.reading import History, read_history
from tfx_explain.gate.calibration.suggestion import (
    ABSOLUTE,
    LOWER,
    UPPER,
    Bound,
    Observed,
    Suggestion,
    calibration,
)
from tfx_explain.gate.calibration.tokens import bounds_of_tokens, token_changes
from tfx_explain.gate.calibration.words import in_words
from tfx_explain.gate.usual import CUBE_ROOT, LINEAR, LOG, LOG_OF_REST, Usual, t_quantile
from tfx_explain.metrics import AttributionAgreement, AttributionShare, ImportanceNDCG, ShareKept
from tfx_explain.metrics.drift import importance_ndcg

LEAST_ROWS = 100
_DIGITS = 3
_COMPARISONS = (AttributionAgreement, ImportanceNDCG)


def suggest(
    attributions: Sequence[str],
    *,
    slices: Sequence[Sequence[str]] = (),
    rate: float = 0.01,
    horizon: int = 1,
    least_rows: int = LEAST_ROWS,
    class_name: str = "",
) -> Suggestion:
    """Suggests bounds for a gate on attributions, from those of models that were sound.

    ```python
    suggestion = suggest(["run-1", "run-2", "run-3"], slices=[["sex"]], rate=0.01)
    validator = ThresholdValidator(eval_config=suggestion.eval_config, ...)
    ```

    Each feature's share is bounded from both sides on the whole and on each slice, and so is its change from the
    baseline model; where directories hold two models, their agreement by row and the ranking of features are, too, and
    that of tokens, where records have some.
    `calibration.rules` has the formulas.

    Args:
      attributions: What Explainers wrote, a directory a run: past runs, or one model trained with several seeds. One
        directory is enough if it explains a candidate and a baseline model.
      slices: Features to slice by, each alone or some together; the whole is always among the slices.
      rate: How often the whole config may stop a model that differs from those given by rows and training alone.
      horizon: Over how many runs that rate is promised: 1, every run by itself; 365, a year of daily runs together.
      least_rows: Slices that have fewer explained rows in any run are left out.
      class_name: The class, by its name in the records or by its index; empty: the first one of each record.

    Returns:
      The suggestion: `eval_config`, `guard`, `bounds` and `notes`.

    Raises:
      ValueError: There are fewer than two models, or so few that no bound could be broken; or there is damage.
    """
    _verify(rate, horizon, least_rows)
    if isinstance(attributions, str) or any(isinstance(keys, str) for keys in slices):
        raise ValueError(
            "Give a list of directories, and a list of features for each slice, such as [['sex'], ['race']]."
        )
    return suggest_from(read_history(list(attributions), slices, class_name), rate, horizon, least_rows)


def suggest_from(history: History, rate: float, horizon: int, least_rows: int) -> Suggestion:
    """Suggests bounds from what has been read; see `suggest`."""
    class_name = history.class_name
    chosen = choose(history, least_rows)
    comparisons = _comparisons(history, chosen)
    tokens = token_changes(history.comparisons)
    thresholds = rule.how_many(chosen.shares) + comparisons.shape[1] + tokens.how_many
    each = rate / horizon / thresholds
    found = [
        *_of_shares(chosen, each, class_name),
        *_of_comparisons(comparisons, chosen, each, class_name),
        *bounds_of_tokens(tokens, each, class_name),
    ]
    runs, needed = len(chosen.shares), rules.runs_needed(each)
    if not found:
        raise ValueError(
            f"{runs} runs are too few: no bound on their attributions could be broken at a rate of {in_words(each)} a "
            f"bound; give {needed}, or allow a larger rate."
        )
    notes = [*history.notes, *chosen.notes, *_notes(runs, each, needed, thresholds - len(found))]
    slices = tuple(tuple(sorted(set(keys))) for keys in history.slices if keys)
    return Suggestion(tuple(found), calibration(found, rate, horizon, thresholds), slices, tuple(notes), class_name)


def _verify(rate: float, horizon: int, least_rows: int) -> None:
    if not 0 < rate < 1:
        raise ValueError(f"The rate of false alarms is {rate:g}; give a part of the runs, above 0 and below 1.")
    if horizon < 1 or least_rows < 1:
        raise ValueError(f"The horizon is {horizon} and least_rows {least_rows}; both are at least 1.")


def _of_shares(chosen: Chosen, each: float, class_name: str) -> Iterator[Bound]:
    """Yields the bounds of shares, feature by feature."""
    shares = chosen.shares
    runs, t = len(shares), t_quantile(len(shares), each)
    found = rule.share_bounds(shares, each, chosen.noise[1] if chosen.same_rows else 0.0)
    observed = [_observed(chosen, index) for index in range(shares.shape[1])]
    order = sorted(range(shares.shape[1]), key=lambda index: (chosen.quantities[index][1], index))
    centre, spread = found.spread.centre, found.spread.of_next
    for of_class, name, values, at_least in (
        (AttributionShare, LOWER, found.lower, True),
        (AttributionShare, UPPER, found.upper, False),
        (AttributionShare, ABSOLUTE, found.rise, False),
        (ShareKept, ABSOLUTE, found.rest, True),
    ):
        for index in (index for index in order if not math.isnan(values[index])):
            slice_key, feature = chosen.quantities[index]
            value = _outward(values[index], at_least)
            if name != ABSOLUTE:
                usual = Usual(CUBE_ROOT, centre[index], spread[index], runs)
            elif of_class is AttributionShare:
                usual = Usual(LINEAR, 0.0, value / t, runs)
            else:
                usual = Usual(LOG, 0.0, -math.log(value) / t, runs)
            metric = str(of_class(feature, class_name=class_name).name)
            yield Bound(of_class.__name__, metric, feature, slice_key, name, value, at_least, usual, observed[index])


def _of_comparisons(values: np.ndarray, chosen: Chosen, each: float, class_name: str) -> Iterator[Bound]:
    if not values.size:
        return
    spread, least = rule.least_agreement(values, each)
    about = [(of_class, slice_key) for of_class in _COMPARISONS for slice_key in chosen.slices]
    for index, (of_class, slice_key) in enumerate(about):
        if not math.isnan(least[index]):
            column = values[:, index]
            usual = Usual(LOG_OF_REST, spread.centre[index], spread.of_next[index], len(values))
            observed = Observed(column.mean(), column.min(), column.max())
            name, value = str(of_class(class_name=class_name).name), _outward(least[index], True)
            yield Bound(of_class.__name__, name, "", slice_key, ABSOLUTE, value, True, usual, observed)


def _comparisons(history: History, chosen: Chosen) -> np.ndarray:
    """Returns the agreement, then the NDCG, on each slice, float64 `[comparisons, quantities]`; empty below 2 rows."""
    rows = [
        [
            *(one.agreement[key] for key in chosen.slices),
            *(importance_ndcg(*one.importances[key]) for key in chosen.slices),
        ]
        for one in history.comparisons
        if all(key in one.agreement for key in chosen.slices)
    ]
    values = np.asarray([row for row in rows if np.isfinite(row).all()])
    return values if len(values) > 1 else np.empty((0, 0))


def _observed(chosen: Chosen, index: int) -> Observed:
    """Tells what comes from training and what from rows: the variance between runs holds both, if rows differed."""
    shares = chosen.shares[:, index]
    rows, between = float(chosen.noise[0, index]), float(shares.var(ddof=1))
    training = between if chosen.same_rows else max(0.0, between - rows)
    return Observed(shares.mean(), shares.min(), shares.max(), math.sqrt(training), math.sqrt(rows))


def _notes(runs: int, each: float, needed: int, unbreakable: int) -> Iterator[str]:
    if runs < needed:
        yield (
            f"{runs} runs are a short history: the bounds are {rules.width(runs, each):.1f} times as wide as after an "
            f"endless one; {needed} runs would bring that to {rules.ENOUGH:g}."
        )
    if unbreakable:
        many = "1 bound is" if unbreakable == 1 else f"{unbreakable} bounds are"
        yield f"{many} left out that nothing could break: a share would have to be below 0, or all there is."


def _outward(value: float, at_least: bool) -> float:
    """Rounds a bound to few digits, away from what it allows."""
    step = 10.0 ** (math.floor(math.log10(abs(value))) - _DIGITS + 1)
    return float(f"{(math.floor if at_least else math.ceil)(value / step) * step:.{_DIGITS}g}")
