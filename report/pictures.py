"""Records with maps of pictures: those that changed most, in bounded memory."""

from __future__ import annotations

import base64
import binascii
import heapq
import io
import itertools
import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from tfx_explain.proto import explanation_pb2
from tfx_explain.proto.printable import text_of
from tfx_explain.report.overlay import pillow
from tfx_explain.report.records import decode, read_records
from tfx_explain.storage import columns

_CHANNELS = (1, 3, 4)
# No picture's floats are beyond; colours and opacity, taken for a float, nearly always are.
_LARGEST_FLOAT = 1e6


@dataclass(frozen=True)
class Picture:
    """A record's picture and what was found of it.

    Attributes:
      feature: The feature.
      number: The record's place among those read, from 1.
      class_name: The class explained, by its name or index.
      maps: By model, float64 `[height, width]`.
      attributions: By model, the feature's own.
      of_regions: Whether the maps are regions' heat.
      value: The feature as the record has it, or None.
      change: Which part of the maps' mass lies elsewhere in the other model, from 0 to 1; NaN where there is one model.
    """

    feature: str
    number: int
    class_name: str
    maps: Mapping[str, np.ndarray]
    attributions: Mapping[str, float]
    of_regions: bool
    value: Any
    change: float

    def image(self, row_shape: Sequence[int] = ()) -> np.ndarray | None:
        """Returns uint8 `[height, width, 3]` of the map's size; None where the record's value can't be shown.

        Args:
          row_shape: Of numbers, as the metadata has it; empty: not known.
        """
        return shown(self.value, self.maps[columns.CANDIDATE].shape, row_shape)


def most_changed(folders: Sequence[str], count: int, feature: str = "", class_name: str = "") -> list[Picture]:
    """Reads the pictures whose maps differ most between the models; of one model, those with the largest attributions.

    Args:
      folders: Of splits.
      count: How many pictures.
      feature: Of which feature; empty: of each that has maps.
      class_name: Of which class, by name or index; empty: of the first of each record.

    Raises:
      ValueError: No record has a map of the feature and class, or a file is damaged or missing.
    """
    kept, known = _best(read_records(folders), count, feature, class_name)
    if not kept:
        asked = [f"of {feature!r}"] * bool(feature) + [f"for class {class_name!r}"] * bool(class_name)
        have = f"features with maps are {', '.join(map(repr, sorted(known)))}" if known else "they have none"
        raise ValueError(
            f"{' '.join(['No record has a map', *asked])}; {have}. Explain with `--maps`, XRAI or superpixels, which "
            "keep them."
        )
    return kept


def most_changed_of(records: np.ndarray, count: int, class_name: str = "") -> list[Picture]:
    """Returns of some records, object `[rows]`, what `most_changed` does; none where they have no maps."""
    # Of records without maps one is read.
    if not columns.mapped_features(decode(records[:1]).schema.names, columns.CANDIDATE):
        return []
    return _best([records], count, "", class_name)[0]


def input_of(metadata: explanation_pb2.ExplanationMetadata, feature: str) -> explanation_pb2.InputMetadata:
    """Returns what is said of a feature, by its input or one in its group; empty where neither is there."""
    names = [feature] if feature in metadata.inputs else []
    names += [name for name, entry in metadata.inputs.items() if entry.group_name == feature]
    return metadata.inputs[names[0]] if names else explanation_pb2.InputMetadata()


def pictures_in(batch: pa.RecordBatch, class_name: str = "", first: int = 1) -> Iterator[Picture]:
    """Yields the pictures of records, by feature, that explain a class.

    Args:
      batch: The records.
      class_name: Of which class, by name or index; empty: of the first of each record.
      first: The number of the first record.
    """
    for feature in columns.mapped_features(batch.schema.names, columns.CANDIDATE):
        yield from _pictures(batch, feature, class_name, first)


def _best(
    batches: Iterable[np.ndarray], count: int, feature: str, class_name: str
) -> tuple[list[Picture], Collection[str]]:
    """Returns the pictures that changed most, and the features that have maps."""
    kept: list[tuple[float, int, Picture]] = []
    known: set[str] = set()
    first, serial = 1, itertools.count()
    for records in batches:
        batch = decode(records)
        known |= set(columns.mapped_features(batch.schema.names, columns.CANDIDATE))
        for picture in pictures_in(batch, class_name, first):
            if feature in ("", picture.feature):
                size = abs(picture.attributions[columns.CANDIDATE])
                score = size if math.isnan(picture.change) else picture.change
                # Of equal ones the first.
                item = (score, -next(serial), picture)
                (heapq.heappush if len(kept) < count else heapq.heappushpop)(kept, item)
        first += batch.num_rows
    return [picture for _, _, picture in sorted(kept, key=lambda item: item[:2], reverse=True)], known


