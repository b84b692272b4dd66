import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.savedmodel.graph.inline import inline
from tfx_explain.savedmodel.graph.load import load_signature
from tfx_explain.savedmodel.graph.parts import import_cut


def flatten(path):
    return inline(load_signature(path))


def test_no_calls_and_no_control_edges_are_left(zoo):
    graph = flatten(zoo("Examples").path)
    assert not {"PartitionedCall", "StatefulPartitionedCall"} & {node.op for node in graph.nodes.values()}
    assert not any(name.startswith("^") for node in graph.nodes.values() for name in node.input)


def test_producers_stand_before_consumers(zoo):
    seen = set()
    for name, node in flatten(zoo("Examples").path).nodes.items():
        assert {tensor.rpartition(":")[0] for tensor in node.input} <= seen
        seen.add(name)


def test_bodies_of_loops_stay_in_the_library(zoo):
    graph = flatten(zoo("ControlFlow").path)
    assert any(node.op in ("While", "StatelessWhile") for node in graph.nodes.values())
    assert graph.functions


def test_flat_graph_computes_what_the_signature_does(zoo):
    signature = load_signature(zoo("ControlFlow").path)
    graph = inline(signature)
    feeds = {graph.inputs[name]: spec for name, spec in signature.input_specs.items()}
    x, y = tf.random.stateless_normal([2, 5, 3], [1, 2])
    (scores,) = import_cut(graph, feeds, [graph.outputs["scores"]])(x, y)
    np.testing.assert_allclose(scores, signature.function(x=x, y=y)["scores"], rtol=1e-5)


def test_names_are_the_same_each_time(zoo):
    assert list(flatten(zoo("Examples").path).nodes) == list(flatten(zoo("Examples").path).nodes)


def test_a_python_function_is_refused(zoo):
    with pytest.raises(ValueError, match="has a Python function, which a SavedModel does not hold"):
        flatten(zoo("Python").path)


def test_where_a_custom_gradient_was_given_up_is_noted(zoo):
    assert flatten(zoo("CustomGradient").path).custom_gradients
    assert not flatten(zoo("Linear").path).custom_gradients


def test_a_signature_that_changes_state_is_refused(zoo):
    with pytest.raises(ValueError, match=r"'serving_default' changes state \(op 'AssignAddVariableOp'"):
        flatten(zoo("Counting").path)
