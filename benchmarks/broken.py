"""The gate and broken evidence: files that are damaged, missing, something else, or of another model or run."""

from __future__ import annotations

import os
import random
import shutil
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.evidence import CONFIGS, sources, write_evidence
from benchmarks.report import Table

SEEDS, TIMES = range(10), 200
_SECONDS = 120
Damage = Callable[[Path, Path, random.Random], None]


def run() -> Iterator[Table]:
    """Breaks evidence, one file or folder after the other, in some minutes."""
    outcomes = sum((broken(TIMES, seed) for seed in SEEDS), Counter())
    rows = [(kind, outcome, str(n)) for (kind, outcome), n in sorted(outcomes.items())]
    yield Table(f"{len(SEEDS) * TIMES:,} times broken evidence", ("what was done", "outcome", "times"), rows)


def broken(times: int, seed: int) -> Counter[tuple[str, str]]:
    """Breaks evidence again and again, and counts the outcomes by what was done.

    Half of the time the evidence is of a model that passes, else of one that fails; stale files are those of a run in
    which the other one was the candidate.
    """
    generator = random.Random(seed)
    outcomes: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole = {model: write_evidence(folder / model, model) for model in ("passes", "fails")}
        said = {(model, part): _outcome(root, part) for model, root in whole.items() for part in CONFIGS}
        assert {said["passes", part][0] for part in CONFIGS} == {"blessed"}
        assert {said["fails", part][0] for part in CONFIGS} == {"not blessed, with a reason"}
        for _ in range(times):
            model, part, kind = (generator.choice(choices) for choices in (list(whole), list(CONFIGS), list(KINDS)))
            copy, other = folder / "copy", whole["fails" if model == "passes" else "passes"]
            shutil.copytree(whole[model], copy, symlinks=True)
            files = sorted(path for path in (copy / part).rglob("*") if path.is_file())
            file = generator.choice(files)
            KINDS[kind](file, other / file.relative_to(copy), generator)
            outcome, values = _outcome(copy, part)
            if outcome == "blessed":
                outcome = "blessed, by the same values" if values == said[model, part][1] else "BLESSED BY OTHER VALUES"
            outcomes[kind, outcome] += 1
            shutil.rmtree(copy)
    return outcomes


def _outcome(root: Path, part: str) -> tuple[str, Any]:
    """Returns what the gate says, and the values that it says it of."""
    import apache_beam as beam

    from tfx_explain.gate.validate import validate
    from tfx_explain.proto import explanation_pb2

    signal.signal(signal.SIGALRM, _too_long)
    signal.alarm(_SECONDS)
    try:
        with tempfile.TemporaryDirectory() as output:
            policy = explanation_pb2.GatePolicy()
            verdict = validate(CONFIGS[part](), policy, sources(root, part), beam.Pipeline, output)
    except ValueError:
        return "refused with a sentence", None
    except TimeoutError:
        return "HANGS", None
    except Exception as error:  # What this counts.
        return f"TRACEBACK: {type(error).__name__}", None
    finally:
        signal.alarm(0)
    if verdict.blessed:
        return "blessed", [(check.metric, check.slice, check.observed, check.change) for check in verdict.checks]
    return "not blessed, with a reason" if verdict.reasons else "NOT BLESSED, WITHOUT A REASON", None


def _too_long(*_: Any) -> None:
    raise TimeoutError


def _flip(file: Path, _: Path, generator: random.Random) -> None:
    changed = bytearray(file.read_bytes())
    for _bit in range(generator.choice((1, 1, 2, 8))):
        changed[generator.randrange(len(changed))] ^= 1 << generator.randrange(8)
    file.write_bytes(changed)


def _cut(file: Path, _: Path, generator: random.Random) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: generator.randrange(len(content))])


def _replace(make: Callable[[Path], None]) -> Damage:
    def damage(file: Path, _: Path, __: random.Random) -> None:
        file.unlink()
        make(file)

    return damage


def _link(file: Path, other: Path, generator: random.Random) -> None:
    """Makes a file a link: to nothing, to itself, to a folder, or, of attributions, to the other run's file."""
    targets = [file.with_name("nothing"), file, file.parent] + ([other] if _is_tied(file) else [])
    target = generator.choice(targets)
    file.unlink()
    file.symlink_to(target)


def _swap(file: Path, _: Path, generator: random.Random) -> None:
    """Exchanges a file with one of another kind or evaluation: which shard of a split is which says nothing."""
    near = file.parent.parent.rglob("*")
    rest = [path for path in near if path.is_file() and (path.parent != file.parent or path.suffix != file.suffix)]
    with_it = generator.choice(rest)
    one, two = file.read_bytes(), with_it.read_bytes()
    file.write_bytes(two)
    with_it.write_bytes(one)


def _stale_file(file: Path, other: Path, _: random.Random) -> None:
    """Takes a file of the other run; of an evaluation all of them."""
    if _is_tied(file):
        shutil.copy(other, file)
    else:
        _stale_folder(file, other, _)


def _is_tied(file: Path) -> bool:
    """Whether other files say what a file holds. TFMA's say nothing of each other: a false one can't be told."""
    return not file.name.startswith(("metrics", "eval_config"))


def _stale_folder(file: Path, other: Path, _: random.Random) -> None:
    shutil.rmtree(file.parent)
    shutil.copytree(other.parent, file.parent)


def _beside(file: Path, other: Path, generator: random.Random) -> None:
    """Leaves the other run's file beside, as a shard of another writing."""
    shutil.copy(other, file.with_name(file.name.replace("-of-0000", f"-of-000{generator.randrange(3, 9)}")))


KINDS: dict[str, Damage] = {
    "bits flipped": _flip,
    "cut off": _cut,
    "gone": _replace(lambda file: None),
    "empty": _replace(Path.touch),
    "a folder": _replace(Path.mkdir),
    "a pipe": _replace(os.mkfifo),
    "a link": _link,
    "files exchanged": _swap,
    "a file of another run": _stale_file,
    "all of another run": _stale_folder,
    "another run's beside": _beside,
}
