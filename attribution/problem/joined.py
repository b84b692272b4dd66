"""A problem with tensors that the model concatenates as one: what is done for each of them is done once."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import tensorflow as tf

from tfx_explain.attribution.model.matrices import NARROW, layout_of, owners_of, side_by_side
from tfx_explain.attribution.problem.problem import Problem


def with_joins(problem: Problem, besides: Collection[str] = ()) -> Problem:
    """Returns the problem with the tensors joined that its model takes joined (see `TraceableModel`).

    Args:
        problem: the problem.
        besides: keys of tensors that have to stay as they are.

    Returns:
        The same rows, features and targets. A join has an owner for each column. Tensors stay as they are where one of
        a join has no player, or rows' own baselines, or where together they are wide.
    """
    joins: Mapping[str, Sequence[str]] = getattr(problem.model, "joins", {})
    apart = {*problem.own, *besides}
    for key, members in joins.items():
        if problem.owners.keys() >= {*members} and apart.isdisjoint(members):
            problem = _with_join(problem, key, members)
    return problem


def _with_join(problem: Problem, key: str, members: Sequence[str]) -> Problem:
    layout = layout_of(members, problem.inputs)
    owners = owners_of(layout, problem.owners)
    if len(owners) > NARROW:
        return problem
    return dataclasses.replace(
        problem,
        inputs=_without(problem.inputs, members) | {key: tf.constant(side_by_side(layout, problem.inputs))},
        baselines=_without(problem.baselines, members) | {key: tf.constant(side_by_side(layout, problem.baselines))},
        owners=_without(problem.owners, members) | {key: owners},
    )


def _without(by_key: Mapping[str, Any], keys: Collection[str]) -> dict[str, Any]:
    return {key: value for key, value in by_key.items() if key not in keys}
