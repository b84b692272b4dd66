"""Maps of pictures, drawn over the pictures: what the metadata's `visualization` asks for.

Vertex AI and AI Explanations have published the fields and their defaults, not the drawing; the rules here are ours:

1. A map is blurred by `blur_sigma` (of pixels), and what its `polarity` leaves out is set to 0.
2. Between the percentiles `clip_below_percentile` and `clip_above_percentile` of what is left, from 0 to 1, lie the
   shares of what is to be seen. Below the first nothing is; if both are the same, nothing at all, which is said.
3. `pixels` have the colour of their share, and are as opaque. `outlines` go around what has a share above 0, closed,
   without parts of less than a thousandth of the picture; `shade_within_outlines` fills them.
4. Beneath is what `overlay_type` says: nothing (white), the picture, the picture in grey; `mask_black` is the picture
   times the shares. `overlay_multiplier` is how opaque at most what lies above is.
"""

from __future__ import annotations

import dataclasses
import io
from typing import Any

import numpy as np
from scipy import ndimage

from tfx_explain.proto import explanation_pb2
from tfx_explain.report.colours import VIRIDIS, colours
from tfx_explain.savedmodel.metadata.rules import CLIP_ABOVE, CLIP_BELOW, crossed_percentiles, wrong_visualization

# Pictures are shown no smaller than this, in pixels of their longer side.
_LEAST_SIDE = 224
_LEAST_PART = 0.001
_LINE = 2
_BAR_WIDTH, _BAR_GAP, _TEXT_WIDTH = 12, 8, 64
_GREY = np.array([0.299, 0.587, 0.114])


@dataclasses.dataclass(frozen=True)
class Settings:
    """How maps are drawn: the fields of the metadata's `visualization`, with Vertex AI's defaults.

    A value that is not allowed, or percentiles between which nothing lies, are a `ValueError`.
    """

    type: str = "outlines"
    polarity: str = "positive"
    color_map: str = "pink_green"
    clip_above_percentile: float = CLIP_ABOVE
    clip_below_percentile: float = CLIP_BELOW
    overlay_type: str = "none"
    overlay_multiplier: float = 1.0
    blur_sigma: float = 0.0
    shade_within_outlines: bool = False

    def __post_init__(self) -> None:
        given = explanation_pb2.Visualization(**dataclasses.asdict(self))
        problems = wrong_visualization(given) + crossed_percentiles(given)
        if problems:
            raise ValueError(f"Maps can't be drawn as visualization says: {'; '.join(problems)}.")

    @classmethod
    def of(cls, given: explanation_pb2.Visualization, of_regions: bool = False) -> Settings:
        """Takes what is given, and defaults for the rest; regions are `pixels`, of `viridis` unless that is given."""
        defaults = {"type": "pixels", "color_map": VIRIDIS} if of_regions else {}
        found: dict[str, Any] = {**defaults, **{field.name: value for field, value in given.ListFields()}}
        # Vertex AI's own writer puts 0 for "not set".
        if not found.get("clip_above_percentile", 1):
            del found["clip_above_percentile"]
        if of_regions:
            found["type"] = "pixels"
        return cls(**found)


@dataclasses.dataclass(frozen=True)
class Overlay:
    """A drawn map; notebooks show it.

    Attributes:
      png: The picture, as a PNG.
      note: What a reader must know of it, or ''.
    """

    png: bytes
    note: str = ""

    def _repr_png_(self) -> bytes:
        return self.png


