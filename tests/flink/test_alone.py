"""What runs in `alone.sh` is gone, with all that it made, however the script ends."""

import signal
import subprocess
import time
from pathlib import Path

import pytest

from tfx_explain.flink import jars

pytestmark = pytest.mark.flink_cluster

ALONE = Path(jars.__file__).parent / "alone.sh"
MAKES_MACHINES = """
ip link add left-behind type bridge
ip netns add left-behind
touch "$TMPDIR/left-behind"
ip netns exec left-behind sleep "$1" &
echo ready
wait
"""


def left_behind(mark: str) -> list[str]:
    lines = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    processes = [line.decode() for line in lines if line.startswith(b"sleep\0" + mark.encode())]
    networks = subprocess.run("ip link; ip netns", shell=True, capture_output=True, text=True, check=True).stdout
    return processes + [line for line in networks.splitlines() if "left-behind" in line]


def heed_interrupts() -> None:
    """What runs in a shell's background ignores them, and so would its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_nothing_is_left_however_it_ends(ending):
    mark = f"98765{int(ending)}"
    command = [str(ALONE), "sh", "-c", MAKES_MACHINES, "sh", mark]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=heed_interrupts) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(ending)
        try:
            process.wait(10)
        finally:
            process.kill()

    end = time.monotonic() + 10
    while left_behind(mark) and time.monotonic() < end:
        time.sleep(0.1)

    assert left_behind(mark) == []


def test_the_command_s_status_is_the_script_s():
    assert subprocess.run([ALONE, "sh", "-c", "exit 3"]).returncode == 3
