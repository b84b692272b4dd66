"""Which of a model's counts is of which tokens: found out by putting each id in the place of all of a row's."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping, Sequence
from typing import TypeAlias

import numpy as np

from tfx_explain.attribution.problem.tokens import splits_of
from tfx_explain.savedmodel.explainable.alone import Layout, NotTogetherError

# From ids, int64 `[sources, tokens]`, to what is counted then, `[entries]` in each place.
Counted: TypeAlias = Callable[[np.ndarray], Sequence[np.ndarray]]
# By an id, of every source, the number of its count among a row's, in each place; -1 where it has none.
Columns: TypeAlias = MutableMapping[tuple[int, ...], tuple[int, ...]]

_NONE = -1


def counted_owners(
    counted: Counted, ids: np.ndarray, tokens: Layout, entries: Sequence[Layout], known: Columns
) -> tuple[list[np.ndarray], np.ndarray]:
    """Finds out whose counts are whose.

    Args:
        counted: counts other ids.
        ids: int64 `[sources, tokens]`, those of the rows.
        tokens: where those of each row lie.
        entries: where the counts of each row lie, for each place where something is counted.
        known: what has been found out before; added to.

    Returns:
        Of each place, the first token of its row that each count is of, int64 `[entries]`, -1 where it is none's; and
        the first token of its row that each token shares its counts with, int64 `[tokens]`.

    Raises:
        NotTogetherError: if other counts than those of the ids by themselves are made of a row.
    """
    distinct, which = np.unique(ids, axis=1, return_inverse=True)
    _find_out(counted, distinct, tokens, entries, known)
    columns = np.array([known[tuple(one)] for one in distinct.T.tolist()], np.int64).reshape(-1, len(entries))
    columns = columns[which.reshape(-1)]
    groups, of_group = np.unique(np.column_stack([tokens.row_of, columns]), axis=0, return_inverse=True)
    first = np.full(len(groups), ids.shape[1], np.int64)
    np.minimum.at(first, of_group.reshape(-1), tokens.positions)
    owners = []
    for place, (layout, found) in enumerate(zip(entries, counted(ids), strict=True)):
        has_one = groups[:, 1 + place] != _NONE
        where = splits_of(layout.counts)[groups[has_one, 0]] + groups[has_one, 1 + place]
        owners.append(np.full(len(found), _NONE, np.int64))
        owners[-1][where] = first[has_one]
        if len(np.unique(where)) < len(where) or ((found != 0) & (owners[-1] == _NONE)).any():
            raise _lost()
    _check_last(counted, tokens, entries, known)
    return owners, first[of_group.reshape(-1)]


def _find_out(
    counted: Counted, distinct: np.ndarray, tokens: Layout, entries: Sequence[Layout], known: Columns
) -> None:
    """Adds the ids `[sources, ids]` that are not known yet, as many at once as there are rows with tokens."""
    new = np.array([one for one in distinct.T.tolist() if tuple(one) not in known], distinct.dtype)
    rows = np.flatnonzero(tokens.counts)
    for begin in range(0, len(new), max(len(rows), 1)):
        some = new[begin : begin + len(rows)]
        by_row = np.repeat(some[:1], len(tokens.counts), axis=0)
        by_row[rows[: len(some)]] = some
        columns = np.full((len(tokens.counts), len(entries)), _NONE, np.int64)
        for place, (layout, found) in enumerate(zip(entries, counted(by_row[tokens.row_of].T), strict=True)):
            is_some = found != 0
            if np.bincount(layout.row_of[is_some]).max(initial=0) > 1:
                raise _lost()
            columns[layout.row_of[is_some], place] = layout.positions[is_some]
        known.update(zip(map(tuple, some.tolist()), map(tuple, columns[rows].tolist()), strict=False))


def _check_last(counted: Counted, tokens: Layout, entries: Sequence[Layout], known: Columns) -> None:
    """Raises a NotTogetherError where a row's last token is not counted, as the model has cut it off."""
    by_column = {columns[0]: one for one, columns in known.items() if columns[0] != _NONE}
    if len(by_column) < 2:
        return
    one, other = list(by_column.items())[:2]
    is_last = tokens.positions == tokens.counts[tokens.row_of] - 1
    found = counted(np.where(is_last, *(np.array(ids)[:, None] for _, ids in (one, other))))[0]
    seen = entries[0].has((found != 0) & (entries[0].positions == one[0]))
    if (seen != (tokens.counts > 0)).any():
        raise NotTogetherError("the model does not count all tokens of a row")


def _lost() -> NotTogetherError:
    return NotTogetherError("what the model counts in a row is not its tokens, each by itself")
