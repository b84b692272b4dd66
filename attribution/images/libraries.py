"""scikit-image, which only pictures need."""

from __future__ import annotations

import importlib
from typing import Any


def scikit_image(module: str) -> Any:
    """Returns one of scikit-image's modules.

    Args:
        module: its name, such as 'segmentation'.

    Raises:
        ValueError: if scikit-image is not installed.
    """
    try:
        return importlib.import_module(f"skimage.{module}")
    except ModuleNotFoundError as error:
        raise ValueError("Segments of pictures need the package scikit-image; install tfx-explain[images].") from error
