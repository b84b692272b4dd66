"""Which tokens a metric is about: listed, matching a pattern, or listed in a file."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from tfx_explain.proto.printable import first_line, text_of

_REMEMBERED = 65_536


@dataclass(frozen=True)
class Wanted:
    """Some tokens.

    Attributes:
      title: What they are called in a metric's name.
      tokens: They, where they are listed.
      pattern: What they match as a whole; empty where they are listed.
    """

    title: str
    tokens: frozenset[bytes] = frozenset()
    pattern: str = ""

    @classmethod
    def of(cls, tokens: Sequence[str], pattern: str, file: str) -> Wanted:
        """Takes one of the three; see `TokenShare`."""
        given = [name for name, one in (("tokens", tokens), ("pattern", pattern), ("file", file)) if one]
        if len(given) != 1:
            raise ValueError(
                f"TokenShare has {' and '.join(given) or 'none'} of tokens, pattern and file; give one of them, to say "
                "which tokens are meant."
            )
        if isinstance(tokens, str) or not isinstance(tokens, Sequence):
            raise ValueError(f"TokenShare has tokens {tokens!r}; give a list, such as [{str(tokens)!r}].")
        for one in (*tokens, pattern, file):
            # A half of a pair of surrogates, which JSON lets pass, is no text either.
            if not isinstance(one, str) or one != one.encode(errors="ignore").decode():
                raise ValueError(f"TokenShare has {one!r}, which is no text; numbers are given as '94103'.")
        if pattern:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(
                    f"TokenShare has pattern {pattern!r}, which is no regular expression: {error}."
                ) from None
            return cls(pattern, pattern=pattern)
        listed = _listed_in(file) if file else tokens
        return cls(file or ",".join(tokens), frozenset(token.encode() for token in listed))

    @property
    def key(self) -> str:
        """Tells it from all others."""
        return f"{self.pattern!r} {sorted(self.tokens)}"

    def __contains__(self, token: bytes) -> bool:
        return _matches(self.pattern, token) if self.pattern else token in self.tokens


# Rows repeat their tokens.
@functools.lru_cache(_REMEMBERED)
def _matches(pattern: str, token: bytes) -> bool:
    return re.fullmatch(pattern, text_of(token)) is not None


def _listed_in(file: str) -> list[str]:
    try:
        with tf.io.gfile.GFile(file, "rb") as opened:
            lines = opened.read().decode("utf-8-sig").split("\n")
    except (tf.errors.OpError, UnicodeDecodeError) as error:
        raise ValueError(f"TokenShare's file {file} can't be read as text in UTF-8: {first_line(error)}.") from error
    listed = [line.strip() for line in lines if line.strip()]
    if not listed:
        raise ValueError(f"TokenShare's file {file} lists no token; write one a line.")
    return listed
