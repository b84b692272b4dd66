"""`tfx-explain lint`: thresholds that can never pass, never fail, or are never asked."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.cli import options
from tfx_explain.cli.configs import read_message
from tfx_explain.cli.output import emit
from tfx_explain.gate.config.lint import lint
from tfx_explain.gate.config.verify import verify_config
from tfx_explain.proto import explanation_pb2
from tfx_explain.proto.printable import printable


@click.command(
    "lint",
    epilog=options.examples("lint gate.pbtxt", "lint gate.pbtxt --policy policy.pbtxt --json | jq -r '.warnings[]'"),
)
@click.argument("config", type=options.EXISTING_FILE)
@click.option("--policy", type=options.EXISTING_FILE, help="A GatePolicy, as text or JSON: how `relative` is read.")
@options.JSON
@options.QUIET
def command(config: Path, policy: Path | None, as_json: bool, quiet: bool) -> None:
    """Looks for thresholds in CONFIG, a tfma.EvalConfig as text or JSON, that can never pass, or never fail.

    Prints a line for each, with the remedy. Exits with 0 where there is none, 1 where there are some, and 2 where the
    gate would refuse the config or it can't be read. Modules that the config names are imported.
    """
    eval_config = read_message(config, config_pb2.EvalConfig())
    gate_policy = explanation_pb2.GatePolicy()
    if policy is not None:
        read_message(policy, gate_policy)
    verify_config(eval_config, gate_policy)
    warnings = lint(eval_config, gate_policy)
    if as_json:
        emit(f"{json.dumps({'warnings': warnings}, indent=2)}\n", sys.stdout)
    elif not quiet:
        emit("".join(f"{printable(str(config))}: {warning}\n" for warning in warnings), sys.stdout)
    click.get_current_context().exit(1 if warnings else 0)
