"""Which outputs of a model are explained, and which of another model's they are compared with."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence

import numpy as np

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import ExplainableModel, ExplainedOutput
from tfx_explain.savedmodel.metadata.nearest import nearest
from tfx_explain.savedmodel.metadata.rules import EXCLUSIVE, HIGHEST_LABEL, INDEPENDENT, LOGITS
from tfx_explain.storage import columns

ALL = -1


@dataclasses.dataclass(frozen=True)
class ChosenOutputs:
    """The outputs that the parameters ask for.

    Attributes:
        fixed: The same for every row, or `(ALL,)`; empty: each row's highest.
        highest: How many of the highest; 0: not said, which is the second of two exclusive classes, else the highest;
          `ALL`.
        is_exclusive: Whether the outputs are exclusive classes.
        counterparts: By model, which of its outputs stands for each of the candidate's, int `[outputs]`, -1 where none
          does; None: that of the same index.
    """

    fixed: tuple[int, ...]
    highest: int
    is_exclusive: bool = False
    counterparts: Mapping[str, np.ndarray | None] = dataclasses.field(default_factory=dict)

    @property
    def needs_outputs(self) -> bool:
        """Whether the choice depends on the outputs, or on how many there are."""
        return not self.fixed or self.fixed == (ALL,)

    def of_rows(self, outputs: np.ndarray) -> np.ndarray:
        """Chooses by the candidate's outputs, for the baseline model too: like is compared with like.

        Args:
          outputs: float `[rows, outputs]`; of no account unless `needs_outputs`.

        Returns:
          int32 `[rows, chosen]`; where they are chosen by size, the highest first, of equal ones the first.
        """
        rows, size = outputs.shape
        if self.fixed:
            fixed = range(size) if self.fixed == (ALL,) else self.fixed
            return np.tile(np.asarray(fixed, np.int32), (rows, 1))
        if not self.highest and self.is_exclusive and size == 2:
            return np.ones((rows, 1), np.int32)
        count = size if self.highest < 0 else min(self.highest or 1, size)
        return np.argsort(-outputs, axis=1, kind="stable")[:, :count].astype(np.int32)

    def most(self, size: int | None) -> int:
        """Returns how many outputs of `size` are chosen of each row; of a size that is not known, at least 1."""
        if self.fixed == (ALL,) or self.highest < 0:
            return size or 1
        return len(self.fixed) or self.highest or 1

    def of_model(self, name: str, targets: np.ndarray) -> np.ndarray:
        """Returns a model's outputs that stand for the candidate's `targets`, int32 `[rows, chosen]`."""
        counterparts = self.counterparts.get(name)
        return targets if counterparts is None else counterparts[targets].astype(np.int32)


def choose_outputs(
    parameters: explanation_pb2.ExplanationParameters, models: Mapping[str, ExplainableModel]
) -> ChosenOutputs:
    """Reads `output_indices`, `class_names` and `top_k`.

    Raises:
      ValueError: They name an output that a model lacks, or leave a choice between outputs that a model lacks.
    """
    candidate = models[columns.CANDIDATE].output
    size = candidate.score.num_outputs
    indices = tuple(parameters.output_indices) or _indices(parameters.class_names, candidate)
    if size is not None and max(indices, default=0) >= size:
        given = "output_indices" if parameters.output_indices else "class_names"
        raise ValueError(f"{given} names output {max(indices)}; the candidate model has outputs 0 to {size - 1}.")
    is_exclusive = candidate.classes == EXCLUSIVE
    if not indices and not parameters.top_k:
        if is_exclusive and size == 2:
            indices = (1,)
        elif candidate.classes == INDEPENDENT and size != 1:
            logging.warning("The model has %s independent labels, of which %s", size or "several", HIGHEST_LABEL)
    counterparts = {
        name: _counterparts(candidate, model.output, indices)
        for name, model in models.items()
        if name != columns.CANDIDATE
    }
    # Of a single output it need not be asked which is the highest.
    return ChosenOutputs((0,) if size == 1 else indices, parameters.top_k, is_exclusive, counterparts)


def _indices(names: Sequence[str], output: ExplainedOutput) -> tuple[int, ...]:
    """The outputs of some names; a number is an index, unless it is a name."""
    unknown = [name for name in names if name not in output.names and not name.isdecimal()]
    if unknown and not output.names:
        raise ValueError(
            f"class_names: the model's classes have no names, such as {unknown[0]!r}; give indices, or name them in "
            "index_name_mapping of the explanation metadata."
        )
    if unknown:
        raise ValueError(
            f"class_names: the model has no class {unknown[0]!r}; {nearest(unknown[0], output.names)} (names are those "
            "of index_name_mapping in the explanation metadata)"
        )
    shared = [name for name in names if output.names.count(name) > 1]
    if shared:
        places = [index for index, name in enumerate(output.names) if name == shared[0]]
        raise ValueError(
            f"class_names: the classes {', '.join(map(str, places))} are all named {shared[0]!r}; give output_indices, "
            "or names of their own in index_name_mapping of the explanation metadata."
        )
    indices = tuple(output.names.index(name) if name in output.names else int(name) for name in names)
    twice = [name for name, index in zip(names, indices, strict=True) if indices.count(index) > 1]
    if twice:
        raise ValueError(f"class_names: {' and '.join(map(repr, twice))} are one class; name each class once.")
    return indices


def _counterparts(candidate: ExplainedOutput, other: ExplainedOutput, indices: Sequence[int]) -> np.ndarray | None:
    """Which of the baseline model's outputs each of the candidate's stands for; None: that of the same index.

    Classes of the same name do, where both models name them; a single score is that of the second of two classes.
    """
    are_named = bool(candidate.names and other.names)
    own, others = _classes(candidate, are_named), _classes(other, are_named)
    if own is None or others is None or own == others:
        return None
    found = np.array([others.index(one) if one in others else -1 for one in own])
    asked = found if not indices or indices[0] == ALL else found[list(indices)]
    if (are_named or _are_of_two(candidate, other)) and (asked >= 0).all():
        return found
    are_several = min(len(own), len(others)) > 1
    if not are_named and are_several and indices and indices[0] != ALL and max(indices) < len(others):
        return None
    raise ValueError(
        f"The candidate model has {len(own)} outputs ({_listed(own)}) and the baseline model {len(others)} "
        f"({_listed(others)}), so what is explained of the one may be nothing of the other. Name outputs that both "
        "have in output_indices or class_names, or leave the baseline model out."
    )


def _classes(output: ExplainedOutput, are_named: bool) -> tuple[str | int, ...] | None:
    """The classes of the outputs, by name or by index; None where the graph leaves their number open."""
    if are_named:
        return output.names
    if output.classes == EXCLUSIVE and output.score.picked and min(output.score.picked) >= 0:
        return output.score.picked
    size = output.score.num_outputs
    return None if size is None else (1,) if size == 1 else tuple(range(size))


def _are_of_two(*outputs: ExplainedOutput) -> bool:
    """Whether models tell two classes apart, in whatever form: a softmax or a sigmoid; raw logits do not compare."""
    return all(
        output.score.num_outputs == 1 or (output.score.num_outputs == 2 and output.classes == EXCLUSIVE)
        for output in outputs
    ) and not any(output.quantity == LOGITS for output in outputs)


def _listed(classes: Sequence[str | int]) -> str:
    return ", ".join(map(str, classes[:5])) + (", ..." if len(classes) > 5 else "")
