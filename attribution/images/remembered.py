"""Parts of pictures, found once for all that is asked of the pictures."""

from __future__ import annotations

import collections
import hashlib
import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

import numpy as np

# Of some pictures parts are kept, for other targets and other models: of a thousand of 224 x 224 pixels.
_KEPT_BYTES = 2**29


class _Sized(Protocol):
    @property
    def nbytes(self) -> int: ...


PartsT = TypeVar("PartsT", bound=_Sized)


class Remembered(Generic[PartsT]):
    """A function from a picture to its parts that keeps what it found last, in so many bytes.

    Several threads may call at once.
    """

    def __init__(self, function: Callable[[np.ndarray], PartsT], most_bytes: int = _KEPT_BYTES) -> None:
        self._function, self._most_bytes = function, most_bytes
        self._kept: collections.OrderedDict[bytes, PartsT] = collections.OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def __call__(self, image: np.ndarray) -> PartsT:
        """Returns the parts of an image `[height, width]` or `[height, width, channels]`."""
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
