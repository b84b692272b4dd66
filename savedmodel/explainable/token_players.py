"""Where a model is fed so that tokens of a feature can be absent one by one, for methods over coalitions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_explain.savedmodel.analysis.depend import value_consumers
from tfx_explain.savedmodel.analysis.features import Feature
from tfx_explain.savedmodel.analysis.formats import SPLIT_OPS, decodes_bytes, string_use
from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.analysis.slots import Slot, encoder, slot_of
from tfx_explain.savedmodel.analysis.tokens import TokensNotFoundError, find_tokens
from tfx_explain.savedmodel.explainable.plans import Plan
from tfx_explain.savedmodel.explainable.token_lists import TextList, find_list
from tfx_explain.savedmodel.graph.flat import in_order

# What makes characters of a text, beside what makes bytes of it, and what leaves them apart before that.
_CHARACTERS = frozenset({"UnicodeDecode", "UnicodeDecodeWithOffsets"})
# What puts them together to words.
_WORDS_OF_CHARACTERS = frozenset({"UnicodeScriptTokenizeWithOffsets", "WhitespaceTokenizeWithOffsets"})
_CHARWISE = frozenset({"Identity", "Reshape", "ExpandDims", "Squeeze", "StringLower", "StringUpper"})


@dataclass(frozen=True)
class TokenPlayers:
    """Where the model is fed for a feature whose tokens are players.

    Attributes:
        slots: the places.
        is_list: whether a row there is a list of tokens; else it is a text, or several.
        are_characters: whether a text is nothing to the model but its characters, one after the other.
        padding: of lists that have the same number of values in every row: one for all or for each; () of others.
        made: the lists that the graph makes of texts, one a row; None where it makes none.
    """

    slots: tuple[Slot, ...]
    is_list: bool
    are_characters: bool = False
    padding: tuple[Any, ...] = ()
    made: TextList | None = None

    @property
    def are_strings(self) -> bool:
        """Whether the tokens are."""
        return self.slots[0].specs[0].dtype == tf.string


@dataclass(frozen=True)
class MadeLists:
    """Texts, and the lists that a graph makes of them.

    Attributes:
        texts: bytes, object `[rows]`.
        strings: of each row, the strings in its list.
    """

    texts: np.ndarray
    strings: Sequence[Sequence[bytes]]


def token_players(read: ReadModel, name: str, plan: Plan, output: str, whole_texts: bool) -> TokenPlayers:
    """Finds where.

    Args:
        read: the model.
        name: the feature's, in the metadata.
        plan: how it is explained as a whole.
        output: the tensor that is explained.
        whole_texts: whether texts are fed as a whole, though the graph makes lists of them.

    Raises:
        ValueError: if the feature is neither a list nor a text.
    """
    feature = plan.feature
    raw = tuple(slot_of(read, tensor) for tensor in plan.raw)
    use = string_use(read, feature.name) if feature.name in read.alone else None
    is_split = use is not None and (bool(use.ops & SPLIT_OPS) or use.are_bytes)
    is_single = not feature.is_sparse and feature.shape[1:].num_elements() == 1
    if feature.is_sparse and not (feature.dtype == tf.string and is_split):
        return TokenPlayers(raw, is_list=True)
    if not (is_single or is_split) and _are_categories(read, feature, output):
        return TokenPlayers(raw, is_list=True, padding=feature.padding)
    if feature.dtype != tf.string:
        raise ValueError(
            f"The tokens of {name!r} can't be left out one by one: it is neither a text nor a list of categories, but "
            f"{feature.dtype.name} {feature.row_shape} a row."
        )
    if not (is_split or whole_texts):
        raise ValueError(
            f"{name!r} has no tokens: nothing in the model is seen to take its value apart. If it is a text, ask for "
            "words (tokens.players: WORD)."
        )
    made = find_list(read, feature.values, output) if is_single and not whole_texts else None
    if made is None:
        characters = is_single and not whole_texts and _reads_characters(read, feature, output)
        return TokenPlayers(raw, is_list=False, are_characters=characters)
    return TokenPlayers((made.slot,), is_list=True, made=made)


def _reads_characters(read: ReadModel, feature: Feature, output: str) -> bool:
    """Whether all that a model reads of a text is made of its characters, each by itself."""
    if string_use(read, feature.name).ops & _WORDS_OF_CHARACTERS:
        return False
    needed, consumers = in_order(read.graph.nodes, [output]), value_consumers(read.graph)
    queue, decoded = [feature.values], False
    while queue:
        for node, position in consumers.get(queue.pop(), ()):
            if node.name in needed and (node.op in _CHARACTERS or decodes_bytes(node)):
                decoded = True
            elif node.name in needed:
                if node.op not in _CHARWISE or position > 0:
                    return False
                queue.append(f"{node.name}:0")
    return decoded


def _are_categories(read: ReadModel, feature: Feature, output: str) -> bool:
    """Whether several values of a feature are: strings, and ids that vectors are looked up by."""
    if not feature.dtype.is_integer:
        return feature.dtype == tf.string
    try:
        find_tokens(read, feature.name, in_order(read.graph.nodes, [output]))
    except TokensNotFoundError:
        return False
    return True


def list_reader(read: ReadModel, players: Mapping[str, TokenPlayers]) -> Callable[[Any], dict[str, MadeLists]] | None:
    """A function from rows to what the graph makes lists of strings of, by feature, and these; None: it makes none."""
    made = {name: own.made for name, own in players.items() if own.made}
    made = {name: one for name, one in made.items() if one.strings.specs[0].dtype == tf.string}
    if not made:
        return None
    read = dataclasses.replace(read, graph=read.graph.with_nodes(one.speller for one in made.values()))
    encode = encoder(read, [slot for one in made.values() for slot in (slot_of(read, one.text), one.strings)])

    def lists(rows: Any) -> dict[str, MadeLists]:
        found: Mapping[str, Any] = encode(rows)
        return {
            name: MadeLists(found[one.text].numpy().reshape(-1), _rows_of(found[one.strings.key]))
            for name, one in made.items()
        }

    return lists


def _rows_of(values: Any) -> list[list[bytes]]:
    """The strings of each row, be they in lists of their own."""
    return (values.merge_dims(1, 2) if values.ragged_rank > 1 else values).to_list()
