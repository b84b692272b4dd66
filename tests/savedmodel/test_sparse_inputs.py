"""Inputs that rows have only in tf.Examples: sparse ones, and those beside serialized tf.Examples."""

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.attribution import SampledShapley
from tfx_explain.savedmodel import generate_metadata, load_explainable

v1 = tf.compat.v1
INT = tf.int64
FACTOR = tf.TensorSpec([None], tf.float32, "factor")
EMBEDDING = np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32)
IDS, FACTORS = [[1, 2, 3], [], [9]], [2.0, -1.0, 0.5]


def score(ids, factor):
    pooled = tf.nn.safe_embedding_lookup_sparse(tf.constant(EMBEDDING), ids, combiner="sum")
    return {"y": tf.reduce_sum(tf.tanh(pooled), 1) * factor + factor}


class Named(tf.Module):
    SPEC = [
        tf.TensorSpec([None, 2], INT, "ids_indices"),
        tf.TensorSpec([None], INT, "ids_values"),
        tf.TensorSpec([2], INT, "ids_dense_shape"),
    ]

    @tf.function(input_signature=[*SPEC, FACTOR])
    def serve(self, ids_indices, ids_values, ids_dense_shape, factor):
        return score(tf.SparseTensor(ids_indices, ids_values, ids_dense_shape), factor)


class Numbered(tf.Module):
    SPEC = [
        tf.TensorSpec([None, 2], INT, "ids"),
        tf.TensorSpec([None], INT, "ids_1"),
        tf.TensorSpec([2], INT, "ids_2"),
    ]

    @tf.function(input_signature=[*SPEC, FACTOR])
    def serve(self, ids, ids_1, ids_2, factor):
        return score(tf.SparseTensor(ids, ids_1, ids_2), factor)


class Composite(tf.Module):
    @tf.function(input_signature=[tf.SparseTensorSpec([None, None], INT), FACTOR])
    def serve(self, ids, factor):
        return score(ids, factor)


def tensorflow1(path):
    with tf.Graph().as_default(), v1.Session() as session:
        ids, factor = v1.sparse_placeholder(INT, [None, None], "ids"), v1.placeholder(tf.float32, [None], "factor")
        v1.saved_model.simple_save(session, path, {"ids": ids, "factor": factor}, score(ids, factor))


def saved(kind, path):
    if kind is tensorflow1:
        tensorflow1(path)
    else:
        module = kind()
        tf.saved_model.save(module, path, signatures=module.serve)


@pytest.mark.parametrize("kind", [Named, Numbered, Composite, tensorflow1])
def test_a_sparse_input_is_a_feature_of_examples(kind, examples, tmp_path):
    path = str(tmp_path / "model")
    saved(kind, path)
    metadata = generate_metadata(path)
    assert {n: (e.input_tensor_dtype, list(e.explainable_by)) for n, e in metadata.inputs.items()} == {
        "ids": ("int64", ["integrated_gradients", "sampled_shapley"]),
        "factor": ("float32", ["integrated_gradients", "sampled_shapley"]),
    }
    model = load_explainable(path, metadata)
    assert model.takes_examples and set(model.row_features) == {"ids", "factor"}
    rows, cut = examples(ids=IDS, factor=FACTORS), model.coalitional()
    values = SampledShapley().attribute(cut, cut.encode(rows), cut.baselines, cut.players).values
    # Two players: the mean over both orders, of the model as it is written above.
    (zero,) = [metadata.inputs["ids"].input_baselines[0].number_value]
    absent = tf.sparse.from_dense(np.full([3, 1], zero + 1, np.int64))
    absent = tf.SparseTensor(absent.indices, absent.values - 1, absent.dense_shape)
    ids, none = tf.ragged.constant(IDS, dtype=INT).to_sparse(), tf.zeros(3)
    both, only_ids, only_factor, neither = (
        score(i, f)["y"]
        for i, f in ((ids, tf.constant(FACTORS)), (ids, none), (absent, tf.constant(FACTORS)), (absent, none))
    )
    expected = {
        "ids": (both - only_factor + only_ids - neither) / 2.0,
        "factor": (both - only_ids + only_factor - neither) / 2.0,
    }
    for i, name in enumerate(cut.players):
        np.testing.assert_allclose(np.asarray(values)[:, i], expected[name], atol=1e-5)


def test_inputs_beside_examples_are_read_from_them(zoo, examples):
    metadata = generate_metadata(zoo("ExamplesAndMore").path)
    assert set(metadata.inputs) == {"factor", "x"}
    cut = load_explainable(zoo("ExamplesAndMore").path, metadata).differentiable()
    inputs = cut.encode(examples(x=[1.0, 2.0], factor=[3.0, -1.0]))
    _, gradients = cut.gradients(inputs, [0, 0])
    np.testing.assert_allclose(cut.outputs(inputs), [[3.0], [-2.0]])
    found = {name: gradients[keys[0]] for name, keys in cut.players.items()}
    np.testing.assert_allclose(found["x"], [3.0, -1.0])
    np.testing.assert_allclose(found["factor"], [1.0, 2.0])


def test_a_dense_input_beside_sparse_ones_must_have_a_known_row(tmp_path):
    class Open(tf.Module):
        @tf.function(input_signature=[*Named.SPEC, tf.TensorSpec([None, None], tf.float32, "factor")])
        def serve(self, ids_indices, ids_values, ids_dense_shape, factor):
            return score(tf.SparseTensor(ids_indices, ids_values, ids_dense_shape), tf.reduce_sum(factor, 1))

    saved(Open, str(tmp_path))
    with pytest.raises(
        ValueError, match=r"Input 'factor' of the signature, beside sparse ones, has shape \(None, None\)"
    ):
        generate_metadata(str(tmp_path))
