"""Pictures: XRAI and superpixels on a small convolution network, beside other libraries and raw calls."""

from __future__ import annotations

import functools
import importlib.metadata
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import saliency.core as saliency
import shap
import tensorflow as tf
from lime.lime_image import LimeImageExplainer
from skimage import data
from skimage.segmentation import slic
from skimage.transform import resize

from benchmarks.report import Table
from tfx_explain.attribution import IntegratedGradients, KernelShap, Lime, Superpixels, Xrai

_SIDES, _TURNS = (28, 96, 224), 2
_STEPS, _COALITIONS, _SUPERPIXELS = 32, 512, 50
_BATCH = 64
_LAYERS = ((5, 3, 8), (3, 8, 16), (3, 16, 16))


def run() -> Iterator[Table]:
    """Measures everything, in some minutes."""
    rates = {side: _rates(side) for side in _SIDES}
    names = list(rates[_SIDES[0]])
    rows = [(name, *(f"{rates[side][name]:.3g}" for side in _SIDES)) for name in names]
    sides = [f"{side} x {side}" for side in _SIDES]
    yield Table("Pictures a second of processor time", ("", *sides), rows)
    yield Table("Times as fast as the same by others", ("", *sides), [_ratios(rates, *pair) for pair in _pairs(names)])


def _pairs(names: list[str]) -> Iterator[tuple[str, str]]:
    """Ours, and what is done instead: by another library, or the calls alone."""
    xrai, adaptive, kernel, lime, saliency_, lime_, shap_, gradients, calls = names
    yield from ((xrai, saliency_), (xrai, gradients), (adaptive, saliency_))
    yield from ((lime, lime_), (lime, calls), (kernel, shap_), (kernel, calls))


def _ratios(rates: dict[int, dict[str, float]], ours: str, theirs: str) -> tuple[str, ...]:
    return (f"{ours}; {theirs}", *(f"{rates[side][ours] / rates[side][theirs]:.3g}" for side in _SIDES))


def _network() -> Callable[..., tf.Tensor]:
    rng = np.random.default_rng(0)
    kernels = [tf.constant(rng.normal(0, 0.2, (size, size, *ends)), tf.float32) for size, *ends in _LAYERS]

    @tf.function
    def network(x: tf.Tensor) -> tf.Tensor:
        for kernel in kernels:
            x = tf.nn.relu(tf.nn.conv2d(x, kernel, 2, "SAME"))
        return tf.reduce_mean(x, axis=[1, 2, 3])

    return network


def _rates(side: int) -> dict[str, float]:
    """Returns pictures a second of all processors together, by contender; these take turns, the best counts."""
    photographs = [data.astronaut(), data.chelsea()]
    images = np.stack([resize(one, (side, side), anti_aliasing=True) for one in photographs]).astype(np.float32)
    network = _network()
    contenders = _ours(network, images) | _theirs(network, images) | _raw(network, images)
    best = dict.fromkeys(contenders, np.inf)
    for turn in range(_TURNS + 1):
        for name, call in contenders.items():
            started = time.process_time()
            call()
            if turn:  # the first one traces
                best[name] = min(best[name], time.process_time() - started)
    return {name: len(images) / seconds for name, seconds in best.items()}


def _ours(network: Callable[..., tf.Tensor], images: np.ndarray) -> dict[str, Callable[[], object]]:
    fixed = functools.partial(IntegratedGradients, maps=True)
    kernel = KernelShap(coalitions=_COALITIONS, tolerance=1e-9)
    lime = Lime(samples=_COALITIONS, distance="cosine", ridge=1.0)
    # A new Xrai knows no picture's segments.
    return {
        f"Xrai, {_STEPS} steps by baseline": lambda: Xrai(fixed(steps=_STEPS)).attribute(network, images),
        "Xrai, adaptive": lambda: Xrai(fixed()).attribute(network, images),
        f"KernelShap, {_COALITIONS} coalitions of {_SUPERPIXELS} superpixels": lambda: Superpixels(
            kernel, count=_SUPERPIXELS
        ).attribute(network, images),
        f"Lime, {_COALITIONS} coalitions of {_SUPERPIXELS} superpixels": lambda: Superpixels(
            lime, count=_SUPERPIXELS
        ).attribute(network, images),
    }


def _theirs(network: Callable[..., tf.Tensor], images: np.ndarray) -> dict[str, Callable[[], object]]:
    def gradients(batch: np.ndarray, **_: object) -> dict[str, np.ndarray]:
        with tf.GradientTape() as tape:
            inputs = tf.constant(batch, tf.float32)
            tape.watch(inputs)
            outputs = network(inputs)
        return {saliency.INPUT_OUTPUT_GRADIENTS: tape.gradient(outputs, inputs).numpy()}

    def xrai() -> None:
        settings = saliency.XRAIParameters(steps=_STEPS)
        for image in images:
            saliency.XRAI().GetMask(image, gradients, extra_parameters=settings, batch_size=_STEPS)

    def call(batch: np.ndarray) -> np.ndarray:
        return network(tf.constant(batch, tf.float32)).numpy()

    def lime() -> None:
        for image in images:
            of_lime: Any = LimeImageExplainer(random_state=0)
            of_lime.explain_instance(
                image,
                lambda batch: call(batch)[:, None],
                labels=(0,),
                top_labels=None,
                num_samples=_COALITIONS,
                batch_size=_BATCH,
                segmentation_fn=lambda picture: slic(picture, n_segments=_SUPERPIXELS, start_label=0),
            )

    masker = shap.maskers.Image(np.zeros(images.shape[1:]), images.shape[1:])
    explainer: Any = shap.PartitionExplainer(call, masker)
    shap_, saliency_, lime_ = (importlib.metadata.version(name) for name in ("shap", "saliency", "lime"))
    return {
        f"saliency {saliency_} XRAI, {_STEPS} steps by baseline": xrai,
        f"lime {lime_}, {_COALITIONS} coalitions of {_SUPERPIXELS} superpixels": lime,
        f"shap {shap_} PartitionExplainer, {_COALITIONS} coalitions": lambda: explainer(
            images,
            max_evals=_COALITIONS,
            batch_size=_BATCH,
            silent=True,
        ),
    }


def _raw(network: Callable[..., tf.Tensor], images: np.ndarray) -> dict[str, Callable[[], object]]:
    batch = tf.constant(np.repeat(images[:1], _BATCH, axis=0))

    @tf.function
    def slopes() -> tf.Tensor:
        return tf.gradients(network(batch), batch)[0]

    def gradients() -> None:
        for _ in range(len(images) * 2 * _STEPS // _BATCH):
            slopes().numpy()

    def calls() -> None:
        for _ in range(len(images) * _COALITIONS // _BATCH):
            network(batch).numpy()

    return {f"raw gradients, {2 * _STEPS} a picture": gradients, f"raw calls, {_COALITIONS} a picture": calls}
