"""Texts in pieces, each with what its tokens carry; no piece begins within what people take for one character."""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tfx_explain.metrics.token_rows import RowTokens
from tfx_explain.proto.printable import text_of

_JOINER = "\u200d"
_VIRAMA = 9  # Unicode's combining class of what joins two consonants of an Indic script.
_FLAGS = range(0x1F1E6, 0x1F200)  # Two letters make a flag.
_SKINS = range(0x1F3FB, 0x1F400)
_JAMO, _LEADING = range(0x1100, 0x1200), range(0x1100, 0x1160)  # Parts of Hangul syllables.
_SYLLABLES = range(0xAC00, 0xD7A4)
_LOOKED_AT = 32  # Of what stands before: an even number, as flags are pairs.


@dataclass(frozen=True)
class Piece:
    """A part of a text.

    Attributes:
      text: What stands there; bytes that are no UTF-8 as `\\xff`.
      attribution: Of the tokens that stand there; None where none does.
      share: The attribution by the largest absolute one that the text is shown with, from -1 to 1.
      tokens: How many tokens stand there.
    """

    text: str
    attribution: float | None = None
    share: float = 0.0
    tokens: int = 0


def pieces_of(found: RowTokens, text: bytes | None, largest: float) -> list[Piece]:
    """Returns a row's text in pieces, with what stands between its tokens; without places, the tokens alone.

    Args:
      found: The row's tokens.
      text: The text that `has_places` says their places are in; None: they have none.
      largest: The absolute attribution that has the share 1.
    """
    if text is None:
        alone = zip(found.tokens.tolist(), found.values.tolist(), strict=True)
        return [_piece([token], [value], largest) for token, value in alone]
    return list(_merged(_cut(found, text), text, largest))


def has_places(found: RowTokens, length: int) -> bool:
    """Tells whether the places of tokens are known, lie within a text, and don't overlap, as those of n-grams do."""
    if found.spans is None:
        return False
    ends = [0, *found.spans.ravel().tolist(), length]
    return all(one <= other for one, other in itertools.pairwise(ends))


def is_one_character(before: str, after: str) -> bool:
    """Tells whether the end of a text and what follows belong to one character, as people see it.

    The rules of Unicode's annex 29 for grapheme clusters, from the character properties that Python knows; where these
    don't tell, as of what a joiner joins, it is one.
    """
    if not before or not after:
        return False
    last, first = before[-1], after[0]
    if first == _JOINER or unicodedata.category(first) in ("Mn", "Mc", "Me") or ord(first) in _SKINS:
        return True
    if last == _JOINER or (last, first) == ("\r", "\n"):
        return True
    if unicodedata.combining(last) == _VIRAMA and unicodedata.category(first) == "Lo":
        return True
    if ord(last) in _FLAGS and ord(first) in _FLAGS:
        return (len(before) - len(before.rstrip("".join(map(chr, _FLAGS))))) % 2 == 1
    return _is_one_syllable(ord(last), ord(first))


def _is_one_syllable(last: int, first: int) -> bool:
    if first in _SYLLABLES or first in _LEADING:
        return last in _LEADING
    return first in _JAMO and (last in _JAMO or last in _SYLLABLES)


def _cut(found: RowTokens, text: bytes) -> Iterator[tuple[bytes, float | None]]:
    """Yields the text's parts, those of tokens with their attributions."""
    assert found.spans is not None
    at = 0
    for (begin, end), value in zip(found.spans.tolist(), found.values.tolist(), strict=True):
        if at < begin:
            yield text[at:begin], None
        yield text[begin:end], value
        at = end
    if at < len(text):
        yield text[at:], None


def _merged(parts: Iterator[tuple[bytes, float | None]], text: bytes, largest: float) -> Iterator[Piece]:
    """Yields pieces that end where a character does."""
    starts = _character_starts(text)
    waiting: list[bytes] = []
    values: list[float | None] = []
    at = 0
    for part, value in parts:
        # An empty token belongs to what it stands in.
        if waiting and part and at in starts:
            yield _piece(waiting, values, largest)
            waiting, values = [], []
        waiting.append(part)
        values.append(value)
        at += len(part)
    if waiting:
        yield _piece(waiting, values, largest)


def _character_starts(text: bytes) -> set[int]:
    """Returns the bytes at which characters, as people see them, begin; a byte that is no UTF-8 is one."""
    decoded = text.decode("utf-8", "surrogateescape")
    lengths = [len(one.encode("utf-8", "surrogateescape")) for one in decoded]
    starts = enumerate(itertools.accumulate(lengths, initial=0))
    return {
        start
        for place, start in starts
        if not is_one_character(decoded[max(0, place - _LOOKED_AT) : place], decoded[place : place + 1])
    }


def _piece(parts: Sequence[bytes], values: Sequence[float | None], largest: float) -> Piece:
    known = [value for value in values if value is not None]
    text = text_of(b"".join(parts))
    if not known:
        return Piece(text)
    return Piece(text, sum(known), sum(known) / largest if largest else 0.0, len(known))
