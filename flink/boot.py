#!/usr/bin/env python
"""Starts a Beam SDK worker that has what the pipeline staged: what `boot` does in Beam's container images.

A worker pool on a machine without containers starts it for each worker:

    python -m apache_beam.runners.worker.worker_pool_main --service_port=50000 --container_executable=/path/to/boot.py

Without it, such a pool ignores `--setup_file` and `--extra_package`. The packages go into a folder that only this
pipeline's workers see, once for all of them; their dependencies have to be there already. It needs nothing but Beam, so
that it can be copied to where tfx-explain is not.
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import grpc
from apache_beam.portability import common_urns
from apache_beam.portability.api import (
    beam_artifact_api_pb2,
    beam_artifact_api_pb2_grpc,
    beam_provision_api_pb2,
    beam_provision_api_pb2_grpc,
    beam_runner_api_pb2,
    endpoints_pb2,
)
from apache_beam.runners.worker.worker_id_interceptor import WorkerIdInterceptor
from google.protobuf import json_format, text_format

# Beam's names for what it stages (its `stager.py`).
_SETUP_FILE_PACKAGE = "workflow.tar.gz"
_EXTRA_PACKAGES = "extra_packages.txt"
_REQUIREMENTS = "requirements.txt"


def main(arguments: Sequence[str] | None = None) -> None:
    """Becomes a worker; the flags are those of Beam's container contract."""
    parser = argparse.ArgumentParser(description="Starts a Beam SDK worker with what the pipeline staged.")
    for flag in ("id", "logging_endpoint", "artifact_endpoint", "provision_endpoint", "control_endpoint"):
        parser.add_argument(f"--{flag}", required=True)
    parser.add_argument("--semi_persist_dir", default=tempfile.gettempdir(), help="what is staged is kept here")
    flags, _ = parser.parse_known_args(arguments)
    os.environ["WORKER_ID"] = flags.id
    info = provision_info(flags.provision_endpoint, flags.id)
    packages = stage(info.dependencies, flags.artifact_endpoint, flags.id, Path(flags.semi_persist_dir))
    environ = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(packages), os.environ.get("PYTHONPATH")])),
        "PIPELINE_OPTIONS": json_format.MessageToJson(info.pipeline_options),
        "SEMI_PERSISTENT_DIRECTORY": flags.semi_persist_dir,
        "LOGGING_API_SERVICE_DESCRIPTOR": _descriptor(flags.logging_endpoint),
        "CONTROL_API_SERVICE_DESCRIPTOR": _descriptor(flags.control_endpoint),
        "RUNNER_CAPABILITIES": " ".join(info.runner_capabilities),
    }
    # The pool never reads its workers' standard output: one that says much would hang on a full pipe.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    os.execve(sys.executable, [sys.executable, "-m", "apache_beam.runners.worker.sdk_worker_main"], environ)


def provision_info(endpoint: str, worker_id: str) -> beam_provision_api_pb2.ProvisionInfo:
    """Asks the runner for the pipeline's options and for what is staged."""
    with grpc.insecure_channel(endpoint) as channel:
        stub = beam_provision_api_pb2_grpc.ProvisionServiceStub(
            grpc.intercept_channel(channel, WorkerIdInterceptor(worker_id))
        )
        return stub.GetProvisionInfo(beam_provision_api_pb2.GetProvisionInfoRequest()).info


def stage(
    dependencies: Sequence[beam_runner_api_pb2.ArtifactInformation], endpoint: str, worker_id: str, folder: Path
) -> Path:
    """Installs what is staged, unless another worker has.

    Args:
      dependencies: What is staged.
      endpoint: Of the runner's artifact service.
      worker_id: This worker.
      folder: Where packages are kept.

    Returns:
      The folder that the packages are installed in, for `PYTHONPATH`.

    Raises:
      ValueError: Something is staged that is not installed here.
    """
    key = hashlib.sha256(b"".join(sorted(each.SerializeToString() for each in dependencies))).hexdigest()[:16]
    installed = folder / f"staged-{key}"
    with (folder / f"staged-{key}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not installed.is_dir():
            with tempfile.TemporaryDirectory(dir=folder) as temporary:
                files = fetch(dependencies, endpoint, worker_id, Path(temporary))
                install(files, Path(temporary) / "packages").rename(installed)
    return installed


def fetch(
    dependencies: Sequence[beam_runner_api_pb2.ArtifactInformation], endpoint: str, worker_id: str, folder: Path
) -> dict[str, Path]:
    """Writes what is staged into `folder`; returns the paths by the names that it is staged under."""
    files = {}
    with grpc.insecure_channel(endpoint) as channel:
        stub = beam_artifact_api_pb2_grpc.ArtifactRetrievalServiceStub(
            grpc.intercept_channel(channel, WorkerIdInterceptor(worker_id))
        )
        request = beam_artifact_api_pb2.ResolveArtifactsRequest(artifacts=dependencies)
        for artifact in stub.ResolveArtifacts(request).replacements:
            if artifact.role_urn != common_urns.artifact_roles.STAGING_TO.urn:
                continue
            role = beam_runner_api_pb2.ArtifactStagingToRolePayload.FromString(artifact.role_payload)
            path = folder / Path(role.staged_name).name
            with path.open("wb") as file:
                for block in stub.GetArtifact(beam_artifact_api_pb2.GetArtifactRequest(artifact=artifact)):
                    file.write(block.data)
            files[role.staged_name] = path
    return files


def install(files: dict[str, Path], target: Path) -> Path:
    """Installs the packages of `--setup_file` and `--extra_package` into a new folder, and returns it.

    Raises:
      ValueError: `--requirements_file` was staged.
      subprocess.CalledProcessError: pip failed.
    """
    if _REQUIREMENTS in files:
        raise ValueError(
            "--requirements_file is staged, which needs a container of its own or an installation by hand: install the "
            "requirements in this worker pool's environment, and stage packages by --setup_file or --extra_package."
        )
    target.mkdir()
    names = files[_EXTRA_PACKAGES].read_text().splitlines() if _EXTRA_PACKAGES in files else []
    names += [name for name in (_SETUP_FILE_PACKAGE,) if name in files]
    if names:
        # No index and no dependencies: the worker's TensorFlow is not for a pipeline to replace.
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--no-build-isolation"]
        packages = [str(files[name]) for name in names]
        subprocess.run([*pip, "--target", str(target), *packages], check=True, stdout=sys.stderr)
    return target


def _descriptor(url: str) -> str:
    return text_format.MessageToString(endpoints_pb2.ApiServiceDescriptor(url=url), as_one_line=True)


if __name__ == "__main__":
    main()
