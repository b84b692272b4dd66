"""SavedModels as other versions of TensorFlow wrote them: the protos of those of today, edited; state found by name."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

v1 = tf.compat.v1
RESOURCE = tf.resource.as_datatype_enum


def edit(path, *changes):
    """Applies changes of a MetaGraphDef to every meta graph of a SavedModel."""
    file = Path(path) / "saved_model.pb"
    saved = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    for meta_graph in saved.meta_graphs:
        for change in changes:
            change(meta_graph)
    file.write_bytes(saved.SerializeToString())


def list_ops_of_the_graph_only(meta_graph):
    """As TF 2.0 to 2.3: ops that only functions use are not in the list of ops."""
    info, used = meta_graph.meta_info_def, {node.op for node in meta_graph.graph_def.node}
    kept = [op for op in info.stripped_op_list.op if op.name in used]
    del info.stripped_op_list.op[:]
    info.stripped_op_list.op.extend(kept)


def mark(meta_graph):
    """What runtimes left in nodes: shapes, colocation with a node that no output needs, unknown attributes."""
    nowhere = meta_graph.graph_def.node.add(name="nowhere", op="NoOp")
    for node in [*meta_graph.graph_def.node, *_of_functions(meta_graph)]:
        node.attr["_of_another_version"].s = b"?"
        node.attr["_XlaCompile"].b = False
        if node.op not in ("VarHandleOp", "ReadVariableOp", "AssignVariableOp", "NoOp"):
            node.attr["_class"].list.s.append(b"loc:@" + nowhere.name.encode())
        if node.op.startswith(("LookupTableFind", "HashTable", "Cast", "Mul", "Identity")):
            node.attr["_output_shapes"].Clear()
            node.attr["_output_shapes"].list.shape.add().unknown_rank = True


def create_tables_in_functions(meta_graph):
    """As an Estimator with a Transform layer: a table's node is a call of a function that calls its creator."""
    for node in [node for node in meta_graph.graph_def.node if node.op == "HashTableV2"]:
        creator, body = f"creator_{node.name}", f"restored_function_body_{node.name}"
        made = type(node)()
        made.CopyFrom(node)
        made.name = "hash_table"
        _add_function(meta_graph, creator, made, "hash_table:table_handle:0")
        _add_function(meta_graph, body, _call("call", creator), "call:output:0")
        node.CopyFrom(_call(node.name, body))


def _of_functions(meta_graph):
    return [node for function in meta_graph.graph_def.library.function for node in function.node_def]


def _call(name, function):
    node = v1.NodeDef(name=name, op="StatefulPartitionedCall")
    node.attr["Tin"].list.SetInParent()
    node.attr["Tout"].list.type.append(RESOURCE)
    node.attr["f"].func.name = function
    node.attr["config_proto"].s = b""
    return node


def _add_function(meta_graph, name, node, result):
    function = meta_graph.graph_def.library.function.add()
    function.signature.name = name
    function.signature.is_stateful = True
    function.signature.output_arg.add(name="identity", type=RESOURCE)
    function.node_def.add().CopyFrom(node)
    function.ret["identity"] = result


def state_by_name(path, rows):
    """A table and a variable that a function makes and the initializer fills; returns what is served for rows."""
    place = {"container": "", "shared_name": "words"}

    def table():
        return tf.raw_ops.HashTableV2(key_dtype=tf.string, value_dtype=tf.int64, **place)

    def variable():
        return tf.raw_ops.VarHandleOp(dtype=tf.float32, shape=[3], container="", shared_name="weights")

    @tf.function
    def encoded(words):
        ids = tf.raw_ops.LookupTableFindV2(table_handle=table(), keys=words, default_value=tf.constant(2, tf.int64))
        return tf.gather(tf.raw_ops.ReadVariableOp(resource=variable(), dtype=tf.float32), ids)

    with tf.Graph().as_default(), v1.Session() as session:
        examples = v1.placeholder(tf.string, [None], "examples")
        spec = {"word": tf.io.FixedLenFeature([], tf.string), "x": tf.io.FixedLenFeature([], tf.float32)}
        parsed = v1.io.parse_example(examples, spec)
        score = tf.multiply(encoded(parsed["word"]), parsed["x"], "score") + parsed["x"]
        keys, values = tf.constant(["a", "b"]), tf.constant([0, 1], tf.int64)
        fill = tf.raw_ops.InitializeTableV2(table_handle=table(), keys=keys, values=values)
        assign = tf.raw_ops.AssignVariableOp(resource=variable(), value=tf.constant([1.0, 2.0, -3.0]))
        session.run([fill, assign])
        builder = v1.saved_model.Builder(path)
        signature = v1.saved_model.predict_signature_def({"examples": examples}, {"score": score})
        main = tf.group(fill, assign)
        builder.add_meta_graph_and_variables(session, ["serve"], {"serving_default": signature}, main_op=main)
        builder.save()
        return session.run(score, {examples: rows.numpy()})
