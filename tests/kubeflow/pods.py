"""How a pod runs here: as a process of this environment."""

import os
import subprocess
import sys
from pathlib import Path

from tests.kubeflow.backend import Pod

LOG = "log.txt"


def process_root(files: Path) -> str:
    """A process has this machine's `/`; a pod's folders are moved by the launcher's own variable."""
    return str(files)


def run_process(pod: Pod) -> int:
    """Runs a pod's command in this interpreter's environment, with the pod's folders by their full paths."""
    assert pod.command[0] == "python"
    environment = {**os.environ, **pod.environment, "ARTIFACT_LOCAL_PATH": str(pod.files)}
    with (pod.files / LOG).open("wb") as log:
        command = [sys.executable, *pod.command[1:]]
        return subprocess.run(command, env=environment, stdout=log, stderr=log, check=False).returncode
