"""Tokens and their attributions as columns of records."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from tfx_explain.attribution import Attributions
from tfx_explain.attribution.problem.tokens import TokenValues
from tfx_explain.beam.columns import encode_lists, encode_numbers
from tfx_explain.storage import columns


def token_pieces(model: str, outputs: Sequence[Attributions]) -> list[pa.Array]:
    """Encodes the tokens of a model's features, and of each output explained their attributions.

    Args:
      model: `columns.CANDIDATE` or `columns.BASELINE`.
      outputs: Of each output explained, attributions of the same rows.

    Returns:
      Pieces of tf.Examples, large_binary `[rows]`; none where no tokens were asked for.
    """
    pieces: list[pa.Array] = []
    for feature, tokens in outputs[0].tokens.items():
        every = [one.tokens[feature] for one in outputs]
        rest = np.stack([one.rest for one in every], axis=1).astype(np.float32)
        pieces += encode_numbers({columns.token_column(model, columns.TOKEN_REST, feature): rest})
        lists = {
            columns.TOKENS: _lists(tokens.row_splits, pa.array(tokens.tokens, pa.large_binary())),
            columns.TOKEN_ATTRIBUTIONS: _by_output(every),
        }
        if tokens.begin is not None and tokens.end is not None:
            lists[columns.TOKEN_BEGIN] = _where_known(tokens, tokens.begin)
            lists[columns.TOKEN_END] = _where_known(tokens, tokens.end)
        pieces += encode_lists({columns.token_column(model, part, feature): value for part, value in lists.items()})
    return pieces


def _lists(splits: np.ndarray, values: pa.Array, mask: pa.Array | None = None) -> pa.LargeListArray:
    return pa.LargeListArray.from_arrays(pa.array(splits, pa.int64()), values, mask=mask)


def _by_output(every: Sequence[TokenValues]) -> pa.LargeListArray:
    """The attributions of a row's tokens, output after output."""
    first = every[0]
    order = np.argsort(np.tile(np.repeat(np.arange(len(first.rest)), first.row_lengths), len(every)), kind="stable")
    values = np.concatenate([one.values for one in every])[order]
    return _lists(first.row_splits * len(every), pa.array(values.astype(np.float32)))


def _where_known(tokens: TokenValues, places: np.ndarray) -> pa.LargeListArray:
    """Places in the rows where they are known; no list in the others."""
    unknown = np.zeros(len(tokens.rest), bool)
    unknown[np.repeat(np.arange(len(unknown)), tokens.row_lengths)[places < 0]] = True
    return _lists(tokens.row_splits, pa.array(places), pa.array(unknown))
