"""Texts with their tokens shaded, and the table of tokens."""

import html
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from tfx_explain.metrics.token_rows import RowTokens
from tfx_explain.metrics.token_sums import TokenSums
from tfx_explain.proto.printable import text_of
from tfx_explain.report import read_attributions, to_shap, view_attributions, view_tokens
from tfx_explain.report.records import decode, read_records
from tfx_explain.report.spans import has_places, is_one_character, pieces_of
from tfx_explain.report.token_tables import TokenTable, TokenTotals
from tfx_explain.report.tokens import tokens_of
from tfx_explain.report.write import write_report
from tfx_explain.storage import columns

ODD = "cafe\u0301 🇩🇪🇫🇷🇮 👩‍👩‍👧 👍🏽 क्षेत्र नमस्ते 각 각\u11a8 שָׁלוֹם مُحَمَّد a\u200db ไทย\r\nnaïve"


def test_no_character_of_unicode_s_is_cut():
    for size in range(1, 6):
        for start in range(len(ODD) - size + 1):
            part = ODD[start : start + size]
            ends = {found.end() for found in regex.finditer(r"\X", part)}
            own = {at for at in range(1, size) if not is_one_character(part[:at], part[at:])}
            assert own <= ends, ascii(part)


@pytest.mark.parametrize("text", ["plain, text 10:30", "שלום", "cafe\u0301", "🇩🇪🇫🇷", "각\u1102\u1161", "ไทย", "क्षेत्र"])
def test_other_characters_stay_apart(text):
    ends = {found.end() for found in regex.finditer(r"\X", text)}
    own = {at for at in range(1, len(text)) if not is_one_character(text[:at], text[at:])}
    assert own == ends - {len(text)}


@st.composite
def cut_texts(draw):
    text = draw(st.one_of(st.text(max_size=30).map(str.encode), st.binary(max_size=20), st.just(ODD.encode())))
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    spans = np.array(list(zip(cuts[::2], cuts[1::2], strict=False)), np.int64).reshape(-1, 2)
    values = np.array(draw(st.lists(st.integers(-8, 8), min_size=len(spans), max_size=len(spans))), float)
    return text, RowTokens(np.array([text[b:e] for b, e in spans], object), values, 0.0, spans)


@given(cut_texts())
def test_pieces_are_the_whole_text_and_carry_all_that_its_tokens_do(drawn):
    text, found = drawn
    assert has_places(found, len(text))
    pieces = pieces_of(found, text, 8.0)
    assert "".join(piece.text for piece in pieces) == text_of(text)
    assert sum(piece.attribution or 0.0 for piece in pieces) == found.values.sum()
    assert sum(piece.tokens for piece in pieces) == len(found.values)
    ends = {end.end() for end in regex.finditer(r"\X", text_of(text))}
    assert set(np.cumsum([len(piece.text) for piece in pieces]).tolist()) <= {0, *ends} or "\\x" in text_of(text)


def test_a_character_that_bytes_were_cut_from_stays_whole():
    text = "é!".encode()
    found = RowTokens(
        np.array([b"\xc3", b"\xa9", b"!"], object), np.array([1.0, 2.0, -1.0]), 0.0, np.array([[0, 1], [1, 2], [2, 3]])
    )
    assert [(piece.text, piece.attribution, piece.tokens) for piece in pieces_of(found, text, 3.0)] == [
        ("é", 3.0, 2),
        ("!", -1.0, 1),
    ]


@pytest.mark.parametrize("spans", [None, [[0, 3], [2, 5]], [[0, 3], [3, 9]], [[-1, -1], [-1, -1]]])
def test_places_that_are_none_leave_the_tokens_alone(spans):
    spans = None if spans is None else np.array(spans)
    assert not has_places(RowTokens(np.array([b"abc", b"de"], object), np.ones(2), 0.0, spans), 5)


