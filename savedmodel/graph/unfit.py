"""What no signature that is explained may do."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from tfx_explain.savedmodel.graph.flat import needed_functions

_MUTATES = re.compile(
    r"^(Assign|Resource(Apply|SparseApply|Scatter|StridedSliceAssign|CountUpTo|Accumulator)|LookupTable(Insert|Import|Remove)"
    r"|Mutable|Scatter(Update|Add|Sub)$|Queue|Stack(Push|Pop)|Barrier|WriteFile|Save)"
)
_PYTHON = ("PyFunc", "PyFuncStateless", "EagerPyFunc")


def refuse_unfit(signature_name: str, nodes: Iterable[Any], functions: Iterable[Any]) -> None:
    """Checks the nodes of a signature, and of the functions that they call.

    Raises:
        ValueError: if one of them changes state, or is Python.
    """
    nodes = list(nodes)
    library = {function.signature.name: function for function in functions}
    bodies = [function.node_def for function in needed_functions(nodes, library).values()]
    for node in (node for body in [nodes, *bodies] for node in body):
        if _MUTATES.match(node.op):
            raise ValueError(
                f"Signature {signature_name!r} changes state (op {node.op!r}, node {node.name!r}), so calling it for "
                "an explanation would change the model; export a signature without side effects."
            )
        if node.op in _PYTHON:
            raise ValueError(
                f"Signature {signature_name!r} has a Python function, which a SavedModel does not hold (op "
                f"{node.op!r}, node {node.name!r}), so it cannot be explained; export it with TensorFlow ops only."
            )
