"""How workers call a model: what methods ask of it is traced once, whatever the number of rows."""

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.attribution import IntegratedGradients, KernelShap
from tfx_explain.beam.explaining.calls import SteadyModel


class Squares:
    """The sum of squares; counts how often Python runs it."""

    players, baselines = {"x": ("x",)}, {"x": tf.zeros([1, 3])}

    def __init__(self):
        self.traces, self.runs = {}, 0

    def encode(self, rows):
        return rows

    def outputs(self, inputs):
        self.runs += 1
        return tf.reduce_sum(inputs["x"] ** 2, axis=1, keepdims=True)

    def predict(self, inputs, targets):
        return self.outputs(inputs)[:, 0]

    def gradients(self, inputs, targets):
        return self.predict(inputs, targets), {"x": 2 * inputs["x"]}


@pytest.mark.parametrize("method", [IntegratedGradients(), KernelShap()])
def test_a_method_runs_python_once(method):
    model = Squares()
    steady, columns = SteadyModel(model), {f"x{i}": (("x", i),) for i in range(3)}
    for rows in (5, 70, 7):
        x = np.arange(3 * rows, dtype=np.float32).reshape(rows, 3)
        found = method.attribute(steady, {"x": tf.constant(x)}, 0.0, columns)
        np.testing.assert_allclose(found.values, x**2, rtol=1e-5, atol=1e-3)
    assert model.runs == 1
    assert steady.take_seconds() > 0
