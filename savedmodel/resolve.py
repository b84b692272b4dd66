"""From metadata, by whomever it was written, to the tensors of one model: every mismatch is found and named."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import tensorflow as tf

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel.baselines import raw_baselines
from tfx_explain.savedmodel.features import Feature
from tfx_explain.savedmodel.metadata import INTEGRATED_GRADIENTS
from tfx_explain.savedmodel.read import ReadModel

Parameters = explanation_pb2.ExplanationParameters

# What would change the attributions, so that it must not be passed over.
_NOT_READ = {
    "encoded_baselines": "give input_baselines, from which these are computed",
    "index_feature_mapping": "leave it out, and the tensor is explained as one feature",
    "weight_values_name": "leave it out, and the weights are held at the row's",
}


@dataclass(frozen=True)
class Plan:
    """How one feature is explained.

    Attributes:
        feature: the raw feature.
        encoded: the float tensors fed by methods along a path; empty where there are none.
    """

    feature: Feature
    encoded: tuple[str, ...]


@dataclass(frozen=True)
class Explained:
    """Metadata in terms of the flat graph.

    Attributes:
        plans: by the name that the metadata gives the feature; only features on which the output depends.
        groups: what gets one attribution together, by its name; a feature in no group is one of its own name.
        baselines: raw baselines `[baselines, ...]` of every raw feature of the model, all of one number.
        output: the tensor explained.
        num_outputs: size of its last axis, 1 for `[rows]`; None where the graph leaves it open.
    """

    plans: Mapping[str, Plan]
    groups: Mapping[str, tuple[str, ...]]
    baselines: Mapping[str, tf.Tensor | tf.RaggedTensor]
    output: str
    num_outputs: int | None


def resolve(
    metadata: explanation_pb2.ExplanationMetadata, read: ReadModel, output_name: str, output_scale: int
) -> Explained:
    """Finds everything that the metadata names.

    Raises:
        ValueError: with one line for each wrong name, dtype or shape, and the nearest name that exists.
    """
    checked = _Checked(metadata, read)
    output, num_outputs = checked.output(output_name, output_scale)
    plans = {name: plan for name in sorted(metadata.inputs) if (plan := checked.plan(name))}
    baselines = checked.baselines(plans)
    checked.named_once(plans)
    checked.encodings_are_their_own(plans)
    if not metadata.inputs:
        checked.problems.append("inputs: there are none; name at least one feature")
    if checked.problems:
        raise ValueError(
            "The explanation metadata does not fit the model:\n" + "\n".join(f"  {line}" for line in checked.problems)
        )
    plans = {name: plan for name, plan in plans.items() if plan.feature.name in read.depends[output]}
    groups: dict[str, tuple[str, ...]] = {}
    for name in plans:
        group = metadata.inputs[name].group_name or name
        groups[group] = (*groups.get(group, ()), name)
    return Explained(plans, dict(sorted(groups.items())), baselines, output, num_outputs)


def operands_named(metadata: explanation_pb2.ExplanationMetadata) -> list[str]:
    """Every encoded tensor that the metadata names; among them may be operands, which the graph has no node for."""
    return [tensor for given in metadata.inputs.values() for tensor in _encoded_names(given)]


def _encoded_names(given: explanation_pb2.InputMetadata) -> list[str]:
    return list(given.encoded_tensor_names) or [name for name in (given.encoded_tensor_name,) if name]


@dataclass
class _Checked:
    """Looks names up in a model and notes the problems."""

    metadata: explanation_pb2.ExplanationMetadata
    read: ReadModel
    problems: list[str] = field(default_factory=list)

    def plan(self, name: str) -> Plan | None:
        """The plan for one entry of `inputs`; None where its raw tensor is not found."""
        given = self.metadata.inputs[name]
        feature = self._feature(name, given)
        if feature is None:
            return None
        where = f"inputs[{name!r}]"
        self._check_dtype(f"{where}.input_tensor_dtype", given.input_tensor_dtype, feature.dtype)
        for key, way_out in _NOT_READ.items():
            if getattr(given, key):
                self.problems.append(f"{where}.{key} is not supported yet; {way_out}")
        encoded = tuple(t for n in _encoded_names(given) if (t := self._tensor(f"{where}.encoded_tensor_name", n)))
        for tensor in encoded:
            self._check_float(f"{where}.encoded_tensor_name", tensor)
            self._check_dtype(
                f"{where}.encoded_tensor_dtype", given.encoded_tensor_dtype, self.read.specs[tensor].dtype
            )
        if not encoded and feature.dtype.is_floating and not feature.is_sparse:
            encoded = (feature.values,)
        refused = given.explainable_by and INTEGRATED_GRADIENTS not in given.explainable_by
        return Plan(feature, () if refused else encoded)

    def named_once(self, plans: Mapping[str, Plan]) -> None:
        """Notes entries for one and the same raw tensor."""
        first: dict[str, str] = {}
        for name, plan in plans.items():
            other = first.setdefault(plan.feature.name, name)
            if other != name:
                self.problems.append(f"inputs[{name!r}] and inputs[{other!r}] name the same tensor; leave one out")

    def encodings_are_their_own(self, plans: Mapping[str, Plan]) -> None:
        """Notes encoded tensors that depend on features outside their own's group."""
        members: dict[str, set[str]] = {}
        for name, plan in plans.items():
            members.setdefault(self.metadata.inputs[name].group_name or name, set()).add(plan.feature.name)
        for name, plan in plans.items():
            allowed = members[self.metadata.inputs[name].group_name or name]
            for tensor in plan.encoded:
                others = sorted(self.read.depends[tensor] - allowed)
                if others or not self.read.depends[tensor]:
                    on = ", ".join(map(repr, others)) + " too" if others else "no feature"
                    self.problems.append(
                        f"inputs[{name!r}].encoded_tensor_name: {tensor!r} depends on {on}; name a tensor of this "
                        "feature alone, or put them in one group_name"
                    )

    def _feature(self, name: str, given: explanation_pb2.InputMetadata) -> Feature | None:
        where = f"inputs[{name!r}].input_tensor_name"
        wanted = given.input_tensor_name or name
        by_name = self.read.features.by_name
        known = {feature.values: feature for feature in by_name.values()} | dict(by_name)
        if wanted not in known:
            self._unknown(where, wanted, known)
            return None
        feature = known[wanted]
        if not any(feature.name in self.read.depends[output] for output in self.read.graph.outputs.values()):
            self.problems.append(f"{where}: no output of the model depends on {wanted!r}; leave it out")
            return None
        for key, tensor in (("indices", feature.indices), ("dense_shape", feature.dense_shape)):
            there = getattr(given, f"{key}_tensor_name")
            if there and there != tensor:
                expected = repr(tensor) if tensor else "left out, as the feature is dense"
                self.problems.append(f"inputs[{name!r}].{key}_tensor_name: {there!r} should be {expected}")
        return feature

    def _tensor(self, where: str, name: str) -> str:
        name = self.read.graph.inputs.get(name, name)
        if name not in self.read.specs:
            self._unknown(where, name, self.read.specs)
            return ""
        return name

    def output(self, output_name: str, scale: int) -> tuple[str, int | None]:
        """The tensor to explain, '' where it is not found, and the size of its last axis."""
        name = self._output_name(output_name)
        if not name:
            return "", None
        given = self.metadata.outputs[name]
        where = f"outputs[{name!r}]"
        graph_outputs = self.read.graph.outputs
        wanted = given.output_tensor_name or name
        served = graph_outputs.get(wanted, wanted)
        if served not in self.read.specs:
            self._unknown(f"{where}.output_tensor_name", served, [*graph_outputs, *self.read.specs])
            return "", None
        self._check_dtype(f"{where}.output_tensor_dtype", given.output_tensor_dtype, self.read.specs[served].dtype)
        logits = (
            self._tensor(f"{where}.logits_tensor_name", given.logits_tensor_name) if given.logits_tensor_name else ""
        )
        if scale == Parameters.LOGITS and not logits:
            self.problems.append(f"{where}.logits_tensor_name: there is none; explain the output as it is SERVED")
        tensor = served if scale == Parameters.SERVED or not logits else logits
        self._check_float(where, tensor)
        spec = self.read.specs[tensor]
        if spec.shape.rank is not None and spec.shape.rank not in (1, 2):
            self.problems.append(f"{where}: {tensor!r} has shape {spec.shape}; it must be [rows] or [rows, outputs]")
        num_outputs = spec.shape[1:].num_elements()
        if num_outputs is None and wanted in self.read.signature.output_specs:
            # The signature may know more; logits have as many elements as what is made of them.
            num_outputs = self.read.signature.output_specs[wanted].shape[1:].num_elements()
        return tensor, num_outputs

    def _output_name(self, wanted: str) -> str:
        there = sorted(self.metadata.outputs)
        if wanted and wanted not in there:
            self._unknown("output_name", wanted, there)
            return ""
        if not wanted and len(there) != 1:
            listed = ", ".join(map(repr, there)) or "none"
            self.problems.append(f"outputs: there are {listed}; choose one as output_name")
            return ""
        return wanted or there[0]

    def baselines(self, plans: Mapping[str, Plan]) -> dict[str, tf.Tensor | tf.RaggedTensor]:
        """Raw baselines of every feature; one baseline stands for as many as the others have."""
        given = {plan.feature.name: list(self.metadata.inputs[name].input_baselines) for name, plan in plans.items()}
        most = max((len(values) for values in given.values()), default=1) or 1
        found = {}
        for name, feature in self.read.features.by_name.items():
            values = given.get(name, [])
            if len(values) not in (0, 1, most):
                self.problems.append(
                    f"input_baselines of {name!r}: got {len(values)}; give 1, or {most} as others have"
                )
                continue
            try:
                found[name] = raw_baselines(feature, values * most if len(values) == 1 else values, most)
            except ValueError as error:
                self.problems.append(str(error))
        return found

    def _check_dtype(self, where: str, given: str, actual: tf.DType) -> None:
        if given and given != actual.name:
            self.problems.append(f"{where}: {given!r} is wrong, the tensor is {actual.name!r}")

    def _check_float(self, where: str, tensor: str) -> None:
        dtype = self.read.specs[tensor].dtype
        if not dtype.is_floating:
            self.problems.append(f"{where}: {tensor!r} is {dtype.name}; name a float tensor")

    def _unknown(self, where: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        by_last_part = {other.rpartition("/")[2]: other for other in known}
        near = difflib.get_close_matches(name, known, 1, 0.6) or [
            by_last_part[part] for part in difflib.get_close_matches(name.rpartition("/")[2], by_last_part, 1, 0.5)
        ]
        hint = f"did you mean {near[0]!r}?" if near else f"there is {', '.join(map(repr, known[:10]))}"
        self.problems.append(f"{where}: the model has no {name!r}; {hint}")
