"""Where a graph makes tokens of a feature, and where it looks up a vector for each of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tfx_explain.savedmodel.analysis.formats import IMAGE_OPS, NUMBER_OPS, SPLIT_OPS, decodes_bytes, string_use
from tfx_explain.savedmodel.analysis.gathers import GATHERS, Gather, find_counts, find_gathers, origin_of
from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.analysis.shapes import LOOKUPS
from tfx_explain.savedmodel.graph.flat import in_order, index_of, node_of, source

HASHES = frozenset({"StringToHashBucket", "StringToHashBucketFast", "StringToHashBucketStrong"})
_DECODERS = frozenset({"UnicodeDecode", "UnicodeDecodeWithOffsets"})
# Of an op that makes strings and their ids at once: the output with the strings, and that with the ids.
SUBWORDS = {"FastWordpieceTokenizeWithOffsets": (0, 1), "TFText>FastWordpieceTokenizeWithOffsets": (0, 1)}
# Ops that make strings or their ids, as they are told.
_EITHER = frozenset({"SentencepieceTokenizeOp", "SentencepieceTokenizeWithOffsetsOp"})
# One that makes ids alone: told to make strings, it ends the process.
_IDS_ALONE = "TFText>FastSentencepieceTokenize"
_OUT_TYPE = "out_type"
# In the names of ops that take strings apart in ways that are not known here.
_APART = ("Tokenize", "Fragments", "ByteSplit")
# What makes a tensor of a loop's results, by the attribute that says which output has the values.
_RESULTS = {"RaggedTensorFromVariant": "output_ragged_rank", "TensorListStack": "", "TensorArrayGatherV3": ""}
_LOOPS = frozenset({"While", "StatelessWhile"})
# What tables of lists' values are read by keeps these in order, all or some of them.
_IN_ORDER = frozenset({"Cast", "Identity", "Reshape", "ExpandDims", "Squeeze", "AddV2", "Sub", "Mul", "FloorMod"})
_IN_ORDER |= {"Maximum", "Minimum", "Select", "SelectV2", "Where", "GatherV2", "Unique", "DynamicPartition"}
_IN_ORDER |= {"GreaterEqual", "Greater", "Less", "LessEqual", "Equal", "NotEqual", "LogicalAnd", "SparseToDense"}
_IN_ORDER |= {"SparseFillEmptyRows", "SparseReshape", "RaggedTensorToTensor", "RaggedTensorToSparse"}


class TokensNotFoundError(ValueError):
    """A model's graph does not say what the tokens of a feature are; the message says why."""

    def __init__(self, name: str, why: str) -> None:
        """Says of which feature, and why."""
        self.why = why
        super().__init__(
            f"The tokens of {name!r} can't be found in the model: {why}. Methods that leave tokens out, such as "
            "kernel_shap_attribution, need no vectors of them."
        )


class NoTokensError(ValueError):
    """A feature has no tokens: the model takes each of its values as a whole."""

    def __init__(self, name: str) -> None:
        """Says of which feature."""
        super().__init__(
            f"{name!r} has no tokens: the model takes its value as a whole, whose attribution is the feature's own. "
            "Leave it out of tokens.features."
        )


@dataclass(frozen=True)
class Tokens:
    """How a graph makes tokens of a feature.

    Attributes:
        feature: its name.
        gathers: where a vector is looked up for each, in the graph's order; or where they are counted.
        sources: the first integers that stand for a token each: what tables and hashes say of `texts`.
        texts: the tensor of strings (or keys of a table of integers) that they are of; '' where they are numbers only.
        are_looked_up: whether `sources` are what tables say of `texts`, also of a text that they don't know, and
            vectors are looked up by them.
        are_characters: whether the numbers are code points.
        are_bytes: whether they are bytes of a text.
        are_counted: whether `gathers` are of counts `[rows, ids]`.
        are_in_order: whether nothing else lies between `sources` and the look-ups than is known to keep the order.
        speller: a node to be added to the graph that makes `texts`; None: they are there.
    """

    feature: str
    gathers: tuple[Gather, ...]
    sources: tuple[str, ...]
    texts: str = ""
    are_looked_up: bool = False
    are_characters: bool = False
    are_bytes: bool = False
    are_counted: bool = False
    are_in_order: bool = False
    speller: Any = None


