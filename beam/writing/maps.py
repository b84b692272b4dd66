"""Maps of images as columns of records."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from tfx_explain.attribution import Attributions
from tfx_explain.beam.columns import encode_lists, encode_numbers
from tfx_explain.storage import columns

# Regions above this share a number; there are hardly as many pixels in a picture's side.
_MOST_REGIONS = np.iinfo(np.uint16).max


def map_pieces(model: str, outputs: Sequence[Attributions]) -> list[pa.Array]:
    """Encodes the maps of a model's outputs, or the heat and order of regions, as `storage.columns` says.

    Args:
      model: `columns.CANDIDATE` or `columns.BASELINE`.
      outputs: Of each output explained, attributions of the same rows.

    Returns:
      Pieces of tf.Examples, large_binary `[rows]`; none where no maps were kept.
    """
    first = outputs[0]
    pieces: list[pa.Array] = []
    for feature in first.regions or first.maps:
        maps = np.stack([one.regions[feature].heat if one.regions else one.maps[feature] for one in outputs], axis=1)
        scales = np.abs(maps).max(axis=(2, 3)).astype(np.float32)
        # Half precision has a narrow range: most attributions of single pixels would be below it.
        halves = (maps / np.where(scales > 0, scales, 1)[:, :, None, None]).astype("<f2")
        shapes = np.tile(np.array(maps.shape[2:], np.int64), (len(maps), 1))
        numbers = {columns.MAP_SCALES: scales, columns.MAP_SHAPES: shapes}
        pieces += encode_numbers({columns.map_column(model, part, feature): value for part, value in numbers.items()})
        texts = {columns.MAPS: halves}
        if first.regions:
            order = np.stack([one.regions[feature].order for one in outputs], axis=1)
            texts[columns.MAP_REGIONS] = np.minimum(order, _MOST_REGIONS).astype("<u2")
        pieces += encode_lists({columns.map_column(model, part, feature): _lists(text) for part, text in texts.items()})
    return pieces


def _lists(values: np.ndarray) -> pa.LargeListArray:
    """The bytes of `[rows, outputs, height, width]` as lists of large_binary, one of each output."""
    rows, outputs = values.shape[:2]
    size = values[0, 0].nbytes if values.size else 0
    ends = np.arange(rows * outputs + 1, dtype=np.int64) * size
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(np.ascontiguousarray(values))]
    each = pa.Array.from_buffers(pa.large_binary(), rows * outputs, buffers)
    return pa.LargeListArray.from_arrays(pa.array(np.arange(rows + 1, dtype=np.int64) * outputs), each)
