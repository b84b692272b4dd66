"""Following tokens through a graph: other numbers in the places of their ids, and where these arrive."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from tfx_explain.savedmodel.explainable.alone import Layout, NotTogetherError

# From int64 `[tokens]`, put in the places of ids, to what is looked up instead, int64 `[entries]` in each place.
Arrived: TypeAlias = Callable[[np.ndarray], Sequence[np.ndarray]]

# What is put in the place of ids: a number of its own for each token; or, where that is out of the range that the graph
# lets pass, their binary digits one after the other.
_WIDE = 2**20
_NOBODYS = -1


def owners_of(arrived: Arrived, tokens: Layout, has_ids: np.ndarray, entries: Sequence[Layout]) -> Sequence[np.ndarray]:
    """Finds out which entry is which token's.

    Args:
        arrived: tries other numbers; it raises a NotTogetherError where not as many arrive.
        tokens: where those of each row lie.
        has_ids: bool `[rows]`, the rows with a token that others can be put in the place of.
        entries: where those of each row lie, for each place where something is looked up.

    Returns:
        Of each place, the token of its row that each entry is of, int64 `[entries]`, -1 where it is none's.

    Raises:
        NotTogetherError: if that can't be told for all rows at once.
    """
    numbers = 1 + tokens.positions
    try:
        owners, is_told = _follow(arrived, [numbers], _WIDE, tokens, 1 + tokens.counts, entries)
    except NotTogetherError:
        if len(has_ids) > 1:
            raise
        owners, is_told = [], ~has_ids
    if owners and (is_told | ~has_ids).all():
        return owners
    digits = [(numbers >> place) & 1 for place in range(int(tokens.counts.max()).bit_length())]
    others, _ = _follow(arrived, digits, 0, tokens, np.ones_like(tokens.counts), entries)
    pairs = zip(owners or others, others, entries, strict=True)
    return [np.where(is_told[layout.row_of], own, other) for own, other, layout in pairs]


def _follow(
    arrived: Arrived,
    digits: Sequence[np.ndarray],
    base: int,
    tokens: Layout,
    mirrors: np.ndarray,
    entries: Sequence[Layout],
) -> tuple[list[np.ndarray], np.ndarray]:
    """Returns the token of each entry, and for which rows, bool `[rows]`, that is told.

    It is not where something else arrives than the numbers that `digits`, int64 `[tokens]` each, make, or none does; or
    where their order decides where they arrive, as if they are sorted: then the first digits, taken from `mirrors`, int
    `[rows]`, arrive elsewhere.
    """
    none = arrived(np.full(int(tokens.counts.sum()), base))
    found = [arrived(base + digit) for digit in digits]
    mirrored = arrived(base + mirrors[tokens.row_of] - digits[0])
    rows = len(tokens.counts)
    is_some, is_odd, owners = np.zeros(rows, bool), np.zeros(rows, bool), []
    for number, (zero, layout) in enumerate(zip(none, entries, strict=True)):
        parts = [one[number] - zero for one in found]
        total = sum((part << place for place, part in enumerate(parts)), np.zeros_like(zero))
        owned = (total > 0) & (total <= tokens.counts[layout.row_of])
        owners.append(np.where(owned, total - 1, _NOBODYS))
        is_elsewhere = parts[0] + mirrored[number] - zero != mirrors[layout.row_of]
        is_some |= layout.has(owned)
        is_odd |= layout.has((total < 0) | (owned & is_elsewhere))
    is_told = is_some & ~is_odd
    return [
        np.where(is_told[layout.row_of], own, _NOBODYS) for own, layout in zip(owners, entries, strict=True)
    ], is_told
