"""Maps of a run's pictures, drawn over the pictures, for TensorBoard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tfx_explain.proto import explanation_pb2
from tfx_explain.report.overlay import Settings, overlay
from tfx_explain.report.pictures import most_changed_of, visualization_of
from tfx_explain.report.quality import metadata_beside

_PICTURES = 5


@dataclass(frozen=True)
class Drawn:
    """A picture with its map over it.

    Attributes:
      tag: "overlays/FEATURE/1/candidate"; 1 is the one whose maps changed most, or that has the largest attributions.
      note: Which one it is, for people.
      png: The picture, as a PNG.
    """

    tag: str
    note: str
    png: bytes


def draw_overlays(records: np.ndarray, directories: Sequence[str], class_name: str = "") -> Iterator[Drawn]:
    """Yields the pictures that changed most, as the metadata beside the attributions has them drawn; none without maps.

    Args:
      records: A sample, object `[rows]`.
      directories: That Explainers wrote.
      class_name: The class explained; empty: the first one of each record.

    Raises:
      ValueError: Pillow is not installed, or the metadata is damaged.
    """
    pictures = most_changed_of(records, _PICTURES, class_name)
    if not pictures:
        return
    every = [found for found in map(metadata_beside, directories) if found]
    metadata = every[0] if every else explanation_pb2.ExplanationMetadata()
    for rank, picture in enumerate(pictures, start=1):
        settings = Settings.of(visualization_of(metadata, picture.feature), picture.of_regions)
        for model, numbers in picture.maps.items():
            if np.isfinite(numbers).all():
                drawn = overlay(picture.image(), numbers, settings)
                note = f"Class {picture.class_name}, {picture.attributions[model]:.3g} in all. {drawn.note}".strip()
                yield Drawn(f"overlays/{picture.feature}/{rank}/{model}", note, drawn.png)
