"""Ops that few exporters write: modules of XLA, as jax2tf does, and parsers of sequences."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.compiler.tf2xla.ops import gen_xla_ops

from tfx_explain.attribution import IntegratedGradients, SampledShapley
from tfx_explain.savedmodel import NotDifferentiableError, generate_metadata, load_explainable

_PRODUCT = """
module @product attributes {jax.uses_shape_polymorphism = true} {
  func.func public @main(%arg0: tensor<?xf32>, %arg1: tensor<?xf32>) -> tensor<?xf32> {
    %0 = stablehlo.multiply %arg0, %arg1 : tensor<?xf32>
    func.return %0 : tensor<?xf32>
  }
}
"""
_INPUTS = [tf.TensorSpec([None], tf.float32, name=name) for name in ("x", "y")]


class Product(tf.Module):
    """Multiplies two tensors in a compiled module, which has no gradient."""

    def __init__(self, *, alone: bool) -> None:
        super().__init__()
        self._alone = alone

    @tf.function(input_signature=_INPUTS)
    def serve(self, x: tf.Tensor, y: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns x * x + y, or x * y + y."""
        factors = [x, x if self._alone else y]
        products: Any = gen_xla_ops.xla_call_module(
            factors, version=9, module=_PRODUCT, Sout=[[None]], Tout=[tf.float32], platforms=["CPU"]
        )
        return {"output": products[0] + y}


class Sequences(tf.Module):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        """Returns a context feature plus the sum of a sequence."""
        context, sequences, _ = tf.io.parse_sequence_example(
            examples,
            {"x": tf.io.FixedLenFeature([], tf.float32)},
            {"t": tf.io.FixedLenSequenceFeature([], tf.float32)},
        )
        return {"output": context["x"] + tf.reduce_sum(sequences["t"], 1)}


def _saved(module, folder):
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
    return str(folder)


def _attributions(model, method):
    inputs = model.encode({"x": tf.constant([1.0, 3.0]), "y": tf.constant([5.0, 2.0])})
    return method.attribute(model, inputs, model.baselines, model.players).values


def test_what_a_compiled_module_makes_of_one_feature_is_its_encoding(tmp_path):
    path = _saved(Product(alone=True), tmp_path)
    model = load_explainable(path, generate_metadata(path))
    for cut, method in ((model.differentiable(), IntegratedGradients()), (model.coalitional(), SampledShapley())):
        np.testing.assert_allclose(_attributions(cut, method), [[1, 5], [9, 2]], rtol=1e-5)


def test_a_compiled_module_of_several_features_is_explained_without_gradients(tmp_path):
    path = _saved(Product(alone=False), tmp_path)
    model = load_explainable(path, generate_metadata(path))
    np.testing.assert_allclose(_attributions(model.coalitional(), SampledShapley()), [[2.5, 7.5], [3, 5]], rtol=1e-5)
    with pytest.raises(NotDifferentiableError, match=r"Integrated gradients cannot explain 'x'.*sampled_shapley"):
        model.differentiable()


def test_sequence_examples_are_refused_with_what_to_export(tmp_path):
    path = _saved(Sequences(), tmp_path)
    with pytest.raises(ValueError, match=r"parses its rows with ParseSequenceExampleV2 .* tf\.io\.parse_example"):
        generate_metadata(path)
