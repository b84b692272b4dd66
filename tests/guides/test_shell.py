"""Every command line of `tfx-explain` in a guide can be given; those that end by themselves run on a small world."""

import contextlib
import glob
import io
import re
import shlex
from pathlib import Path

import click
import pytest

from tests.guides.conftest import PAGES, ROOT, blocks
from tfx_explain.cli.main import COMMANDS, LazyGroup, run

# What can't run here, and which tests run it.
ELSEWHERE = {
    "whatif": "tests/whatif",
    "overlay": "tests/cli/test_overlay.py",
    "compile": "tests/cli/test_compile.py",
    "suggest": "tests/cli/test_suggest.py",
    "--set": "tests/savedmodel/test_guide.py",
    "--tokens": "tests/beam/test_tokens.py",
    "--metadata-store": "tests/report/test_history_store.py",
}
# First words of lines of other programs' shells: they are shown, not run.
FOREIGN = set(["airflow", "cd", "export", "java", "make", "mvn", "python", "uv", ".", "pip", "apt-get"])
# Each worker process imports TensorFlow; one shows as well that processes do.
ONE_WORKER = ("--direct_num_workers=4", "--direct_num_workers=1")
ANSWERS = {"validate": (0, 1), "lint": (0, 1)}


def lines(page):
    """The command lines of a page, without comments and variables."""
    for block in blocks(page, "sh"):
        for line in re.sub(r"\\\n\s*", " ", block).split("\n"):
            if stripped := re.sub(r"\s+#.*|^#.*", "", line).strip():
                yield stripped


OURS = [(page, line) for page in PAGES for line in lines(page) if line.startswith("tfx-explain ")]


def parts(line):
    """A line's words, and the file that its standard output goes to."""
    line = line.partition(" | ")[0]
    line, _, target = line.partition(" > ")
    return shlex.split(line)[1:], target.strip()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_lines_are_ours_or_known(page):
    unknown = {line.split()[0] for line in lines(page)} - FOREIGN - {"tfx-explain", "cat", "eval"}
    assert not unknown


@pytest.mark.parametrize("line", [line for _, line in OURS])
def test_every_command_line_can_be_given(line):
    (name, *words), _ = parts(line)
    assert name in COMMANDS
    command = LazyGroup().get_command(click.Context(LazyGroup()), name)
    command.make_parser(click.Context(command)).parse_args(args=words)


def test_what_others_run_is_there():
    assert all((ROOT / path).exists() for path in ELSEWHERE.values())


def make_way(words):
    """Removes what is there already of what a command writes, which other commands of other pages read."""
    if words[0] in ("explain", "validate") and "--output" in words:
        Path(words[words.index("--output") + 1]).unlink(missing_ok=True)


@pytest.mark.slow
@pytest.mark.parametrize("page", sorted({page for page, _ in OURS}), ids=lambda page: page.stem)
def test_lines_run_in_order(page, world, tmp_path, monkeypatch):
    for each in world.iterdir():
        (tmp_path / each.name).symlink_to(each)
    monkeypatch.chdir(tmp_path)
    for line in (line for at, line in OURS if at == page):
        words, target = parts(line.replace(" --open", "").replace(*ONE_WORKER))
        if any(word in ELSEWHERE for word in words):
            continue
        words = [found for word in words for found in (sorted(glob.glob(word)) or [word])]
        make_way(words)
        with contextlib.redirect_stdout(io.StringIO()) as out:
            code = run(words)
        assert code in ANSWERS.get(words[0], (0,)), line
        if target:
            (tmp_path / target).unlink(missing_ok=True)
            (tmp_path / target).write_text(out.getvalue())
