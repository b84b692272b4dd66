"""Texts: tokens as players and along paths on pooled embeddings, beside other libraries and raw calls."""

from __future__ import annotations

import functools
import importlib.metadata
import time
from collections.abc import Callable, Iterator
from typing import Any

import lime.lime_text
import numpy as np
import shap
import tensorflow as tf

from benchmarks import served_texts
from benchmarks.report import Table
from tfx_explain.attribution import IntegratedGradients, KernelShap, Lime, Tokens, from_function, words

_LENGTHS, _TEXTS, _TURNS = (16, 64, 256), 8, 2
_COALITIONS, _STEPS = 512, 50
_VOCABULARY, _WIDTHS = 2000, (32, 64, 1)
_FORWARD, _GRADIENT = f"raw calls, {_COALITIONS} a text", f"raw gradient calls, {_STEPS} a text"


def run() -> Iterator[Table]:
    """Measures everything, in some minutes."""
    rates = {length: _rates(length) for length in _LENGTHS}
    contenders = list(rates[_LENGTHS[0]])
    raw = {name: _GRADIENT if f"{_STEPS} " in name else _FORWARD for name in contenders}
    rows = [
        (name, *(f"{of[name]:.3g} ({of[name] / of[raw[name]]:.2f})" for of in rates.values())) for name in contenders
    ]
    title = "Tokens a second (and relative to raw calls of the same model, as many as are named)"
    yield Table(title, ("", *(f"{length} words" for length in _LENGTHS)), rows)
    yield served_texts.table()


