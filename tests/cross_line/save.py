"""Saves the models of `saved/` on the line of TFX that runs `python tests/cross_line/save.py`, with their attributions.

Every line saves the same two models, with the same weights, as Keras 3 and as tf_keras; the other lines explain them.
"""

from __future__ import annotations

import importlib
import json
import pathlib

import numpy as np
import tensorflow as tf
from tfx import version

from tfx_explain.attribution import IntegratedGradients
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata, load_explainable

SAVED = pathlib.Path(__file__).parent / "saved"
LIBRARIES = ("keras", "tf_keras")
ROWS = {
    "color": tf.constant([["a"], ["c"], ["other"], ["b"]]),
    "user": tf.constant([[10], [30], [7], [20]], tf.int64),
    "x": tf.constant([[0.5], [3.0], [-2.0], [1.0]]),
    "y": tf.constant([[-1.0], [0.5], [1.5], [7.0]]),
}


def save(library: str, path: str) -> None:
    """Saves a softmax over looked-up embeddings and numbers, its weights drawn by numpy."""
    keras = importlib.import_module(library)
    layers = keras.layers
    color, user = keras.Input((1,), dtype="string", name="color"), keras.Input((1,), dtype="int64", name="user")
    x, y = keras.Input((1,), name="x"), keras.Input((1,), name="y")
    encoded = [
        layers.Flatten()(layers.Embedding(4, 3)(layers.StringLookup(vocabulary=["a", "b", "c"])(color))),
        layers.Flatten()(layers.Embedding(4, 3)(layers.IntegerLookup(vocabulary=[10, 20, 30])(user))),
        x,
        y,
    ]
    hidden = layers.Dense(8, activation="tanh")(layers.Concatenate()(encoded))
    model = keras.Model([color, user, x, y], layers.Dense(3, activation="softmax")(hidden))
    for weight in model.trainable_weights:
        weight.assign(np.random.default_rng(len(weight.shape)).normal(0.0, 0.5, weight.shape))
    if library == "keras":
        model.export(path, verbose=False)
    else:
        tf.saved_model.save(model, path)


def explain(path: str) -> dict[str, list[float]]:
    """Returns each feature's attributions to the logit of class 1, for `ROWS`."""
    logits = explanation_pb2.ExplanationParameters.LOGITS
    cut = load_explainable(path, generate_metadata(path), output_scale=logits).differentiable()
    method = IntegratedGradients(steps=64)
    found = method.attribute(cut, cut.encode(ROWS), cut.baselines, cut.players, targets=np.ones(4, np.int32))
    return {feature: found.values[:, i].tolist() for i, feature in enumerate(found.features)}


def main() -> None:
    """Saves and explains this line's models."""
    for library in LIBRARIES:
        folder = SAVED / f"tfx-{version.__version__}" / library
        save(library, str(folder / "model"))
        (folder / "attributions.json").write_text(json.dumps(explain(str(folder / "model")), indent=2) + "\n")


if __name__ == "__main__":
    main()
