"""What a task runs on Kubeflow Pipelines: TFX's container entrypoint, between the launcher's files and TFX's addresses.

`python -m tfx_explain.kubeflow.entrypoint [--driver MODULE] ARGUMENT ...`, with the arguments of TFX's own entrypoint.
`compile_pipeline` writes this command; nobody types it. Between KFP's launcher and TFX three things don't meet:

 - The launcher copies input artifacts to local folders before the task, and after it to the store what it finds in
   those of the outputs. TFX reads and writes at the artifacts' addresses, and can neither at `minio://`, nor at
   `s3://` without tensorflow-io: here it gets the folders. `gs://` stays: TFX reads it, and so do remote Beam workers.
 - The launcher gives input artifacts no type, or one of its own, where TFX takes from it the class to import
   (https://github.com/tensorflow/tfx/issues/7768), and some releases fail on types that are not KFP's. The pipeline
   spec has plain artifacts alone; the types that TFX knows come in two arguments, and take their place.
 - KFP runs no `preCacheCheck`, where ExampleGen resolves `{SPAN}` and `{VERSION}` in its input patterns: it runs here.

Standard library only, so that it adds nothing to the minute that importing TFX takes.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

OUTPUTS_OPTION = "--json_serialized_outputs_spec_args"
EXECUTOR = "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"
# As KFP's launcher has it; the variable moves the folders, there as here.
_ROOT_VARIABLE = "ARTIFACT_LOCAL_PATH"
_FOLDERS = {"minio://": "/minio/", "s3://": "/s3/"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the driver, if there is one, and the executor; returns the exit status of the one that failed, or 0."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--driver")
    parser.add_argument("--json_serialized_invocation_args", type=json.loads, required=True)
    parser.add_argument("--json_serialized_inputs_spec_args", type=json.loads, required=True)
    parser.add_argument(OUTPUTS_OPTION, dest="outputs", type=json.loads, required=True)
    options, others = parser.parse_known_args(arguments)
    declared = options.json_serialized_inputs_spec_args, options.outputs
    invocation = localize(options.json_serialized_invocation_args, *declared)
    texts = {
        "--json_serialized_invocation_args": invocation,
        "--json_serialized_inputs_spec_args": options.json_serialized_inputs_spec_args,
    }
    passed_on = [text for name, value in texts.items() for text in (name, json.dumps(value))] + others
    for module in filter(None, (options.driver, EXECUTOR)):
        status = subprocess.run([sys.executable, "-m", module, *passed_on], check=False).returncode
        if status:
            # Of a process that a signal ended, as shells have it.
            return status if status > 0 else 128 - status
    output_file = pathlib.Path(invocation["outputs"]["outputFile"])
    output = json.loads(output_file.read_text(encoding="utf-8"))
    output_file.write_text(json.dumps(_texts_in(output, _address)), encoding="utf-8")
    return 0


def localize(
    invocation: dict[str, Any], declared_inputs: dict[str, Any], declared_outputs: dict[str, Any]
) -> dict[str, Any]:
    """Returns an ExecutorInput for TFX: folders in place of addresses, and artifacts of the types that are declared.

    Args:
      invocation: The ExecutorInput that the launcher fills in, as JSON.
      declared_inputs: The component's ComponentInputsSpec for TFX, as JSON.
      declared_outputs: Its ComponentOutputsSpec.
    """
    # Parameters are the pipeline author's own: the launcher copies nothing that only they name.
    return {
        **invocation,
        "inputs": _localized(invocation.get("inputs", {}), declared_inputs),
        "outputs": _localized(invocation["outputs"], declared_outputs),
    }


def _localized(given: dict[str, Any], declared: dict[str, Any]) -> dict[str, Any]:
    types = {name: one["artifactType"] for name, one in declared.get("artifacts", {}).items()}
    typed = {
        name: {"artifacts": [{**artifact, "type": types[name]} for artifact in one.get("artifacts", ())]}
        for name, one in given.get("artifacts", {}).items()
        # KFP adds an output of its own for logs.
        if name in types
    }
    return {**given, "artifacts": _texts_in(typed, _folder)}


def _texts_in(value: Any, change: Callable[[str], str]) -> Any:
    """Returns a JSON value with its texts changed, those in an artifact's metadata too: a blessing names its models."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, list):
        return [_texts_in(each, change) for each in value]
    if isinstance(value, dict):
        return {name: _texts_in(each, change) for name, each in value.items()}
    return value


def _folder(text: str) -> str:
    for scheme, folder in _FOLDERS.items():
        if text.startswith(scheme):
            return os.environ.get(_ROOT_VARIABLE, "") + folder + text[len(scheme) :]
    return text


def _address(text: str) -> str:
    for scheme, folder in _FOLDERS.items():
        local = os.environ.get(_ROOT_VARIABLE, "") + folder
        if text.startswith(local):
            return scheme + text[len(local) :]
    return text


if __name__ == "__main__":
    sys.exit(main())
