"""A Flink cluster on one machine: a JobManager, and machines with a TaskManager and a pool of SDK workers each.

Machines are network namespaces on one bridge, so that each has its own `localhost:50000`, as on a real cluster: two
TaskManagers that share a worker pool mix up their workers. They share the file system, which stands in for a shared
store. To be run in `alone.sh`, which takes it all away again.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sysconfig
import urllib.request
import venv
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tfx_explain.flink import processes
from tfx_explain.flink.job_server import job_server

CONFIGURATION = Path(__file__).parent / "conf"
BOOT = Path(__file__).parent / "boot.py"
WORKER_POOL_PORT = 50000

_MASTER = "10.77.0.1"
_REST_PORT = 8081
_JOB_MANAGER = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
_TASK_MANAGER = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
_START_SECONDS = 180


class Machine:
    """A network namespace with a TaskManager and a worker pool."""

    def __init__(self, number: int, jars: Path, folder: Path, environ: Mapping[str, str]) -> None:
        """Makes the network namespace, on the cluster's bridge.

        Args:
          number: From 1.
          jars: Folder of the jars.
          folder: Takes logs and what the machine keeps.
          environ: The worker pool's environment.
        """
        self.name = f"machine-{number}"
        self.address = f"10.77.0.{number + 1}"
        self.log = folder / f"{self.name}.log"
        self._folder = folder / self.name
        self._folder.mkdir()
        self._jars = jars
        self._environ = dict(environ) | {"TMPDIR": str(self._folder)}
        _ip(f"netns add {self.name}")
        _ip(f"link add port-{number} type veth peer name eth0 netns {self.name}")
        _ip(f"link set port-{number} master flink up")
        _ip(f"-n {self.name} address add {self.address}/24 dev eth0")
        for device in ("eth0", "lo"):
            _ip(f"-n {self.name} link set {device} up")

    def start(self) -> None:
        """Starts the TaskManager and the worker pool."""
        settings = {
            "jobmanager.rpc.address": _MASTER,
            "taskmanager.host": self.address,
            "taskmanager.resource-id": self.name,
            "io.tmp.dirs": str(self._folder),
        }
        options = ["-Xmx512m", "-XX:MaxDirectMemorySize=448m", f"-Djava.io.tmpdir={self._folder}"]
        self._spawn(processes.java(self._jars, _TASK_MANAGER, *_configured(settings), options=options))
        pool = ["python", "-m", "apache_beam.runners.worker.worker_pool_main", f"--service_port={WORKER_POOL_PORT}"]
        self._spawn([*pool, f"--container_executable={BOOT}"])

    def workers(self) -> list[int]:
        """Returns the process ids of the SDK workers."""
        return [pid for pid in self.processes() if b"apache_beam.runners.worker.sdk_worker_main" in _command_line(pid)]

    def processes(self) -> list[int]:
        """Returns the ids of all processes on the machine."""
        return [int(pid) for pid in _ip(f"netns pids {self.name}").split()]

    def staged(self) -> list[Path]:
        """Returns the folders of packages that pipelines staged for the workers here."""
        return [path for path in self._folder.glob("staged-*") if path.is_dir()]

    def kill(self) -> None:
        """Ends all that runs on the machine at once, as when its power fails."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _spawn(self, command: list[str]) -> None:
        with self.log.open("ab") as log:
            subprocess.Popen(
                ["ip", "netns", "exec", self.name, *command],
                # Not where a checkout may be: `python -m` has the current folder on its path.
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environ,
            )


class Cluster:
    """A JobManager, a job server, and machines."""

    def __init__(self, machines: list[Machine], endpoint: str) -> None:
        """Keeps what `cluster` started."""
        self.machines = machines
        self.endpoint = endpoint

    def get(self, path: str) -> Any:
        """Returns what Flink's REST interface has under `path`, as `/jobs/overview`."""
        with urllib.request.urlopen(f"http://{_MASTER}:{_REST_PORT}{path}", timeout=10) as answer:
            return json.load(answer)

    def beam_args(self) -> list[str]:
        """Returns what a pipeline needs to run here."""
        return [
            "--runner=PortableRunner",
            f"--job_endpoint={self.endpoint}",
            "--environment_type=EXTERNAL",
            f"--environment_config=localhost:{WORKER_POOL_PORT}",
            f"--parallelism={len(self.machines)}",
        ]


@contextlib.contextmanager
def cluster(jars: Path, folder: Path, *, machines: int = 2) -> Iterator[Cluster]:
    """Runs a cluster while the block lasts.

    Args:
      jars: Folder of the jars (`tfx_explain.flink.jars.fetch`).
      folder: Takes logs, and what the machines keep.
      machines: How many, with a TaskManager each.

    Yields:
      The cluster, all of its machines known to the JobManager.

    Raises:
      ValueError: This process is not run in `alone.sh`.
    """
    if len(_ip("-oneline link").splitlines()) > 1:
        raise ValueError("A cluster makes networks of its own, which must not meet others: run this in flink/alone.sh.")
    _ip("link add flink type bridge")
    _ip(f"address add {_MASTER}/24 dev flink")
    _ip("link set flink up")
    log = folder / "job_manager.log"
    settings = {"jobmanager.rpc.address": _MASTER, "rest.address": _MASTER, "rest.port": str(_REST_PORT)}
    settings |= {"io.tmp.dirs": str(folder)}
    options = ["-Xmx512m", f"-Djava.io.tmpdir={folder}"]
    command = processes.java(jars, _JOB_MANAGER, *_configured(settings), options=options)
    environ = worker_environment(folder / "environment")
    with contextlib.ExitStack() as stack:
        stack.enter_context(processes.running(command, log))
        started = [Machine(number, jars, folder, environ) for number in range(1, machines + 1)]
        for machine in started:
            stack.callback(machine.kill)
            machine.start()
        endpoint = stack.enter_context(job_server(jars, folder, f"{_MASTER}:{_REST_PORT}"))
        running = Cluster(started, endpoint)
        processes.wait_for(f"{machines} TaskManagers", lambda: _all_there(running), log, _START_SECONDS)
        yield running


def worker_environment(folder: Path) -> dict[str, str]:
    """Makes a Python environment with the packages of this one, less what is installed from a checkout.

    Args:
      folder: Where it is made.

    Returns:
      The environment variables under which plain `python` is it, as a worker pool needs.
    """
    venv.create(folder, symlinks=True)
    paths = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})
    # A folder on the path and no more: the links to checkouts in it, `*.pth` files as well, are followed only in the
    # environment's own.
    Path(paths["purelib"], "packages.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return kept | {"PATH": f"{paths['scripts']}{os.pathsep}{os.environ['PATH']}"}


def _all_there(running: Cluster) -> bool:
    with contextlib.suppress(OSError):
        return len(running.get("/taskmanagers")["taskmanagers"]) == len(running.machines)
    return False


def _configured(settings: Mapping[str, str]) -> list[str]:
    return ["--configDir", str(CONFIGURATION), *(f"-D{name}={value}" for name, value in settings.items())]


def _command_line(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
    return b""


def _ip(arguments: str) -> str:
    done = subprocess.run(["ip", *arguments.split()], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"`ip {arguments}` failed: {done.stderr.strip()}")
    return done.stdout
