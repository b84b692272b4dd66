"""How a pod runs here: as a process of this environment, or inside the image."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.kubeflow.backend import SCHEMES, Pod

LOG = "log.txt"
USER = 1000


def process_root(files: Path) -> str:
    """A process has this machine's `/`; a pod's folders are moved by the launcher's own variable."""
    return str(files)


def run_process(pod: Pod, kill_when: Callable[[Pod], bool] = lambda pod: False) -> int:
    """Runs a pod's command in this interpreter's environment; its volumes lie where they are mounted."""
    assert pod.command[0] == "python"
    assert all(path == str(folder) for path, folder in pod.volumes.items())
    environment = {**os.environ, **pod.environment, "ARTIFACT_LOCAL_PATH": str(pod.files)}
    return _run(pod, [sys.executable, *pod.command[1:]], environment, kill_when)


@dataclass(frozen=True)
class ImagePods:
    """Pods in one container that buildah made of the image; each has folders and volumes of its own in it."""

    container: str

    def run(self, pod: Pod) -> int:
        """Runs a pod's command as the image's user."""
        for folder in (*SCHEMES.values(), "tmp"):
            (pod.files / folder).mkdir(exist_ok=True)
        for path in (pod.files, *pod.files.rglob("*")):
            os.chown(path, USER, USER)
        mounts = {f"/{folder}": pod.files / folder for folder in (*SCHEMES.values(), "tmp")} | dict(pod.volumes)
        options = [f"--volume={folder}:{path}" for path, folder in mounts.items()]
        options += [f"--env={name}={value}" for name, value in pod.environment.items()]
        run = [shutil.which("buildah"), "run", "--isolation=chroot", *options, self.container, "--"]
        return _run(pod, [*run, *pod.command], dict(os.environ))


def _run(
    pod: Pod, command: Sequence[str], environment: dict[str, str], kill_when: Callable[[Pod], bool] = lambda pod: False
) -> int:
    """Runs a command; all its processes get signal 9 as soon as `kill_when` is true of the pod."""
    log = (pod.files / LOG).open("wb")
    with log, subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True) as process:
        while process.poll() is None:
            if kill_when(pod):
                os.killpg(process.pid, signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.05)
        return process.returncode
