"""Stage 1 for SavedModels that TensorFlow 1's API wrote: one signature, under the names of its graph's tensors."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tfx_explain.savedmodel.graph.control_flow1 import functionalize, with_data_inputs
from tfx_explain.savedmodel.graph.errors import unloadable
from tfx_explain.savedmodel.graph.flat import in_order, needed_functions, node_of
from tfx_explain.savedmodel.graph.parts import with_own_functions
from tfx_explain.savedmodel.graph.signature import TENSORFLOW1, Signature
from tfx_explain.savedmodel.graph.state import NamedState, made_again, read_state
from tfx_explain.savedmodel.graph.unfit import refuse_unfit
from tfx_explain.storage.paths import plain

v1 = tf.compat.v1

_HOLDERS = ("Placeholder", "PlaceholderV2")
_KEEPERS = (
    "MutableHashTableV2",
    "MutableDenseHashTableV2",
    "MutableHashTableOfTensorsV2",
    "IteratorV2",
    "OneShotIterator",
)
# What reads a reference, and the op that reads the value instead.
_BY_VALUE = {
    "RefIdentity": "Identity",
    "RefSwitch": "Switch",
    "RefMerge": "Merge",
    "RefEnter": "Enter",
    "RefExit": "Exit",
    "RefNextIteration": "NextIteration",
    "LookupTableFind": "LookupTableFindV2",
    "LookupTableSize": "LookupTableSizeV2",
    "PlaceholderWithDefault": "Identity",
}


def load_graph(model_dir: str, meta_graph: Any, name: str) -> Signature:
    """Loads signature `name` of a TF 1 meta graph.

    The model is restored and initialized in a session of its own, as TensorFlow Serving does; its variables and tables
    are then taken out of it, so that the graph can be cut like any other.

    Raises:
        ValueError: if it cannot be restored, or the signature needs what cannot be taken out of a session.
    """
    definition = meta_graph.signature_def[name]
    inputs = _tensors(name, definition.inputs)
    outputs = _tensors(name, definition.outputs)
    with tf.Graph().as_default() as graph, v1.Session(config=v1.ConfigProto(allow_soft_placement=True)) as session:
        try:
            v1.saved_model.load(session, list(meta_graph.meta_info_def.tags), plain(model_dir), clear_devices=True)
            input_specs = _specs(graph, inputs)
            output_specs = _specs(graph, outputs)
        except Exception as error:  # a damaged file makes TensorFlow raise nearly anything
            raise unloadable(model_dir, error) from error
        graph_def = graph.as_graph_def()
        every, controls = with_data_inputs(graph_def.node)
        running = _running(every, controls, outputs.values(), inputs.values())
        refuse_unfit(name, running.values(), graph_def.library.function)
        contents = read_state(name, session, running.values())
        library = {function.signature.name: function for function in graph_def.library.function}
        named = NamedState(name, session, needed_functions(running.values(), library))
    named.make()
    owners = {node: made_again(running[node], contents.pop(node)) for node in list(contents)}
    captures = {node: tensor for node, (_, tensor) in owners.items()}
    held = {node_of(inputs[key]): spec for key, spec in input_specs.items()}
    held |= {node: tf.TensorSpec(tensor.shape, tensor.dtype) for node, tensor in captures.items()}
    nodes = _without_state(name, running, held)
    waiting = [_with_controls(node, controls[node.name]) for node in nodes.values()]
    served = with_own_functions(graph_def.versions, waiting, named.functions)
    return Signature(
        name=name,
        framework=TENSORFLOW1,
        inputs=inputs,
        input_specs=input_specs,
        outputs=outputs,
        output_specs=output_specs,
        captures=captures,
        graph_def=functionalize(served, [*outputs.values(), *inputs.values()]),
        op_defs={op.name: op for op in meta_graph.meta_info_def.stripped_op_list.op},
        function=_Served(served, inputs, input_specs, outputs, captures, [owners, named]),
    )


class _Served:
    """The signature as it was saved, TF 1 control flow included, callable with keyword arguments."""

    def __init__(
        self,
        graph_def: Any,
        inputs: Mapping[str, str],
        specs: Mapping[str, tf.TensorSpec],
        outputs: Mapping[str, str],
        captures: Mapping[str, tf.Tensor],
        owners: Any,
    ) -> None:
        self._names, self._owners = list(inputs), owners

        def build(*arguments: tf.Tensor) -> dict[str, tf.Tensor]:
            input_map = {f"{node}:0": tf.identity(value) for node, value in captures.items()}
            input_map |= dict(zip(inputs.values(), arguments, strict=True))
            found = tf.graph_util.import_graph_def(graph_def, input_map, list(outputs.values()))
            return dict(zip(outputs, found, strict=True))

        self._function = v1.wrap_function(build, [specs[key] for key in inputs])

    def __call__(self, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return self._function(*(inputs[key] for key in self._names))


def _tensors(name: str, infos: Mapping[str, Any]) -> dict[str, str]:
    """The graph's tensor of each input or output, sorted by name; a sparse one is three."""
    tensors = {}
    for key, info in sorted(infos.items()):
        if info.WhichOneof("encoding") == "name":
            tensors[key] = info.name
        elif info.WhichOneof("encoding") == "coo_sparse":
            sparse = info.coo_sparse
            tensors[f"{key}_indices"] = sparse.indices_tensor_name
            tensors[f"{key}_values"] = sparse.values_tensor_name
            tensors[f"{key}_shape"] = sparse.dense_shape_tensor_name
        else:
            raise ValueError(
                f"Signature {name!r} has the composite tensor {key!r}; export one whose inputs and outputs are dense "
                "or sparse tensors, or serialized tf.Examples."
            )
    return {key: tensor if ":" in tensor else f"{tensor}:0" for key, tensor in tensors.items()}


