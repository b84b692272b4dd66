"""Stage 9: the model as attribution methods call it: fed at its features' tensors instead of at its inputs."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import tensorflow as tf

from tfx_explain.savedmodel.analysis.joins import Join, find_joins
from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.analysis.scores import Score
from tfx_explain.savedmodel.analysis.slots import FlatSlot, Slot, Tensor, Tensors, encoder, parts
from tfx_explain.savedmodel.graph.parts import import_cut

# The key of a tensor, or one column of a dense one: (key, index along its last axis).
Part: TypeAlias = str | tuple[str, int]

_TARGETS = tf.TensorSpec([None], tf.int32)


@dataclass(frozen=True)
class Cut:
    """Where a graph is cut.

    Attributes:
        read: the model.
        slots: every place that is fed, players' and held ones.
        players: of each feature, the slot keys, or columns of them.
        score: what is explained.
    """

    read: ReadModel
    slots: tuple[Slot, ...]
    players: Mapping[str, tuple[Part, ...]]
    score: Score


def keys_of(parts: Iterable[Part]) -> list[str]:
    """The keys of the tensors of which `parts` are."""
    return list(dict.fromkeys(part if isinstance(part, str) else part[0] for part in parts))


class CutModel:
    """A batched model over feature tensors; satisfies `attribution.TraceableModel`. Safe to call from several threads.

    Attributes:
        players: of each feature, the keys of its tensors, or columns of them.
        baselines: of each key that has a player, `[baselines, ...]`.
        traces: of its methods, where attribution methods keep them.
        slots: every place that is fed.
    """

    autograph = False

    def __init__(self, cut: Cut, baselines: Tensors) -> None:
        self.players = dict(cut.players)
        self.baselines = dict(baselines)
        self.traces: dict[Any, Callable[..., Any]] = {}
        self.slots, self._cut = cut.slots, cut
        self._predict, self._gradients = functools.cache(self._import_predict), functools.cache(self._import_gradients)
        # What is flat is of rows by themselves.
        self._encode = encoder(cut.read, [slot for slot in cut.slots if not isinstance(slot, FlatSlot)])

    @functools.cached_property
    def _outputs(self) -> Callable[..., Any]:
        return self._import((), _Every(self._cut.score), [])

    @functools.cached_property
    def joins(self) -> dict[str, tuple[str, ...]]:
        """See `attribution.TraceableModel`: what the model only concatenates."""
        return {key: join.members for key, join in self._joins.items()}

    @functools.cached_property
    def _joins(self) -> dict[str, Join]:
        players = [s for s in self.slots if s.key in self.baselines and not isinstance(s, FlatSlot)]
        found = find_joins(self._cut.read, self.slots, players, self._cut.score.tensor)
        return {join.slot.key: join for join in found}

    def encode(self, rows: tf.Tensor | Mapping[str, tf.Tensor]) -> dict[str, Tensor]:
        """Computes what the other methods are fed.

        Args:
            rows: serialized tf.Examples, string `[rows]`; or the signature's inputs `[rows, ...]` by name.

        Returns:
            `[rows, ...]` tensors by key: those of the players, and those that are held at the row's value. Features
            with any number of values per row are ragged.
        """
        return self._encode(rows)

    def outputs(self, inputs: Tensors) -> tf.Tensor:
        """Returns what is explained of every output, float `[rows, outputs]`."""
        return self._outputs(*self._arguments(self.slots, inputs))

    def predict(self, inputs: Tensors, targets: tf.Tensor) -> tf.Tensor:
        """Returns the output explained, float `[rows]`.

        Args:
            inputs: as `encode` gives them; any of them may have been replaced; some may be joined.
            targets: int32 `[rows]`, the output's index; not read where the model has only one.
        """
        joined = self._joined(inputs)
        return self._predict(joined)(*self._arguments(self._slots(joined), inputs), _int32(targets))

    def gradients(self, inputs: Tensors, targets: tf.Tensor) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """Returns `predict`, and its derivatives by the float tensors of the players, each of that tensor's shape."""
        joined = self._joined(inputs)
        function, keys, _ = self._gradients(joined)
        outputs, *found = function(*self._arguments(self._slots(joined), inputs), _int32(targets))
        return outputs, dict(zip(keys, found, strict=True))

    def unconnected(self) -> list[str]:
        """The players' keys with respect to which the output has no gradient."""
        # Joined, as methods feed them: a join leads on from all its members, by far fewer gradients.
        _, keys, missing = self._gradients(tuple(self._joins))
        whole = {member: key for key, join in self._joins.items() for member in join.members}
        connected = set(keys).difference(missing)
        return [key for key in self.baselines if whole.get(key, key) not in connected]

    def _joined(self, inputs: Tensors) -> tuple[str, ...]:
        """The keys of what is given joined; what joins there are is not looked for where nothing is."""
        if all(slot.key in inputs for slot in self.slots):
            return ()
        return tuple(key for key in self._joins if key in inputs)

    def _slots(self, joined: Sequence[str]) -> list[Slot]:
        """Where the model is fed, if some tensors are joined."""
        members = {member for key in joined for member in self._joins[key].members}
        return [*(s for s in self.slots if s.key not in members), *(self._joins[key].slot for key in joined)]

    def _import_predict(self, joined: tuple[str, ...]) -> Callable[..., Any]:
        return self._import(joined, self._chosen, [_TARGETS])

    def _import_gradients(self, joined: tuple[str, ...]) -> tuple[Callable[..., Any], list[str], list[str]]:
        """The gradient function, the keys whose gradients it returns, and those of them that are not connected."""
        players = {*self.baselines, *joined}
        keys = [s.key for s in self._slots(joined) if s.key in players and s.specs[0].dtype.is_floating]
        missing: list[str] = []

        def differentiate(fed: dict[str, tf.Tensor], fetched: list[tf.Tensor]) -> list[tf.Tensor]:
            outputs = self._chosen(fed, fetched)
            tensors = [fed[key] for key in keys]
            found = tf.gradients(outputs, tensors)
            missing.extend(key for key, gradient in zip(keys, found, strict=True) if gradient is None)
            dense = [
                tf.zeros_like(tensor) if gradient is None else tf.convert_to_tensor(gradient)
                for tensor, gradient in zip(tensors, found, strict=True)
            ]
            return [outputs, *dense]

        return self._import(joined, differentiate, [_TARGETS]), keys, missing

    def _import(
        self, joined: Sequence[str], finish: Callable[..., Any], extra: Sequence[tf.TensorSpec]
    ) -> Callable[..., Any]:
        slots = self._slots(joined)
        feeds = {name: spec for slot in slots for name, spec in zip(slot.tensors, slot.specs, strict=True)}
        made = {name: make for key in joined for name, make in self._joins[key].made.items()}
        return import_cut(self._cut.read.graph, feeds, [self._cut.score.tensor], finish, extra, made)

    def _chosen(self, _: dict[str, tf.Tensor], fetched: list[tf.Tensor]) -> tf.Tensor:
        return self._cut.score.chosen(*fetched)

    def _arguments(self, slots: Iterable[Slot], inputs: Tensors) -> list[tf.Tensor]:
        # Two places may share a tensor that says where values are.
        fed = {n: t for slot in slots for n, t in zip(slot.tensors, parts(slot, inputs[slot.key]), strict=True)}
        return list(fed.values())


@dataclass(frozen=True)
class _Every:
    """Ends a function with all that is explained; of models that are fed alike, it is the same."""

    score: Score

    def __call__(self, _: dict[str, tf.Tensor], fetched: list[tf.Tensor]) -> tf.Tensor:
        return self.score.every(*fetched)


def _int32(targets: Any) -> tf.Tensor:
    return tf.cast(targets, tf.int32)
