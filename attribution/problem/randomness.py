"""Counter-based randomness: every number is a hash of (seed, row, draw), so batches and row order cannot change it."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfx_explain.attribution.model.interface import Tensor, Tensors

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def mix(words: np.ndarray) -> np.ndarray:
    """Hashes uint64 of any shape, one by one (the finaliser of SplitMix64; Steele, Lea, Flood, OOPSLA 2014)."""
    words = words ^ (words >> np.uint64(30))
    words = words * np.uint64(0xBF58476D1CE4E5B9)
    words = words ^ (words >> np.uint64(27))
    words = words * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def random_words(seed: int, row_keys: np.ndarray, draws: np.ndarray, size: int) -> np.ndarray:
    """Draws random words.

    Args:
        seed: any integer.
        row_keys: uint64 `[rows]`.
        draws: int `[draws]`, which draws of each row.
        size: words in one draw.

    Returns:
        uint64 `[rows, draws, size]`; each word depends on seed, row key, draw and its place alone.
    """
    with np.errstate(over="ignore"):
        rows = mix(row_keys + mix(np.full(1, seed % 2**64, np.uint64) + _GOLDEN))
        streams = mix(rows[:, None] + (draws.astype(np.uint64) + np.uint64(1)) * _GOLDEN)
        return mix(streams[:, :, None] + np.arange(1, size + 1, dtype=np.uint64) * _GOLDEN)


def random_orders(seed: int, row_keys: np.ndarray, draws: np.ndarray, size: int) -> np.ndarray:
    """Returns uniformly random permutations, int64 `[rows, draws, size]`; arguments as of `random_words`."""
    return np.argsort(random_words(seed, row_keys, draws, size), axis=2, kind="stable")


def keys_of_rows(inputs: Tensors, given: np.ndarray | None) -> np.ndarray:
    """Returns uint64 `[rows]`: the keys that a caller gave, or the rows' own `row_keys`."""
    return row_keys(inputs) if given is None else np.asarray(given, np.uint64)


def row_keys(inputs: Tensors) -> np.ndarray:
    """Returns uint64 `[rows]`, a hash of each row's values in all tensors; a row's key does not depend on its batch."""
    keys = np.uint64(0)
    with np.errstate(over="ignore"):
        for key in sorted(inputs):
            keys = mix(keys * _GOLDEN + _row_hashes(inputs[key]))
    return np.asarray(keys)


def _row_hashes(tensor: Tensor) -> np.ndarray:
    """Hashes each row `[rows]`: the sum of the hashes of its elements, each with its position."""
    if isinstance(tensor, tf.RaggedTensor):
        words = _row_hashes(tensor.values)
        rows = tensor.value_rowids().numpy()
        positions = np.arange(len(words)) - tensor.row_starts().numpy()[rows]
        sums = tensor.row_lengths().numpy().astype(np.uint64)
        np.add.at(sums, rows, _placed(words, positions))
        return mix(sums)
    if tensor.dtype == tf.string:
        words = tf.strings.to_hash_bucket_fast(tensor, 2**62).numpy().astype(np.uint64)
    else:
        values = tensor.numpy()
        words = values.astype(np.uint64) if values.dtype.kind in "iub" else values.view(f"u{values.itemsize}")
    words = words.astype(np.uint64).reshape(len(words), int(np.prod(words.shape[1:])))
    return mix(_placed(words, np.arange(words.shape[1])).sum(axis=1, dtype=np.uint64))


def _placed(words: np.ndarray, positions: np.ndarray) -> np.ndarray:
    return mix(words + (positions.astype(np.uint64) + np.uint64(1)) * _GOLDEN)
