"""Where in a text its tokens stand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Marks of pieces: within a word, and at its beginning.
_WITHIN, _BEFORE = b"##", "\u2581".encode()


def places(text: bytes, tokens: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray] | None:
    """Finds tokens in their order in a text, whatever the case of ASCII letters.

    Args:
        text: the text.
        tokens: what was made of it; words, or pieces of words with the marks of word pieces or SentencePiece.

    Returns:
        The byte at which each begins, and that after its last, int64 `[tokens]`; None where they are not all there, one
        after the other, or could stand in several places.
    """
    for spelled in (tokens, [token.removeprefix(_WITHIN).removeprefix(_BEFORE) for token in tokens]):
        found = _only_places(text.lower(), [token.lower() for token in spelled])
        if found is not None:
            return found
    return None


def _only_places(text: bytes, tokens: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray] | None:
    begins = _from_the_left(text, tokens)
    # Those found from the right, too, are the only ones.
    mirrored = _from_the_left(text[::-1], [token[::-1] for token in reversed(tokens)])
    if begins is None or mirrored is None:
        return None
    sizes = np.array([len(token) for token in tokens], np.int64)
    others = len(text) - np.array(mirrored[::-1], np.int64) - sizes
    first = np.array(begins, np.int64)
    return (first, first + sizes) if np.array_equal(first, others) else None


def _from_the_left(text: bytes, tokens: Sequence[bytes]) -> list[int] | None:
    found, end = [], 0
    for token in tokens:
        begin = text.find(token, end)
        if begin < 0 or not token:
            return None
        found.append(begin)
        end = begin + len(token)
    return found
