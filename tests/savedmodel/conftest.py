"""The zoo: real SavedModels, each built once, and rows for them."""

from __future__ import annotations

import functools
import importlib.util
from pathlib import Path
from types import SimpleNamespace

import pytest
import tensorflow as tf

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata

# Of the models whose signature and weights leave them open.
ROW_SHAPES = {"AnyWidth": {"ids": [3]}}


def load_module(name):
    spec = importlib.util.spec_from_file_location(f"zoo_{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def load_builders():
    """From the name of a module of builders beside this file to the module."""
    return load_module


@pytest.fixture(scope="session")
def models():
    """The classes of models.py, input_models.py, string_models.py and refused_models.py."""
    names = ("models", "input_models", "string_models", "refused_models")
    return SimpleNamespace(**{key: value for name in names for key, value in vars(load_module(name)).items()})


@pytest.fixture(scope="session")
def zoo(models, tmp_path_factory):
    """From a class name to the module, and where it is saved."""

    @functools.cache
    def build(name):
        module = getattr(models, name)()
        path = str(tmp_path_factory.mktemp(name))
        tf.saved_model.save(module, path, signatures=module.serve)
        return SimpleNamespace(module=module, path=path)

    return build


@pytest.fixture(scope="session")
def found(zoo):
    """From a class name to the metadata found for it; a copy, to be changed at will."""

    @functools.cache
    def generate(name):
        given = explanation_pb2.ExplanationMetadata()
        for key, shape in ROW_SHAPES.get(name, {}).items():
            given.inputs[key].input_tensor_shape.extend(shape)
        return generate_metadata(zoo(name).path, overrides=given)

    def copy(name):
        metadata = type(generate(name))()
        metadata.CopyFrom(generate(name))
        return metadata

    return copy


@pytest.fixture(scope="session")
def keras_path(tmp_path_factory):
    """From a Keras module and a function name of keras_models.py to where that model is saved."""
    builders = load_module("keras_models")

    @functools.cache
    def build(keras, name):
        path = str(tmp_path_factory.mktemp(name))
        getattr(builders, name)(keras, path)
        return path

    return build


@pytest.fixture(scope="session")
def examples():
    """From columns of values to serialized tf.Examples [rows]; a list makes a feature of any number of values."""

    def build(**columns):
        rows = zip(*columns.values(), strict=True)
        return tf.constant([_example(dict(zip(columns, row, strict=True))) for row in rows])

    return build


def _example(values):
    message = tf.train.Example()
    for name, value in values.items():
        items = value if isinstance(value, list) else [value]
        if not items:
            continue
        feature = message.features.feature[name]
        if any(isinstance(item, str) for item in items):
            feature.bytes_list.value.extend(item.encode() for item in items)
        elif any(isinstance(item, float) for item in items):
            feature.float_list.value.extend(items)
        else:
            feature.int64_list.value.extend(items)
    return message.SerializeToString()


@pytest.fixture(scope="session")
def rows(examples):
    """From a class name to five rows for it: serialized examples, or signature inputs."""
    ages, colors = [10.0, 30.0, 39.5, 55.0, 80.0], ["red", "blue", "green", "mauve", "red"]
    tags, numbers = [["a"], ["b", "c", "a"], [], ["d", "e"], ["c"]], [0.5, -1.0, 2.0, 0.0, -0.3]
    few = [[0.5], [], [2.0], [-1.0], []]
    wide = tf.random.stateless_normal([5, 3], [3, 4])
    column = tf.constant(numbers)[:, tf.newaxis]
    return {
        "Linear": {"x": wide, "y": tf.constant(numbers)},
        "Examples": examples(age=ages, color=colors),
        "VarLen": examples(tags=tags, x=numbers),
        "Padded": examples(tags=tags),
        "Filled": examples(amount=few, color=[[], ["red"], ["blue"], [], ["mauve"]]),
        "Legacy": examples(x=[[n, 1.0] for n in numbers], s=[[1.0, 2.0], [], [3.0], [0.5, 0.5], []]),
        "Gate": {"x": tf.constant(numbers), "y": tf.constant(ages), "z": tf.constant(numbers[::-1])},
        "Columns": {"age": column, "hours": tf.abs(column)},
        "Crossed": examples(a=colors, b=colors[::-1], c=numbers),
        "ControlFlow": {"x": wide, "y": wide[::-1]},
        "OnlyGates": {"x": tf.constant(numbers), "y": tf.constant(numbers[::-1])},
        "StoppedGradient": {"x": tf.constant(numbers)},
        "CountsRows": examples(x=numbers),
        "TwoOutputs": {"x": tf.constant(numbers)},
    }
