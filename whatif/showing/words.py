"""What is said of outputs, values and rows in a few words."""

from __future__ import annotations

import math

import jinja2
import numpy as np

from tfx_explain.report.page import environment
from tfx_explain.savedmodel import ExplainedOutput
from tfx_explain.storage import columns
from tfx_explain.whatif.asking.deciding import class_name, decision_name, decisions, is_probability, probabilities
from tfx_explain.whatif.asking.session import Session
from tfx_explain.whatif.asking.values import Values, as_text, is_editable


def said_briefly(session: Session, model: str, outputs: np.ndarray, target: int) -> str:
    """Returns a model's prediction in a few words: "0.87, >50K"."""
    output, place = session.models.explained[model], session.place(model, target, outputs)
    name = decision(output, outputs, place)
    return number(output, float(outputs[place])) + (f", {name}" if name else "")


def row_briefly(session: Session, place: int) -> str:
    """Returns what a list says of a sampled row: its name, and what each model says."""
    name, found = session.names[place], session.predictions
    if place in found.failures:
        return f"not taken by a model; row {name or place}"
    outputs = {model: one[place] for model, one in found.outputs.items()}
    target = session.models.targets(outputs[columns.CANDIDATE])[0]
    words = [said_briefly(session, model, one, target) for model, one in outputs.items()]
    return "; ".join([short(words[0]), *(f"baseline model {short(other)}" for other in words[1:]), f"row {name}"])


def output_name(session: Session, target: int) -> str:
    """Returns an output of the candidate for a list."""
    return short(class_name(session.models.explained[columns.CANDIDATE], target)) or "the output"


def quantity(session: Session, target: int, of_prediction: bool = False) -> str:
    """Returns what is explained, for people: "the log-odds of >50K"."""
    output = session.models.explained[columns.CANDIDATE]
    name = class_name(output, target)
    words = {"log_odds": "log-odds", "logits": "logit", "served": "output"}[output.quantity]
    if of_prediction:
        words = "Probability" if is_probability(output) else words.capitalize()
        return f"{words} of {name}" if name else words
    return f"the {words} of {name}" if name else f"the {words}"


def decision(output: ExplainedOutput, outputs: np.ndarray, place: int) -> str:
    """Returns what a model decides by its `outputs`, float64 `[outputs]`; empty of a number."""
    decided = decisions(output, outputs[None], place)
    return "" if decided is None or decided[0] < 0 else decision_name(output, int(decided[0]), place)


def number(output: ExplainedOutput, value: float) -> str:
    """Returns an output for people: log-odds as the probability that they stand for."""
    shown = float(probabilities(output, np.array(value)))
    return f"{shown:.4g}".replace("-", "\N{MINUS SIGN}") if math.isfinite(shown) else "not known"


def shown(values: Values) -> str:
    """Returns a feature's values for a table."""
    if not values:
        return "(missing)"
    return as_text(values) if is_editable(values) else f"({len(values)} value{'' if len(values) == 1 else 's'})"


def short(name: str) -> str:
    """Returns a name for a narrow place, made printable."""
    return templates().filters["short"](name)


def templates() -> jinja2.Environment:
    """Returns what makes HTML of templates, the page's own and the report's."""
    return environment("tfx_explain.whatif.showing")
