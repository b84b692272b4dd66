"""`tfx-explain tensorboard`."""

import json
import os

from click.testing import CliRunner

from tfx_explain.cli import tensorboard


def call(*arguments):
    return CliRunner().invoke(tensorboard.command, arguments)


def verdict(folder, failed=""):
    """Writes a verdict in which a feature's threshold failed, if one is named, and returns its folder."""
    folder.mkdir()
    threshold = {"feature": failed, "slice": "Overall", "passed": False, "reason": f"{failed} failed", "observed": 0.5}
    threshold |= {"baseline": None, "change": None, "margin": None, "interval": None, "kind": "value"}
    threshold |= {"bounds": {"upper_bound": 0.1}, "direction": "", "relative_change": ""}
    said = {"schema_version": 1, "blessed": not failed, "overridden": False, "unreadable": False, "override": None}
    said |= {
        "models": {},
        "thresholds": [threshold] if failed else [],
        "reasons": [f"{failed} failed"] if failed else [],
    }
    said |= {name: [] for name in ("problems", "evidence", "not_asked")}
    (folder / "verdict.json").write_text(json.dumps(said))
    return str(folder)


def test_it_writes_and_says_where_to_look(tmp_path):
    places = [verdict(tmp_path / "first", failed="a.b"), verdict(tmp_path / "second"), str(tmp_path)]
    result = call(*places, "--log-dir", str(tmp_path / "my logs"))
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"tensorboard --logdir '{tmp_path}/my logs'",
        "http://localhost:6006/?smoothing=0&tagFilter=%5E%28attribution_share%2Fa%5C.b%29%24#timeseries",
    ]
    assert result.stderr.startswith(f"warning: run 3: {tmp_path} holds no verdict.json")
    assert "Ignore outliers in chart scaling" in result.stderr
    assert os.listdir(tmp_path / "my logs") == ["Overall"]
    result = call(places[1], "--log-dir", str(tmp_path / "my logs"))
    assert result.stdout.endswith("/?smoothing=0&tagFilter=%5Eattribution_share%2F#timeseries\n")


def test_what_it_can_not_write_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    assert "is a file; name a folder" in str(call("x", "--log-dir", str(tmp_path / "file")).exception)
    assert "There are no runs" in str(call("--log-dir", str(tmp_path / "logs")).exception)
    assert "Nothing of any run can be read" in str(call(str(tmp_path), "--log-dir", str(tmp_path / "logs")).exception)
    assert not (tmp_path / "logs").exists()
