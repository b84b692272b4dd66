"""What the page shows, as fragments of HTML: everything that a name or a value holds is escaped."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tfx_explain.savedmodel import ExplainedOutput
from tfx_explain.storage import columns
from tfx_explain.whatif.asking.deciding import class_name, is_probability
from tfx_explain.whatif.asking.session import Answer, Near, Session
from tfx_explain.whatif.asking.values import values_of
from tfx_explain.whatif.showing.words import decision, number, quantity, said_briefly, shown, templates

_OUTPUTS = 20
_MOVED = 1e-6  # Of the largest attribution; less is rounding.


@dataclass(frozen=True)
class Bar:
    """An attribution on an axis with 0 in its middle.

    Attributes:
      value: The attribution.
      before: That of the row as it was read; NaN: unknown.
      start: Where the bar begins, as a part of the axis.
      width: How wide it is.
      tick: Where it ended before.
      has_moved: Whether it has changed.
    """

    value: float
    before: float
    start: float
    width: float
    tick: float
    has_moved: bool


def style() -> str:
    """Returns the style sheet: the report's, and what the page has beside."""
    return "\n".join(templates().get_template(name).render() for name in ("style.css", "whatif.css"))


def about(session: Session) -> str:
    """Returns what is looked at: models, rows, method."""
    job, explained = session.models.job, session.models.explained
    paths = {columns.CANDIDATE: job.model_dir, columns.BASELINE: job.baseline_model_dir}
    return _render(
        "about.html",
        models={model: paths[model] for model in explained},
        sampled=len(session.rows.sample),
        total=session.rows.total,
        failures=len(session.predictions.failures),
        quantity=explained[columns.CANDIDATE].quantity.replace("_", "-"),
        method=(job.parameters.WhichOneof("method") or "integrated_gradients")
        .replace("_attribution", "")
        .replace("_", " "),
    )


def problem(sentences: Sequence[str], stands: bool) -> str:
    """Returns what is wrong with what was written; `stands`: the page still shows what was asked for last."""
    return _render("problem.html", sentences=sentences, stands=stands)


def beside(session: Session, record: bytes, fields: int) -> str:
    """Returns the columns of a row that no model reads, such as its label, and how many features have `fields`."""
    values = values_of(record)
    names = [name for name in sorted(values) if name not in session.models.features]
    there = [(name, shown(values[name])) for name in names if not columns.is_explanation_column(name)]
    more = len(session.models.features) > fields
    return _render("beside.html", beside=there, fields=fields if more else 0)


def said(session: Session, now: Answer | None, read: Answer | None) -> str:
    """Returns the predictions, and those of the row as it was read."""
    if now is None:
        return ""
    explained = session.models.explained
    rows = [_said(session, model, explained[model], now, read) for model in explained]
    return _render("said.html", said=rows, outputs=list(_outputs(session, now)))


def why(session: Session, now: Answer | None, read: Answer | None) -> str:
    """Returns the attributions, the largest first, with their errors."""
    if now is None:
        return ""
    found, before = _attributions(now), _attributions(read) if read and read.target == now.target else {}
    sizes = [abs(value) for part in (found, before) for one in part.values() for value in one.values()]
    most = max((size for size in sizes if math.isfinite(size)), default=0.0) or 1.0
    values = values_of(now.record)
    parts = []
    for name in session.largest(now):
        bars = {
            model: _bar(one.get(name, 0.0), before.get(model, {}).get(name, math.nan), most)
            for model, one in found.items()
        }
        parts.append(
            {
                "feature": name,
                "value": shown(values.get(name, ())) if name in session.models.features else "",
                "bars": bars,
            }
        )
    moved = any(bar.has_moved for part in parts for bar in part["bars"].values())
    return _render(
        "why.html",
        parts=parts,
        models=list(found),
        has_moved=moved,
        what=quantity(session, now.target),
        sentences=[_trust(model, now) for model in found],
    )


def near(session: Session, answer: Answer | None, found: Near | None) -> str:
    """Returns the nearest row of another prediction, and what differs."""
    if answer is None:
        return ""
    if found is None:
        return _render("near.html", near=None, why_none="No sampled row has another prediction.")
    explained = session.models.explained
    briefly = {model: said_briefly(session, model, outputs, answer.target) for model, outputs in found.outputs.items()}
    differences = [(name, shown(own), shown(other)) for name, (own, other) in found.differences.items()]
    return _render(
        "near.html", near=found, outputs={model: briefly[model] for model in explained}, differences=differences
    )


def _said(session: Session, model: str, output: ExplainedOutput, now: Answer, read: Answer | None) -> dict[str, Any]:
    outputs = now.outputs[model]
    place = session.place(model, now.target, outputs)
    value = float(outputs[place])
    before = float(read.outputs[model][place]) if read else math.nan
    return {
        "model": model,
        "decision": decision(output, outputs, place),
        "value": number(output, value),
        "log_odds": value if is_probability(output) else None,
        "before": number(output, before) if math.isfinite(before) else "",
    }


def _outputs(session: Session, now: Answer) -> Iterator[tuple[str, list[str]]]:
    """The largest outputs of the candidate, by name, and the same of each model; none where there is one only."""
    candidate = now.outputs[columns.CANDIDATE]
    explained = session.models.explained
    if len(candidate) < 2:
        return
    for target in np.argsort(-candidate, kind="stable")[:_OUTPUTS].tolist():
        values = []
        for model, outputs in now.outputs.items():
            place = session.place(model, target, outputs)
            values.append(number(explained[model], float(outputs[place])) if place >= 0 else "\N{EN DASH}")
        yield class_name(explained[columns.CANDIDATE], target), values


def _trust(model: str, now: Answer) -> dict[str, Any]:
    """How far a model's attributions can be relied on."""
    one = now.attributions[model]
    met = bool(one.converged[0])
    who = "Candidate" if model == columns.CANDIDATE else "Baseline model"
    begin, end, error = (
        float(part[0]) for part in (one.baseline_outputs, one.instance_outputs, one.approximation_errors)
    )
    how_far = f"from {begin:.4g} to {end:.4g}".replace("-", "\N{MINUS SIGN}")
    how_well = "within the tolerance" if met else "THE TOLERANCE IS NOT MET"
    return {"text": f"{who}: {how_far}, stated error of an attribution {error:.2g}, {how_well}.", "is_missed": not met}


def _attributions(answer: Answer) -> dict[str, dict[str, float]]:
    return {
        model: dict(zip(one.features, one.values[0].tolist(), strict=True))
        for model, one in answer.attributions.items()
    }


def _bar(value: float, before: float, most: float) -> Bar:
    end, was = 0.5 + value / (2 * most), 0.5 + before / (2 * most)
    has_moved = math.isfinite(before) and abs(value - before) > _MOVED * most
    return Bar(value, before, min(0.5, end), abs(end - 0.5), was, has_moved)


def _render(name: str, **what: Any) -> str:
    return templates().get_template(name).render(**what)
