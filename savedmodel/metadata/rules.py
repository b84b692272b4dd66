"""The rules of explanation metadata that hold whatever the model: allowed words, ranges, keys that go together."""

from __future__ import annotations

import math
from collections.abc import Iterator

from google.protobuf import struct_pb2

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel.metadata.nearest import nearest

BAG_OF_FEATURES = "bag_of_features"
COLUMN_ENCODINGS = (BAG_OF_FEATURES, "bag_of_features_sparse", "indicator")
ENCODINGS = ("identity", *COLUMN_ENCODINGS, "combined_embedding", "concat_embedding")
EXCLUSIVE, INDEPENDENT = "exclusive", "independent"
LOG_ODDS, LOGITS, SERVED = "log_odds", "logits", "served"
QUANTITIES = (LOG_ODDS, LOGITS, SERVED)
# What is explained of independent labels where nothing is chosen.
HIGHEST_LABEL = (
    "each row's highest alone is explained; output_indices: -1 explains all of them, and class_names those of a name."
)
MODALITIES = ("numeric", "categorical", "image", "text", "structured")
_VISUALIZATION = {
    "type": ("pixels", "outlines"),
    "polarity": ("positive", "negative", "both"),
    # Vertex AI's are among them.
    "color_map": ("red_green", "pink_green", "viridis", "red", "green", "pink_white_green"),
    "overlay_type": ("none", "original", "grayscale", "mask_black"),
}
# Of maps of pictures, the percentiles between which they are drawn where nothing is said: Vertex AI's.
CLIP_BELOW, CLIP_ABOVE = 62.0, 99.9
_RANGES = {
    "clip_above_percentile": (0.0, 100.0),
    "clip_below_percentile": (0.0, 100.0),
    "overlay_multiplier": (0.0, 1.0),
}
_SPARSE = ("indices_tensor_name", "dense_shape_tensor_name")


def wrong_values(metadata: explanation_pb2.ExplanationMetadata) -> list[str]:
    """One line for each value that is not allowed where it stands; of a part of a file, too."""
    found: list[str] = []
    for name, given in sorted(metadata.inputs.items()):
        where = f"inputs[{name!r}]"
        found += _not_among(f"{where}.encoding", given.encoding, ENCODINGS)
        found += _not_among(f"{where}.modality", given.modality, MODALITIES)
        found += [f"{where}.visualization.{problem}" for problem in wrong_visualization(given.visualization)]
        if given.domain.original_stddev < 0:
            found.append(f"{where}.domain.original_stddev: {given.domain.original_stddev:g} is negative")
    for name, output in sorted(metadata.outputs.items()):
        found += _not_names(f"outputs[{name!r}].index_name_mapping", output)
        found += _not_among(f"outputs[{name!r}].classes", output.classes, (EXCLUSIVE, INDEPENDENT))
        found += _not_among(f"outputs[{name!r}].explained_quantity", output.explained_quantity, QUANTITIES)
    return found


def wrong_visualization(given: explanation_pb2.Visualization) -> list[str]:
    """One line for each value of a visualization that is not allowed, which begins with its key."""
    found: list[str] = []
    for key, words in _VISUALIZATION.items():
        found += _not_among(key, getattr(given, key), words)
    for key, (low, high) in _RANGES.items():
        value = getattr(given, key)
        if not low <= value <= high:
            found.append(f"{key}: {value:g} is not between {low:g} and {high:g}")
    if not 0 <= given.blur_sigma < math.inf:
        found.append(f"blur_sigma: {given.blur_sigma:g} is negative, or not finite")
    return found


def crossed_percentiles(given: explanation_pb2.Visualization) -> list[str]:
    """A line if nothing lies between a visualization's percentiles, of which one may be the default."""
    below = given.clip_below_percentile if given.HasField("clip_below_percentile") else CLIP_BELOW
    above = given.clip_above_percentile or CLIP_ABOVE  # 0: not set, as Vertex AI's own writer puts it
    if below < above:
        return []
    return [
        f"clip_below_percentile {below:g} is not below clip_above_percentile {above:g}; where they are not given they "
        f"are {CLIP_BELOW:g} and {CLIP_ABOVE:g}"
    ]


def contradictions(metadata: explanation_pb2.ExplanationMetadata) -> list[str]:
    """One line for each group of keys that do not go together, in whole metadata."""
    found: list[str] = []
    for name, given in sorted(metadata.inputs.items()):
        where = f"inputs[{name!r}]"
        there = [key for key in _SPARSE if getattr(given, key)]
        if len(there) == 1:
            (missing,) = set(_SPARSE) - set(there)
            found.append(f"{where}: {there[0]} without {missing}; give both or none")
        found += [f"{where}: {problem}" for problem in (*_of_input(given), *_of_domain(given))]
        found += [f"{where}.visualization: {problem}" for problem in _of_visualization(given.visualization)]
    for name, output in sorted(metadata.outputs.items()):
        if output.HasField("index_name_mapping") and output.index_name_mapping_key:
            found.append(
                f"outputs[{name!r}]: index_name_mapping and index_name_mapping_key are both given; leave one out"
            )
    return found


def _of_input(given: explanation_pb2.InputMetadata) -> Iterator[str]:
    if given.index_feature_mapping and given.encoding not in COLUMN_ENCODINGS:
        yield f"index_feature_mapping needs an encoding that has indices ({', '.join(COLUMN_ENCODINGS)}); give one"
    if given.encoded_tensor_name and given.encoded_tensor_names:
        yield "encoded_tensor_name and encoded_tensor_names are both given; leave one out"


def _of_domain(given: explanation_pb2.InputMetadata) -> Iterator[str]:
    has_min, has_max = given.domain.HasField("min"), given.domain.HasField("max")
    if has_min != has_max:
        yield "domain has one of min and max; give both or neither"
    if has_min and has_max and given.domain.min > given.domain.max:
        yield f"domain.min {given.domain.min:g} is above domain.max {given.domain.max:g}"
    if given.HasField("domain") and given.encoding not in ("", "identity"):
        yield f"domain is for encoding 'identity', not {given.encoding!r}; leave one out"


def _of_visualization(given: explanation_pb2.Visualization) -> Iterator[str]:
    if given.HasField("blur_sigma") and given.type != "pixels":
        yield "blur_sigma is for type 'pixels'"
    if given.HasField("shade_within_outlines") and given.type != "outlines":
        yield "shade_within_outlines is for type 'outlines'"
    yield from crossed_percentiles(given)


def _not_among(where: str, given: str, allowed: tuple[str, ...]) -> list[str]:
    return [f"{where}: {given!r} is not allowed; {nearest(given, allowed)}"] if given and given not in allowed else []


def _not_names(where: str, output: explanation_pb2.OutputMetadata) -> list[str]:
    """The names of an output's classes are a list, of lists where the output has more axes."""
    if not output.HasField("index_name_mapping"):
        return []
    stack: list[struct_pb2.Value] = [output.index_name_mapping]
    while stack:
        value = stack.pop()
        kind = value.WhichOneof("kind")
        if kind == "list_value":
            stack.extend(value.list_value.values)
        elif kind != "string_value" or value is output.index_name_mapping:
            return [f"{where}: give a list of class names, one for each index"]
    return []
