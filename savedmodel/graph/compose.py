"""Two signatures made one: the outputs of the first are the inputs of the second."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from tfx_explain.savedmodel.graph.flat import node_of
from tfx_explain.savedmodel.graph.signature import Signature

v1 = tf.compat.v1


def compose(first: Signature, second: Signature) -> Signature:
    """The signature that gives `second`'s outputs of `first`'s inputs. `first`'s nodes go under its name.

    Raises:
        ValueError: if `first`'s outputs are not `second`'s inputs in name, dtype and rank; it lists both.
    """
    _check_fit(first, second)
    scope = f"{first.name}/"
    joints = {node_of(second.inputs[key]): f"{scope}{first.outputs[key]}" for key in second.inputs}
    graph_def = v1.GraphDef(versions=second.graph_def.versions, library=second.graph_def.library)
    known = {function.signature.name for function in graph_def.library.function}
    graph_def.library.function.extend(
        function for function in first.graph_def.library.function if function.signature.name not in known
    )
    for node in first.graph_def.node:
        copy = graph_def.node.add(name=scope + node.name)
        _copy(copy, node, [f"^{scope}{name[1:]}" if name.startswith("^") else scope + name for name in node.input])
    for node in second.graph_def.node:
        copy = graph_def.node.add(name=node.name)
        if node.name in joints:
            copy.op = "Identity"
            copy.input.append(joints[node.name])
            copy.attr["T"].type = node.attr["dtype"].type
        else:
            _copy(copy, node, list(node.input))
    return dataclasses.replace(
        second,
        preprocess_name=first.name,
        inputs={key: scope + tensor for key, tensor in first.inputs.items()},
        input_specs=first.input_specs,
        captures=dict(second.captures) | {scope + name: tensor for name, tensor in first.captures.items()},
        graph_def=graph_def,
        op_defs=dict(first.op_defs) | dict(second.op_defs),
        function=_Chain(first, second),
        saved_names={**second.saved_names, **first.saved_names},
    )


def _copy(copy: Any, node: Any, inputs: list[str]) -> None:
    name = copy.name
    copy.CopyFrom(node)
    copy.name = name
    del copy.input[:]
    copy.input.extend(inputs)


def _check_fit(first: Signature, second: Signature) -> None:
    given, wanted = first.output_specs, second.input_specs
    if given.keys() != wanted.keys() or not all(_fits(given[key], wanted[key]) for key in wanted):
        raise ValueError(
            f"The outputs of signature {first.name!r} must be the inputs of {second.name!r}, in name, dtype and rank. "
            f"{first.name!r} gives {_described(given)}; {second.name!r} takes {_described(wanted)}. Export them so "
            "that they fit, or name the signature to explain as `signature_name`."
        )


def _fits(given: Any, wanted: Any) -> bool:
    ranks = {spec.shape.rank for spec in (given, wanted)} - {None}
    return given.dtype == wanted.dtype and len(ranks) < 2


def _described(specs: Mapping[str, Any]) -> str:
    ranks = {key: "unknown" if spec.shape.rank is None else spec.shape.rank for key, spec in specs.items()}
    return ", ".join(f"{key!r} ({specs[key].dtype.name}, rank {ranks[key]})" for key in sorted(specs))


@dataclass(frozen=True)
class _Chain:
    """Both signatures, callable with keyword arguments."""

    first: Signature
    second: Signature

    def __call__(self, **inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        return self.second.function(**self.first.function(**inputs))
