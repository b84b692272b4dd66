"""Of what kind a feature is, and how its encoded tensors hold it, as far as the graph says."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from tfx_explain.savedmodel.analysis.features import Feature
from tfx_explain.savedmodel.analysis.formats import IMAGE_OPS, NUMBER_OPS, SPLIT_OPS, StringUse, string_use
from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.graph.flat import node_of

_CONVOLUTIONS = frozenset({"Conv2D", "DepthwiseConv2dNative"})
IMAGE = "image"
_CHANNELS = (1, 3, 4)


def modality(read: ReadModel, feature: Feature, encoded: Sequence[str]) -> str:
    """`image`, `text`, `structured` (one string with several numbers), `numeric` or `categorical`."""
    use = string_use(read, feature.name)
    if use.ops & IMAGE_OPS or _is_image(read, feature, use):
        return IMAGE
    if feature.dtype == tf.string:
        if use.ops & NUMBER_OPS and not use.are_bytes:
            return "structured"
        return "text" if use.ops & SPLIT_OPS or use.are_bytes else "categorical"
    # Integers that are cast are amounts, others are looked up.
    nodes = [read.graph.nodes[node_of(tensor)] for tensor in encoded]
    casts = any(node.op == "Cast" and tf.as_dtype(node.attr["SrcT"].type).is_integer for node in nodes)
    return "numeric" if feature.dtype.is_floating or casts else "categorical"


def encoding(feature: Feature, modality: str, shapes: Sequence[tf.TensorShape]) -> str:
    """The encoding, in the words of AI Explanations.

    Args:
        feature: the feature.
        modality: its modality.
        shapes: of its encoded tensors, `[rows, ...]`.
    """
    is_single = not feature.is_sparse and feature.shape[1:].num_elements() == 1 and modality != "text"
    if modality not in ("categorical", "text") or is_single:
        return "identity"
    return "concat_embedding" if any(shape.rank and shape.rank > 2 for shape in shapes) else "combined_embedding"


def is_decoded(read: ReadModel, feature: Feature) -> bool:
    """Whether the feature is strings in a format (images, numbers), of which none stands for nothing."""
    if feature.dtype != tf.string:
        return False
    use = string_use(read, feature.name)
    return bool(use.ops & (IMAGE_OPS | NUMBER_OPS)) and not use.are_bytes


def _is_image(read: ReadModel, feature: Feature, use: StringUse) -> bool:
    """Whether the input is `[rows, height, width, channels]`, or made so for a convolution."""
    if are_pictures(feature.shape):
        return True
    shapes = [read.specs[node.input[0]].shape for node in use.nodes if node.op in _CONVOLUTIONS]
    return any(are_pictures(shape) and shape[1] != 1 for shape in shapes)  # one row of them: a convolution of sequences


def are_pictures(shape: tf.TensorShape) -> bool:
    """Whether a shape is `[rows, height, width, channels]`."""
    return shape.rank == 4 and shape[3] in _CHANNELS


def have_channels_first(shape: tf.TensorShape) -> bool:
    """Whether a shape can but be `[rows, channels, height, width]`, if it is one of pictures."""
    return shape.rank == 4 and shape[1] in _CHANNELS and shape[3] not in _CHANNELS
