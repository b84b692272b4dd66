"""The over-segmentation that XRAI grows its regions of: Felzenszwalb, Huttenlocher, "Efficient Graph-Based Image
Segmentation", IJCV 2004, with the scales and sizes of Kapishnikov et al., "XRAI: Better Attributions Through Regions",
ICCV 2019.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import ndimage

from tfx_explain.attribution.images.libraries import scikit_image
from tfx_explain.attribution.images.segments import Box, Segments

_SCALES = (50, 100, 150, 250, 500, 1200)
_SIGMA, _MIN_SIZE = 0.8, 150
# The side of the square that pictures are brought to, for which those numbers are meant, and how far masks reach.
_SIDE, _RADIUS = 224, 5


def over_segment(image: np.ndarray) -> Segments:
    """Cuts a picture into the parts of six partitions, each part grown by a disk of 5 pixels.

    Args:
        image: finite floats `[height, width]` or `[height, width, channels]`; their unit is of no account.

    Returns:
        The parts; one, of all pixels, where the picture is constant.

    Raises:
        ValueError: if scikit-image is not installed.
    """
    shape = image.shape[:2]
    least, most = np.min(image), np.max(image)
    if least == most:
        return Segments.of(np.ones((1, *shape), bool))
    scaled = (image - least) / (most - least) * 2 - 1
    if shape != (_SIDE, _SIDE):
        # One channel after the other: of several, splines take nine times the time and memory, for the same picture.
        channels = np.moveaxis(np.atleast_3d(scaled), 2, 0)
        square = [_resized(one, (_SIDE, _SIDE), order=3, anti_aliasing=True, clip=False) for one in channels]
        scaled = np.clip(np.stack(square, axis=-1), -1, 1)
    cut = scikit_image("segmentation").felzenszwalb
    partitions = (cut(scaled, scale=scale, sigma=_SIGMA, min_size=_MIN_SIZE) for scale in _SCALES)
    nearest = [_nearest(size) for size in shape]
    return Segments.of_boxes(shape, (part for labels in partitions for part in _grown_parts(labels, nearest)))


def _resized(image: np.ndarray, shape: tuple[int, int], **settings: object) -> np.ndarray:
    return scikit_image("transform").resize(image, shape, mode="constant", preserve_range=True, **settings)


def _nearest(size: int) -> np.ndarray:
    """Returns int `[size]`, the place of the square's side that is nearest to each of a picture's."""
    line = np.arange(_SIDE, dtype=np.float64)[:, None]
    return _resized(line, (size, 1), order=0, anti_aliasing=False)[:, 0].astype(np.int64)


def _grown_parts(labels: np.ndarray, nearest: list[np.ndarray]) -> Iterator[tuple[Box, np.ndarray]]:
    """Yields the parts of a partition of the square, in the picture's own size and grown, each in its box."""
    shown = labels[np.ix_(*map(np.unique, nearest))]
    boxes = ndimage.find_objects(labels + 1)
    for number in range(shown.min(), shown.max() + 1):
        sides = []
        for line, side in zip(nearest, boxes[number], strict=True):
            start, stop = (int(end) for end in np.searchsorted(line, [side.start, side.stop]))
            # Of a small picture, a part may fall between two pixels.
            sides.append(slice(max(0, start - _RADIUS), min(len(line), stop + _RADIUS)) if start < stop else slice(0))
        rows, columns = (line[side] for line, side in zip(nearest, sides, strict=True))
        yield (sides[0], sides[1]), _dilated(labels[np.ix_(rows, columns)] == number)


def _dilated(mask: np.ndarray) -> np.ndarray:
    """Sets what is within the radius of bool `[height, width]`; what a disk does, by lines, since shifts are cheap."""
    # From the mask to all that is so many columns from it, or fewer.
    across = [mask]
    for _ in range(_RADIUS):
        wider = across[-1].copy()
        wider[:, 1:] |= across[-1][:, :-1]
        wider[:, :-1] |= across[-1][:, 1:]
        across.append(wider)
    grown = across[_RADIUS].copy()
    for down in range(1, min(_RADIUS, len(mask) - 1) + 1):
        wide = across[int(np.sqrt(_RADIUS**2 - down**2))]
        grown[down:] |= wide[:-down]
        grown[:-down] |= wide[down:]
    return grown
