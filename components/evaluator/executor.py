"""Evaluator executor: the stock one, without a baseline model that says that it is none."""

from __future__ import annotations

from typing import Any

from tfx import types
from tfx.components.evaluator import executor

from tfx_explain.components.artifacts import without_empty_baseline


class Executor(executor.Executor):
    """Executor of the Evaluator."""

    def Do(  # noqa: N802
        self,
        input_dict: dict[str, list[types.Artifact]],
        output_dict: dict[str, list[types.Artifact]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Does what the stock Evaluator does, with one model where there is no other."""
        super().Do(without_empty_baseline(input_dict), output_dict, exec_properties)
