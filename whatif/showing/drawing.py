"""How an output depends on one feature: lines over numbers, else a mark for each value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfx_explain.savedmodel import ExplainedOutput
from tfx_explain.storage import columns
from tfx_explain.whatif.asking.session import Curve, Session
from tfx_explain.whatif.asking.values import as_text
from tfx_explain.whatif.showing.words import number, quantity, templates

_WIDTH, _HEIGHT, _PAD = 600, 200, 10


def curve(session: Session, found: Curve | None, target: int) -> str:
    """Returns the curve of an output over one feature: lines over numbers, else a mark a value."""
    if found is None:
        return ""
    outputs = session.models.explained
    finite = np.concatenate([one[np.isfinite(one)] for one in found.outputs.values()])
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
    points = [
        {
            "text": as_text(values) or "(missing)",
            "is_here": place == found.here,
            "numbers": [number(outputs[model], one[place]) for model, one in found.outputs.items()],
            "at": {
                model: _part(one[place], low, high) for model, one in found.outputs.items() if math.isfinite(one[place])
            },
        }
        for place, values in enumerate(found.values)
    ]
    candidate = outputs[columns.CANDIDATE]
    return (
        templates()
        .get_template("curve.html")
        .render(
            curve=found,
            models=list(found.outputs),
            points=points,
            lines=_lines(candidate, found, low, high) if found.is_numeric and len(found.values) > 2 else None,
            caption=f"{quantity(session, target, of_prediction=True)} over {found.feature}, all else as in the row",
        )
    )


def _lines(output: ExplainedOutput, found: Curve, low: float, high: float) -> dict[str, Any]:
    """The curve as paths, over all values but a missing one."""
    numbers = [float(values[0]) for values in found.values if values]
    x = [_part(number, numbers[0], numbers[-1]) for number in numbers]
    across = [round(_WIDTH * one, 1) for one in x]
    paths = {
        model: _path(across, [_part(value, low, high) for value in one[: len(numbers)]])
        for model, one in found.outputs.items()
    }
    is_there = found.here < len(numbers)
    texts = [as_text(values) for values in found.values[: len(numbers)]]
    ticks = [{"kind": "first", "at": 0.0, "text": texts[0]}, {"kind": "last", "at": 1.0, "text": texts[-1]}]
    if is_there and 0.12 < x[found.here] < 0.88:
        ticks.insert(1, {"kind": "", "at": x[found.here], "text": texts[found.here]})
    return {
        "paths": paths,
        "here": across[found.here] if is_there else None,
        "low": number(output, low),
        "high": number(output, high),
        "ticks": ticks,
    }


def _path(across: Sequence[float], parts: Sequence[float]) -> str:
    """The `d` of a line, broken where a value is not known."""
    words, is_open = [], False
    for place, part in zip(across, parts, strict=True):
        if math.isfinite(part):
            down = round(_HEIGHT - _PAD - part * (_HEIGHT - 2 * _PAD), 1)
            words.append(f"{'L' if is_open else 'M'}{place} {down}")
        is_open = math.isfinite(part)
    return "".join(words)


def _part(value: float, low: float, high: float) -> float:
    return (value - low) / (high - low) if high > low else 0.5
