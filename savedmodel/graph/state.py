"""Variables and tables: what a session holds of them, and the same made again outside of it.

What a graph makes itself is handed to it when it is called. What its functions make is found by name, as there too
the initializer and its users meet by name alone.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Iterable, Mapping
from typing import Any

import tensorflow as tf

from tfx_explain.savedmodel.graph.errors import cause, op_without_kernel, without_kernel

REFERENCES = ("VariableV2", "Variable", "TemporaryVariable")
TABLES = ("HashTableV2", "HashTable")
HANDLE = "VarHandleOp"
NAMED = (HANDLE, "HashTableV2")

_loads = itertools.count()  # names of state are unique per load, or two models would share theirs


def handle_of(node: Any) -> tf.Tensor:
    """The handle of the variable or table, of `NAMED` ops, that the node finds by its name."""
    container, shared_name = _place(node)
    place = {"container": container, "shared_name": shared_name}
    if node.op == HANDLE:
        shape = tf.TensorShape(node.attr["shape"].shape)
        return tf.raw_ops.VarHandleOp(dtype=tf.as_dtype(node.attr["dtype"].type), shape=shape, **place)
    keys, values = _key_and_value(node)
    return tf.raw_ops.HashTableV2(key_dtype=keys, value_dtype=values, **place)


def read_state(name: str, session: Any, nodes: Iterable[Any]) -> dict[str, Any]:
    """What the session has in each variable (its value) and table (keys and values) of a graph, by node name.

    Raises:
        ValueError: if signature `name` needs what the SavedModel does not initialize.
    """
    holding = {node.name: node for node in nodes if node.op in (*REFERENCES, HANDLE, *TABLES)}
    tensors = {key: session.graph.get_tensor_by_name(f"{key}:0") for key in holding}
    return _read(name, session, holding, tensors)


def made_again(node: Any, content: Any) -> tuple[Any, tf.Tensor]:
    """A variable or table of a graph outside of the session: what owns it, and its handle or value."""
    if node.op in TABLES:
        keys, values = _key_and_value(node)
        initializer = tf.lookup.KeyValueTensorInitializer(*content, keys, values)
        table = tf.lookup.StaticHashTable(initializer, tf.zeros([], values))  # a look-up brings its own default
        return table, table.resource_handle
    if node.op == HANDLE:
        variable = tf.Variable(content, trainable=False)
        return variable, variable.handle
    value = tf.constant(content)
    return value, value


class NamedState:
    """The variables and tables that functions make, outside of the session, as long as this object lives.

    Attributes:
        functions: those given, by name, with the names under which they find them here.
    """

    def __init__(self, name: str, session: Any, functions: Mapping[str, Any]) -> None:
        """Reads what the session has.

        Args:
            name: of the signature, for errors.
            session: in which all state is initialized.
            functions: FunctionDefs by name.

        Raises:
            ValueError: if one of them needs what the SavedModel does not initialize.
        """
        suffix = f"_named_{next(_loads)}".encode()
        self.functions, self._nodes, handles = {}, {}, {}
        for key, function in functions.items():
            self.functions[key] = type(function).FromString(function.SerializeToString())
            for node in (node for node in self.functions[key].node_def if node.op in NAMED):
                with session.graph.as_default():
                    handle = handle_of(node)
                node.attr["shared_name"].s = _place(node)[1] + suffix
                if _place(node) not in handles:
                    self._nodes[_place(node)], handles[_place(node)] = node, handle
        self._contents = _read(name, session, self._nodes, handles)

    def make(self) -> None:
        """Makes them, outside of every graph."""
        handles = []
        for place, node in self._nodes.items():
            content = self._contents.pop(place)
            handles.append(handle_of(node))
            if node.op == HANDLE:
                tf.raw_ops.AssignVariableOp(resource=handles[-1], value=tf.constant(content))
            else:
                keys, values = map(tf.constant, content, _key_and_value(node))
                tf.raw_ops.InitializeTableV2(table_handle=handles[-1], keys=keys, values=values)
        weakref.finalize(self, _destroy, handles).atexit = False


def _destroy(handles: Iterable[tf.Tensor]) -> None:
    with tf.init_scope():
        for handle in handles if tf.executing_eagerly() else ():
            tf.raw_ops.DestroyResourceOp(resource=handle, ignore_lookup_error=True)


def _read(name: str, session: Any, nodes: Mapping[Any, Any], tensors: Mapping[Any, tf.Tensor]) -> dict[Any, Any]:
    """What the session has in `tensors`, made by `nodes` of the same keys."""
    reading = {key: _reading(tensors[key], node) for key, node in nodes.items()}
    try:
        return dict(zip(reading, session.run(list(reading.values())), strict=True))
    except tf.errors.OpError as error:
        if len(reading) > 1:
            for key in reading:  # one by one, to find which it is
                _read(name, session, {key: nodes[key]}, tensors)
        op, node = op_without_kernel(error), next(iter(nodes.values()))
        raise ValueError(
            without_kernel(op, f"Signature {name!r}")
            if op
            else f"Signature {name!r} needs {node.name!r} ({node.op}), which the SavedModel does not initialize: "
            f"{cause(error)}. Export it with all variables and tables initialized."
        ) from error


def _reading(tensor: tf.Tensor, node: Any) -> Any:
    if node.op in TABLES:
        keys, values = _key_and_value(node)
        export = tf.raw_ops.LookupTableExportV2 if tensor.dtype == tf.resource else tf.raw_ops.LookupTableExport
        return export(table_handle=tensor, Tkeys=keys, Tvalues=values)
    if node.op == HANDLE:
        return tf.raw_ops.ReadVariableOp(resource=tensor, dtype=tf.as_dtype(node.attr["dtype"].type))
    return tensor


def _place(node: Any) -> tuple[bytes, bytes]:
    """Container and name; asking a map of attributes for one that is not there would add it."""
    container, name = (node.attr[key].s if key in node.attr else b"" for key in ("container", "shared_name"))
    return container, name or node.name.encode()


def _key_and_value(node: Any) -> tuple[tf.DType, tf.DType]:
    return tf.as_dtype(node.attr["key_dtype"].type), tf.as_dtype(node.attr["value_dtype"].type)
