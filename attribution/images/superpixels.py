"""Partitions of a picture into superpixels, pixels beside each other that look alike.

SLIC: Achanta et al., "SLIC Superpixels Compared to State-of-the-Art Superpixel Methods", PAMI 2012. Quickshift:
Vedaldi, Soatto, "Quick Shift and Kernel Methods for Mode Seeking", ECCV 2008, with the settings of LIME's authors.
"""

from __future__ import annotations

import numpy as np

from tfx_explain.attribution.images.libraries import scikit_image

SEGMENTATIONS = ("slic", "quickshift")
_COMPACTNESS = 10.0
_KERNEL_SIZE, _MAX_DISTANCE, _RATIO = 4, 200, 0.2


def superpixels(image: np.ndarray, segmentation: str, count: int) -> np.ndarray:
    """Cuts a picture.

    Args:
        image: finite floats `[height, width]` or `[height, width, channels]`; their unit is of no account.
        segmentation: one of `SEGMENTATIONS`.
        count: about how many superpixels SLIC makes; quickshift makes as many as it finds.

    Returns:
        int32 `[height, width]`, the superpixel of each pixel, from 0 without gaps; all 0 where the picture is constant.

    Raises:
        ValueError: if scikit-image is not installed.
    """
    least, most = np.min(image), np.max(image)
    if least == most:
        return np.zeros(image.shape[:2], np.int32)
    scaled = np.atleast_3d((image.astype(np.float64) - least) / (float(most) - float(least)))
    cut = scikit_image("segmentation")
    # Both measure colours as people see them, where there are three.
    colours = scaled if scaled.shape[2] == 3 else np.repeat(scaled.mean(axis=2, keepdims=True), 3, axis=2)
    if segmentation == "slic":
        labels = cut.slic(colours, n_segments=count, compactness=_COMPACTNESS, start_label=0, channel_axis=-1)
    else:
        labels = cut.quickshift(colours, kernel_size=_KERNEL_SIZE, max_dist=_MAX_DISTANCE, ratio=_RATIO, rng=0)
    return np.unique(labels, return_inverse=True)[1].reshape(labels.shape).astype(np.int32)