def _pictures(batch: pa.RecordBatch, feature: str, class_name: str, first: int) -> Iterator[Picture]:
    """Yields the pictures of a feature that explain the class."""

    def column(name: str) -> list[Any]:
        index = batch.schema.get_field_index(name)
        return [None] * batch.num_rows if index < 0 else batch.column(index).to_pylist()

    models = [name for name in columns.MODELS if feature in columns.mapped_features(batch.schema.names, name)]
    parts = {
        model: [column(columns.map_column(model, part, feature)) for part in columns.PARTS_OF_MAPS] for model in models
    }
    own = {model: column(columns.attribution_column(model, feature)) for model in models}
    names = column(columns.field_column(columns.CANDIDATE, columns.OUTPUT_DISPLAY_NAME))
    indices, values = column(columns.field_column(columns.CANDIDATE, columns.OUTPUT_INDEX)), column(feature)
    for row in range(batch.num_rows):
        numbers = [str(index) for index in indices[row] or ()]
        words = [text_of(name) for name in names[row]] if names[row] else numbers
        at = next((i for i, known in enumerate(zip(words, numbers, strict=True)) if class_name in ("", *known)), None)
        if at is None or any(of_model[0][row] is None for of_model in parts.values()):
            continue
        maps = {
            model: _map(of_model[0][row], of_model[1][row], of_model[2][row], at) for model, of_model in parts.items()
        }
        yield Picture(
            feature,
            first + row,
            words[at],
            maps,
            {model: found[row][at] for model, found in own.items()},
            parts[columns.CANDIDATE][3][row] is not None,
            values[row],
            _change(*maps.values()) if len(maps) > 1 else math.nan,
        )


def _map(maps: Sequence[bytes], scales: Sequence[float], shape: Sequence[int], at: int) -> np.ndarray:
    return np.frombuffer(maps[at], "<f2").astype(np.float64).reshape(*shape) * scales[at]


def _change(first: np.ndarray, second: np.ndarray) -> float:
    """Half the sum of the differences of two maps' sizes, each by its sum: 0 if they agree, 1 if nothing overlaps."""
    if first.shape != second.shape:
        return 1.0
    shares = [np.abs(one) / (np.abs(one).sum() or 1.0) for one in (first, second)]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def shown(value: Any, shape: Sequence[int], row_shape: Sequence[int] = ()) -> np.ndarray | None:
    """Returns a picture, uint8 `[height, width, 3]` of a shape, from a record's value; None where it is none.

    Args:
      value: The feature's values: an encoded picture, its base64, its pixels' bytes or these in base64, or its pixels
        as numbers.
      shape: Height and width.
      row_shape: Of numbers, `[height, width]`, or with channels last or first; empty: that of the map.
    """
    if not value:
        return None
    if not isinstance(value[0], bytes):
        return _of_numbers(np.array(value, np.float64), shape, row_shape)
    texts = [value[0], _from_base64(value[0])]
    found = itertools.chain(
        (_opened(text, shape) for text in texts), (_of_bytes(text, shape) for text in reversed(texts))
    )
    return next((image for image in found if image is not None), None)


def _of_bytes(text: bytes, shape: Sequence[int]) -> np.ndarray | None:
    if len(text) % 4 == 0:
        floats = np.frombuffer(text, "<f4").astype(np.float64)
        if (np.abs(floats) <= _LARGEST_FLOAT).all() and (found := _of_numbers(floats, shape)) is not None:
            return found
    return _of_numbers(np.frombuffer(text, np.uint8).astype(np.float64), shape, white=255.0)


def _of_numbers(
    numbers: np.ndarray, shape: Sequence[int], row_shape: Sequence[int] = (), white: float | None = None
) -> np.ndarray | None:
    arranged = _arranged(numbers, shape, row_shape)
    if arranged is None:
        return None
    least, most = float(numbers.min()), float(numbers.max())
    # Pixels are from 0 to 1 or to 255, or from -1 to 1; of others, the least is black and the greatest white.
    ends = [(0.0, white)] if white else [(0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)]
    black, white = next((ends for ends in ends if ends[0] <= least and most <= ends[1]), (least, most))
    image = np.rint((arranged - black) / ((white - black) or 1.0) * 255).astype(np.uint8)
    image = np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image[:, :, :3]
    return image if image.shape[:2] == tuple(shape) else _stretched(pillow().Image.fromarray(image), shape)


def _arranged(numbers: np.ndarray, shape: Sequence[int], row_shape: Sequence[int]) -> np.ndarray | None:
    """Returns numbers as `[height, width, channels]`; None where their number does not fit."""
    own = [*row_shape, 1] if len(row_shape) == 2 else list(row_shape)
    if len(own) == 3 and np.prod(own) == numbers.size:
        pixels, fits = numbers.reshape(own), own[1:] == list(shape) != own[:2]
        if own[0] in _CHANNELS and (fits or own[2] not in _CHANNELS):
            return np.moveaxis(pixels, 0, 2)
        if own[2] in _CHANNELS:
            return pixels
    channels = next((count for count in _CHANNELS if numbers.size == np.prod(shape) * count), None)
    return None if channels is None else numbers.reshape(*shape, channels)


def _opened(text: bytes, shape: Sequence[int]) -> np.ndarray | None:
    """Decodes a picture; None where it is none."""
    library = pillow()
    try:
        image = library.Image.open(io.BytesIO(text))
        if image.mode.startswith("I"):  # grey of 16 bits, which Pillow would cut off at 255
            image = library.Image.fromarray((np.asarray(image) // 257).astype(np.uint8))
        return _stretched(image.convert("RGB"), shape)
    except (OSError, ValueError, library.Image.DecompressionBombError):
        return None


def _stretched(image: Any, shape: Sequence[int]) -> np.ndarray:
    """Returns a picture in the map's size, where the model made another one of it."""
    return np.asarray(image.resize((int(shape[1]), int(shape[0]))))


def _from_base64(text: bytes) -> bytes:
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
