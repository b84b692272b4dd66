"""`tfx-explain validate`: the gate without TFX's runner."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path

import apache_beam as beam
import click
import rich.console
import rich.markup
import rich.table
import tensorflow as tf
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.cli.configs import read_message
from tfx_explain.cli.main import CANNOT_TELL
from tfx_explain.gate.config.lint import lint
from tfx_explain.gate.config.verify import Wiring, verify_config
from tfx_explain.gate.model import Model
from tfx_explain.gate.reading.evidence import Sources
from tfx_explain.gate.saying import wording
from tfx_explain.gate.saying.check import Check
from tfx_explain.gate.saying.verdict import Verdict
from tfx_explain.gate.validate import validate
from tfx_explain.proto import explanation_pb2
from tfx_explain.storage.columns import BASELINE, CANDIDATE
from tfx_explain.storage.paths import matching

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SHOWN = 200


@click.command("validate")
@click.option("--eval-config", required=True, type=_FILE, help="A tfma.EvalConfig with thresholds, as text or JSON.")
@click.option("--evaluation", multiple=True, metavar="DIR", help="What an Evaluator wrote; may be repeated.")
@click.option("--attributions", multiple=True, metavar="DIR", help="What an Explainer wrote; may be repeated.")
@click.option("--baseline-evaluation", multiple=True, metavar="DIR", help="Of the baseline model's own earlier run.")
@click.option("--model", metavar="DIR", help="The candidate; what is evidence of another model is not believed.")
@click.option("--baseline-model", metavar="DIR", help="The baseline model, likewise.")
@click.option("--model-name", default="", help="The candidate's name in the evaluations, if it has another one there.")
@click.option("--policy", type=_FILE, help="A GatePolicy, as text or JSON.")
@click.option("--output", metavar="DIR", help="Where verdict.json, verdict.txt and TFMA's result go; else nowhere.")
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
) -> None:
    """Decides whether a model may be released, by thresholds over metrics and attributions.

    Prints the thresholds, failed ones first. Exits with 0 if the model is blessed, 1 if it isn't, and 2 if that can't
    be told: a config that is wrong, or an input that can't be read.
    """
    config = read_message(eval_config, config_pb2.EvalConfig())
    gate_policy = explanation_pb2.GatePolicy()
    if policy is not None:
        read_message(policy, gate_policy)
    verify_config(config, gate_policy, Wiring(bool(evaluation), bool(attributions), baseline=True))
    for warning in lint(config, gate_policy):
        click.echo(f"warning: {warning}", err=True)
    sources = Sources(
        evaluations=evaluation,
        attributions=_folders(attributions),
        baseline_evaluations=baseline_evaluation,
        model_name=model_name,
        models=_models({CANDIDATE: model, BASELINE: baseline_model}),
    )
    with nullcontext(output) if output else tempfile.TemporaryDirectory() as path:
        verdict = validate(config, gate_policy, sources, beam.Pipeline, path)
    _print(verdict)
    sys.exit(CANNOT_TELL if verdict.unreadable else int(not verdict.blessed))


def _folders(directories: Sequence[str]) -> dict[str, str]:
    """Returns the folders of all splits, by a name for people."""
    folders = {}
    for directory in directories:
        splits = matching(os.path.join(directory, "Split-*")) if tf.io.gfile.isdir(directory) else []
        if not splits:
            raise ValueError(
                f"{directory} has no folder Split-*, as what an Explainer writes has; give that directory."
            )
        folders |= {f"the attributions {split}": split for split in splits}
    return folders


def _models(given: Mapping[str, str | None]) -> dict[str, Model]:
    """Returns the models that were given, by what they are."""
    models = {role: Model.at(path) for role, path in given.items() if path}
    for model in models.values():
        if not model.fingerprint:
            raise ValueError(f"There is no model at {model.uri}; give a SavedModel's folder, or a Model artifact's.")
    return models


def _print(verdict: Verdict) -> None:
    console = rich.console.Console()
    passed = sum(bool(check.passed) for check in verdict.checks)
    if verdict.override is not None:
        said = verdict.override.headline() if verdict.overridden else verdict.override.why_not_used(verdict.blessed)
        console.print(said, style="bold red", markup=False)
    for problem in verdict.problems:
        console.print(f"- {problem}", markup=False)
    if verdict.checks:
        console.print(_table(verdict.checks[:_SHOWN]))
    if len(verdict.checks) > _SHOWN:
        console.print(f"... and {len(verdict.checks) - _SHOWN} more thresholds; --output keeps them all.")
    for check in verdict.checks[:_SHOWN]:
        if not check.passed:
            console.print(f"- {check.reason}", markup=False)
    for sentence in verdict.evidence:
        console.print(f"- {sentence}", markup=False)
    if verdict.not_asked:
        console.print(f"{len(verdict.not_asked)} thresholds were not asked: there is no baseline model.")
    console.print(
        f"{'BLESSED' if verdict.blessed else 'NOT BLESSED'}: {passed} of {len(verdict.checks)} thresholds passed",
        style="bold",
    )


def _table(checks: Sequence[Check]) -> rich.table.Table:
    table = rich.table.Table("", "metric", "slice", "allowed")
    for head in ("candidate", "baseline", "change", "margin"):
        table.add_column(head, justify="right")
    for check in checks:
        numbers = (check.observed, check.baseline, check.change, check.margin)
        table.add_row(
            "passed" if check.passed else "FAILED",
            *map(rich.markup.escape, (check.metric, check.slice, check.allowed)),
            *("" if value is None else wording.number(value) for value in numbers),
        )
    return table