def find_tokens(
    read: ReadModel, name: str, needed: Mapping[str, Any], weights: str = "", encoded: Sequence[str] = ()
) -> Tokens:
    """Finds the tokens of a feature, from the vectors that are looked up for it on the way to what is explained.

    Where there are none, from the counts of its tokens' ids.

    Args:
        read: the model.
        name: the feature.
        needed: the nodes, by name, that what is explained takes.
        weights: the feature that weighs its values, if any.
        encoded: its encoded tensors.

    Raises:
        TokensNotFoundError: if they are not found.
        NoTokensError: if there are none.
    """
    looked_up = find_gathers(read, name, weights, needed)
    if is_whole(read, name) and all(read.specs[gather.ids].shape[1:].num_elements() == 1 for gather in looked_up):
        raise NoTokensError(name)
    gathers = looked_up or find_counts(read, name, encoded)
    if not gathers:
        raise TokensNotFoundError(name, _why_none(read, name, needed))
    behind = [_sources(read, name, gather.ids) for gather in gathers]
    by_source: dict[tuple[str, ...], list[Gather]] = {}
    for gather, (sources, _) in zip(gathers, behind, strict=True):
        by_source.setdefault(sources, []).append(gather)
    texts = {sources: _texts(read, name, sources) for sources in by_source if sources}
    if not texts:
        raise TokensNotFoundError(name, _why_no_sources(read, [gather.ids for gather in gathers]))
    # Of several ways to take a text apart, the first one's tokens are told, of words and pairs of them the words; the
    # others' share goes to the rest.
    first = min(texts, key=lambda sources: len(_made_of(read, texts[sources], texts.values())))
    told = [gather for sources, some in by_source.items() if texts.get(sources) == texts[first] for gather in some]
    together = tuple(dict.fromkeys(one for sources in texts if texts[sources] == texts[first] for one in sources))
    nodes = [read.graph.nodes[node_of(one)] for one in together]
    ops, speller = {node.op for node in nodes}, speller_of(nodes[0]) if len(nodes) == 1 else None
    spelled = f"{speller.name}:0" if speller else texts[first]
    # Beside a table, a hash makes the ids of what the table doesn't know.
    are_looked_up = bool(looked_up) and bool(ops & LOOKUPS) and ops <= LOOKUPS | HASHES
    are_bytes, are_counted = ops == {"Cast"}, not looked_up
    kinds = (are_looked_up, ops <= _DECODERS, are_bytes, are_counted, all(passed <= _IN_ORDER for _, passed in behind))
    return Tokens(name, tuple(told), together, spelled, *kinds, speller)


def is_whole(read: ReadModel, name: str) -> bool:
    """Whether a feature is one value a row that nothing in the model is seen to take apart."""
    feature = read.features.by_name[name]
    if feature.is_sparse or feature.shape[1:].num_elements() != 1:
        return False
    if feature.dtype != tf.string:
        return True
    ops = string_use(read, name).ops
    return not (ops & (SPLIT_OPS | NUMBER_OPS | IMAGE_OPS) or any(part in op for op in ops for part in _APART))


def speller_of(node: Any) -> Any:
    """A node as one that makes ids of pieces of text, which makes the pieces; None where there is none."""
    if node.op not in _EITHER:
        return None
    copy = tf.compat.v1.NodeDef()
    copy.CopyFrom(node)
    copy.name, copy.attr[_OUT_TYPE].type = f"{node.name}/pieces", tf.string.as_datatype_enum
    return copy


