"""Writing a history: what runs left, as one HTML file or as JSON lines."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tfx_explain.report.history.left import Left
from tfx_explain.report.history.pictures import Shares, drift_courses, feature_courses, table
from tfx_explain.report.history.run import BASELINE_MODEL, FIRST, LAST_BLESSED, Drift, Reading, Run, drifts, read_run
from tfx_explain.report.importance import Importance
from tfx_explain.report.page import environment
from tfx_explain.storage import columns

_TEMPLATE = "history.html"


def read_history(lefts: Sequence[Left], reading: Reading) -> Iterator[Run]:
    """Yields runs, each with how far it is from those before it.

    Args:
      lefts: What each run left, in their order.
      reading: How they are read.
    """
    before: list[Run] = []
    for number, left in enumerate(lefts, 1):
        run = read_run(number, left, reading)
        run = dataclasses.replace(run, drift=drifts(run, before), problems=[*run.problems, *_otherwise(run, before)])
        yield run
        before.append(dataclasses.replace(run, sample=None))


def history_page(runs: Sequence[Run]) -> str:
    """Returns the page as HTML that needs nothing else; the same bytes for the same runs.

    Raises:
      ValueError: Nothing of any run can be read.
    """
    verify_readable(runs)
    shares = Shares(runs)
    return (
        environment()
        .get_template(_TEMPLATE)
        .render(
            runs=runs,
            blessed=sum(run.is_blessed for run in runs),
            courses=feature_courses(shares),
            drift_courses=drift_courses(runs),
            table=table(shares),
            features=len(shares.features),
        )
    )


def history_lines(runs: Sequence[Run]) -> Iterator[str]:
    """Yields a run a line, as JSON; docs/history.md has its keys.

    Raises:
      ValueError: Nothing of any run can be read.
    """
    verify_readable(runs)
    for run in runs:
        yield f"{json.dumps(_finite(_to_dict(run)), ensure_ascii=False, allow_nan=False)}\n"


def verify_readable(runs: Sequence[Run]) -> None:
    """Raises a ValueError if nothing of any run can be read."""
    if not any(run.decision or run.importances for run in runs):
        why = [problem for run in runs for problem in run.problems]
        raise ValueError(" ".join(["Nothing of any run can be read.", *why[:3]]))


def _otherwise(run: Run, before: Iterable[Run]) -> list[str]:
    """Says that a run's shares may differ from an earlier run's because it was explained in another way."""
    known = [one for one in before if one.importances]
    if not known or not run.importances or known[-1].way == run.way:
        return []
    return [
        f"Its rows were explained with other parameters than those of run {known[-1].number}; its shares may differ "
        "from earlier ones for that."
    ]


def _to_dict(run: Run) -> dict[str, Any]:
    decision = run.decision
    return {
        "number": run.number,
        "run": run.left.title,
        "time": run.time or None,
        "blessed": decision.blessed if decision else None,
        "overridden": decision.overridden if decision else None,
        "headline": decision.headline if decision else None,
        "failed": [one.reason for one in decision.failed] if decision else [],
        "models": {role: dict(one) for role, one in run.models.items()},
        "rows": run.rows,
        "features": {one.feature: _feature(one) for one in run.importances},
        "drift": {name: _drift(run.drift.get(name)) for name in (FIRST, LAST_BLESSED, BASELINE_MODEL)},
        "attributions": list(run.left.attributions),
        "validation": run.left.validation or None,
        "problems": list(run.problems),
    }


def _feature(one: Importance) -> dict[str, Any]:
    """Returns a feature's part in both models; what a model without the feature lacks is null."""
    part, before = (one.parts.get(model) for model in columns.MODELS)
    found = {name: getattr(part, name) if part else None for name in ("share", "low", "high", "rank", "mean")}
    return found | {"baseline_share": before.share if before else None}


def _drift(drift: Drift | None) -> dict[str, Any] | None:
    if drift is None:
        return None
    return {
        "run": drift.run or None,
        "importance_ndcg": drift.ndcg,
        "largest_share_change": drift.change,
        "feature": drift.feature or None,
    }


def _finite(value: Any) -> Any:
    """Returns a value with null for what is not known."""
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
