"""Metadata in terms of the flat graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import tensorflow as tf

from tfx_explain.savedmodel.analysis.features import Feature
from tfx_explain.savedmodel.analysis.scores import Score
from tfx_explain.savedmodel.metadata.rules import SERVED

# What gets one attribution together, by its name: entries of the metadata's inputs, each with None or with the column
# that is meant.
Groups: TypeAlias = Mapping[str, tuple[tuple[str, int | None], ...]]


@dataclass(frozen=True)
class Plan:
    """How one entry of the metadata's inputs is explained.

    Attributes:
        feature: a raw feature; or, where the metadata names a tensor behind it, that tensor in the place of one.
        sources: the raw features that its tensors depend on.
        encoded: the float tensors fed by methods along a path; empty where there are none.
        is_playable: whether methods over coalitions can explain it.
        weights: the feature that weighs its values, if any; both are present or absent together.
        columns: names of the columns of its tensor, where each of them is explained by itself.
    """

    feature: Feature
    sources: frozenset[str]
    encoded: tuple[str, ...]
    is_playable: bool = True
    weights: Feature | None = None
    columns: tuple[str, ...] = ()

    @property
    def raw(self) -> tuple[str, ...]:
        """The tensors to feed where not the encoded ones are."""
        return (self.feature.values, self.weights.values) if self.weights else (self.feature.values,)


@dataclass(frozen=True)
class ExplainedOutput:
    """What is explained of a model's output.

    Attributes:
        score: the tensor, and what is made of it.
        quantity: `log_odds`, `logits` or `served`.
        classes: `exclusive`, `independent` or ''.
        names: of the outputs, in order; empty where they have none.
    """

    score: Score
    quantity: str = SERVED
    classes: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Explained:
    """Everything that the metadata says about one output of a model.

    Attributes:
        plans: by the name that the metadata gives the feature; only features on which the output depends.
        groups: what gets one attribution together.
        baselines: by values tensor, `[baselines, ...]` of every raw feature of the model and of the plans', all of one
            number.
        encoded_baselines: by encoded tensor, those that the metadata gives.
        output: what is explained.
    """

    plans: Mapping[str, Plan]
    groups: Groups
    baselines: Mapping[str, tf.Tensor | tf.RaggedTensor]
    encoded_baselines: Mapping[str, tf.Tensor | tf.RaggedTensor]
    output: ExplainedOutput
