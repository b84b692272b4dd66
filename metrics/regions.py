"""Regions of pictures: a box, a border, or a mask, and what lies outside of one.

A region has no size of its own until it is laid over a map; then it has some of its pixels, and not none.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeGuard

import numpy as np
import tensorflow as tf

_PNG = b"\x89PNG\r\n\x1a\n"
_RUNS = '{"size": [height, width], "counts": [...]}'


@dataclass(frozen=True)
class Box:
    """Top, left, bottom and right: as parts of height and width from 0 to 1, or, if any is above 1, in whole pixels."""

    ends: tuple[float, float, float, float]

    @property
    def place(self) -> str:
        """Names it, "0,0.75,0.25,1"."""
        return ",".join(f"{end:g}" for end in self.ends)

    def within(self, shape: tuple[int, int]) -> np.ndarray:
        """Returns which pixels have their middle in it, bool `[height, width]`.

        Raises:
          ValueError: It reaches beyond them.
        """
        top, left, bottom, right = self.ends
        sizes = shape if max(self.ends) > 1 else (1, 1)
        if bottom > sizes[0] or right > sizes[1]:
            raise ValueError(f"The box {list(self.ends)}, which is in pixels, reaches beyond {_maps(shape)}.")
        down, across = ((np.arange(count) + 0.5) * size / count for count, size in zip(shape, sizes, strict=True))
        return ((down >= top) & (down < bottom))[:, None] & ((across >= left) & (across < right))


@dataclass(frozen=True)
class Border:
    """A ring along the edges: of so many pixels, or, below 1, of a part of the shorter side."""

    width: float

    @property
    def place(self) -> str:
        """Names it, "border:3"."""
        return f"border:{self.width:g}"

    def within(self, shape: tuple[int, int]) -> np.ndarray:
        """Returns which pixels have their middle in it, bool `[height, width]`."""
        width = self.width if self.width >= 1 else self.width * min(shape)
        down, across = (np.minimum(np.arange(size), np.arange(size)[::-1]) + 0.5 for size in shape)
        return np.minimum(down[:, None], across) < width


@dataclass(frozen=True)
class Mask:
    """Any pixels of a map of one size.

    Attributes:
      name: What a file is called, less its folder and ending; of others the beginning of `digest`.
      size: Height and width.
      digest: Of the pixels.
      bits: The pixels, eight a byte, row by row.
    """

    name: str
    size: tuple[int, int]
    digest: str
    bits: bytes = field(repr=False)

    @property
    def place(self) -> str:
        """Names it, "mask:watermark"."""
        return f"mask:{self.name}"

    def within(self, shape: tuple[int, int]) -> np.ndarray:
        """Returns which pixels are in it, bool `[height, width]`.

        Raises:
          ValueError: The map has another size.
        """
        if shape != self.size:
            height, width = self.size
            raise ValueError(
                f"The mask {self.name!r} is {height} x {width} pixels (height x width), and does not fit "
                f"{_maps(shape)}. Give one of the maps' size, or a box in parts of it."
            )
        bits = np.frombuffer(self.bits, np.uint8)
        return np.unpackbits(bits, count=shape[0] * shape[1]).astype(bool).reshape(shape)

    def runs(self) -> dict[str, Any]:
        """Returns it as `region` reads it, without a file."""
        columns = self.within(self.size).ravel(order="F")
        ends = np.flatnonzero(np.diff(columns)) + 1
        counts = np.diff(np.concatenate([[0], ends, [columns.size]]))
        return {"size": list(self.size), "counts": [0] * bool(columns[0]) + counts.tolist()}


Part: TypeAlias = Box | Border | Mask


@dataclass(frozen=True)
class Region:
    """A part of pictures.

    Attributes:
      part: The part.
      is_outside: Whether what lies outside of it is meant.
    """

    part: Part
    is_outside: bool = False

    @property
    def place(self) -> str:
        """Names it, "0,0.75,0.25,1" or "border:3,outside"."""
        return self.part.place + ",outside" * self.is_outside

    @functools.lru_cache(maxsize=64)  # noqa: B019 - by value: records of a split have few regions, and maps one size.
    def within(self, shape: tuple[int, int]) -> np.ndarray:
        """Returns which pixels are in it, bool `[height, width]`.

        Raises:
          ValueError: It doesn't fit, or no pixel is in it.
        """
        found = self.part.within(shape) != self.is_outside
        if not found.any():
            raise ValueError(f"No pixel of {_maps(shape)} is in the region {self.place!r}.")
        return found


def region(
    box: Sequence[float] | None = None,
    mask: str | Mapping[str, Any] | None = None,
    border: float | None = None,
    outside: bool = False,
) -> Region:
    """Returns the region that a metric's config describes.

    Args:
      box: See `Box`.
      mask: The path of a PNG, whose pixels are in it unless they are black; or, as COCO has it,
        `{"size": [height, width], "counts": [...]}`: column by column how many pixels are not in it, are, are not ...
      border: See `Border`.
      outside: Whether what lies outside is meant.

    Raises:
      ValueError: It is not one of the three, or there is no such one.
    """
    given = [name for name, value in (("box", box), ("mask", mask), ("border", border)) if value is not None]
    if len(given) != 1:
        raise ValueError(f"MapShare has {' and '.join(given) or 'no region'}; give one of box, mask and border.")
    if box is not None:
        return Region(_box(box), outside)
    return Region(read_mask(mask) if mask is not None else _border(border), outside)


def read_mask(mask: str | Mapping[str, Any]) -> Mask:
    """Returns a mask; see `region`.

    Raises:
      ValueError: There is no such file, it is no PNG, or the runs don't add up; or no pixel is in it.
    """
    pixels = _of_file(mask) if isinstance(mask, str) else _of_runs(mask)
    name = os.path.splitext(os.path.basename(mask))[0] if isinstance(mask, str) else ""
    if not pixels.any():
        raise ValueError(f"No pixel is in MapShare's mask {name or 'of runs'}: the region would have nothing.")
    bits = np.packbits(pixels).tobytes()
    digest = hashlib.sha256(repr(pixels.shape).encode() + bits).hexdigest()[:12]
    return Mask(name or digest, (pixels.shape[0], pixels.shape[1]), digest, bits)


def _box(box: Sequence[float]) -> Box:
    is_box = len(box) == 4 and 0 <= box[0] < box[2] and 0 <= box[1] < box[3]
    if not is_box or (max(box) > 1 and not all(float(end).is_integer() for end in box)):
        raise ValueError(
            f"MapShare has box {list(box)}; give top, left, bottom and right as parts from 0 to 1, such as "
            "[0, 0.75, 0.25, 1] for the upper right corner, or in whole pixels, such as [0, 21, 7, 28]."
        )
    top, left, bottom, right = (float(end) for end in box)
    return Box((top, left, bottom, right))


def _border(border: float | None) -> Border:
    if not isinstance(border, int | float) or not border > 0 or (border > 1 and not float(border).is_integer()):
        raise ValueError(
            f"MapShare has border {border!r}; give whole pixels, such as 3, or a part of the shorter side, such as 0.1."
        )
    return Border(float(border))


def _of_file(path: str) -> np.ndarray:
    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            content = file.read()
        if not content.startswith(_PNG):
            # A JPEG's black is not quite black.
            raise ValueError(f"MapShare's mask {path} is no PNG; save it as one, black where the region is not.")
        # Of 16 bits, so that none is lost; a palette's colours count.
        return tf.io.decode_png(content, channels=3, dtype=tf.uint16).numpy().any(axis=2)
    except tf.errors.OpError as error:
        raise ValueError(f"MapShare's mask {path} can't be read: {error.message}") from error


def _of_runs(runs: Mapping[str, Any]) -> np.ndarray:
    size, counts = (runs.get(name) for name in ("size", "counts"))
    if not _are_whole(size) or not _are_whole(counts) or len(size) != 2:
        raise ValueError(f"MapShare's mask has {sorted(runs)}; give a PNG's path, or {_RUNS} of whole numbers.")
    if sum(counts) != size[0] * size[1]:
        raise ValueError(
            f"MapShare's mask has runs of {sum(counts)} pixels together, and {size[0]} x {size[1]} are "
            f"{size[0] * size[1]}; its counts begin with those that are not in it."
        )
    pixels = np.repeat(np.arange(len(counts)) % 2 == 1, counts)
    return pixels.reshape(size[0], size[1], order="F")


def _are_whole(numbers: Any) -> TypeGuard[Sequence[int]]:
    return isinstance(numbers, list | tuple) and all(type(one) is int and one >= 0 for one in numbers)


def _maps(shape: tuple[int, int]) -> str:
    return f"maps of {shape[0]} x {shape[1]}"
