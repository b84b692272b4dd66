"""The record of one signature, however its SavedModel was written."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import tensorflow as tf

from tfx_explain.savedmodel.graph.flat import node_of

TENSORFLOW1, TENSORFLOW2 = "tensorflow", "tensorflow2"


@dataclass(frozen=True)
class Signature:
    """One signature of a loaded SavedModel.

    Attributes:
        name: the signature's key.
        framework: `TENSORFLOW1` or `TENSORFLOW2`; tensors of the former keep the names they were saved with.
        inputs: the graph tensor of each input, by the input's name.
        input_specs: dtype and shape of each input, by the input's name.
        outputs: the graph tensor of each output, by the output's name.
        output_specs: dtype and shape of each output, by the output's name.
        captures: what the graph closes over (variables, tables, constants), by the placeholder's node name.
        graph_def: the signature's graph; its calls are not inlined yet.
        op_defs: the ops that the model was saved with, by name.
        function: the signature, callable with keyword arguments; it keeps the whole model alive.
        preprocess_name: the signature that runs first, '' where there is none; inputs are then its own.
        saved_names: inputs and outputs by the tensor names that the SavedModel, and `saved_model_cli`, give them, where
            the graph has others.
    """

    name: str
    framework: str
    inputs: Mapping[str, str]
    input_specs: Mapping[str, tf.TensorSpec]
    outputs: Mapping[str, str]
    output_specs: Mapping[str, tf.TensorSpec]
    captures: Mapping[str, tf.Tensor]
    graph_def: Any
    op_defs: Mapping[str, Any]
    function: Any
    preprocess_name: str = ""
    saved_names: Mapping[str, str] = field(default_factory=dict)

    def with_input_shapes(self, shapes: Mapping[str, tf.TensorShape]) -> Signature:
        """The same signature with the shapes of some inputs, by name, in the place of those that it was saved with."""
        graph_def = tf.compat.v1.GraphDef()
        graph_def.CopyFrom(self.graph_def)
        nodes = {node_of(self.inputs[name]): shape for name, shape in shapes.items()}
        for node in (node for node in graph_def.node if node.name in nodes):
            node.attr["shape"].shape.CopyFrom(nodes[node.name].as_proto())
        specs = {name: tf.TensorSpec(shape, self.input_specs[name].dtype, name) for name, shape in shapes.items()}
        return dataclasses.replace(self, graph_def=graph_def, input_specs={**self.input_specs, **specs})
