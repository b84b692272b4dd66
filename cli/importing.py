"""Importing much at once, which is most of what a command takes to answer."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Within the block, Python does not look for garbage; afterwards it does not look at what was imported.

    Modules stay, and so does nearly all that they make. To go again and again through the growing heap of TensorFlow,
    Beam and TFMA takes a fifth of their import.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()
