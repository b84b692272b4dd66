"""`tfx-explain report`."""

import json

from click.testing import CliRunner

from tfx_explain.cli import report


def call(*arguments):
    return CliRunner().invoke(report.command, arguments)


def verdict(folder):
    """Writes a verdict without thresholds into a folder, and returns it."""
    folder.mkdir()
    said = {"schema_version": 1, "blessed": True, "overridden": False, "unreadable": False, "override": None}
    said |= {"models": {}} | {name: [] for name in ("problems", "evidence", "reasons", "thresholds", "not_asked")}
    (folder / "verdict.json").write_text(json.dumps(said))
    return str(folder)


def test_it_writes_a_page_and_prints_its_path(tmp_path):
    path = tmp_path / "new" / "page.html"
    result = call("--validation", verdict(tmp_path / "validation"), "--output", str(path))
    assert (result.exit_code, result.output) == (0, f"{path}\n")
    assert "BLESSED: 0 of 0 thresholds passed" in path.read_text()


def test_what_it_can_not_report_is_one_sentence(tmp_path):
    assert "There is nothing to report" in str(call("--output", str(tmp_path / "page.html")).exception)
    assert "is a folder; name a file" in str(call("--output", str(tmp_path)).exception)
    assert "has no folder Split-*" in str(call("--attributions", str(tmp_path), "--output", "page").exception)
    assert "has no verdict.json" in str(call("--validation", str(tmp_path), "--output", "page").exception)
    assert not (tmp_path / "page.html").exists()


def test_what_follows_goes_to_beam(tmp_path):
    folder = tmp_path / "attributions" / "Split-eval"
    folder.mkdir(parents=True)
    result = call("--attributions", str(folder.parent), "--output", str(tmp_path / "p"), "--", "--runner=NoSuchRunner")
    assert "NoSuchRunner" in str(result.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["attributions"]
