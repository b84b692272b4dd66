"""Whether a SavedModel is all there: who copies one, file by file, leaves less for a while, or for ever if stopped."""

from __future__ import annotations

import os
import re
from typing import Any

from tfx_explain.savedmodel.graph.meta_graph import read_saved_model
from tfx_explain.savedmodel.graph.state import HANDLE, REFERENCES
from tfx_explain.storage.paths import names_in

_VARIABLES = "variables"
_INDEX = "variables.index"
_SHARD = re.compile(r"variables\.data-(\d{5})-of-(\d{5})")


def verify_whole_model(model_dir: str) -> None:
    """Checks that a SavedModel has its graph, and the values of all variables in it; opens neither.

    Raises:
        ValueError: if something is missing or damaged; it says what.
    """
    meta_graphs = read_saved_model(model_dir).meta_graphs
    if not any(_has_variables(meta_graph.graph_def) for meta_graph in meta_graphs):
        return
    names = names_in(os.path.join(model_dir, _VARIABLES))
    if _INDEX not in names:
        raise ValueError(f"{model_dir!r} lacks {_VARIABLES}/{_INDEX}, though its graph has variables.")
    shards = [match.groups() for match in map(_SHARD.fullmatch, names) if match]
    if not any(len(shards) == int(count) for _, count in shards):
        raise ValueError(f"{model_dir!r} lacks a file of variables' values beside {_VARIABLES}/{_INDEX}.")


def _has_variables(graph: Any) -> bool:
    functions = (function.node_def for function in graph.library.function)
    return any(node.op in (HANDLE, *REFERENCES) for nodes in (graph.node, *functions) for node in nodes)
