"""Segments of pictures, found once for all that is asked of the pictures."""

from __future__ import annotations

import collections
import hashlib
import threading
from collections.abc import Callable

import numpy as np

from tfx_explain.attribution.images.segments import Segments


class Remembered:
    """A function from a picture to its segments that keeps what it found last, in so many bytes.

    Several threads may call at once.
    """

    def __init__(self, function: Callable[[np.ndarray], Segments], most_bytes: int) -> None:
        self._function, self._most_bytes = function, most_bytes
        self._kept: collections.OrderedDict[bytes, Segments] = collections.OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def __call__(self, image: np.ndarray) -> Segments:
        """Returns the segments of an image `[height, width]` or `[height, width, channels]`."""
        key = hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16, salt=_form(image)).digest()
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = self._function(image)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = found
                self._bytes += found.nbytes
            while self._bytes > self._most_bytes:
                _, oldest = self._kept.popitem(last=False)
                self._bytes -= oldest.nbytes
        return found


def _form(image: np.ndarray) -> bytes:
    """Tells pictures apart whose bytes are the same, in 16 bytes."""
    return hashlib.blake2b(f"{image.dtype}{image.shape}".encode(), digest_size=16).digest()
