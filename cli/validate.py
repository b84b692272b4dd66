"""`tfx-explain validate`: the gate without TFX's runner."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import apache_beam as beam
import click
from apache_beam.options.pipeline_options import PipelineOptions
from rich.table import Table
from rich.text import Text
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.cli import options
from tfx_explain.cli.configs import read_message
from tfx_explain.cli.main import CANNOT_TELL
from tfx_explain.cli.output import emit, printing
from tfx_explain.gate.config.lint import lint
from tfx_explain.gate.config.verify import Wiring, verify_config
from tfx_explain.gate.model import Model
from tfx_explain.gate.reading.evidence import Sources
from tfx_explain.gate.reading.shards import split_folders
from tfx_explain.gate.saying.check import Check, numbers
from tfx_explain.gate.saying.verdict import Verdict
from tfx_explain.gate.validate import validate
from tfx_explain.proto import explanation_pb2
from tfx_explain.report.beside import EVERYTHING, REPORTS, report_beside
from tfx_explain.storage.columns import BASELINE, CANDIDATE
from tfx_explain.storage.no_model import read_no_model

_SHOWN = 200
_NUMBERS = ("candidate", "baseline", "change", "relative", "margin")


@click.command(
    "validate",
    epilog=options.examples(
        "validate --eval-config gate.pbtxt --attributions explained --output verdict",
        "validate --eval-config gate.pbtxt --evaluation evaluation --attributions explained --model serving/2 --json",
    ),
)
@click.option(
    "--eval-config",
    required=True,
    type=options.EXISTING_FILE,
    help="A tfma.EvalConfig with thresholds, as text or JSON.",
)
@click.option("--evaluation", multiple=True, metavar="DIR", help="What an Evaluator wrote; may be repeated.")
@click.option("--attributions", multiple=True, metavar="DIR", help="What an Explainer wrote; may be repeated.")
@click.option("--baseline-evaluation", multiple=True, metavar="DIR", help="Of the baseline model's own earlier run.")
@click.option("--model", metavar="DIR", help="The candidate; what is evidence of another model is not believed.")
@click.option("--baseline-model", metavar="DIR", help="The baseline model, likewise.")
@click.option(
    "--model-name",
    default="",
    metavar="NAME",
    help="The candidate's name in the evaluations, if another.",
)
@click.option("--policy", type=options.EXISTING_FILE, help="A GatePolicy, as text or JSON.")
@click.option("--output", metavar="DIR", help="Where verdict, report.html and TFMA's result go; else nowhere.")
@click.option("--report", type=click.Choice(REPORTS), default=EVERYTHING, show_default=True, help=options.REPORT_HELP)
@options.JSON
@options.QUIET
@options.BEAM_ARGS
def command(
    eval_config: Path,
    evaluation: Sequence[str],
    attributions: Sequence[str],
    baseline_evaluation: Sequence[str],
    model: str | None,
    baseline_model: str | None,
    model_name: str,
    policy: Path | None,
    output: str | None,
    report: str,
    as_json: bool,
    quiet: bool,
    beam_args: Sequence[str],
) -> None:
    """Decides whether a model may be released, by thresholds over metrics and attributions.

    Prints the thresholds, failed ones first; with --json what verdict.json holds. Exits with 0 if the model is blessed,
    1 if it isn't, and 2 if that can't be told: a config that is wrong, an input that can't be read, an interruption, or
    an error that nobody foresaw. Modules that the config names are imported. What follows -- goes to
    Beam, which reads the attributions.
    """
    config = read_message(eval_config, config_pb2.EvalConfig())
    gate_policy = explanation_pb2.GatePolicy()
    if policy is not None:
        read_message(policy, gate_policy)
    verify_config(config, gate_policy, Wiring(bool(evaluation), bool(attributions), baseline=True))
    for warning in () if quiet else lint(config, gate_policy):
        emit(f"warning: {warning}\n", sys.stderr)
    no_baseline = read_no_model(baseline_model) if baseline_model else None
    sources = Sources(
        evaluations=evaluation,
        attributions=_folders(attributions),
        baseline_evaluations=baseline_evaluation,
        model_name=model_name,
        models=_models({CANDIDATE: model, BASELINE: None if no_baseline else baseline_model}),
        no_baseline=no_baseline,
    )
    beam_options = PipelineOptions(list(beam_args))
    verdict = _validate(config, gate_policy, sources, lambda: beam.Pipeline(options=beam_options), output, report)
    if as_json:
        emit(verdict.to_json(), sys.stdout)
    elif not quiet:
        _print(verdict)
    click.get_current_context().exit(CANNOT_TELL if verdict.unreadable else int(not verdict.blessed))


def _validate(
    config: config_pb2.EvalConfig,
    policy: explanation_pb2.GatePolicy,
    sources: Sources,
    make_pipeline: Callable[[], beam.Pipeline],
    output: str | None,
    report: str,
) -> Verdict:
    """Decides, and leaves in a folder, if there is one, what the component leaves."""
    with nullcontext(output) if output else tempfile.TemporaryDirectory() as path:
        verdict = validate(config, policy, sources, make_pipeline, path)
    if output:
        report_beside(report, output, list(sources.attributions.values()), make_pipeline, validation=output)
    return verdict


def _folders(directories: Sequence[str]) -> dict[str, str]:
    """Returns the folders of all splits, by a name for people."""
    splits = [split for directory in directories for split in split_folders(directory)]
    return {f"the attributions {split}": split for split in splits}


def _models(given: Mapping[str, str | None]) -> dict[str, Model]:
    """Returns the models that were given, by what they are."""
    models = {role: Model.at(path) for role, path in given.items() if path}
    for model in models.values():
        if not model.fingerprint:
            raise ValueError(f"There is no model at {model.uri}; give a SavedModel's folder, or a Model artifact's.")
    return models


def _print(verdict: Verdict) -> None:
    shown = verdict.checks[:_SHOWN]
    with printing() as console:
        for line in verdict.override_lines():
            console.print(line, style="bold red")
        for problem in verdict.problems:
            console.print(f"- {problem}")
        if shown:
            console.print(_table(shown))
        if len(verdict.checks) > _SHOWN:
            console.print(f"... and {len(verdict.checks) - _SHOWN} more thresholds; --output keeps them all.")
        for check in verdict.failed[:_SHOWN]:
            console.print(f"- {check.reason}")
        if unanswered := verdict.unanswered():
            console.print(f"- {unanswered}")
        for sentence in verdict.evidence:
            console.print(f"- {sentence}")
        if verdict.warning:
            console.print(f"WARNING: {verdict.warning}", style="bold yellow")
        console.print(verdict.headline(), style="bold")


def _table(checks: Sequence[Check]) -> Table:
    table = Table()
    for head in ("", "metric", "slice", "allowed"):
        table.add_column(head, overflow="fold")
    rows = [numbers(check) for check in checks]
    heads = [head for head in _NUMBERS if any(row.get(head) for row in rows)]
    for head in heads:
        table.add_column(head, justify="right", overflow="fold")
    for check, row in zip(checks, rows, strict=True):
        texts = ("passed" if check.passed else "FAILED", check.title, check.slice, check.allowed)
        table.add_row(*map(Text, (*texts, *(row.get(head, "") for head in heads))))
    return table