def overlay(image: np.ndarray | None, numbers: np.ndarray, settings: Settings) -> Overlay:
    """Draws a map.

    Args:
      image: uint8 `[height, width, 3]` of the map's size, or None where there is none to show.
      numbers: float `[height, width]`, the attributions of the pixels.
      settings: How.

    Returns:
      The picture with a colour bar, enlarged where it is small.

    Raises:
      ValueError: The image is of another size, the map is not finite, or Pillow is not installed.
    """
    if image is not None and image.shape != (*numbers.shape, 3):
        raise ValueError(f"The image is {image.shape}, its map {numbers.shape}; give a picture [height, width, 3].")
    if not np.isfinite(numbers).all():
        raise ValueError("The map has numbers that are not finite; a row without attributions has none to draw.")
    shares, ends = visible(numbers, settings)
    times = max(1, -(-_LEAST_SIDE // max(numbers.shape)))
    shares = shares.repeat(times, axis=0).repeat(times, axis=1)
    beneath = np.full((*shares.shape, 3), 255.0)
    if image is not None and settings.overlay_type != "none":
        beneath = image.astype(np.float64).repeat(times, axis=0).repeat(times, axis=1)
    drawn = _drawn(beneath, shares, settings)
    notes = []
    if ends[0] == ends[1]:
        notes.append("Nothing is shown: the map is the same at both percentiles.")
    if image is None and settings.overlay_type != "none":
        notes.append("The picture itself is not in the record.")
    return Overlay(_png(drawn, ends, settings), " ".join(notes))


def visible(numbers: np.ndarray, settings: Settings) -> tuple[np.ndarray, tuple[float, float]]:
    """Returns the shares of what is to be seen, `[height, width]` from -1 to 1, and the attributions at 0 and at 1."""
    smooth = ndimage.gaussian_filter(numbers, settings.blur_sigma) if settings.blur_sigma else numbers
    signs = {"positive": np.maximum(smooth, 0), "negative": np.maximum(-smooth, 0), "both": np.abs(smooth)}
    sizes = signs[settings.polarity].astype(np.float64)
    low, high = np.percentile(sizes, [settings.clip_below_percentile, settings.clip_above_percentile])
    if not high > low:
        return np.zeros(sizes.shape), (float(low), float(low))
    shares = np.clip((sizes - low) / (high - low), 0, 1)
    return shares * np.where(smooth < 0, -1, 1), (float(low), float(high))


def _drawn(beneath: np.ndarray, shares: np.ndarray, settings: Settings) -> np.ndarray:
    """Returns float64 `[height, width, 3]`, the picture with the map over it."""
    if settings.overlay_type == "mask_black":
        return beneath * np.abs(shares)[:, :, None]
    if settings.overlay_type == "grayscale":
        beneath = np.repeat((beneath @ _GREY)[:, :, None], 3, axis=2)
    if settings.type == "outlines":
        above, opaque = _outlines(shares, settings)
    else:
        above, opaque = colours(shares, settings.color_map, settings.polarity == "both"), np.abs(shares)
    opaque = (opaque * settings.overlay_multiplier)[:, :, None]
    return beneath * (1 - opaque) + above * opaque


def _outlines(shares: np.ndarray, settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Returns the colours of lines and of what they enclose, and how opaque they are."""
    above, opaque = np.zeros((*shares.shape, 3)), np.zeros(shares.shape)
    for sign in (1, -1):
        there = np.pad(shares * sign > 0, _LINE)
        closed = np.asarray(ndimage.binary_closing(there, iterations=_LINE), bool)[_LINE:-_LINE, _LINE:-_LINE]
        parts = np.zeros(shares.shape, np.int32)
        ndimage.label(closed, output=parts)
        inside = closed & (np.bincount(parts.ravel()) >= _LEAST_PART * shares.size)[parts]
        line = inside & ~np.asarray(ndimage.binary_erosion(inside, iterations=_LINE), bool)
        shown = inside if settings.shade_within_outlines else line
        full = np.where(line, float(sign), shares)[shown]
        above[shown] = colours(full, settings.color_map, settings.polarity == "both")
        opaque[shown] = np.abs(full)
    return above, opaque


def _png(drawn: np.ndarray, ends: tuple[float, float], settings: Settings) -> bytes:
    """Puts the colour bar beside a picture, and writes both as PNG."""
    library = pillow()
    height, width = drawn.shape[:2]
    canvas = np.full((height, width + _BAR_GAP + _BAR_WIDTH + _TEXT_WIDTH, 3), 255.0)
    canvas[:, :width] = drawn
    low = {"positive": 0.0, "negative": -1.0, "both": -1.0}[settings.polarity]
    high = {"positive": 1.0, "negative": 0.0, "both": 1.0}[settings.polarity]
    shares = np.linspace(high, low, height)[:, None].repeat(_BAR_WIDTH, axis=1)
    if settings.overlay_type == "mask_black":
        bar = np.repeat((np.abs(shares) * 255)[:, :, None], 3, axis=2)
    else:
        bar = colours(shares, settings.color_map, settings.polarity == "both")
        opaque = np.abs(shares)[:, :, None] if settings.type == "pixels" else 1.0
        bar = 255 * (1 - opaque) + bar * opaque
    canvas[:, width + _BAR_GAP : width + _BAR_GAP + _BAR_WIDTH] = bar
    image = library.Image.fromarray(np.rint(canvas).astype(np.uint8))
    write, left = library.ImageDraw.Draw(image), width + _BAR_GAP + _BAR_WIDTH + 4
    largest, least = (f"{ends[1]:.3g}", f"{ends[0]:.3g}")
    top = f"-{least}" if settings.polarity == "negative" else largest
    bottom = least if settings.polarity == "positive" else f"-{largest}"
    write.text((left, 0), top, fill=(0, 0, 0))
    write.text((left, height - 12), bottom, fill=(0, 0, 0))
    written = io.BytesIO()
    image.save(written, "PNG")
    return written.getvalue()


def pillow() -> Any:
    """Returns Pillow, its Image and ImageDraw loaded.

    Raises:
      ValueError: It is not installed.
    """
    try:
        import PIL.Image
        import PIL.ImageDraw
    except ModuleNotFoundError as error:
        raise ValueError("Overlays need the package Pillow; install tfx-explain[images].") from error
    return PIL
