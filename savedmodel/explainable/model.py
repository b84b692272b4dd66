"""Stage 9: a SavedModel and its metadata, ready to be explained."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel.analysis.blends import blends_named
from tfx_explain.savedmodel.analysis.cut import Cut, CutModel, Part
from tfx_explain.savedmodel.analysis.features import Feature
from tfx_explain.savedmodel.analysis.read import ReadModel, read_model
from tfx_explain.savedmodel.analysis.settle import refuse_open, settle
from tfx_explain.savedmodel.analysis.slots import Slot, Tensors, encoder, raw_encoder, slot_of
from tfx_explain.savedmodel.analysis.tokens import TokensNotFoundError
from tfx_explain.savedmodel.explainable.inputs import has_columns
from tfx_explain.savedmodel.explainable.plans import Explained, Groups
from tfx_explain.savedmodel.explainable.resolve import operands_named, resolve
from tfx_explain.savedmodel.explainable.saved_names import with_own_names
from tfx_explain.savedmodel.explainable.token_model import TokenModel
from tfx_explain.savedmodel.explainable.token_players import MadeLists, TokenPlayers, list_reader, token_players
from tfx_explain.savedmodel.explainable.tokenized import PAD, TokenCut, cut_tokens
from tfx_explain.savedmodel.graph.errors import NotDifferentiableError

# Where on the way from a baseline a leap is looked for, and how much of the output's changes it is.
_NEAR_BASELINE, _LEAP = (0.0, 2.0**-10, 0.25, 0.5, 1.0), 0.05
_NO_SLOTS: Mapping[str, Slot] = {}
_NO_TENSORS: Tensors = {}
_NO_PLAYERS: Mapping[str, TokenPlayers] = {}


def load_explainable(
    model_dir: str,
    metadata: explanation_pb2.ExplanationMetadata,
    *,
    output_name: str = "",
    output_scale: int = explanation_pb2.ExplanationParameters.OUTPUT_SCALE_UNSPECIFIED,
    output_element: Sequence[int] = (),
) -> ExplainableModel:
    """Loads a SavedModel together with metadata that `generate_metadata` or a person wrote.

    Args:
        model_dir: the SavedModel.
        metadata: its features' tensors, baselines and outputs.
        output_name: the output to explain; may be empty where the metadata has one.
        output_scale: an `ExplanationParameters.OutputScale`: log-odds where the metadata names logits (the default),
            only log-odds, raw logits, or the output as it is served.
        output_element: the element of the output that is explained, in place of the metadata's.

    Raises:
        ValueError: if the metadata does not fit the model; one line for each wrong name, dtype or shape.
    """
    read = read_model(
        model_dir, metadata.signature_name or None, metadata.tags, metadata.preprocess_signature_name or None
    )
    metadata = with_own_names(metadata, read.signature.saved_names)
    read = settle(read, row_shapes(metadata, read))
    refuse_open(read)
    return open_model(read, metadata, output_name, output_scale, output_element)


def row_shapes(metadata: explanation_pb2.ExplanationMetadata, read: ReadModel) -> dict[str, Sequence[int]]:
    """The shape of a row that metadata gives for each of the signature's inputs that it names."""
    by_tensor = {tensor: name for name, tensor in read.graph.inputs.items()}
    wanted = {entry.input_tensor_name or name: entry.input_tensor_shape for name, entry in metadata.inputs.items()}
    return {by_tensor.get(name, name): shape for name, shape in wanted.items()}


def open_model(
    read: ReadModel,
    metadata: explanation_pb2.ExplanationMetadata,
    output_name: str,
    output_scale: int,
    output_element: Sequence[int] = (),
) -> ExplainableModel:
    """As `load_explainable`, of a model that has been read."""
    read = read.with_operands(operands_named(metadata))
    read = read.with_nodes(blends_named(read, [output.logits_tensor_name for output in metadata.outputs.values()]))
    return ExplainableModel(read, resolve(metadata, read, output_name, output_scale, output_element))


