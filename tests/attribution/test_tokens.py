"""Attributions of tokens: rows taken and joined."""

from __future__ import annotations

import numpy as np

from tfx_explain.attribution.problem.tokens import TokenValues


def _some(begin: list[int] | None = None) -> TokenValues:
    tokens = np.array([b"a", b"b", b"c"], object)
    places = None if begin is None else np.array(begin)
    return TokenValues(np.array([0, 2, 2, 3]), tokens, np.array([1.0, 2.0, 3.0]), np.zeros(3), places, places)


def test_rows_are_taken_in_any_order_and_more_than_once() -> None:
    taken = _some([4, 5, 6]).take(np.array([2, 0, 0, 1]))
    assert taken.row_splits.tolist() == [0, 1, 3, 5, 5]
    assert taken.tokens.tolist() == [b"c", b"a", b"b", b"a", b"b"]
    assert taken.values.tolist() == [3, 1, 2, 1, 2]
    assert taken.begin is not None and taken.begin.tolist() == [6, 4, 5, 4, 5]


def test_parts_join_in_order_and_unknown_places_are_minus_one() -> None:
    joined = TokenValues.joined([_some(), _some([4, 5, 6]).take(np.array([0]))])
    assert joined.row_splits.tolist() == [0, 2, 2, 3, 5]
    assert joined.end is not None and joined.end.tolist() == [-1, -1, -1, 4, 5]
    assert TokenValues.joined([_some(), _some()]).begin is None


def test_no_rows_are_no_tokens() -> None:
    assert _some().take(np.array([], int)).row_splits.tolist() == [0]
