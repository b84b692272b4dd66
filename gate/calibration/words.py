"""A suggestion for people: an EvalConfig with a comment on each bound, and a table."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator

from google.protobuf import text_format
from google.protobuf.message import Message
from scipy import special
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.gate.calibration.suggestion import Bound, Suggestion
from tfx_explain.gate.saying.digits import exact
from tfx_explain.gate.slices import printed
from tfx_explain.gate.usual import LOG_OF_REST, degrees
from tfx_explain.metrics.configs import without_thresholds
from tfx_explain.proto.printable import printable

HEADS = ("metric", "slice", "bound", "allowed", "observed", "from", "to", "by training", "by rows", "runs")
_WIDTH = 118
_LEAST = 1e-9


def in_words(rate: float) -> str:
    """Returns a small probability as people say it: "1 in 100", "1 in 33,000"; runs that are alike give 0."""
    if rate < _LEAST:
        return f"less than 1 in {1 / _LEAST:,.0f}"
    return f"1 in {1 / rate:,.3g}" if rate > 1e-3 else f"1 in {round(1 / rate, -int(math.log10(1 / rate)) + 1):,.0f}"


def promise(suggestion: Suggestion) -> str:
    """Says what rate of false alarms the bounds are for."""
    made = suggestion.calibration
    over = "of each run" if made.horizon == 1 else f"over {made.horizon} runs together"
    return (
        f"{len(suggestion.bounds)} bounds for a rate of false alarms, {over}, of {in_words(made.rate)}; "
        f"of each bound in one run, {in_words(made.each)}"
    )


def to_text(suggestion: Suggestion) -> str:
    """Returns a suggestion's EvalConfig in protocol buffers' text format, with a comment on each bound.

    `tfx-explain validate` and `lint` read it, and so does `text_format.Parse`.
    """
    config = suggestion.eval_config
    head = config_pb2.EvalConfig(model_specs=config.model_specs, slicing_specs=config.slicing_specs)
    lines = [f"# {line}" for line in _wrapped(f"{promise(suggestion)}.", *suggestion.notes)]
    lines += [text_format.MessageToString(head).rstrip(), "metrics_specs {"]
    for metric, thresholds in suggestion.metrics():
        lines += ["  metrics {", *_fields(without_thresholds(metric), 4)]
        for bounds, threshold in zip(thresholds, metric.per_slice_thresholds, strict=True):
            comments = [comment(bound) for bound in bounds]
            lines += [f"    # {printable(text)}" for text in comments]
            lines += ["    per_slice_thresholds {", *_fields(threshold, 6), "    }"]
        lines += ["  }"]
    lines += ["  # What is usual of each, for verdicts and for `tfx-explain lint`; it computes nothing."]
    lines += ["  metrics {", *_fields(suggestion.calibration.to_metric(), 4), "  }", "}"]
    text = "\n".join(lines) + "\n"
    assert text_format.Parse(text, config_pb2.EvalConfig()) == config
    return text


def comment(bound: Bound) -> str:
    """Says what a bound was made from: what was observed, over how many runs, how sure."""
    seen, usual = bound.observed, bound.usual
    what = "comparisons" if usual.scale == LOG_OF_REST else "runs"
    noise = ""
    if not math.isnan(seen.rows):
        noise = f", varies by {seen.training:.2g} with training and {seen.rows:.2g} with the rows"
    low, high = known_within(usual.runs)
    beyond = in_words(usual.alarms(bound.value, bound.at_least)).replace("1 in", "1 sound model in")
    return (
        f"{bound.name} {exact(bound.value)} on {printed(bound.slice_key)}: {bound.feature or bound.metric} was "
        f"{seen.mean:.3g} in {usual.runs} {what} ({seen.low:.3g} to {seen.high:.3g}){noise}; {beyond} is beyond the "
        f"bound, give or take that the spread is known to a factor of {low:.2f} to {high:.2f}."
    )


def known_within(runs: int) -> tuple[float, float]:
    """Returns the 95% interval of a standard deviation by its estimate from so many runs (from chi-square)."""
    free = degrees(runs)
    low, high = (math.sqrt(free / special.chdtri(free, chance)) for chance in (0.025, 0.975))
    return low, high


def table(suggestion: Suggestion) -> list[tuple[str, ...]]:
    """Returns the rows of a table under `HEADS`, a bound each."""
    return [
        (
            bound.metric,
            printed(bound.slice_key),
            "change" if bound.name == "absolute" else "value",
            f"{'>=' if bound.at_least else '<='} {exact(bound.value)}",
            *(f"{number:.3g}" for number in (bound.observed.mean, bound.observed.low, bound.observed.high)),
            *("" if math.isnan(one) else f"{one:.2g}" for one in (bound.observed.training, bound.observed.rows)),
            str(bound.usual.runs),
        )
        for bound in suggestion.bounds
    ]


def _fields(message: Message, indent: int) -> list[str]:
    return text_format.MessageToString(message, indent=indent).rstrip().split("\n")


def _wrapped(*sentences: str) -> Iterator[str]:
    for sentence in sentences:
        yield from textwrap.wrap(printable(sentence), _WIDTH, break_long_words=False)
