"""Verdicts about tokens name them."""

import json

import pytest

from tfx_explain.gate.config.lint import lint
from tfx_explain.storage import columns


@pytest.fixture
def signed(tmp_path, write_split):
    """30 rows in which the candidate reads a name, and the baseline model another word; a third means harm."""
    rows = []
    for _ in range(30):
        row = {}
        for model, values in (("candidate", [1.0, 5.0, 0.5]), ("baseline", [3.0, 0.0, 0.5])):
            row[columns.attribution_column(model, "text")] = sum(values)
            parts = {columns.TOKENS: [b"down", b"kim", b"<b>\n\xff"], columns.TOKEN_ATTRIBUTIONS: values}
            for part, one in (parts | {columns.TOKEN_REST: 0.0}).items():
                row[columns.token_column(model, part, "text")] = one
        rows.append(row)
    return write_split(tmp_path / "signed", rows)


@pytest.fixture
def of_tokens(metric):
    def build(class_name, threshold, feature="text", **settings):
        built = metric(class_name, threshold)
        built.config = json.dumps({"feature": feature, **settings})
        return built

    return build


def test_the_tokens_are_named_wherever_the_verdict_is_said(run, tmp_path, config, of_tokens, bound, signed):
    metrics = [
        of_tokens("TokenShare", bound(upper=0.1, absolute=0.1), tokens=["kim"], name="kim"),
        of_tokens("TokensEntering", bound(absolute=0), top=1),
        of_tokens("TokenNDCG", bound(absolute=0.99, better="HIGHER")),
    ]
    verdict = run(config(*metrics), [], [signed])
    reasons = "\n".join(verdict.reasons)
    assert "kim on Overall is 0.769231; allowed: at most 0.1; chiefly 'kim' (76.9%)" in reasons
    assert "allowed: a change of at most 0.1; chiefly 'kim' (76.9%)" in reasons
    assert "is 1; allowed: a change of at most 0; entering 'kim' (place 1 ← none)" in reasons
    assert "most moved 'kim' (76.9% ← 0.0%), 'down' (15.4% ← 85.7%), '<b>\\n\\xff' (7.7% ← 14.3%)" in reasons
    content = json.loads((tmp_path / "validation" / "verdict.json").read_text())
    assert {one["note"] for one in content["thresholds"] if one["feature"] == "text"} >= {"chiefly 'kim' (76.9%)"}
    assert "entering 'kim'" in (tmp_path / "validation" / "verdict.txt").read_text()


def test_records_without_tokens_block_and_say_what_to_do(run, config, of_tokens, bound, records):
    verdict = run(config(of_tokens("TokenShare", bound(upper=1), "age", pattern=".*", name="any")), [], [records])
    [reason] = verdict.reasons
    assert "any on Overall is not a number (NaN), which no threshold accepts" in reason
    assert "60 explained rows have no attributions of the tokens of 'age'" in reason
    assert "`tfx-explain explain --tokens`" in reason


def test_lint_knows_what_the_metrics_can_be(config, of_tokens, bound):
    never = of_tokens("TokenShare", bound(lower=1.5), pattern="a", name="share")
    wrong = of_tokens("TokensEntering", bound(absolute=2, better="HIGHER"))
    ranking = of_tokens("TokenNDCG", bound(absolute=0.9))
    found = " ".join(lint(config(never, wrong, ranking)))
    assert "share: it allows at least 1.5, but the value is from 0 to 1, so it can never pass" in found
    assert "but a lower TokensEntering is better" in found
    assert "but a higher TokenNDCG is better" in found


def test_a_pattern_that_is_none_is_refused_with_the_metric(run, config, of_tokens, bound, signed):
    with pytest.raises(ValueError, match=r"TokenShare .*no regular expression: missing \)"):
        run(config(of_tokens("TokenShare", bound(upper=1), pattern="(")), [], [signed])