def _sources(read: ReadModel, name: str, ids: str) -> tuple[tuple[str, ...], set[str]]:
    """The nearest tensors behind `ids` that turn tokens into integers, none where one is not known; the ops between.

    What compares tokens, as with the one that is masked, turns none into the id of its own.
    """
    raw = read.features.by_name[name]
    queue, entered, found, ops = [ids], {ids}, [], set()
    while queue:
        tensor = queue.pop()
        node = read.graph.nodes[node_of(tensor)]
        if not read.depends.get(tensor) or (tensor in raw.tensors and tensor != raw.values):
            continue
        if tensor == raw.values:
            if raw.dtype.is_integer:
                found.append(tensor)
        elif _turns(read, node, tensor):
            found.append(tensor)
        elif read.specs[tensor].dtype not in (tf.string, tf.bool) and not _reads_strings(read, node):
            new = [operand for operand in node.input if operand not in entered]
            entered.update(new)
            queue += new
            ops.add(node.op)
    return tuple(sorted(found)), ops


def _turns(read: ReadModel, node: Any, tensor: str) -> bool:
    """Whether a node turns tokens into the integers `tensor`."""
    place = index_of(tensor)
    if node.op in LOOKUPS | HASHES | {"StringToNumber"}:
        return True
    if node.op in _DECODERS:
        return place == 1
    if node.op == "Cast":  # of bytes, which have no room for other numbers
        return decodes_bytes(read.graph.nodes[node_of(origin_of(read, tensor))])
    if node.op in _RESULTS:  # ids that a loop made of what nobody sees outside of it
        values = node.attr[_RESULTS[node.op]].i if _RESULTS[node.op] else 0
        return place == values and read.specs[tensor].dtype.is_integer
    if node.op in SUBWORDS:
        return place == SUBWORDS[node.op][1]
    return node.op in _EITHER | {_IDS_ALONE} and place == 0


def _reads_strings(read: ReadModel, node: Any) -> bool:
    """Whether a node makes something else of strings: where they stand, how many there are."""
    return any(read.specs[operand].dtype == tf.string and read.depends.get(operand) for operand in node.input)


def _texts(read: ReadModel, name: str, sources: Collection[str]) -> str:
    """The tensor of tokens that `sources` are of, one element each; '' where they are numbers.

    Raises:
        TokensNotFoundError: if they are of several.
    """
    texts = set()
    for tensor in sources:
        node = read.graph.nodes[node_of(tensor)]
        if node.op in LOOKUPS:
            texts.add(source(read.graph, node.input[1]))
        elif node.op in HASHES or node.op == "StringToNumber":
            texts.add(source(read.graph, node.input[0]))
        elif node.op in SUBWORDS:
            texts.add(f"{node.name}:{SUBWORDS[node.op][0]}")
        else:
            texts.add("")
    if len(texts) > 1 and "" not in texts:
        texts = {_before_spelling(read, tensor) for tensor in texts}
    if len(texts) > 1:
        raise TokensNotFoundError(name, "its values are taken apart in several ways before one look-up")
    return texts.pop()


def _made_of(read: ReadModel, tensor: str, others: Collection[str]) -> set[str]:
    """Those of some tensors that one is made of."""
    before = in_order(read.graph.nodes, [tensor]) if tensor else {}
    return {other for other in others if other and other != tensor and node_of(other) in before}


def _before_spelling(read: ReadModel, tensor: str) -> str:
    """The integers that a tensor spells, as a hash wants them of what a table of integers doesn't know; or itself."""
    node = read.graph.nodes[node_of(tensor)]
    return source(read.graph, node.input[0]) if node.op == "AsString" else tensor


def _why_no_sources(read: ReadModel, ids: Collection[str]) -> str:
    made_by = in_order(read.graph.nodes, ids).values()
    if any(node.op in _LOOPS and read.depends[f"{node.name}:0"] for node in made_by):
        return "what its values are looked up by is made of them within a loop (tf.map_fn, tf.while_loop)"
    return "what its values are looked up by is made of them in a way that is not known"


def _why_none(read: ReadModel, name: str, needed: Mapping[str, Any]) -> str:
    on = [read.depends[f"{node.name}:0"] for node in needed.values() if node.op in GATHERS]
    if any(name in features and len(features) > 1 for features in on):
        return "the model merges it with other features before it looks vectors up"
    if {node.op for node in read.alone[name]} & _LOOPS:
        return "no vector is looked up for each of its values, or only within a loop (tf.map_fn, tf.while_loop)"
    return "the model looks up no vector for each of its values (it counts them, or reads the text as a whole)"
