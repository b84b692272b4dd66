import pytest
import tensorflow as tf

from tfx_explain.savedmodel.analysis.differentiable import LocalGradients
from tfx_explain.savedmodel.graph.flat import node_of
from tfx_explain.savedmodel.graph.inline import inline
from tfx_explain.savedmodel.graph.load import load_signature
from tfx_explain.savedmodel.graph.parts import tensor_specs

VECTOR = tf.TensorSpec([None], tf.float32, "x")


@pytest.fixture
def flows_through(tmp_path):
    """Whether a gradient flows through the op that makes a function's output, from its input at `position`."""

    def probe(function, position=0, spec=VECTOR):
        module = tf.Module()
        module.serve = tf.function(lambda x: {"y": function(x)}, input_signature=[spec])
        tf.saved_model.save(module, str(tmp_path), signatures=module.serve)
        graph = inline(load_signature(str(tmp_path)))
        node = graph.nodes[node_of(graph.outputs["y"])]
        while node.op == "Identity":
            node = graph.nodes[node_of(node.input[0])]
        return LocalGradients(tensor_specs(graph)[1].graph).flows(node, position, 0)

    return probe


@pytest.mark.parametrize("function", [tf.nn.relu, tf.abs, tf.nn.softplus, lambda x: x + 1.0, tf.math.cumsum, tf.sort])
def test_flows(flows_through, function):
    assert flows_through(function)


@pytest.mark.parametrize(
    "function", [tf.sign, tf.floor, tf.round, tf.math.ceil, lambda x: x * 0.0 > 1.0, tf.zeros_like]
)
def test_stops(flows_through, function):
    assert not flows_through(function)


def test_position_matters(flows_through):
    def choose(x):
        return tf.where(x > 0.0, x, 1.0)

    assert not flows_through(choose, position=0)
    assert flows_through(choose, position=1)


def test_lookups_carry_gradients_to_the_table_only(flows_through):
    spec = tf.TensorSpec([None], tf.int32, "x")
    table = tf.reshape(tf.range(6.0), [3, 2])
    assert not flows_through(lambda x: tf.gather(table, x), position=1, spec=spec)
