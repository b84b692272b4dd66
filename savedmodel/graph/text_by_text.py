"""An op that ends the process where one call makes too many tokens: it is called with one text after the other."""

from __future__ import annotations

import functools
from typing import Any

import tensorflow as tf
from tensorflow.python.framework import op_def_registry  # no public function tells the inputs of an op by its name

_TOKENIZE = "TFText>FastSentencepieceTokenize"
_TYPES = ("out_type", "Tsplits")
# It keeps the sizes of what it makes in 16 bits. A byte makes one token at most, and a few begin and end a text.
_MOST_BYTES = 2**15 - 8
_TOO_LONG = (
    "A text may make more than the 32,767 tokens for which FastSentencepieceTokenizer's op ends the process, since it "
    f"is longer than {_MOST_BYTES:,} bytes: shorten it, or serve a SentencepieceTokenizer with the same pieces; bytes:"
)


def call_text_by_text(graph_def: Any) -> None:
    """Replaces, in a GraphDef and its functions, each such op by a function that calls it with one text at a time.

    Then a batch of ordinary texts may make any number of tokens; a text that is too long for the op alone makes a
    `tf.errors.InvalidArgumentError` that says so.
    """
    functions = graph_def.library.function
    for nodes in (graph_def.node, *(function.node_def for function in functions)):
        for node in nodes:
            if node.op == _TOKENIZE:
                first, *others = _text_by_text(*(node.attr[name].type or tf.int32.as_datatype_enum for name in _TYPES))
                known = {function.signature.name for function in functions}
                functions.extend(added for added in (first, *others) if added.signature.name not in known)
                node.op = first.signature.name
                node.attr.clear()


@functools.cache
def _text_by_text(out_type: int, split_type: int) -> list[Any]:
    """The FunctionDef that has the op's inputs and outputs, and those that it calls."""
    op_def: Any = op_def_registry.get(_TOKENIZE)
    names = [argument.name for argument in op_def.input_arg]

    def tokens_of(inputs: list[tf.Tensor]) -> tf.Tensor:
        node = tf.compat.v1.NodeDef(name="tokens", op=_TOKENIZE, input=names)
        node.attr["out_type"].type, node.attr["Tsplits"].type = out_type, split_type
        # The identities are of the loop's own graph, which an import can't reach beyond.
        given = {f"{name}:0": tf.identity(tensor) for name, tensor in zip(names, inputs, strict=True)}
        return tf.graph_util.import_graph_def(tf.compat.v1.GraphDef(node=[node]), given, ["tokens:0"])[0]

    def tokenize(pieces: tf.Tensor, texts: tf.Tensor, *options: tf.Tensor) -> list[tf.Tensor]:
        def one(text: tf.Tensor) -> tf.Tensor:
            size = tf.strings.length(text)
            with tf.control_dependencies([tf.debugging.Assert(size <= _MOST_BYTES, [_TOO_LONG, size])]):
                fit = tf.identity(text)
            return tokens_of([pieces, fit[tf.newaxis], *options])

        made = tf.RaggedTensorSpec([None], tf.as_dtype(out_type), 0, tf.as_dtype(split_type))
        found = tf.map_fn(one, texts, fn_output_signature=made)
        return [found.values, found.row_splits]

    specs = [tf.TensorSpec([None] if i < 2 else [], argument.type) for i, argument in enumerate(op_def.input_arg)]
    traced = tf.function(tokenize, autograph=False).get_concrete_function(*specs)
    function = traced.function_def
    for made, asked in zip(function.signature.output_arg, op_def.output_arg, strict=True):
        function.ret[asked.name] = function.ret.pop(made.name)  # who calls it in a function names what it reads
        made.name = asked.name
    return [function, *traced.graph.as_graph_def().library.function]
