"""Stage 6 of pictures that enter in another form, or in any size: encoded where the model makes pictures of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable

from tfx_explain.savedmodel.analysis.encodings import Encodings
from tfx_explain.savedmodel.analysis.frontier import Analysis, gets_past
from tfx_explain.savedmodel.analysis.modality import IMAGE, are_pictures, have_channels_first, modality

Aligned = Callable[[Iterable[str]], frozenset[str]]


def at_pictures(analysis: Analysis, encodings: Encodings, aligned: Aligned) -> Encodings:
    """The encodings, those of images moved on to the first tensor `[rows, height, width, channels]` of known size.

    Only there do pixels have neighbours, and a picture of another size fails before it. What was encoded must all pass
    through the picture, so that nothing is lost.

    Args:
        analysis: of the graph.
        encodings: of the features.
        aligned: of some tensors, those whose first axis is rows, each of them independent of the others.
    """
    moved = {}
    for name, tensors in encodings.tensors.items():
        if len(tensors) == 1 and name not in encodings.groups and name not in encodings.weights:
            picture = _picture(analysis, name, tensors[0], aligned)
            moved |= {name: (picture,)} if picture else {}
    return dataclasses.replace(encodings, tensors={**encodings.tensors, **moved})


def _picture(analysis: Analysis, name: str, tensor: str, aligned: Aligned) -> str | None:
    """The first picture that all of an image's encoded tensor gets to the outputs by; None where it is one itself."""
    read = analysis.read
    spec = read.specs.get(tensor)
    is_whole = spec is None or (spec.shape.rank in (3, 4) and spec.shape[1:].is_fully_defined())
    if is_whole and not (spec and have_channels_first(spec.shape)):
        return None
    if modality(read, read.features.by_name[name], [tensor]) != IMAGE:
        return None
    floats = [one for one in analysis.floats.get(frozenset({name}), ()) if one not in analysis.paths.broken]
    shapes = {one: read.specs[one].shape for one in floats}
    pictures = [one for one, shape in shapes.items() if are_pictures(shape) and shape[1:].is_fully_defined()]
    rowwise = aligned(pictures)
    return next((one for one in pictures if one in rowwise and not gets_past(analysis, tensor, {one}, {name})), None)