def _specs(graph: Any, tensors: Mapping[str, str]) -> dict[str, tf.TensorSpec]:
    found = {key: graph.get_tensor_by_name(tensor) for key, tensor in tensors.items()}
    return {key: tf.TensorSpec(tensor.shape, tensor.dtype.base_dtype, key) for key, tensor in found.items()}


def _running(
    nodes: Mapping[str, Any], controls: Mapping[str, list[str]], outputs: Iterable[str], inputs: Collection[str]
) -> dict[str, Any]:
    """The nodes that run when the outputs are asked for, those that are only waited for among them."""
    fetches = [*outputs]
    while True:
        found = in_order(nodes, fetches, inputs)
        waited_for = {f"{control}:0" for name in found for control in controls[name] if control not in found}
        if not waited_for:
            return found | {node_of(tensor): nodes[node_of(tensor)] for tensor in inputs}
        fetches += sorted(waited_for)


def _without_state(name: str, nodes: Mapping[str, Any], held: Mapping[str, tf.TensorSpec]) -> dict[str, Any]:
    """The nodes as those of a graph that is called: what it is given, `held` by node, comes in at placeholders.

    Raises:
        ValueError: if a node's value comes neither from the signature's inputs nor from a variable or table.
    """
    found = {}
    for node in nodes.values():
        copy = v1.NodeDef()
        copy.CopyFrom(node)
        if node.name in held:
            copy = v1.NodeDef(name=node.name, op="Placeholder")
            copy.attr["dtype"].type = held[node.name].dtype.as_datatype_enum
            copy.attr["shape"].shape.CopyFrom(held[node.name].shape.as_proto())
        elif node.op in _HOLDERS:
            raise ValueError(
                f"The outputs of signature {name!r} depend on the placeholder {node.name!r}, which is none of its "
                "inputs; export a signature that takes it, or a graph in which it has a default."
            )
        elif node.op in _KEEPERS or "ResourceHandle" in node.op:
            raise ValueError(
                f"Signature {name!r} keeps state in {node.name!r} ({node.op}), which cannot be explained; export a "
                "model whose state is variables and tables of constants."
            )
        if copy.op == "PlaceholderWithDefault":  # one that is no input of the signature
            copy.attr["T"].type = node.attr["dtype"].type
            del copy.attr["dtype"], copy.attr["shape"]
        copy.op = _BY_VALUE.get(copy.op, copy.op)
        found[node.name] = copy
    return found


def _with_controls(node: Any, controls: Sequence[str]) -> Any:
    copy = v1.NodeDef()
    copy.CopyFrom(node)
    copy.input.extend(f"^{name}" for name in controls)
    return copy
