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
from skimage import data
from skimage.transform import resize

from benchmarks.report import Table
from tfx_explain.attribution import IntegratedGradients, KernelShap, Lime, Superpixels, Xrai

_SIDES, _TURNS = (28, 96, 224), 2
_STEPS, _COALITIONS, _SUPERPIXELS = 32, 512, 50
_LAYERS = ((5, 3, 8), (3, 8, 16), (3, 16, 16))


def run() -> Iterator[Table]:
    """Measures everything, in some minutes."""
    rates = {side: _rates(side) for side in _SIDES}
    names = list(rates[_SIDES[0]])
    rows = [(name, *(f"{rates[side][name]:.3g}" for side in _SIDES)) for name in names]
    yield Table("Pictures a second", ("", *(f"{side} x {side}" for side in _SIDES)), rows)


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
    """Returns pictures a second by contender, which take turns; the best turn of each."""
    photographs = [data.astronaut(), data.chelsea(), data.coffee(), data.rocket()]
    images = np.stack([resize(one, (side, side), anti_aliasing=True) for one in photographs]).astype(np.float32)
    network = _network()
    contenders = _ours(network, images) | _theirs(network, images) | _raw(network, images)
    best = dict.fromkeys(contenders, np.inf)
    for turn in range(_TURNS + 1):
        for name, call in contenders.items():
            started = time.perf_counter()
            call()
            if turn:  # the first one traces
                best[name] = min(best[name], time.perf_counter() - started)
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

    masker = shap.maskers.Image(np.zeros(images.shape[1:]), images.shape[1:])
    explainer: Any = shap.PartitionExplainer(lambda batch: network(tf.constant(batch, tf.float32)).numpy(), masker)
    of_shap, of_saliency = (importlib.metadata.version(name) for name in ("shap", "saliency"))
    return {
        f"saliency {of_saliency} XRAI, {_STEPS} steps by baseline": xrai,
        f"shap {of_shap} PartitionExplainer, {_COALITIONS} coalitions": lambda: explainer(
            images,
            max_evals=_COALITIONS,
            batch_size=64,
            silent=True,
        ),
    }


def _raw(network: Callable[..., tf.Tensor], images: np.ndarray) -> dict[str, Callable[[], object]]:
    batch = tf.constant(np.repeat(images[:1], 64, axis=0))

    def calls() -> None:
        for _ in range(len(images) * _COALITIONS // len(batch)):
            network(batch).numpy()

    return {f"raw calls, {_COALITIONS} a picture": calls}