class ExplainableModel:
    """A model whose features can be set apart.

    Attributes:
        features: names of what gets an attribution: features, groups of them, and columns with names of their own.
        row_features: what a row must bring or is explained by, by tf.Example key or signature input.
        takes_examples: whether rows are serialized tf.Examples.
        raw_features: by name in the metadata, the raw feature that its entry stands for.
        input_specs: the signature's inputs, where they are not, with the shape of a row settled.
        output: what is explained.
        num_outputs: how many outputs there are to choose from, 1 for `[rows]`; None where the graph leaves it open.
    """

    def __init__(self, read: ReadModel, explained: Explained) -> None:
        self.features = tuple(explained.groups)
        self.takes_examples = bool(read.features.examples_input)
        self.input_specs = {} if self.takes_examples else dict(read.signature.input_specs)
        self.raw_features = {name: plan.feature for name, plan in explained.plans.items()}
        of_plans = frozenset().union(*(plan.sources for plan in explained.plans.values()))
        by_name = read.features.by_name
        if read.features.serialized and not self.takes_examples:  # what a row brings is decoded before it is parsed
            specs = self.input_specs.items()
            self.row_features = {n: Feature(n, read.graph.inputs[n], spec.dtype, spec.shape) for n, spec in specs}
        else:
            self.row_features = {name: f for name, f in by_name.items() if f.required or name in of_plans}
        self.output, self.num_outputs = explained.output, explained.output.score.num_outputs
        self._read, self._explained = read, explained

    def differentiable(self) -> CutModel:
        """The model fed at its encoded tensors, for methods along a path.

        Raises:
            NotDifferentiableError: if a feature has no differentiable path to the output.
        """
        return self._smooth({}, {})

    def tokenized(self, names: Collection[str], baseline: str) -> TokenModel:
        """The same, fed at the vectors of tokens of some features.

        Args:
            names: features, none of them a group or a column.
            baseline: `pad`, `unknown` or `zero`, as `cut_tokens` says.

        Raises:
            NotDifferentiableError: as above.
            ValueError: if the tokens of one of them can't be found, or it has no such baseline; it says why.
        """
        cuts = {name: self._token_cut(name, baseline) for name in names}
        slots = {key: slot for cut in cuts.values() for key, slot in cut.slots.items()}
        given = {key: tensor for cut in cuts.values() for key, tensor in cut.baselines.items()}
        model = self._smooth({name: tuple(cut.slots) for name, cut in cuts.items()}, slots, given)
        needed = {key: slot for cut in cuts.values() for key, slot in cut.feature.reader.slots.items()}
        raw = encoder(self._read, list(needed.values()))
        return TokenModel(model, {name: cut.feature for name, cut in cuts.items()}, raw)

    def group_of(self, name: str) -> str:
        """What an entry of the metadata's inputs gets its attribution with; '' where there is no such entry."""
        groups = self._explained.groups.items()
        return next((group for group, members in groups if any(member == name for member, _ in members)), "")

    def try_tokens(self, name: str) -> None:
        """Looks for the tokens of a feature in some rows of words.

        Raises:
            TokensNotFoundError: if they are not found; it says why.
            ValueError: if there are none, or the model has no baseline of them.
        """
        self._cut_at_tokens(name, PAD, holds_shape=True)

    def why_no_tokens(self, name: str) -> str:
        """Why the tokens of a feature can't be found; '' where they can."""
        try:
            self.try_tokens(name)
        except ValueError as error:
            return str(error)
        return ""

    def _token_cut(self, name: str, baseline: str) -> TokenCut:
        """Where a feature's tokens are fed; masks and lengths are held where the output leaps at the empty text's."""
        cut = self._cut_at_tokens(name, baseline, holds_shape=False)
        if cut.has_shape and not self._starts_smoothly(name, cut):
            return self._cut_at_tokens(name, baseline, holds_shape=True)
        return cut

    def _cut_at_tokens(self, name: str, baseline: str, holds_shape: bool) -> TokenCut:
        members = self._explained.groups.get(name, ())
        if len(members) != 1 or members[0][1] is not None:
            raise TokensNotFoundError(name, "it is a group of features, or a column of one")
        plan = self._explained.plans[members[0][0]]
        return cut_tokens(self._read, name, plan, self._explained.output.score.tensor, baseline, holds_shape)

    def _starts_smoothly(self, name: str, cut: TokenCut) -> bool:
        """Whether outputs are finite where tokens' tensors are at their baselines, and hardly others next to them."""
        model = self._smooth({name: tuple(cut.slots)}, cut.slots, cut.baselines)
        raw: dict[str, Any] = {key: values[:1] for key, values in self._explained.baselines.items()}
        raw.update(cut.row)
        row: dict[str, Any] = dict(raw_encoder(self._read, raw, model.slots)(raw))
        points = []
        for alpha in _NEAR_BASELINE:
            moved = {key: start + alpha * (row[key] - start) for key, start in cut.baselines.items()}
            points.append(model.outputs({**row, **moved}).numpy())
        first, second, *others = points
        sizes = np.abs(np.array(others) - first).max(axis=0)
        return bool(np.isfinite(points).all() and (np.abs(second - first) <= _LEAP * sizes).all())

    def _smooth(
        self, tokens: Mapping[str, Sequence[str]], slots: Mapping[str, Slot], given: Tensors | None = None
    ) -> CutModel:
        """The model fed at encoded tensors, of some features at others."""
        members = {name: self._explained.groups[name][0][0] for name in tokens}
        fed = {name: plan.encoded for name, plan in self._explained.plans.items()}
        fed |= {members[name]: tensors for name, tensors in tokens.items()}
        stuck = {name for name, tensors in fed.items() if not tensors}
        if not stuck:
            model = self._cut(fed, own=slots, baselines=given or {})
            unconnected = set(model.unconnected())
            stuck = {name for name, tensors in fed.items() if unconnected.issuperset(tensors)}
            if not stuck:
                return model
        raise NotDifferentiableError(
            f"Integrated gradients cannot explain {', '.join(map(repr, sorted(stuck)))}: no differentiable path leads "
            "from there, or from an encoded tensor that the metadata names, to the output. Use "
            "sampled_shapley_attribution, which needs none."
        )

    def token_players(self, name: str, whole_texts: bool = False) -> TokenPlayers:
        """Where the model is fed so that a feature's tokens can be absent one by one, see `token_players`.

        Raises:
            ValueError: if the feature has none, or is a group or a column; it says why.
        """
        (member, column), *others = self._explained.groups[name]
        if others or column is not None:
            raise ValueError(f"The tokens of {name!r} can't be left out one by one: it is a group, or a column.")
        output = self._explained.output.score.tensor
        return token_players(self._read, name, self._explained.plans[member], output, whole_texts)

    def made_lists(self, players: Mapping[str, TokenPlayers]) -> Callable[[Any], dict[str, MadeLists]] | None:
        """From rows to the lists that the graph makes of texts for players, see `list_reader`."""
        return list_reader(self._read, players)

    def coalitional(self, players: Mapping[str, TokenPlayers] = _NO_PLAYERS) -> CutModel:
        """The model fed at encoded tensors where these carry all that a feature says, else at its raw tensor.

        Args:
            players: by feature, where it is fed instead.

        Raises:
            ValueError: if the metadata says that such methods cannot explain a feature, or gives only an encoded
                baseline of one that must be fed at its raw tensor.
        """
        plans = self._explained.plans
        unplayable = sorted(name for name, plan in plans.items() if not plan.is_playable)
        if unplayable:
            raise ValueError(
                f"Methods over coalitions cannot explain {', '.join(map(repr, unplayable))}, as the metadata's finding "
                "says; use integrated_gradients_attribution, or give other input_baselines."
            )
        every = [tensor for plan in plans.values() for tensor in plan.encoded]
        past = self._read.past(every, [self._explained.output.score.tensor])
        by_raw: set[str] = set()
        for members in self._explained.groups.values():  # what one of a group needs, all do: they share tensors
            if any(not plans[name].encoded or plans[name].sources & past for name, _ in members):
                by_raw.update(name for name, _ in members)
        fed = {name: plan.raw if name in by_raw else plan.encoded for name, plan in plans.items()}
        own = {self._explained.groups[name][0][0]: parted.slots for name, parted in players.items()}
        fed |= {name: tuple(slot.key for slot in slots) for name, slots in own.items()}
        for name in sorted(by_raw | set(own)):
            if self._explained.encoded_baselines.keys() & set(plans[name].encoded):
                past = "its values reach the output past the encoded tensor too"
                why = "tokens of it are asked for" if name in own else past
                raise ValueError(
                    f"inputs[{name!r}] gives encoded_baselines, but {why}, so what is absent must be set at the input; "
                    "give input_baselines."
                )
        return self._cut(fed, own={slot.key: slot for slots in own.values() for slot in slots})

    def raw(self) -> CutModel:
        """The model fed at the raw tensors of every entry of the metadata's inputs, groups and columns left aside."""
        plans = self._explained.plans
        return self._cut({name: plan.raw for name, plan in plans.items()}, {name: ((name, None),) for name in plans})

    def _cut(
        self,
        fed: Mapping[str, Sequence[str]],
        groups: Groups | None = None,
        own: Mapping[str, Slot] = _NO_SLOTS,
        baselines: Tensors = _NO_TENSORS,
    ) -> CutModel:
        """The model fed at tensors, by feature; some have slots and baselines `[1, ...]` of their own."""
        explained, read = self._explained, self._read
        slots = {tensor: own.get(tensor) or slot_of(read, tensor) for tensors in fed.values() for tensor in tensors}
        names = [tensor for slot in slots.values() for tensor in slot.tensors]
        held = [slot_of(read, tensor) for tensor in read.held(names, explained.output.score.tensor)]
        players = {
            group: tuple(
                dict.fromkeys(
                    self._part(name, column, fed[name], slots[tensor])
                    for name, column in members
                    for tensor in fed[name]
                )
            )
            for group, members in (explained.groups if groups is None else groups).items()
        }
        every = tuple({slot.key: slot for slot in [*slots.values(), *held]}.values())
        cut = Cut(read, every, players, explained.output.score)
        given = {tensor: baseline for tensor, baseline in explained.encoded_baselines.items() if tensor in slots}
        count = max(int(baseline.shape[0] or 1) for baseline in explained.baselines.values())
        given |= {tensor: tf.repeat(baseline, count, axis=0) for tensor, baseline in baselines.items()}
        computed = [slot for tensor, slot in slots.items() if tensor not in given]
        return CutModel(cut, raw_encoder(read, explained.baselines, computed)(explained.baselines) | given)

    def _part(self, name: str, column: int | None, tensors: Sequence[str], slot: Slot) -> Part:
        if column is None:
            return slot.key
        columns = len(self._explained.plans[name].columns)
        if len(tensors) > 1 or slot.is_ragged or not has_columns(slot.specs[0].shape, columns):
            raise ValueError(
                f"inputs[{name!r}].index_feature_mapping: the {columns} columns cannot be set apart in "
                f"{', '.join(map(repr, tensors))}, where this method feeds the feature; leave the mapping out, or name "
                "one encoded_tensor_name that has those columns."
            )
        return slot.key, column
