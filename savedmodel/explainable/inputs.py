"""From the inputs of metadata to plans: every tensor, weight, column and baseline that they name is looked up."""

from __future__ import annotations

import collections
import dataclasses
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel.analysis.features import Feature
from tfx_explain.savedmodel.explainable.lookup import Lookup
from tfx_explain.savedmodel.explainable.plans import Plan
from tfx_explain.savedmodel.metadata.metadata import INTEGRATED_GRADIENTS, SAMPLED_SHAPLEY
from tfx_explain.savedmodel.metadata.rules import COLUMN_ENCODINGS
from tfx_explain.savedmodel.rows.baselines import raw_baselines

Entry = explanation_pb2.InputMetadata
Baselines = Mapping[str, "tf.Tensor | tf.RaggedTensor"]


def encoded_names(entry: Entry) -> list[str]:
    """The encoded tensors that an entry names."""
    return list(entry.encoded_tensor_names) or [name for name in (entry.encoded_tensor_name,) if name]


@dataclass
class Inputs:
    """The inputs of metadata, and the model they are looked up in."""

    entries: Mapping[str, Entry]
    lookup: Lookup

    @functools.cached_property
    def _known(self) -> Mapping[str, Feature]:
        """The model's raw features by name and by values tensor."""
        by_name = self.lookup.read.features.by_name
        return {feature.values: feature for feature in by_name.values()} | dict(by_name)

    def plans(self) -> dict[str, Plan]:
        """The plan of each entry whose raw tensor is found; problems are noted."""
        plans = {name: plan for name in sorted(self.entries) if (plan := self._plan(name, self.entries[name]))}
        self._check_named_once(plans)
        self._check_encodings_are_their_own(plans)
        self._check_column_names(plans)
        if not self.entries:
            self.lookup.problems.append("inputs: there are none; name at least one feature")
        return plans

    def groups(self, plans: Mapping[str, Plan]) -> dict[str, tuple[tuple[str, int | None], ...]]:
        """What gets one attribution together; entries without a group or columns are one each."""
        groups: dict[str, tuple[tuple[str, int | None], ...]] = {}
        for name, plan in plans.items():
            group = self.entries[name].group_name
            if plan.columns and not group:
                groups |= {column: ((name, i),) for i, column in enumerate(plan.columns)}
            else:
                groups[group or name] = (*groups.get(group or name, ()), (name, None))
        return dict(sorted(groups.items()))

    def baselines(self, plans: Mapping[str, Plan]) -> tuple[Baselines, Baselines]:
        """Raw baselines by values tensor, and those given for encoded tensors; one stands for as many as others have.

        Raw features without any get zeros; weights get ones, as many as the values they weigh.
        """
        counts = [len(e.input_baselines) or len(e.encoded_baselines) for e in self.entries.values()]
        most = max([1, *counts])
        features = {feature.values: feature for feature in self.lookup.read.features.by_name.values()}
        features |= {plan.feature.values: plan.feature for plan in plans.values()}
        given = {plan.feature.values: name for name, plan in plans.items()}
        raw: dict[str, Any] = {}
        for tensor, feature in features.items():
            values = self.entries[given[tensor]].input_baselines if tensor in given else []
            raw[tensor] = self._baselines("input_baselines", given.get(tensor, ""), feature, values, most)
        for plan in plans.values():
            if plan.weights and raw[plan.feature.values] is not None:
                raw[plan.weights.values] = _ones_like(plan.weights, raw[plan.feature.values])
        encoded: dict[str, Any] = {}
        for name, plan in plans.items():
            values = self.entries[name].encoded_baselines
            for tensor in plan.encoded if values else ():
                spec = self.lookup.read.specs[tensor]
                place = Feature(tensor, tensor, spec.dtype, spec.shape)
                encoded[tensor] = self._baselines("encoded_baselines", name, place, values, most)
        return raw, encoded

    def _baselines(self, key: str, name: str, feature: Feature, values: Sequence[Any], most: int) -> Any:
        if len(values) not in (0, 1, most):
            self.lookup.problems.append(f"{key} of {name!r}: got {len(values)}; give 1, or {most} as others have")
            return None
        named = dataclasses.replace(feature, name=name or feature.name)
        try:
            return raw_baselines(named, list(values) * most if len(values) == 1 else values, most, key)
        except ValueError as error:
            self.lookup.problems.append(str(error))
            return None

    def _plan(self, name: str, entry: Entry) -> Plan | None:
        where = f"inputs[{name!r}]"
        feature = self._feature(where, entry.input_tensor_name, name)
        if feature is None:
            return None
        self._check_parts(where, entry, feature)
        read = self.lookup.read
        self.lookup.check_dtype(f"{where}.input_tensor_dtype", entry.input_tensor_dtype, feature.dtype)
        if entry.input_tensor_shape and list(entry.input_tensor_shape) != feature.row_shape:
            given = list(entry.input_tensor_shape)
            self.lookup.problems.append(f"{where}.input_tensor_shape: {given} is wrong, a row is {feature.row_shape}")
        key = f"{where}.encoded_tensor_name"
        encoded = tuple(t for n in encoded_names(entry) if (t := self.lookup.tensor(key, n)))
        for tensor in encoded:
            self.lookup.check_float(key, tensor)
            dtype = read.specs[tensor].dtype
            self.lookup.check_dtype(f"{where}.encoded_tensor_dtype", entry.encoded_tensor_dtype, dtype)
        if not encoded and feature.dtype.is_floating and not feature.is_sparse:
            encoded = (feature.values,)
        weights = self._weights(where, entry)
        self._check_encoded_baselines(where, entry, encoded)
        smooth, playable = (
            not entry.explainable_by or method in entry.explainable_by
            for method in (INTEGRATED_GRADIENTS, SAMPLED_SHAPLEY)
        )
        sources = read.depends[feature.values] | (read.depends[weights.values] if weights else frozenset())
        columns = self._columns(where, entry, feature, encoded)
        return Plan(feature, sources, encoded if smooth else (), playable, weights, columns)

    def _feature(self, where: str, wanted: str, name: str) -> Feature | None:
        """The raw feature of that name or values tensor; else the graph's tensor of that name."""
        read = self.lookup.read
        by_name, known = read.features.by_name, self._known
        where, wanted = f"{where}.input_tensor_name", wanted or name
        feature = known.get(wanted)
        if feature is None and wanted in read.specs and read.depends[wanted] & set(by_name):
            spec = read.specs[wanted]
            feature = Feature(wanted, wanted, spec.dtype, spec.shape)
        if feature is None:
            self.lookup.unknown(where, wanted, known)
        elif not any(read.depends[feature.values] & read.depends[t] for t in read.graph.outputs.values()):
            self.lookup.problems.append(f"{where}: no output of the model depends on {wanted!r}; leave it out")
            return None
        return feature

    def _check_parts(self, where: str, entry: Entry, feature: Feature) -> None:
        for key, tensor in (("indices", feature.indices), ("dense_shape", feature.dense_shape)):
            there = getattr(entry, f"{key}_tensor_name")
            if there and there != tensor:
                expected = repr(tensor) if tensor else "left out, as the feature is not sparse"
                self.lookup.problems.append(f"{where}.{key}_tensor_name: {there!r} should be {expected}")

    def _weights(self, where: str, entry: Entry) -> Feature | None:
        names = (entry.weight_values_name, entry.weight_indices_name, entry.weight_dense_shape_name)
        if not any(names):
            return None
        if not entry.weight_values_name:
            self.lookup.problems.append(
                f"{where}.weight_values_name: it is missing; give all three weight names or none"
            )
            return None
        known = self._known
        weights = known.get(entry.weight_values_name)
        if weights is None:
            self.lookup.unknown(f"{where}.weight_values_name", entry.weight_values_name, known)
            return None
        for key, tensor in (("indices", weights.indices), ("dense_shape", weights.dense_shape)):
            there = getattr(entry, f"weight_{key}_name")
            if there != tensor:
                expected = repr(tensor) if tensor else "left out, as the weights are not sparse"
                self.lookup.problems.append(f"{where}.weight_{key}_name: {there!r} should be {expected}")
        return weights

    def _check_encoded_baselines(self, where: str, entry: Entry, encoded: Sequence[str]) -> None:
        if entry.encoded_baselines and entry.input_baselines:
            self.lookup.problems.append(f"{where} has input_baselines and encoded_baselines; give one of the two")
        if entry.encoded_baselines and not encoded:
            self.lookup.problems.append(
                f"{where}.encoded_baselines: there is no encoded_tensor_name; give input_baselines"
            )

    def _columns(self, where: str, entry: Entry, feature: Feature, encoded: Sequence[str]) -> tuple[str, ...]:
        columns = tuple(entry.index_feature_mapping)
        key = f"{where}.index_feature_mapping"
        if not columns:
            if entry.encoding in COLUMN_ENCODINGS:
                self.lookup.problems.append(f"{key}: encoding {entry.encoding!r} needs a name for each column")
            return ()
        places = [
            tensor for tensor in (feature.values, *encoded) if not (feature.is_sparse and tensor == feature.values)
        ]
        shapes = {tensor: self.lookup.read.specs[tensor].shape for tensor in places}
        if not any(has_columns(shape, len(columns)) for shape in shapes.values()):
            listed = ", ".join(f"{tensor!r} {shape}" for tensor, shape in shapes.items()) or "no dense tensor"
            self.lookup.problems.append(f"{key}: it has {len(columns)} names, for the last axis of {listed}")
        return columns

    def _check_named_once(self, plans: Mapping[str, Plan]) -> None:
        first: dict[str, str] = {}
        for name, plan in plans.items():
            for tensor in plan.raw:
                other = first.setdefault(tensor, name)
                if other != name:
                    self.lookup.problems.append(
                        f"inputs[{name!r}] and inputs[{other!r}] name the same tensor; leave one out"
                    )

    def _check_encodings_are_their_own(self, plans: Mapping[str, Plan]) -> None:
        members: dict[str, frozenset[str]] = {}
        for name, plan in plans.items():
            group = self.entries[name].group_name or name
            members[group] = members.get(group, frozenset()) | plan.sources
        depends = self.lookup.read.depends
        for name, plan in plans.items():
            for tensor in plan.encoded:
                others = sorted(depends[tensor] - members[self.entries[name].group_name or name])
                if others or not depends[tensor]:
                    on = ", ".join(map(repr, others)) + " too" if others else "no feature"
                    self.lookup.problems.append(
                        f"inputs[{name!r}].encoded_tensor_name: {tensor!r} depends on {on}; name a tensor of this "
                        "feature alone, or put them in one group_name"
                    )

    def _check_column_names(self, plans: Mapping[str, Plan]) -> None:
        names = [column for name, plan in plans.items() if not self.entries[name].group_name for column in plan.columns]
        names += {self.entries[name].group_name or name for name, plan in plans.items() if not plan.columns}
        doubled = sorted(name for name, count in collections.Counter(names).items() if count > 1)
        for name, plan in plans.items():
            for column in sorted(set(plan.columns) & set(doubled)):
                self.lookup.problems.append(
                    f"inputs[{name!r}].index_feature_mapping: {column!r} names two features; every name must be another"
                )


def has_columns(shape: tf.TensorShape, columns: int) -> bool:
    """Whether the last axis of a tensor `[rows, ..., columns]` may have that size."""
    return shape.rank is None or (shape.rank > 1 and shape[-1] in (None, columns))


def _ones_like(weights: Feature, values: tf.Tensor | tf.RaggedTensor) -> tf.Tensor | tf.RaggedTensor:
    one = np.ones([], weights.dtype.as_numpy_dtype)
    if isinstance(values, tf.RaggedTensor):
        return tf.ragged.map_flat_values(lambda flat: tf.fill(tf.shape(flat), one), values)
    return tf.fill(tf.shape(values), one)