@pytest.fixture(scope="module")
def seen(explained, token_columns):
    """60 rows with texts of which the last word turned from next to nothing to a lot; one row has failed."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(60):
        words = [b"down", b"<b>now</b>", b"kim" if number % 2 else b"lee"]
        row = {"text": b" ".join(words), "age": float(number)}
        for model, size in zip(columns.MODELS, (5.0, 0.1), strict=True):
            values = [float(one) for one in rng.normal(size=3).astype(np.float32)]
            values[2] = size * (1.0 + number / 100)
            row |= explained({"text": sum(values) + 0.25, "age": 1.0}, model)
            row |= token_columns(model, words, values, 0.25)
        rows.append(row)
    failed = {"text": b"odd", "age": 1.0}
    for model in columns.MODELS:
        failed |= explained({"text": math.nan, "age": 1.0}, model)
        failed |= {columns.token_column(model, columns.TOKEN_REST, "text"): math.nan}
    return [*rows, failed]


def _records(folder):
    return np.concatenate(list(read_records([f"{folder}/Split-eval"])))


def _tokens_of(records):
    totals = TokenTotals()
    totals.add(decode(records), "")
    return tokens_of(records, totals.tables())


def test_the_table_has_means_by_hand_and_the_texts_that_changed_most_once(write, seen):
    [found] = _tokens_of(_records(write(seen)))
    assert (found.feature, found.table.rows, found.table.others, found.has_baseline) == ("text", 60, 0, True)
    values = {}
    for row in seen[:-1]:
        words, own = (row[columns.token_column("candidate", part, "text")] for part in ("tokens", "token_attributions"))
        for word, value in zip(words, own, strict=True):
            values.setdefault(word.decode(), []).append(value)
    for one in found.table.tokens:
        expected = np.array(values[one.token])
        part = one.parts["candidate"]
        assert (part.sightings, part.absolute, part.mean) == (
            len(expected),
            pytest.approx(np.abs(expected).mean()),
            pytest.approx(expected.mean()),
        )
    assert [one.token for one in found.table.tokens[:2]] == ["kim", "lee"]
    assert len(found.texts) == 2
    assert "".join(piece.text for piece in found.texts[0].readings["candidate"].pieces) == "down <b>now</b> kim"
    assert found.texts[0].change > found.texts[1].change > 4.5


def test_a_token_that_was_seen_too_seldom_is_not_in_the_table(write, seen):
    [found] = _tokens_of(_records(write(seen[:39])))
    assert {one.token for one in found.table.tokens} == {"down", "<b>now</b>", "lee"}


def test_the_table_is_of_all_records_and_the_same_however_they_are_split(write, seen, monkeypatch, tmp_path):
    records = _records(write(seen))
    halves = [TokenTotals(), TokenTotals()]
    for part, half in zip(halves, np.split(records, [17]), strict=True):
        part.add(decode(half), "")
    halves[0].merge(halves[1])
    whole = TokenTotals()
    whole.add(decode(records), "")
    [(name, table)], [(_, other)] = whole.tables().items(), halves[0].tables().items()
    assert name == "text" and [one.token for one in table.tokens] == [one.token for one in other.tokens]
    for one, same in zip(table.tokens, other.tokens, strict=True):
        for model, part in one.parts.items():
            assert part.sightings == same.parts[model].sightings
            assert (part.absolute, part.mean) == pytest.approx((same.parts[model].absolute, same.parts[model].mean))
    assert TokenTable.from_dict(json.loads(json.dumps(table.to_dict()))) == table
    monkeypatch.setattr("tfx_explain.report.evidence._MOST_ROWS", 2)  # the sample's
    page = Path(write_report(str(tmp_path / "all.html"), [f"{tmp_path}/attributions/Split-eval"])).read_text()
    assert "at least 20 times in 60 rows" in page


def test_of_too_many_tokens_those_that_carry_most_are_told_within_the_bound():
    rng, sums, exact = np.random.default_rng(0), TokenSums(most=50), {}
    for _ in range(400):
        token, value = b"%d" % min(rng.zipf(1.3), 9999), rng.normal()
        sums.add({token: abs(value)}, {token: 1}, signed={token: value})
        exact[token] = exact.get(token, 0.0) + abs(value)
    assert 0 < sums.error <= sum(exact.values()) / 50
    for token, (sightings, mass, signed) in sums.known(1).items():
        assert exact[token] - sums.error - 1e-9 <= mass <= exact[token] + 1e-9
        assert abs(signed) <= exact[token] + 1e-9 and sightings >= 1


def test_the_page_shows_texts_as_text(write, seen, tmp_path):
    path = write_report(str(tmp_path / "report.html"), [f"{write(seen)}/Split-eval"])
    text = Path(path).read_text()
    assert "Tokens of" in text and "<b>now" not in text
    shaded = re.findall(r'<span class="(more|less)" style="--h:([\d.]+)" title="([^"]+)">([^<]*)</span>', text)
    assert ("more", "1.00", "+7.25", "kim") in shaded
    assert html.escape("<b>now</b>") in {one[3] for one in shaded}
    alone = write_report(str(tmp_path / "alone.html"), [f"{tmp_path}/attributions/Split-eval"], with_rows=False)
    assert 'class="text" dir' not in Path(alone).read_text()


def test_a_notebook_shows_the_same(write, seen):
    folder = write(seen)
    view = view_tokens(folder)
    assert repr(view) == "<tokens of text>"
    assert 'title="+7.25">kim</span>' in view._repr_html_()
    with pytest.raises(ValueError, match="have no attributions of tokens of 'age'"):
        view_tokens(folder, "age")


def test_nobody_takes_the_columns_for_features(write, seen):
    folder = write(seen)
    frame = read_attributions(folder)
    assert {name for _, _, name in frame.columns if "token" in name} == set()
    assert list(frame["candidate"]["attribution"].columns) == ["age", "text"]
    assert set(frame["row"]["value"].columns) == {"age", "text"}
    assert to_shap(frame).feature_names == ["age", "text"]
    assert "token" not in re.sub(r"<style>.*?</style>", "", view_attributions(folder)._repr_html_(), flags=re.DOTALL)


def test_records_without_tokens_have_none(write, rows):
    records = _records(write(rows))
    assert "fnlwgt" in decode(records).schema.names
    assert _tokens_of(records) == []


def test_texts_without_any_token_add_nothing():
    empty = [RowTokens(np.empty(0), np.empty(0), 0.5), RowTokens(np.array([b"a"], object), np.array([-2.0]), 0.0)]
    sums = TokenSums()
    sums.add_rows(empty[:1])
    sums.add_rows(empty)
    assert sums.known(1) == {b"a": (1, 2.0, -2.0)}
