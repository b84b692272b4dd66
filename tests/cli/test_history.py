"""`tfx-explain history`."""

import json

from apache_beam.options.pipeline_options import DirectOptions
from click.testing import CliRunner

from tfx_explain.cli import history
from tfx_explain.cli.runs import beam_args


def call(*arguments):
    return CliRunner().invoke(history.command, arguments)


def verdict(folder, day):
    """Writes a verdict without thresholds into a folder, and returns it."""
    folder.mkdir()
    said = {"schema_version": 1, "blessed": True, "overridden": False, "unreadable": False, "override": None}
    said |= {"models": {}, "decided_at": f"2026-11-0{day}T00:00:00Z"}
    said |= {name: [] for name in ("problems", "evidence", "reasons", "thresholds", "not_asked")}
    (folder / "verdict.json").write_text(json.dumps(said))
    return str(folder)


def test_a_page_or_lines(tmp_path):
    places = [verdict(tmp_path / name, day) for name, day in (("later", 2), ("sooner", 1))]
    page = tmp_path / "new" / "page.html"
    result = call(*places, str(tmp_path), "--output", str(page))
    assert (result.exit_code, result.stdout) == (0, f"{page}\n")
    assert result.stderr.startswith(f"warning: run 2: {tmp_path} holds no verdict.json")
    assert "Attributions over 3 runs, 2 blessed" in page.read_text()
    lines = [json.loads(line) for line in call(*places, "--json").stdout.splitlines()]
    assert [(line["number"], line["run"].split("/")[-1]) for line in lines] == [(1, "sooner"), (2, "later")]
    lines = call(*places, "--json", "--last", "1", "--output", str(tmp_path / "lines.jsonl"))
    assert lines.stdout == f"{tmp_path}/lines.jsonl\n"
    assert json.loads((tmp_path / "lines.jsonl").read_text())["time"] == "2026-11-02T00:00:00Z"


def test_what_follows_two_dashes_goes_to_beam(tmp_path):
    place = verdict(tmp_path / "verdict", 1)
    assert json.loads(call(place, "--json", "--", "--direct_num_workers=2").stdout)["blessed"]
    folders, make_pipeline = beam_args([place, "--direct_num_workers=2"])
    assert folders == [place]
    assert make_pipeline().options.view_as(DirectOptions).direct_num_workers == 2


def test_what_it_can_not_show_is_one_sentence(tmp_path):
    def error(*arguments):
        return str(call(*arguments).exception)

    (tmp_path / "store").write_text("what is this")
    assert "There are no runs; give what Explainers" in error()
    assert "Give directories or --metadata-store, not both" in error("a", "--metadata-store", str(tmp_path / "store"))
    assert "is no ConnectionConfig, neither as JSON" in error("--metadata-store", str(tmp_path / "store"))
    assert "give that, too" in error("a", "--pipeline", "census")
    assert "is a folder; name a file" in error("a", "--output", str(tmp_path))
    assert "Nothing of any run can be read" in error(str(tmp_path), "--output", str(tmp_path / "page.html"))
    assert "--json doesn't make" in error("a", "--json", "--open")
    assert not (tmp_path / "page.html").exists()
