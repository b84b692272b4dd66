"""Where a model is fed so that tokens of a feature can be absent one by one, for methods over coalitions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from tfx_explain.savedmodel.graph.flat import in_order

# What makes characters of a text, beside what makes bytes of it, and what leaves them apart before that.
_CHARACTERS = frozenset({"UnicodeDecode", "UnicodeDecodeWithOffsets"})
_CHARWISE = frozenset({"Identity", "Reshape", "ExpandDims", "Squeeze", "StringLower", "StringUpper"})
# What makes a list of each text: indices, values and shape.
_LISTING = frozenset({"StringSplit", "StringSplitV2"})


@dataclass(frozen=True)
class TokenPlayers:
    """Where the model is fed for a feature whose tokens are players.

    Attributes:
        slots: the places.
        is_list: whether a row there is a list of tokens; else it is a text, or several.
        are_characters: whether a text is nothing to the model but its characters, one after the other.
        padding: of lists that have the same number of values in every row: one for all or for each; () of others.
        text: the raw tensor of the texts, one a row, that the graph makes the lists of; '' where it makes none.
    """

    slots: tuple[Slot, ...]
    is_list: bool
    text: str = ""
    are_characters: bool = False
    padding: tuple[Any, ...] = ()

    @property
    def are_strings(self) -> bool:
        """Whether the tokens are."""
        return self.slots[0].specs[0].dtype == tf.string


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
            f"The tokens of {name!r} can't be found: nothing in the model is seen to take its strings apart. If they "
            "are texts, ask for words (tokens.players: WORD)."
        )
    listed = _listed(read, plan, output) if is_single and not whole_texts else None
    if listed is None:
        characters = is_single and not whole_texts and _reads_characters(read, feature, output)
        return TokenPlayers(raw, is_list=False, are_characters=characters)
    return TokenPlayers((listed,), is_list=True, text=feature.values)


def _reads_characters(read: ReadModel, feature: Feature, output: str) -> bool:
    """Whether all that a model reads of a text is made of its characters, each by itself."""
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


def text_reader(read: ReadModel, players: Mapping[str, TokenPlayers]) -> Callable[[Any], dict[str, np.ndarray]] | None:
    """A function from rows to the texts that the graph makes lists of, bytes `[rows]` by feature; None: of none."""
    slots = {name: slot_of(read, own.text) for name, own in players.items() if own.text}
    if not slots:
        return None
    encode = encoder(read, list(slots.values()))

    def texts(rows: Any) -> dict[str, np.ndarray]:
        found: Mapping[str, Any] = encode(rows)
        return {name: found[slot.key].numpy().reshape(-1) for name, slot in slots.items()}

    return texts


def _listed(read: ReadModel, plan: Plan, output: str) -> Slot | None:
    """The one place at which the graph makes lists of texts, if all that it makes of them goes through it."""
    found = [
        node.name
        for node in in_order(read.graph.nodes, [output]).values()
        if node.op in _LISTING and read.depends[f"{node.name}:1"] == plan.sources
    ]
    if len(found) != 1:
        return None
    indices, values, shape = (f"{found[0]}:{place}" for place in range(3))
    if plan.sources & read.past([indices, values, shape], [output]):
        return None
    shapes = {values: [None], indices: [None, 2], shape: [2]}
    specs = tuple(tf.TensorSpec(size, read.specs[tensor].dtype) for tensor, size in shapes.items())
    return Slot(values, tuple(shapes), specs)
