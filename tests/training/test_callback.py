"""The callback in real training runs: what TensorBoard reads back is what the library says of the model."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tfx_explain.attribution import IntegratedGradients
from tfx_explain.storage import event_files
from tfx_explain.training import TensorBoardAttributions
from tfx_explain.training.sample import Sample

ROWS = 64


@pytest.fixture
def read(tmp_path):
    def scalars(tag, run="attributions"):
        """Returns the (step, value) of a tag."""
        accumulator = EventAccumulator(str(tmp_path / "logs" / run))
        accumulator.Reload()
        return [(event.step, tf.make_ndarray(event.tensor_proto).item()) for event in accumulator.Tensors(tag)]

    return scalars


@pytest.fixture
def logs(tmp_path):
    return str(tmp_path / "logs")


@pytest.fixture
def columns():
    return np.random.default_rng(5).normal([0, 3, -1], [1, 2, 3], (ROWS, 3))


def linear():
    """y = 2 a - b + 0.5 c"""
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.set_weights([np.array([[2.0], [-1.0], [0.5]]), np.array([7.0])])
    return model


def test_a_linear_model_has_its_closed_form_beside_keras_own_events(read, logs, columns):
    model = linear()
    model.compile(keras.optimizers.SGD(0.01), "mse")
    weights = []
    keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: weights.append(model.get_weights()[0][:, 0]))
    ours = TensorBoardAttributions(logs, columns, features=["a", "b", "c"])
    model.fit(
        columns, columns.sum(axis=1), epochs=2, verbose=0, callbacks=[keras.callbacks.TensorBoard(logs), ours, keep]
    )
    assert [step for step, _ in read("epoch_loss", "train")] == [0, 1]
    away = np.abs(columns - np.median(columns, axis=0)).mean(axis=0)
    expected = [np.abs(w) * away / (np.abs(w) * away).sum() for w in weights]
    for index, name in enumerate("abc"):
        (first, one), (second, two) = read(f"attribution_share/{name}")
        assert (first, second) == (0, 1)
        assert [one, two] == pytest.approx([shares[index] for shares in expected], rel=1e-5)
    assert not np.allclose(weights[0], weights[1], rtol=1e-3)
    assert [value for _, value in read("attribution_error")] == [pytest.approx(0, abs=1e-4)] * 2


def by_name():
    inputs = {name: keras.Input((1,), name=name) for name in ("age", "hours")}
    hidden = keras.layers.Dense(8, activation="tanh")(keras.layers.Concatenate()(list(inputs.values())))
    return keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(keras.layers.Dropout(0.5)(hidden)))


def test_it_is_what_the_library_says_of_the_same_rows(read, logs, columns):
    model, rows = by_name(), {"age": columns[:, :1], "hours": columns[:, 1:2]}
    model.compile("adam", "sparse_categorical_crossentropy")
    baselines = {"age": 0.5, "hours": [[1.0]]}
    ours = TensorBoardAttributions(logs, rows, baselines=baselines, targets=2)
    model.fit(rows, np.arange(ROWS) % 3, epochs=2, verbose=0, callbacks=[ours])
    inputs = {name: tf.constant(values, tf.float32) for name, values in rows.items()}
    found = IntegratedGradients().attribute(lambda given: model(given), inputs, baselines, targets=2)
    sizes = np.abs(found.values).mean(axis=0)
    for name, share in zip(found.features, sizes / sizes.sum(), strict=True):
        assert read(f"attribution_share/{name}")[-1] == (1, pytest.approx(share, rel=1e-5))
    assert len(read("attribution_share/age")) == 2


def test_texts_and_several_outputs(read, logs, columns):
    sexes = np.array(["Male", "Female", "Male", "Other"] * (ROWS // 4))
    inputs = {"sex": keras.Input((), name="sex", dtype="string"), "hours": keras.Input((1,), name="hours")}
    looked_up = keras.layers.StringLookup(vocabulary=["Female", "Male", "Other"], output_mode="one_hot")(inputs["sex"])
    logit = keras.layers.Dense(1, name="logit")(looked_up)
    model = keras.Model(inputs, {"logit": logit, "hours": keras.layers.Rescaling(1.0)(inputs["hours"])})
    model.get_layer("logit").set_weights([np.array([[0.0], [1.0], [3.0], [7.0]]), np.zeros(1)])
    rows = {"sex": sexes, "hours": columns[:, 0]}
    callback = TensorBoardAttributions(logs, rows, output=lambda outputs: outputs["logit"])
    callback.set_model(model)
    callback.on_train_begin()
    callback.on_epoch_end(4)
    assert read("attribution_share/sex") == [(4, pytest.approx(1.0))]
    # The commonest is the baseline: the mean of |1 - 3| over a quarter of the rows, and of |7 - 3| over another one.
    accumulator = EventAccumulator(f"{logs}/attributions")
    accumulator.Reload()
    buckets = tf.make_ndarray(accumulator.Tensors("attributions/sex")[0].tensor_proto)
    assert (buckets[0, 0], buckets[-1, 1]) == (pytest.approx(-2, abs=1e-4), pytest.approx(4, abs=1e-4))
    plain = TensorBoardAttributions(logs, rows)
    plain.set_model(model)
    with pytest.raises(ValueError, match=r"several outputs \('logit', 'hours'\); choose one"):
        plain.on_train_begin()


def test_one_input_by_name_is_given_by_name(read, logs, columns):
    only = keras.Input((3,), name="x")
    model = keras.Model({"x": only}, keras.layers.Dense(1)(only))
    callback = TensorBoardAttributions(logs, {"x": columns})
    callback.set_model(model)
    callback.on_train_begin()
    callback.on_epoch_end(0)
    assert read("attribution_share/x") == [(0, pytest.approx(1.0))]


def test_weights_that_are_not_finite_are_not_hidden(read, logs, columns):
    model = linear()
    callback = TensorBoardAttributions(logs, columns, features=list("abc"))
    callback.set_model(model)
    callback.on_train_begin()
    model.set_weights([np.full((3, 1), np.nan), np.zeros(1)])
    callback.on_epoch_end(0)
    assert np.isnan(read("attribution_share/a")[0][1])


@pytest.mark.parametrize(
    ("rows", "features", "sentence"),
    [
        (np.zeros((4, 2)), None, "has 2 columns; give each a name of its own in features, not none"),
        (np.zeros((4, 2)), ["a", "a"], "give each a name of its own in features, not 'a', 'a'"),
        (np.zeros(4), ["a"], r"has shape \(4,\); give an array \[rows, columns\], or arrays by name"),
        (np.zeros((0, 2)), ["a", "b"], "'rows' of the sample has no rows"),
        ({"a": np.zeros(4), "b": np.zeros(3)}, None, "need the same number of rows, but they have {'a': 4, 'b': 3}"),
        ({"a": np.zeros(4)}, ["b"], "features has 'b', which the sample lacks; it has a"),
        ({"a": [[1.0], [1.0, 2.0]]}, None, "'a' of the sample is no array"),
        ({}, None, "but they have none"),
    ],
)
def test_a_sample_that_is_none_is_one_sentence(logs, rows, features, sentence):
    with pytest.raises(ValueError, match=sentence):
        TensorBoardAttributions(logs, rows, features)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"method": "integrated_gradients"}, r"method is 'integrated_gradients'; give one of tfx_explain\.attribution"),
        ({"baselines": {"c": 0.0}}, "baselines has 'c', which is no feature; features are a, b"),
    ],
)
def test_what_is_no_method_or_baseline_is_one_sentence(logs, more, sentence):
    with pytest.raises(ValueError, match=sentence):
        TensorBoardAttributions(logs, {"a": np.zeros((4, 1)), "b": np.zeros((4, 1))}, **more)


def test_a_baseline_by_name_leaves_the_others_as_they_are():
    sample = Sample.of({"a": np.ones((4, 1)), "b": np.full((4, 1), 2.0)}, None, {"a": 0.0})
    assert sample.baselines["a"] == 0
    assert sample.baselines["b"].numpy().tolist() == [[2.0]]


def test_without_tensorboard_the_error_names_the_extra(logs, columns, monkeypatch):
    monkeypatch.setattr(event_files.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"needs it: pip install 'tfx-explain\[tensorboard\]'"):
        TensorBoardAttributions(logs, columns, features=list("abc"))
