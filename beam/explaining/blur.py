"""The parameters' blurred images, as baselines of a model's image features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tfx_explain.attribution import Blurred
from tfx_explain.attribution.problem.problem import Players
from tfx_explain.proto import explanation_pb2

_IMAGE = "image"


def blurred_baselines(
    parameters: explanation_pb2.ExplanationParameters,
    metadata: explanation_pb2.ExplanationMetadata,
    players: Players,
) -> dict[str, Any]:
    """Returns the baselines that stand in place of the metadata's, by tensor key; empty where none are asked for.

    Args:
      parameters: With or without `blur_baseline_config`.
      metadata: Its modalities say which features are images.
      players: The keys of each feature, or group of features, of the model.

    Raises:
      ValueError: No feature is an image, or the blur is out of range.
    """
    path = parameters.integrated_gradients_attribution
    if not path.HasField("blur_baseline_config"):
        return {}
    images = {entry.group_name or name for name, entry in metadata.inputs.items() if entry.modality == _IMAGE}
    blur = Blurred(path.blur_baseline_config.max_blur_sigma)
    baselines = {key: blur for feature in images & set(players) for key in _whole(players[feature])}
    if not baselines:
        raise ValueError(
            "blur_baseline_config blurs features of modality 'image', and the metadata has none that is explained: it "
            f"has {', '.join(f'{name!r} ({metadata.inputs[name].modality})' for name in sorted(metadata.inputs))}. "
            "Correct a modality, or leave blur_baseline_config out."
        )
    return baselines


def _whole(parts: Sequence[Any]) -> list[str]:
    return [part for part in parts if isinstance(part, str)]
