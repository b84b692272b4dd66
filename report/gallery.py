"""A folder of overlays and a page that shows them, the most changed pictures first."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import jinja2
import tensorflow as tf

from tfx_explain.proto import explanation_pb2
from tfx_explain.proto.printable import printable
from tfx_explain.report.overlay import Settings, overlay
from tfx_explain.report.pictures import Picture
from tfx_explain.storage import columns

INDEX_FILE = "index.html"
_MODELS = {columns.CANDIDATE: "candidate", columns.BASELINE: "baseline model"}


@dataclass(frozen=True)
class _Shown:
    """A picture of the page."""

    file: str
    alt: str
    caption: str


@dataclass(frozen=True)
class _Entry:
    """A record on the page."""

    heading: str
    pictures: Sequence[_Shown]


def write_gallery(
    folder: str, pictures: Sequence[Picture], inputs: Mapping[str, explanation_pb2.InputMetadata]
) -> None:
    """Writes overlays as PNG, and `index.html`, which shows them.

    Args:
      folder: An empty folder.
      pictures: In the order of the page.
      inputs: By feature, what the metadata says: how maps are drawn, and the shape of a row.

    Raises:
      ValueError: Pillow is not installed, or a visualization contradicts itself.
    """
    entries = []
    for rank, picture in enumerate(pictures, start=1):
        shown = list(_written(folder, rank, picture, inputs[picture.feature]))
        entries.append(_Entry(_heading(picture), shown))
    compared = any(not math.isnan(picture.change) for picture in pictures)
    how = (
        "Those whose maps differ most between the two models come first: the change is the part of the attributions' "
        "size that lies on other pixels."
        if compared
        else "Those with the largest attributions come first."
    )
    loader = jinja2.PackageLoader("tfx_explain.report", "templates")
    template = jinja2.Environment(loader=loader, autoescape=True).get_template("gallery.html")
    with tf.io.gfile.GFile(os.path.join(folder, INDEX_FILE), "w") as file:
        file.write(template.render(title="Where pictures speak for a class", how=how, entries=entries))


def _heading(picture: Picture) -> str:
    change = "" if math.isnan(picture.change) else f", change {picture.change:.2f}"
    return printable(f"Record {picture.number}, {picture.feature}, class {picture.class_name}{change}")


def _written(folder: str, rank: int, picture: Picture, entry: explanation_pb2.InputMetadata) -> Iterator[_Shown]:
    image = picture.image(entry.input_tensor_shape)
    settings = Settings.of(entry.visualization, picture.of_regions)
    for model, numbers in picture.maps.items():
        drawn = overlay(image, numbers, settings)
        file = f"{rank:04d}-{model}.png"
        with tf.io.gfile.GFile(os.path.join(folder, file), "wb") as out:
            out.write(drawn.png)
        said = f"{_MODELS[model]}: {picture.attributions[model]:.3g} in all. {drawn.note}".strip()
        yield _Shown(file, printable(f"Map of {picture.feature} in the {_MODELS[model]}"), said)
