import concurrent.futures

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import NotDifferentiableError, load_explainable
from tfx_explain.savedmodel.analysis.cut import keys_of

Parameters = explanation_pb2.ExplanationParameters
DIFFERENTIABLE = ["Linear", "Examples", "VarLen", "Padded", "Filled", "Legacy", "Columns", "ControlFlow", "CountsRows"]
OTHERS = ["Gate", "Crossed", "OnlyGates"]
FIRST = np.zeros(5, np.int32)


@pytest.fixture
def explain(zoo, found):
    def load(name, **settings):
        return load_explainable(zoo(name).path, found(name), **settings)

    return load


def served(zoo, name, rows):
    signature = tf.saved_model.load(zoo(name).path).signatures["serving_default"]
    inputs = rows if isinstance(rows, dict) else {"examples": rows}
    (output,) = signature(**inputs).values()
    return output.numpy().reshape(5, -1)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_fed_at_encoded_tensors_it_gives_the_served_output(zoo, explain, rows, name):
    cut = explain(name, output_scale=Parameters.SERVED).differentiable()
    np.testing.assert_allclose(cut.outputs(cut.encode(rows[name])), served(zoo, name, rows[name]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", DIFFERENTIABLE + OTHERS)
def test_fed_for_coalitions_it_gives_the_served_output(zoo, explain, rows, name):
    cut = explain(name, output_scale=Parameters.SERVED).coalitional()
    np.testing.assert_allclose(cut.outputs(cut.encode(rows[name])), served(zoo, name, rows[name]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["Linear", "ControlFlow", "Columns"])
def test_gradients_are_those_of_a_tape_on_the_original(zoo, explain, rows, name):
    model = explain(name, output_scale=Parameters.SERVED)
    cut = model.differentiable()
    with tf.GradientTape() as tape:
        tape.watch(rows[name])
        (output,) = zoo(name).module.serve(**rows[name]).values()
        output = tf.reshape(output, [5, -1])[:, 0]
    outputs, gradients = cut.gradients(cut.encode(rows[name]), FIRST)
    np.testing.assert_allclose(outputs, output, rtol=1e-5)
    for feature, expected in tape.gradient(output, rows[name]).items():
        parts = [part for name, of in cut.players.items() if name.split("[")[0] == feature for part in of]
        keys = [key for key in keys_of(parts) if gradients[key].shape == expected.shape]
        np.testing.assert_allclose(gradients[keys[-1]], expected, rtol=1e-5, atol=1e-6)


def test_gradients_behind_parser_and_tables(zoo, explain, rows):
    module = zoo("Examples").module
    names = ("age", "bucket", "color")
    encoded = dict(zip(names, module.encode(tf.io.parse_example(rows["Examples"], module.SPEC)), strict=True))
    with tf.GradientTape() as tape:
        tape.watch(encoded)
        logits = module.logits(*encoded.values())
    expected = tape.gradient(logits, encoded)
    cut = explain("Examples").differentiable()
    inputs = cut.encode(rows["Examples"])
    outputs, gradients = cut.gradients(inputs, FIRST)
    np.testing.assert_allclose(outputs, logits[:, 0], rtol=1e-5)
    for name, tensor in encoded.items():
        (key,) = [key for key in inputs if inputs[key].shape == tensor.shape and np.allclose(inputs[key], tensor)]
        np.testing.assert_allclose(gradients[key], expected[name], rtol=1e-5, atol=1e-6)


def test_stopped_gradients_count_as_what_the_function_does(explain, rows):
    cut = explain("StoppedGradient").differentiable()
    _, gradients = cut.gradients(cut.encode(rows["StoppedGradient"]), FIRST)
    np.testing.assert_allclose(gradients["x:0"], np.full(5, 5.0))


def test_a_condition_that_reads_a_tensor_twice_is_differentiated(zoo, found):
    cut = load_explainable(zoo("ReadTwice").path, found("ReadTwice")).differentiable()
    inputs = cut.encode({"x": tf.constant([1.0, -2.0, 3.0])})
    _, gradients = cut.gradients(inputs, FIRST[:3])
    assert list(gradients) == ["x:0"]
    np.testing.assert_array_equal(gradients["x:0"], np.full(3, 2.0))


def test_targets_choose_the_class_of_each_row(explain, rows):
    for scale, tolerance in ((Parameters.LOGITS, 0.0), (Parameters.LOG_ODDS, 1e-6)):
        cut = explain("VarLen", output_scale=scale).differentiable()
        inputs = cut.encode(rows["VarLen"])
        targets = np.array([0, 1, 2, 0, 1])
        chosen = cut.outputs(inputs).numpy()[np.arange(5), targets]
        np.testing.assert_allclose(cut.predict(inputs, targets), chosen, rtol=tolerance, atol=tolerance)


def test_a_single_output_needs_no_target(explain, rows):
    model = explain("Linear")
    cut = model.coalitional()
    inputs = cut.encode(rows["Linear"])
    assert model.num_outputs == 1
    np.testing.assert_array_equal(cut.predict(inputs, FIRST + 7), cut.outputs(inputs)[:, 0])


def test_logits_are_explained_unless_the_served_output_is_asked_for(explain, rows):
    logits = explain("Linear").coalitional()
    probabilities = explain("Linear", output_scale=Parameters.SERVED).coalitional()
    inputs = logits.encode(rows["Linear"])
    np.testing.assert_allclose(tf.sigmoid(logits.outputs(inputs)), probabilities.outputs(inputs), rtol=1e-5)


@pytest.mark.parametrize("name", DIFFERENTIABLE)
def test_a_row_is_encoded_as_it_is_alone(explain, rows, name):
    cut = explain(name).differentiable()
    together = cut.outputs(cut.encode(rows[name]))
    alone = [cut.outputs(cut.encode(tf.nest.map_structure(lambda t, i=i: t[i : i + 1], rows[name]))) for i in range(5)]
    np.testing.assert_allclose(together, np.concatenate(alone), rtol=1e-4, atol=1e-5)


def test_any_number_of_values_is_replaced_as_a_row(zoo, explain, examples):
    tags, numbers = [["a"], ["b", "c", "a"], [], ["d", "e"], ["c"]], [0.5, -1.0, 2.0, 0.0, -0.3]
    cut = explain("VarLen", output_scale=Parameters.SERVED).raw()
    inputs = cut.encode(examples(tags=tags, x=numbers))
    (key,) = cut.players["tags"]
    assert isinstance(inputs[key], tf.RaggedTensor)
    swapped = cut.outputs({**inputs, key: tf.gather(inputs[key], [4, 3, 2, 1, 0])})
    np.testing.assert_allclose(swapped, served(zoo, "VarLen", examples(tags=tags[::-1], x=numbers)), rtol=1e-5)


def test_coalitions_mask_the_raw_tensor_where_the_encoded_one_does_not_say_all(explain):
    cut = explain("Gate").coalitional()
    assert cut.players == {"x": ("x:0",), "y": ("y:0",), "z": ("z:0",)}


def test_baselines_are_what_the_encoder_makes_of_them(zoo, found):
    metadata = found("Examples")
    del metadata.inputs["age"].input_baselines[:]
    metadata.inputs["age"].input_baselines.add(number_value=40.0)
    metadata.inputs["age"].input_baselines.add(number_value=10.0)
    cut = load_explainable(zoo("Examples").path, metadata).differentiable()
    bucket, distance = sorted((cut.baselines[key].numpy() for key in cut.players["age"]), key=lambda b: -b.shape[1])
    np.testing.assert_array_equal(distance, [[0.0], [-30.0]])
    np.testing.assert_array_equal(bucket, [[0.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 0.0]])
    (color,) = cut.players["color"]
    np.testing.assert_array_equal(cut.baselines[color], [zoo("Examples").module.embedding[3]] * 2)


def test_rows_without_an_input_are_refused(explain, rows):
    cut = explain("Linear").differentiable()
    missing, *names = rows["Linear"]
    with pytest.raises(ValueError, match=rf"The rows lack the inputs \['{missing}'\] of the signature"):
        cut.encode({name: rows["Linear"][name] for name in names})


def test_features_without_a_differentiable_path_are_named(explain):
    with pytest.raises(NotDifferentiableError, match=r"cannot explain 'x': .* Use sampled_shapley_attribution"):
        explain("OnlyGates").differentiable()


def test_calls_from_several_threads(explain, rows):
    cut = explain("Examples").differentiable()
    expected = cut.outputs(cut.encode(rows["Examples"])).numpy()

    def call(_):
        inputs = cut.encode(rows["Examples"])
        return cut.outputs(inputs).numpy(), cut.gradients(inputs, FIRST)[0].numpy()

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for outputs, again in pool.map(call, range(20)):
            np.testing.assert_array_equal(outputs, expected)
            np.testing.assert_array_equal(again, expected[:, 0])
