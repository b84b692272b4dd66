"""SavedModels of other versions of TensorFlow, held against their own signature called by itself."""

import itertools
import math
import shutil

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework import function  # functions as TF 1 made them

from tfx_explain.attribution import SampledShapley
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata, load_explainable
from tfx_explain.savedmodel.graph.load import load_signature

v1 = tf.compat.v1
SERVED = explanation_pb2.ExplanationParameters.SERVED
PEOPLE = {
    "age": [25.0, 70.0],
    "hours": [40.0, 60.0],
    "color": ["red", "mauve"],
    "job": ["a", "c"],
}


@pytest.fixture(scope="module")
def old(load_builders):
    return load_builders("old_versions")


@pytest.fixture(scope="module")
def census(load_builders, examples, tmp_path_factory):
    """Where the wide and deep model is saved."""
    folder = tmp_path_factory.mktemp("old")
    load_builders("tensorflow1_models").wide_and_deep(str(folder / "model"), folder, examples(**PEOPLE))
    return folder / "model"


def in_a_session(path):
    """The signature's scores of the second class, by TF 1's own loader."""

    def serve(rows):
        with tf.Graph().as_default(), v1.Session() as session:
            meta_graph = v1.saved_model.load(session, ["serve"], path)
            definition = meta_graph.signature_def["serving_default"]
            return session.run(definition.outputs["scores"].name, {definition.inputs["inputs"].name: rows.numpy()})[
                :, 1
            ]

    return serve


def exact_shapley(serve, examples, columns, metadata, players):
    """Shapley values `[rows, players]`, by the definition, of rows that are examples with values exchanged."""
    members = {
        player: {name for name, entry in metadata.inputs.items() if (entry.group_name or name) == player}
        for player in players
    }
    coalitions = list(itertools.product([False, True], repeat=len(players)))
    count = len(next(iter(columns.values())))
    mixed = {name: [] for name in columns}
    for present in coalitions:
        here = set().union(*(members[player] for player, is_in in zip(players, present, strict=True) if is_in))
        for name, values in columns.items():
            baseline = metadata.inputs[name].input_baselines[0]
            absent = baseline.string_value if baseline.HasField("string_value") else baseline.number_value
            mixed[name] += values if name in here else [absent] * count
    value = dict(zip(coalitions, np.reshape(serve(examples(**mixed)), [-1, count]), strict=True))
    found = np.zeros([count, len(players)])
    for i, present in itertools.product(range(len(players)), coalitions):
        if not present[i]:
            joined = (*present[:i], True, *present[i + 1 :])
            weight = math.factorial(sum(present)) * math.factorial(len(players) - sum(present) - 1)
            found[:, i] += weight / math.factorial(len(players)) * (value[joined] - value[present])
    return found


def shapley_found(path, rows, target):
    metadata = generate_metadata(path)
    cut = load_explainable(path, metadata, output_scale=SERVED).coalitional()
    targets = tf.fill([len(rows)], target)
    result = SampledShapley().attribute(cut, cut.encode(rows), cut.baselines, cut.players, targets=targets)
    return metadata, list(cut.players), np.asarray(result.values)


@pytest.mark.slow
@pytest.mark.parametrize("changes", [["mark"], ["create_tables_in_functions", "mark", "list_ops_of_the_graph_only"]])
def test_an_estimator_of_other_versions_has_its_own_shapley_values(old, census, examples, tmp_path, changes):
    path = str(shutil.copytree(census, tmp_path / "model"))
    old.edit(path, *(getattr(old, change) for change in changes))
    metadata, players, found = shapley_found(path, examples(**PEOPLE), 1)
    assert set(metadata.inputs) == set(PEOPLE)
    expected = exact_shapley(in_a_session(path), examples, PEOPLE, metadata, players)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert np.abs(expected).max() > 1e-3


@pytest.mark.parametrize("name", ["Examples", "VarLen"])
def test_ops_that_only_functions_use_and_marks_of_other_versions(old, zoo, rows, tmp_path, name):
    path = str(shutil.copytree(zoo(name).path, tmp_path / "model"))
    old.edit(path, old.list_ops_of_the_graph_only, old.mark)
    cut = load_explainable(path, generate_metadata(path), output_scale=SERVED).differentiable()
    (expected,) = zoo(name).module.serve(rows[name]).values()
    np.testing.assert_allclose(cut.outputs(cut.encode(rows[name])), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["nested_loops", "mapped"])
def test_functions_with_control_flow_of_tf1(load_builders, tmp_path, name):
    builders, path = load_builders("tensorflow1_models"), str(tmp_path / "model")
    rows = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    step = 1e-2 * np.eye(3, dtype=np.float32)
    with tf.Graph().as_default() as graph, v1.Session() as session, builders.control_flow_of_tf1():
        body = function.Defun(tf.float32)(builders.LOOPS[name])
        x = v1.placeholder(tf.float32, [None, 3], "x")
        score = tf.reduce_sum(tf.reshape(body(x), [-1, 3]), 1)
        v1.saved_model.simple_save(session, path, {"x": x}, {"score": score})
        ops = {node.op for body in graph.as_graph_def().library.function for node in body.node_def}
        expected = session.run(score, {x: rows})
        moved = [session.run(score, {x: rows + d}) - session.run(score, {x: rows - d}) for d in step]
    assert {"Switch", "Merge"} <= ops
    cut = load_explainable(path, generate_metadata(path)).differentiable()
    outputs, gradients = cut.gradients(cut.encode({"x": rows}), np.zeros(5, np.int32))
    np.testing.assert_allclose(outputs, expected, rtol=1e-5)
    np.testing.assert_allclose(gradients["x:0"], np.stack(moved, 1) / 2e-2, atol=1e-2)


def test_state_that_functions_find_by_name_is_what_the_initializer_made(old, examples, tmp_path):
    rows = examples(word=["a", "b", "c"], x=[1.0, 2.0, 3.0])
    expected = old.state_by_name(str(tmp_path / "model"), rows)
    np.testing.assert_allclose(expected, [2.0, 6.0, -6.0])
    np.testing.assert_allclose(load_signature(str(tmp_path / "model")).function(examples=rows)["score"], expected)
    metadata = generate_metadata(str(tmp_path / "model"))
    assert set(metadata.inputs) == {"word", "x"}
    cut = load_explainable(str(tmp_path / "model"), metadata).differentiable()
    np.testing.assert_allclose(cut.outputs(cut.encode(rows))[:, 0], expected, rtol=1e-6)
