"""Which outputs of a model are explained."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import ExplainableModel
from tfx_explain.storage import columns


@dataclasses.dataclass(frozen=True)
class ChosenOutputs:
    """The outputs that the parameters ask for.

    Attributes:
      fixed: The same for every row; empty: each row's highest.
      highest: How many of the highest; -1: all.
    """

    fixed: tuple[int, ...]
    highest: int

    def of_rows(self, outputs: np.ndarray) -> np.ndarray:
        """Chooses by the candidate's outputs, for the baseline model too: like is compared with like.

        Args:
          outputs: float `[rows, outputs]`; of no account where the choice is fixed.

        Returns:
          int32 `[rows, chosen]`; where they are chosen by size, the highest first, of equal ones the first.
        """
        if self.fixed:
            return np.tile(np.asarray(self.fixed, np.int32), (len(outputs), 1))
        count = outputs.shape[1] if self.highest < 0 else min(self.highest, outputs.shape[1])
        return np.argsort(-outputs, axis=1, kind="stable")[:, :count].astype(np.int32)


def choose_outputs(
    parameters: explanation_pb2.ExplanationParameters, models: Mapping[str, ExplainableModel]
) -> ChosenOutputs:
    """Reads `output_indices` and `top_k`.

    Raises:
      ValueError: They name an output that a model lacks, or leave a choice between outputs that a model lacks.
    """
    indices = tuple(parameters.output_indices)
    sizes = {name: model.num_outputs for name, model in models.items()}
    for name, size in sizes.items():
        if size is not None and max(indices, default=0) >= size:
            raise ValueError(
                f"output_indices names output {max(indices)}; the {name} model has outputs 0 to {size - 1}."
            )
    if not indices and len(set(sizes.values()) - {None}) > 1:
        raise ValueError(
            f"The candidate model has {sizes[columns.CANDIDATE]} outputs and the baseline model "
            f"{sizes[columns.BASELINE]}, so the candidate's predicted class may be none of the baseline model's. Name "
            "outputs that both have in output_indices, or leave the baseline model out."
        )
    return ChosenOutputs(indices, parameters.top_k or 1)
