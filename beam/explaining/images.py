"""Which features of a model are images, and what stands for them where nothing is known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from tfx_explain.attribution import Blurred, Extremes
from tfx_explain.attribution.problem.problem import Players
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel.explainable.inputs import encoded_names

XRAI, SUPERPIXELS, DEFAULT = "xrai_attribution", "superpixel_attribution", "integrated_gradients_attribution"
_IMAGE, _BLUR = "image", "blur_baseline_config"
# [baselines, height, width] and [baselines, height, width, channels].
_RANKS = (3, 4)


def blur_of(parameters: explanation_pb2.ExplanationParameters) -> Blurred | None:
    """Returns the blur that the parameters ask for, if any.

    Raises:
      ValueError: It is out of range.
    """
    method = getattr(parameters, parameters.WhichOneof("method") or DEFAULT)
    if _BLUR not in method.DESCRIPTOR.fields_by_name or not method.HasField(_BLUR):
        return None
    return Blurred(method.blur_baseline_config.max_blur_sigma)


def prepare_images(
    parameters: explanation_pb2.ExplanationParameters,
    metadata: explanation_pb2.ExplanationMetadata,
    players: Players,
    baselines: Mapping[str, Any],
) -> tuple[dict[str, str], dict[str, Any]]:
    """Finds a model's images, where the parameters ask something of them, and their baselines.

    Args:
      parameters: With or without a method for images, maps to keep, or blurred baselines.
      metadata: Its modalities say which features are images.
      players: The keys of each feature, or group of features, of the model.
      baselines: The metadata's, `[baselines, ...]` of each key.

    Returns:
      The keys of the images whose pixels are explained, by feature; and the baselines of every key.

    Raises:
      ValueError: No feature is an image, a blur is out of range, or there are more baselines than XRAI has.
    """
    names = {entry.group_name or name for name, entry in metadata.inputs.items() if entry.modality == _IMAGE}
    whole = {name: [part for part in players[name] if isinstance(part, str)] for name in sorted(names & set(players))}
    method, blur, images = parameters.WhichOneof("method"), blur_of(parameters), {}
    if method in (XRAI, SUPERPIXELS) or parameters.keep_maps:
        images = {name: keys[0] for name, keys in whole.items() if len(keys) == len(players[name]) == 1}
        images = {name: key for name, key in images.items() if len(baselines[key].shape) in _RANKS}
        if not images:
            raise ValueError(_no_image("keep_maps" if parameters.keep_maps else str(method), metadata))
    if blur is not None:
        every = {key: blur for keys in whole.values() for key in keys}
        if not every:
            raise ValueError(_no_image(_BLUR, metadata))
        return images, {**baselines, **every}
    if method == XRAI:
        return images, _black_and_white(metadata, images, baselines)
    return images, dict(baselines)


def with_black_and_white(
    metadata: explanation_pb2.ExplanationMetadata, parameters: explanation_pb2.ExplanationParameters
) -> explanation_pb2.ExplanationMetadata:
    """Returns metadata in which images have the ends of their domains as baselines, where XRAI wants these.

    So they are encoded as the model encodes all values.

    Raises:
      ValueError: A blur is out of range.
    """
    if parameters.WhichOneof("method") != XRAI or blur_of(parameters) is not None:
        return metadata
    found = explanation_pb2.ExplanationMetadata()
    found.CopyFrom(metadata)
    for entry in filter(_has_ends, found.inputs.values()):
        del entry.input_baselines[:], entry.encoded_baselines[:]
        for end in (entry.domain.min, entry.domain.max):
            entry.input_baselines.add(number_value=end)
    return found


def _no_image(asked: str, metadata: explanation_pb2.ExplanationMetadata) -> str:
    have = ", ".join(f"{name!r} ({metadata.inputs[name].modality})" for name in sorted(metadata.inputs))
    return (
        f"{asked} needs features of modality 'image', of pixels [height, width] or [height, width, channels], and the "
        f"metadata has none that is explained: it has {have}. Correct a modality, or leave {asked} out."
    )


def _black_and_white(
    metadata: explanation_pb2.ExplanationMetadata, images: Mapping[str, str], baselines: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns two baselines of each image, and as many of the other keys."""
    named = {key: name for name, key in images.items()}
    found: dict[str, Any] = {}
    for key, given in baselines.items():
        if key in named:
            entries = [entry for name, entry in metadata.inputs.items() if (entry.group_name or name) == named[key]]
            found[key] = given if all(map(_has_ends, entries)) else Extremes()
        elif int(given.shape[0]) > 2:
            raise ValueError(
                f"The metadata gives {given.shape[0]} baselines, and XRAI has two of an image, black and white; give "
                "one or two of each other feature, or take integrated_gradients_attribution."
            )
        else:
            found[key] = given if int(given.shape[0]) == 2 else tf.concat([given, given], axis=0)
    return found


def _has_ends(entry: explanation_pb2.InputMetadata) -> bool:
    """Whether an image is of numbers whose least and greatest are known; of strings, such as PNGs, there are none."""
    is_raw = set(encoded_names(entry)) <= {entry.input_tensor_name}
    is_number = entry.input_tensor_dtype != tf.string.name and bool(entry.input_tensor_dtype or is_raw)
    return entry.modality == _IMAGE and is_number and entry.domain.HasField("min") and entry.domain.HasField("max")
