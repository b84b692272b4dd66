"""Where a graph makes a list of a text: of words, of pieces of words, or of the pieces of each word."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.analysis.slots import NestedSlot, Slot
from tfx_explain.savedmodel.analysis.tokens import SUBWORDS, speller_of
from tfx_explain.savedmodel.graph.flat import in_order

# By op, the output with the values of a list, and those that say where each row's are: where each begins; or indices
# and shape.
_SPLITS = {
    "StringSplit": (1, 0, 2),
    "StringSplitV2": (1, 0, 2),
    "RegexSplitWithOffsets": (0, 3),
    "TFText>WhitespaceTokenizeWithOffsetsV2": (0, 1),
    "WordpieceTokenizeWithOffsets": (0, 1),
    "FastWordpieceTokenizeWithOffsets": (0, 2),
    "TFText>FastWordpieceTokenizeWithOffsets": (0, 2),
    "SentencepieceTokenizeOp": (0, 1),
    "SentencepieceTokenizeWithOffsetsOp": (0, 1),
    "TFText>FastSentencepieceTokenize": (0, 1),
}
# Shapes of these.
_SHAPES = {1: ([None],), 2: ([None, 2], [2])}


@dataclass(frozen=True)
class TextList:
    """The list that a graph makes of a text.

    Attributes:
        text: its raw tensor, one text a row.
        slot: where the model is fed with it.
        strings: where its values are strings; `slot` itself, where it is fed with these, or the graph has ids alone.
        speller: a node to be added to the graph that makes them; None: they are there.
    """

    text: str
    slot: Slot
    strings: Slot
    speller: Any = None


def find_list(read: ReadModel, text: str, output: str) -> TextList | None:
    """Finds the one list that the graph makes of a text, if all that it makes of the text goes through it.

    Args:
        read: the model.
        text: the raw tensor of texts, one a row.
        output: the tensor that is explained.
    """
    needed, sources = in_order(read.graph.nodes, [output]), read.depends[text]
    makers = [node for node in needed.values() if node.op in _SPLITS and read.depends[f"{node.name}:0"] == sources]
    if not makers or not _is_chain(read, makers):
        return None
    last = makers[-1]
    strings, ids = (f"{last.name}:{place}" for place in SUBWORDS.get(last.op, (_SPLITS[last.op][0],) * 2))
    are_ids = any(ids in node.input for node in needed.values())
    slot = _slot(read, ids if are_ids else strings, makers)
    if sources & read.past(slot.tensors, [output]):
        return None
    speller = speller_of(last)
    if slot.specs[0].dtype == tf.string or (last.op not in SUBWORDS and not speller):
        return TextList(text, slot, slot)
    strings = f"{speller.name}:0" if speller else strings
    specs = (tf.TensorSpec([None], tf.string), *slot.specs[1:])
    spelled = dataclasses.replace(slot, key=strings, tensors=(strings, *slot.tensors[1:]), specs=specs)
    return TextList(text, slot, spelled, speller)


def _is_chain(read: ReadModel, makers: Sequence[Any]) -> bool:
    """Whether each of at most two makers of lists, in the graph's order, takes apart what the one before it made."""
    behind = [in_order(read.graph.nodes, [f"{node.name}:0"]) for node in makers[1:]]
    return len(makers) <= 2 and all(before.name in one for before, one in zip(makers, behind, strict=False))


def _slot(read: ReadModel, values: str, makers: Sequence[Any]) -> Slot:
    """Where values are fed, and how they lie in the lists of `makers`."""
    partitions = [[f"{node.name}:{place}" for place in _SPLITS[node.op][1:]] for node in reversed(makers)]
    tensors = (values, *itertools.chain(*partitions))
    shapes = [[None], *itertools.chain(*(_SHAPES[len(partition)] for partition in partitions))]
    specs = tuple(tf.TensorSpec(shape, read.specs[tensor].dtype) for shape, tensor in zip(shapes, tensors, strict=True))
    if len(makers) == 1:
        return Slot(values, tensors, specs)
    return NestedSlot(values, tensors, specs, tuple(map(len, partitions)))
