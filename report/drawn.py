"""The pictures of a sample whose maps changed most, each drawn over its picture."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tfx_explain.proto import explanation_pb2
from tfx_explain.report.overlay import Settings, overlay, pillow
from tfx_explain.report.pictures import Picture, input_of
from tfx_explain.report.quality import metadata_beside

PICTURES = 5
_LARGEST_SIDE = 512


@dataclass(frozen=True)
class Drawn:
    """A picture with its map over it.

    Attributes:
      feature: The feature.
      rank: 1 is the picture whose maps changed most, or that has the largest attributions.
      model: `columns.CANDIDATE` or `columns.BASELINE`.
      note: Which one it is, for people.
      png: The picture, as a PNG.
    """

    feature: str
    rank: int
    model: str
    note: str
    png: bytes

    @property
    def tag(self) -> str:
        """Names it in TensorBoard, "overlays/FEATURE/1/candidate"."""
        return f"overlays/{self.feature}/{self.rank}/{self.model}"

    def _repr_png_(self) -> bytes:
        return self.png

    @property
    def source(self) -> str:
        """Returns it as a page holds it, which fetches nothing."""
        return f"data:image/png;base64,{base64.b64encode(self.png).decode()}"


def draw_overlays(pictures: Sequence[Picture], directories: Sequence[str]) -> tuple[list[Drawn], str]:
    """Draws pictures as the metadata beside the attributions has them drawn.

    Args:
      pictures: What is drawn, in the order of their ranks.
      directories: That Explainers wrote.

    Returns:
      The drawings, and, where there are none, why: Pillow is not installed, or the metadata is damaged.
    """
    try:
        return list(_draw(pictures, directories)), ""
    except ValueError as error:
        return [], str(error)


def _draw(pictures: Sequence[Picture], directories: Sequence[str]) -> Iterator[Drawn]:
    if not pictures:
        return
    every = [found for found in map(metadata_beside, directories) if found]
    metadata = every[0] if every else explanation_pb2.ExplanationMetadata()
    for rank, picture in enumerate(pictures, start=1):
        entry = input_of(metadata, picture.feature)
        settings, image = Settings.of(entry.visualization, picture.of_regions), picture.image(entry.input_tensor_shape)
        change = "" if math.isnan(picture.change) else f", change {picture.change:.2f}"
        for model, numbers in picture.maps.items():
            if np.isfinite(numbers).all():
                drawn = overlay(image, numbers, settings)
                note = f"Class {picture.class_name}, {picture.attributions[model]:.3g} in all{change}. {drawn.note}"
                yield Drawn(picture.feature, rank, model, note.strip(), _smaller(drawn.png))


def _smaller(png: bytes) -> bytes:
    """Returns a picture that is no larger than people look at: a page holds several of them."""
    image = pillow().Image.open(io.BytesIO(png))
    if max(image.size) <= _LARGEST_SIDE:
        return png
    image.thumbnail((_LARGEST_SIDE, _LARGEST_SIDE))
    written = io.BytesIO()
    image.save(written, "PNG")
    return written.getvalue()
