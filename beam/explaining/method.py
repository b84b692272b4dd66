"""From the parameters to the attribution method that they name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from tfx_explain.attribution import (
    Attributions,
    IntegratedGradients,
    KernelShap,
    Lime,
    Occlusion,
    Regions,
    SampledShapley,
    SmoothGrad,
    Superpixels,
    Tokens,
    Xrai,
)
from tfx_explain.attribution.coalitions.method import CoalitionMethod
from tfx_explain.attribution.model.interface import Model, Tensor, Tensors
from tfx_explain.attribution.problem.problem import Players
from tfx_explain.attribution.problem.tokens import taken
from tfx_explain.beam.explaining.coalitions import coalition_method, given
from tfx_explain.beam.explaining.images import DEFAULT, SUPERPIXELS, XRAI
from tfx_explain.beam.explaining.tokens import with_tokens
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import TokenModel
from tfx_explain.savedmodel.explainable.token_features import TokenRows

Method: TypeAlias = IntegratedGradients | SmoothGrad | CoalitionMethod | Xrai | Superpixels | Tokens

_Path: TypeAlias = explanation_pb2.IntegratedGradientsAttribution | explanation_pb2.XraiAttribution

# Vertex's defaults: the number of noisy copies, and the standard deviation of their noise.
_NOISY_SAMPLES, _NOISE = 3, 0.1
# What maps of the rows explained together may take.
_MAP_BYTES = 2**27
# Those whose attributions of a feature are sums over its pixels, or parts of them.
_OF_MAPS = (XRAI, SUPERPIXELS)
_WITH_MAPS = (*_OF_MAPS, DEFAULT, None)
_NO_TOKENS: Mapping[str, int] = {}


def make_method(
    parameters: explanation_pb2.ExplanationParameters,
    images: Collection[str] = (),
    tokens: Mapping[str, int] = _NO_TOKENS,
) -> Method:
    """Builds the method that the parameters name; integrated gradients where they name none.

    Args:
      parameters: The method, and whether maps are kept.
      images: The features whose pixels are explained, if that is asked for.
      tokens: By the keys of what a model is fed for tokens, if these are, how many axes their entries have.

    Raises:
      ValueError: A setting is out of range; the method's own message. Or maps or tokens are asked of a method that has
        none.
    """
    _check_maps(parameters)
    chosen, seed = parameters.WhichOneof("method"), parameters.seed
    of_coalitions = coalition_method(parameters)
    if parameters.tokens.features and chosen in _OF_MAPS:
        raise ValueError(
            f"{chosen} gives tokens no attribution; leave tokens out, or take another method, such as {DEFAULT}."
        )
    if of_coalitions is not None:
        return of_coalitions
    if chosen == SUPERPIXELS:
        return _superpixels(parameters.superpixel_attribution, seed, images)
    if chosen == XRAI:
        regions = parameters.xrai_attribution
        return Xrai(_path(regions, seed, images), **given(area_fraction=regions.area_fraction))
    return _path(parameters.integrated_gradients_attribution, seed, images, tokens)


def _check_maps(parameters: explanation_pb2.ExplanationParameters) -> None:
    """Refuses maps, or measures of maps, of a method that makes none."""
    chosen = parameters.WhichOneof("method")
    if parameters.keep_maps and chosen not in _WITH_MAPS:
        raise ValueError(
            f"{chosen} gives a feature one number, so that there is no map to keep; leave keep_maps out, or take "
            f"{', '.join(filter(None, _WITH_MAPS))}."
        )
    if parameters.measure_maps and not (parameters.keep_maps or chosen in _OF_MAPS):
        raise ValueError(
            f"measure_maps says how good maps are, and there are none; set keep_maps, or take {' or '.join(_OF_MAPS)}."
        )


def _path(
    path: _Path, seed: int, maps: Collection[str], entries: Mapping[str, int] = _NO_TOKENS
) -> IntegratedGradients | SmoothGrad:
    settings = given(steps=path.step_count, tolerance=path.tolerance, max_gradients=path.max_gradients)
    method = IntegratedGradients(**settings, maps=tuple(maps), entries=entries)
    if not path.HasField("smooth_grad_config"):
        return method
    smooth = path.smooth_grad_config
    noise = {
        "feature_noise_sigma": {one.name: one.sigma for one in smooth.feature_noise_sigma.noise_sigma},
        "noise_sigma": smooth.noise_sigma,
        None: _NOISE,
    }
    return SmoothGrad(
        method,
        noise_sigma=noise[smooth.WhichOneof("gradient_noise_sigma")],
        samples=smooth.noisy_sample_count or _NOISY_SAMPLES,
        seed=seed,
        **given(tolerance=path.tolerance),
    )


def _superpixels(asked: explanation_pb2.SuperpixelAttribution, seed: int, images: Collection[str]) -> Superpixels:
    tolerance, most = given(tolerance=asked.tolerance), asked.max_evaluations
    players: dict[str, Callable[[], CoalitionMethod]] = {
        "kernel_shap": lambda: KernelShap(seed=seed, **tolerance, **given(max_evaluations=most)),
        "sampled_shapley": lambda: SampledShapley(seed=seed, **tolerance, **given(max_evaluations=most)),
        # As LIME's authors have it for images.
        "lime": lambda: Lime(seed=seed, distance="cosine", ridge=1.0, **tolerance, **given(samples=most)),
        "occlusion": Occlusion,
    }
    name = asked.method or "kernel_shap"
    if name not in players:
        raise ValueError(f"superpixel_attribution.method is {name!r}; give one of {', '.join(players)}.")
    texts = {"segmentation": asked.segmentation, "absent": asked.absent}
    settings: dict[str, Any] = given(count=asked.superpixel_count) | {key: text for key, text in texts.items() if text}
    return Superpixels(players[name](), images=tuple(images), seed=seed, **settings)


def needs_gradients(method: Method) -> bool:
    """Whether a method walks along a path, and so needs a differentiable model."""
    return isinstance(method, (IntegratedGradients, SmoothGrad, Xrai))


@dataclasses.dataclass(frozen=True)
class Request:
    """Rows of one model to explain.

    Attributes:
      model: The model.
      inputs: `[rows, ...]` tensors by key.
      baselines: `[baselines, ...]` of each key with a player.
      players: The keys of each feature.
      keys: uint64 `[rows]`, from which each row's randomness is drawn.
      tokenized: The model that reads tokens, where they are asked for.
      tokens: What it read, by feature.
      max_tokens: The most tokens of a row that are kept; 0: the default.
    """

    model: Model
    inputs: Tensors
    baselines: Tensors
    players: Players
    keys: np.ndarray
    tokenized: TokenModel | None = None
    tokens: Mapping[str, TokenRows] = dataclasses.field(default_factory=dict)
    max_tokens: int = 0

    def take(self, rows: np.ndarray) -> Request:
        """Returns the request for some of the rows, int `[taken]`."""
        inputs = {key: _rows_of(tensor, rows) for key, tensor in self.inputs.items()}
        tokens = {name: of_feature.take(rows) for name, of_feature in self.tokens.items()}
        return dataclasses.replace(self, inputs=inputs, keys=self.keys[rows], tokens=tokens)

    def explain(self, method: Method, targets: np.ndarray, images: Collection[str]) -> Attributions:
        """Attributes the outputs `targets`, int32 `[rows]`.

        Maps of `images`, keys, and of tokens are found for a few rows at a time, and kept in float32 and without their
        channels, or as sums by token.
        """
        groups = self._alike() if self.tokenized else [np.arange(len(targets))]
        parts = []
        for rows in groups:
            request, wanted = self._some(rows), targets[rows]
            block = request._rows_at_once(images)
            for first in range(0, max(1, len(rows)), block):
                some = np.arange(first, min(first + block, len(rows)))
                parts.append(_compact(request._some(some), method, wanted[some]))
        found = Attributions.joined(parts)
        return found if len(groups) == 1 else found.take(np.argsort(np.concatenate(groups)))

    def _rows_at_once(self, images: Collection[str]) -> int:
        """Of how many rows, alike if they have tokens, maps are found at a time."""
        numbers = sum(self.inputs[key].shape[1:].num_elements() for key in images)
        if self.tokenized is not None:
            numbers += self.tokenized.numbers(self.inputs)
        return max(1, _MAP_BYTES // (8 * numbers)) if numbers else max(1, len(self.keys))

    def _alike(self) -> list[np.ndarray]:
        """The rows whose tokens can be made dense together."""
        assert self.tokenized is not None
        _, group = np.unique(self.tokenized.sizes(self.inputs), axis=0, return_inverse=True)
        group = group.reshape(-1)
        return [np.flatnonzero(group == number) for number in range(group.max(initial=0) + 1)]

    def _some(self, rows: np.ndarray) -> Request:
        return self if len(rows) == len(self.keys) and (np.diff(rows) == 1).all() else self.take(rows)


def _rows_of(tensor: Tensor, rows: np.ndarray) -> Tensor:
    """Takes some rows, int `[taken]`; of ragged tensors with fewer operations than TensorFlow's own gather has."""
    if not isinstance(tensor, tf.RaggedTensor) or tensor.ragged_rank > 1:
        return tf.gather(tensor, rows)
    splits, index = taken(tensor.row_splits.numpy(), rows)
    of_rows = tf.constant(splits, tensor.row_splits.dtype)
    return tf.RaggedTensor.from_row_splits(tf.gather(tensor.values, index), of_rows, validate=False)


def _compact(request: Request, method: Method, targets: np.ndarray) -> Attributions:
    inputs = request.tokenized.densified(request.inputs) if request.tokenized else request.inputs
    found = method.attribute(request.model, inputs, request.baselines, request.players, targets, request.keys)
    if request.tokenized is not None:
        features = request.tokenized.features
        found = with_tokens(found, request.players, features, request.tokens, request.max_tokens)
    if not found.maps and not found.regions:
        return found
    maps = {} if found.regions else {name: _by_pixel(numbers) for name, numbers in found.maps.items()}
    regions = {
        name: Regions(of.heat.astype(np.float32), of.order.astype(np.int32)) for name, of in found.regions.items()
    }
    return dataclasses.replace(found, maps=maps, regions=regions)


def _by_pixel(numbers: np.ndarray) -> np.ndarray:
    """Returns float32 `[rows, height, width]`, the sums over channels."""
    return numbers.reshape(*numbers.shape[:3], -1).sum(axis=3).astype(np.float32)
