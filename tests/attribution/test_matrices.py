"""Many tensors of several dtypes and widths, which methods put side by side."""

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.attribution import IntegratedGradients, SampledShapley

_RNG = np.random.default_rng(0)
_NARROW = {
    "number": tf.constant(_RNG.normal(size=70), tf.float32),
    "word": tf.constant(_RNG.normal(size=[70, 4]), tf.float32),
    "nothing": tf.zeros([70, 0]),
    "count": tf.constant(_RNG.normal(size=70), tf.float32),
    "other": tf.constant(_RNG.normal(size=[70, 4]), tf.float32),
    "precise": tf.constant(_RNG.normal(size=[70, 2, 3]), tf.float64),
    "half": tf.constant(np.round(_RNG.normal(size=[70, 1]), 1), tf.float16),
    "held": tf.constant(_RNG.normal(size=[70, 2]), tf.float32),
    "name": tf.constant(["x"] * 70),
}
_WIDE = {**_NARROW, "wide": tf.constant(_RNG.normal(size=[70, 5, 20]), tf.float32)}
_PLAYERS = {
    "both": ("number", "half", "count"),
    "word": ("word", "nothing", "other"),
    "first": (("precise", 0),),
    "last": (("precise", 2),),
}


def _squares(tensors):
    lengths = tf.cast(tf.strings.length(tensors["name"]), tf.float64)
    return lengths * tf.add_n(
        [
            tf.reduce_sum(tf.reshape(tf.cast(tensor, tf.float64) ** 2, [tf.shape(tensor)[0], -1]), axis=1)
            for key, tensor in tensors.items()
            if key != "name"
        ]
    )


def _expected(tensors):
    squares = {key: tensor.numpy().astype(np.float64) ** 2 for key, tensor in tensors.items() if key != "name"}
    columns = [
        squares["number"] + squares["half"][:, 0] + squares["count"],
        (squares["word"] + squares["other"]).sum(axis=1),
        squares["precise"][:, :, 0].sum(axis=1),
        squares["precise"][:, :, 2].sum(axis=1),
    ]
    return np.stack([*columns, squares["wide"].sum(axis=(1, 2))] if "wide" in tensors else columns, axis=1)


@pytest.mark.parametrize("tensors", [_NARROW, _WIDE], ids=["narrow", "wide"])
@pytest.mark.parametrize(
    "method",
    [IntegratedGradients(), IntegratedGradients(steps=4), SampledShapley()],
    ids=["adaptive", "steps", "coalitions"],
)
def test_squares_of_any_tensors_are_their_own_attributions(tensors, method):
    players = {**_PLAYERS, "wide": ("wide",)} if "wide" in tensors else _PLAYERS
    found = method.attribute(_squares, tensors, 0.0, players)
    np.testing.assert_allclose(found.values, _expected(tensors), rtol=2e-3, atol=1e-6)
    few = {key: tensor[30:33] for key, tensor in tensors.items()}
    np.testing.assert_array_equal(method.attribute(_squares, few, 0.0, players).values, found.values[30:33])
