"""Importing much at once, which is most of what a command takes to answer."""

from __future__ import annotations

import contextlib
import gc
import importlib
import sys
from collections.abc import Iterator
from typing import cast

# What TensorFlow, and Keras with it, imports where it is there and does without elsewhere.
_OPTIONAL = (
    "IPython",
    "googleapiclient",
    "h5py",
    "keras",
    "matplotlib",
    "oauth2client",
    "pandas",
    "scipy",
    "sklearn",
    "tf_keras",
)


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


def import_tensorflow() -> None:
    """Imports TensorFlow without libraries that it uses only where they are; with all of them it takes twice as long.

    Afterwards they can be imported as ever, `tf.keras` among them. What a SavedModel serves is a graph: none is needed.
    """
    hidden = [name for name in _OPTIONAL if name not in sys.modules]
    modules = cast(dict[str, object], sys.modules)
    modules.update(dict.fromkeys(hidden))  # None: an import finds none
    try:
        importlib.import_module("tensorflow")
    finally:
        for name in hidden:
            del modules[name]