class _Model:
    """Words are looked up, their embeddings go through a layer each, and their mean through another."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.vocabulary = [f"word{number}" for number in range(_VOCABULARY)]
        ids = tf.range(1, _VOCABULARY + 1, dtype=tf.int64)
        self._table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(self.vocabulary, ids), 0)
        self._embedding, self._hidden, self._last = (
            tf.constant(rng.normal(0, 0.3, size), tf.float32)
            for size in ((_VOCABULARY + 1, _WIDTHS[0]), _WIDTHS[:2], _WIDTHS[1:])
        )
        self.of_texts = tf.function(lambda texts: self.of_words(tf.strings.split(texts)))

    def of_words(self, tokens: tf.RaggedTensor) -> tf.Tensor:
        """Ragged `[rows, (words)]` to `[rows]`."""
        embedded = tf.ragged.map_flat_values(self.embedded, tokens)
        return self._pooled(tf.ragged.map_flat_values(self._layer, embedded))

    def embedded(self, tokens: Any) -> tf.Tensor:
        """Words to their embeddings."""
        return tf.gather(self._embedding, self._table.lookup(tokens))

    def of_embedded(self, embedded: tf.Tensor) -> tf.Tensor:
        """`[rows, words, width]` to `[rows]`."""
        return self._pooled(self._layer(embedded))

    def _layer(self, embedded: tf.Tensor) -> tf.Tensor:
        return tf.nn.relu(tf.tensordot(embedded, self._hidden, 1))

    def _pooled(self, hidden: Any) -> tf.Tensor:
        return (tf.tanh(tf.reduce_sum(hidden, axis=1) / 8.0) @ self._last)[:, 0]


def _rates(length: int) -> dict[str, float]:
    """Returns tokens a second by contender, which take turns; the best turn of each."""
    model, rng = _Model(), np.random.default_rng(length)
    texts = [" ".join(rng.choice(model.vocabulary, length)) for _ in range(_TEXTS)]
    contenders = _over_coalitions(model, texts) | _along_paths(model, texts)
    best = dict.fromkeys(contenders, np.inf)
    for turn in range(_TURNS + 1):
        for name, call in contenders.items():
            started = time.perf_counter()
            call()
            if turn:  # the first one traces
                best[name] = min(best[name], time.perf_counter() - started)
    return {name: _TEXTS * length / seconds for name, seconds in best.items()}


def _over_coalitions(model: _Model, texts: list[str]) -> dict[str, Callable[[], object]]:
    of_texts = from_function(lambda tensors: model.of_texts(tensors["text"]))
    of_words = from_function(lambda tensors: model.of_words(tensors["text"]))
    raw, split = {"text": tf.constant(texts)}, {"text": tf.strings.split(tf.constant(texts))}
    empty, none = {"text": tf.constant([""])}, {"text": split["text"][:1, :0]}
    batch = tf.repeat(raw["text"][:1], 64)
    kernel = KernelShap(coalitions=_COALITIONS, tolerance=1e-9)
    theirs = lime.lime_text.LimeTextExplainer(split_expression=r"\s+", bow=False, mask_string="")
    masker = shap.maskers.Text(_tokenizer, mask_token=",", collapse_mask_token=True)

    def outputs(some: Any) -> np.ndarray:
        return model.of_texts(tf.constant([str(text) for text in some])).numpy()

    def of_lime() -> None:
        for text in texts:
            theirs.explain_instance(
                text, lambda some: outputs(some)[:, None], labels=(0,), num_features=10**6, num_samples=_COALITIONS
            )

    explainer: Any = shap.PartitionExplainer(outputs, masker)
    of_shap, version = (importlib.metadata.version(name) for name in ("shap", "lime"))
    return {
        f"KernelShap, {_COALITIONS} coalitions of words": functools.partial(
            Tokens(kernel, texts={"text": words}).attribute, of_texts, raw, empty
        ),
        f"KernelShap, {_COALITIONS} coalitions of a list's words": functools.partial(
            Tokens(kernel, lists=["text"]).attribute, of_words, split, none
        ),
        "KernelShap, adaptive, of a list's words": functools.partial(
            Tokens(KernelShap(), lists=["text"]).attribute, of_words, split, none
        ),
        f"Lime, {_COALITIONS} coalitions of words": functools.partial(
            Tokens(
                Lime(samples=_COALITIONS, distance="cosine", ridge=1.0, by_size=True), texts={"text": words}
            ).attribute,
            of_texts,
            raw,
            empty,
        ),
        f"lime {version} LimeTextExplainer, {_COALITIONS} coalitions": of_lime,
        f"shap {of_shap} PartitionExplainer, {_COALITIONS} coalitions": functools.partial(
            explainer, texts, max_evals=_COALITIONS, batch_size=64, silent=True
        ),
        _FORWARD: functools.partial(_repeated, model.of_texts, batch, _TEXTS * _COALITIONS // 64),
    }


def _along_paths(model: _Model, texts: list[str]) -> dict[str, Callable[[], object]]:
    embedded = model.embedded(tf.strings.split(tf.constant(texts)).to_tensor())
    network = from_function(model.of_embedded)

    @tf.function
    def gradients(batch: tf.Tensor) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(batch)
            outputs = model.of_embedded(batch)
        return tape.gradient(outputs, batch)

    def as_captum() -> None:
        """What Captum's IntegratedGradients does at a layer, text by text; the baseline is zero."""
        nodes, weights = np.polynomial.legendre.leggauss(_STEPS)
        alphas = tf.constant((1 + nodes)[:, None, None] / 2, tf.float32)
        for one in embedded:
            found = gradients(alphas * one[None])
            (tf.tensordot(tf.constant(weights / 2, tf.float32), found, 1) * one).numpy().sum(axis=-1)

    return {
        f"IntegratedGradients, {_STEPS} steps": lambda: IntegratedGradients(steps=_STEPS, maps=["x"]).attribute(
            network, embedded, 0.0, {"x": ("x",)}
        ),
        f"plain TensorFlow, {_STEPS} steps as Captum has them": as_captum,
        _GRADIENT: functools.partial(_repeated, gradients, tf.repeat(embedded[:1], _STEPS, axis=0), _TEXTS),
    }


def _repeated(function: Callable[..., tf.Tensor], batch: tf.Tensor, times: int) -> None:
    for _ in range(times):
        function(batch).numpy()


def _tokenizer(text: str, return_offsets_mapping: bool = True) -> dict[str, list[Any]]:
    spans = words(np.array([text.encode()], object))
    places = list(zip(spans.begin.tolist(), spans.end.tolist(), strict=True))
    return {"input_ids": [text[first:last] for first, last in places], "offset_mapping": places}
