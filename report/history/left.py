"""What each run left on disk: an Explainer's directories and a gate's, put together by what they say of themselves."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from tfx_explain.gate.reading.explanations import read_summary
from tfx_explain.gate.saying.verdict import JSON_FILE
from tfx_explain.report.decision import read_decision
from tfx_explain.storage.columns import BASELINE, CANDIDATE
from tfx_explain.storage.paths import names_in, resolved


@dataclass(frozen=True)
class Left:
    """What one run left.

    Attributes:
      title: The run's name, for people.
      attributions: The directories that Explainers wrote.
      validation: The directory that a ThresholdValidator wrote; empty: none.
      time: When the run was, in UTC as in RFC 3339; empty: not known.
      problems: What is wrong with it, in sentences.
    """

    title: str
    attributions: Sequence[str] = ()
    validation: str = ""
    time: str = ""
    problems: Sequence[str] = ()


@dataclass(frozen=True)
class _Found:
    """A directory that was given, and what it says of itself.

    Attributes:
      place: The directory.
      order: Its place among those that were given.
      records: The digests of the attribution records that it holds, or is about.
      models: The fingerprints of the models, by `CANDIDATE` and `BASELINE`.
      time: When the gate decided; empty: not known.
    """

    place: str
    order: int
    records: Collection[str] = ()
    models: Mapping[str, str] = field(default_factory=dict)
    time: str = ""

    def is_of_models_of(self, other: _Found) -> bool:
        """Whether both are of the same models, as far as both say so."""
        same = [self.models[role] == other.models[role] for role in self.models.keys() & other.models.keys()]
        return self.models.get(CANDIDATE, "") == other.models.get(CANDIDATE, "") != "" and all(same)


def left_in(directories: Sequence[str]) -> list[Left]:
    """Returns what runs left, from the directories of all of them.

    A verdict belongs to the attributions whose records it says that it is on, a verdict of an earlier version to those
    of the same models if there is no other choice. Runs are in the order of their verdicts' times; one without follows
    the one before it. Where no verdict has a time, they are in the order given.

    Args:
      directories: An Explainer's `attributions` and ThresholdValidators' `validation`, in any order.

    Raises:
      ValueError: There is none.
    """
    if not directories:
        raise ValueError("There are no runs; give the directories that Explainers and ThresholdValidators wrote.")
    explained, judged, others = [], [], []
    for order, place in enumerate({resolved(one): one for one in directories}.values()):
        names = names_in(place)
        if JSON_FILE in names:
            judged.append(_judged(place, order))
        elif any(name.startswith("Split-") for name in names):
            explained.append(_explained(place, order))
        else:
            others.append((order, "", Left(place, problems=[_neither(place)])))
    return _in_order([*_joined(explained, judged), *others])


def _neither(place: str) -> str:
    return (
        f"{place} holds no {JSON_FILE}, as a ThresholdValidator's `validation` does, and no Split-*, as an Explainer's "
        "`attributions` do."
    )


def _judged(place: str, order: int) -> _Found:
    try:
        decision = read_decision(place)
    except ValueError:
        return _Found(place, order)  # Whoever reads it says what is wrong.
    models = {role: one["fingerprint"] for role, one in decision.models.items() if one["fingerprint"]}
    return _Found(place, order, decision.records, models, decision.decided_at)


def _explained(place: str, order: int) -> _Found:
    try:
        splits = (read_summary(place) or {}).values()
    except ValueError:
        return _Found(place, order)
    digests = [f"{split.records_digest:016x}" for split in splits if split.records_digest]
    claims = [split.provenance.get("models", {}) for split in splits]
    models = {
        role: one["fingerprint"] for claim in claims for role, one in claim.items() if role in (CANDIDATE, BASELINE)
    }
    return _Found(place, order, digests, models)


def _joined(explained: Sequence[_Found], judged: Sequence[_Found]) -> list[tuple[int, str, Left]]:
    """Returns runs, each with the place of its first directory and its time."""
    free, runs = list(explained), []
    # Those of earlier versions don't name their records, and get what is left.
    for verdict in sorted(judged, key=lambda one: not one.records):
        mine, problem = _of_records(verdict, free), ""
        if not verdict.records:
            rivals = [one for one in judged if not one.records and one.is_of_models_of(verdict)]
            mine, problem = _of_models(verdict, free, len(rivals))
        free = [one for one in free if one not in mine]
        runs.append(_run(verdict, mine, problem))
    return runs + [(one.order, "", Left(one.place, [one.place])) for one in free]


def _of_records(verdict: _Found, free: Sequence[_Found]) -> list[_Found]:
    """Returns the attributions that a verdict is on; of copies, one."""
    mine: list[_Found] = []
    for digest in verdict.records:
        if not any(digest in one.records for one in mine):
            mine += [one for one in free if digest in one.records][:1]
    return mine


def _of_models(verdict: _Found, free: Sequence[_Found], rivals: int) -> tuple[list[_Found], str]:
    """Returns the attributions of a verdict's models, or why it can't be told which are the verdict's."""
    mine = [one for one in free if one.is_of_models_of(verdict)]
    if (len(mine) <= 1 and rivals <= 1) or not mine:
        return mine, ""
    return [], (
        f"To which attributions {verdict.place} belongs can't be told: {len(mine)} directories of attributions, such "
        f"as {mine[0].place}, and {rivals} verdicts are of the same models. Give those of one run at a time."
    )


def _run(verdict: _Found, mine: Sequence[_Found], problem: str) -> tuple[int, str, Left]:
    order = min(one.order for one in (verdict, *mine))
    title = mine[0].place if mine else verdict.place
    attributions = [one.place for one in mine]
    return order, verdict.time, Left(title, attributions, verdict.place, verdict.time, [problem] if problem else ())


def _in_order(runs: Sequence[tuple[int, str, Left]]) -> list[Left]:
    keyed, last = [], ""
    for order, time, left in sorted(runs, key=lambda run: run[0]):
        last = time or last
        keyed.append((last, order, _with_short_title(left)))
    return [left for _, _, left in sorted(keyed, key=lambda run: run[:2])]


def _with_short_title(left: Left) -> Left:
    """Returns a run named by the last two parts of its path: "attributions/22"."""
    return dataclasses.replace(left, title=os.sep.join(left.title.rstrip(os.sep).split(os.sep)[-2:]))
