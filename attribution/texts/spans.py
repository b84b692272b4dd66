"""Spans of texts: words, sentences, or what a pattern finds, by their bytes.

Texts are bytes. Where they are no UTF-8, each byte that is none counts as a character that is no letter and no space.
"""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

# Chinese characters and Japanese syllables stand without spaces; each is taken for a word.
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = rf"[{_UNSPACED}]|[^\s{_UNSPACED}]+"
# What may close a sentence behind its full stop; full stops that no space follows, and what closes a sentence there.
_CLOSERS, _WIDE_STOPS, _WIDE_CLOSERS = "\"')\\]\u00bb\u2019\u201d", "\u3002\uff01\uff1f", "\u300d\u300f\u201d\uff09"
_SENTENCE = rf"\S[^\n]*?(?:[.!?\u2026]+[{_CLOSERS}]*(?=\s|\Z)|[{_WIDE_STOPS}]+[{_WIDE_CLOSERS}]*|(?=\s*(?:\n|\Z)))"


@dataclasses.dataclass(frozen=True)
class Spans:
    """Spans of several texts, in order and apart from each other.

    Attributes:
        row_splits: int64 `[texts + 1]`, where each text's spans begin, and where the last one's end.
        begin: int64 `[spans]`, the byte of its text at which a span begins.
        end: int64 `[spans]`, the byte after its last.
    """

    row_splits: np.ndarray
    begin: np.ndarray
    end: np.ndarray


# From texts, bytes `[texts]`, to their spans.
Splitter: TypeAlias = Callable[[np.ndarray], Spans]


def by_pattern(pattern: str) -> Splitter:
    """Returns what finds a regular expression's matches, but for empty ones; what is between them belongs to no span.

    Raises:
        ValueError: if it is no regular expression.
    """
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from error
    return functools.partial(_spans, compiled)


def _spans(pattern: re.Pattern[str], texts: np.ndarray) -> Spans:
    counts, places = [0], [np.zeros((0, 2), np.int64)]
    for text in texts:
        characters = text.decode("utf-8", "surrogateescape")
        found = [match.span() for match in pattern.finditer(characters) if match.end() > match.start()]
        counts.append(len(found))
        if found:
            places.append(_bytes_before(characters)[np.array(found)])
    begin, end = np.concatenate(places).T
    return Spans(np.cumsum(counts), begin, end)


def _bytes_before(text: str) -> np.ndarray:
    """Returns int64 `[characters + 1]`, how many bytes are before each character."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    sizes = 1 + (codes >= 0x80) + (codes >= 0x800).astype(np.int64) + (codes >= 0x10000)
    sizes[(codes >= 0xDC80) & (codes <= 0xDCFF)] = 1  # a byte that is no UTF-8
    return np.concatenate([[0], np.cumsum(sizes)])


# Characters, by their code points.
characters = by_pattern("(?s).")
# Words, with the punctuation that sticks to them: what is left of a text without words is spaces.
words = by_pattern(_WORD)
# Sentences; a full stop before a space ends one, be it an abbreviation's.
sentences = by_pattern(_SENTENCE)
