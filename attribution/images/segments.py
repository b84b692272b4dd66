"""Overlapping segments of one picture, kept as the cells that they cut it into."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import TypeAlias

import numpy as np
from scipy import sparse

# Rows and columns of the smallest rectangle around a segment.
Box: TypeAlias = tuple[slice, slice]


@dataclasses.dataclass(frozen=True)
class Segments:
    """Masks of a picture, which may overlap and may leave pixels out.

    A cell is the pixels that are in the same masks. There are far fewer cells than pixels, so that 360 masks of 224 x
    224 pixels take half a megabyte, and what is summed over masks is summed over their cells.

    Attributes:
        cells: int32 `[height, width]`, the cell of each pixel.
        members: bool CSR matrix `[masks, cells]`, which cells a mask is made of.
        boxes: of each mask.
    """

    cells: np.ndarray
    members: sparse.csr_matrix
    boxes: tuple[Box, ...]

    @classmethod
    def of(cls, masks: np.ndarray) -> Segments:
        """Takes bool masks `[masks, height, width]`.

        Raises:
            ValueError: if they are not.
        """
        masks = np.asarray(masks)
        if masks.ndim != 3 or masks.dtype != bool:
            raise ValueError(f"masks are {masks.dtype} of shape {masks.shape}; give bool [masks, height, width].")
        return cls.of_boxes(masks.shape[1:], ((box, mask[box]) for mask in masks for box in [_box(mask)]))

    @classmethod
    def of_boxes(cls, shape: tuple[int, ...], masks: Iterable[tuple[Box, np.ndarray]]) -> Segments:
        """Takes masks one by one, each as its box and bool of the box's shape; `shape` is the picture's."""
        cells, boxes = np.zeros(shape, np.int32), []
        # Of each cell that there ever was: the cell that it was a part of, and the mask that cut it out of that.
        parents, cutters = [np.zeros(1, np.int64)], [np.full(1, -1)]
        count = 1
        for number, (box, mask) in enumerate(masks):
            boxes.append(box)
            inside = cells[box][mask]
            cut = np.flatnonzero(np.bincount(inside, minlength=1))
            renamed = np.zeros(count, np.int32)
            renamed[cut] = count + np.arange(len(cut))
            cells[box][mask] = renamed[inside]
            parents.append(cut)
            cutters.append(np.full(len(cut), number))
            count += len(cut)
        used = np.flatnonzero(np.bincount(cells.ravel(), minlength=count))
        final = np.zeros(count, np.int32)
        final[used] = np.arange(len(used))
        members = _members(used, np.concatenate(parents), np.concatenate(cutters), len(boxes))
        return cls(final[cells], members, tuple(boxes))

    @property
    def nbytes(self) -> int:
        """What they take in memory, in bytes."""
        parts = self.cells, self.members.data, self.members.indices, self.members.indptr
        return sum(part.nbytes for part in parts)

    def masks(self) -> Iterator[np.ndarray]:
        """Yields each mask, bool `[height, width]`."""
        for number in range(len(self.boxes)):
            yield self.inside(number)[self.cells]

    def inside(self, number: int) -> np.ndarray:
        """Returns bool `[cells]`, which are in a mask."""
        inside = np.zeros(self.members.shape[1], bool)
        inside[self.members.indices[self.members.indptr[number] : self.members.indptr[number + 1]]] = True
        return inside


def _box(mask: np.ndarray) -> Box:
    bounds = []
    for axis in (0, 1):
        at = np.flatnonzero(mask.any(axis=1 - axis))
        bounds.append(slice(int(at[0]), int(at[-1]) + 1) if len(at) else slice(0, 0))
    return bounds[0], bounds[1]


def _members(used: np.ndarray, parents: np.ndarray, cutters: np.ndarray, masks: int) -> sparse.csr_matrix:
    """Returns `[masks, cells]` of the cells that are left, from each one's way back to the uncut picture."""
    of_masks, of_cells = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    at, cells = used, np.arange(len(used))
    while len(at := at[there := at > 0]):
        cells = cells[there]
        of_masks.append(cutters[at])
        of_cells.append(cells)
        at = parents[at]
    places = np.concatenate(of_masks), np.concatenate(of_cells)
    return sparse.csr_matrix((np.ones(len(places[0]), bool), places), shape=(masks, len(used)))
