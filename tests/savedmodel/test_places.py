"""Where tokens stand in a text."""

from __future__ import annotations

import pytest

from tfx_explain.savedmodel.explainable.places import places


def _spans(text: str, tokens: list[str]) -> list[str] | None:
    found = places(text.encode(), [token.encode() for token in tokens])
    if found is None:
        return None
    return [text.encode()[begin:end].decode() for begin, end in zip(*found, strict=True)]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The cat, the CAT!", ["the", "cat", "the", "cat"]),
        ("a a a", ["a", "a", "a"]),
        ("שלום עולם", ["שלום", "עולם"]),
        ("né😀e\u0301", ["n", "é", "😀", "e", "\u0301"]),
        ("unhappy cats", ["un", "##happy", "cat", "##s"]),
        ("unhappy cats", ["▁un", "happy", "▁cats"]),
        ("", []),
    ],
)
def test_tokens_that_have_one_place_are_found(text, tokens) -> None:
    bare = [token.removeprefix("##").removeprefix("▁") for token in tokens]
    assert [span.lower() for span in _spans(text, tokens) or []] == bare


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("cat cat", ["cat"]),  # either of them
        ("don't", ["dont"]),  # changed on the way
        ("the cat sat", ["the cat", "cat sat"]),  # one over the other
        ("a cat", ["[UNK]", "cat"]),
        ("cat", [""]),
    ],
)
def test_tokens_that_could_stand_elsewhere_have_no_place(text, tokens) -> None:
    assert _spans(text, tokens) is None
