"""Classes are explained by their log-odds, which know nothing of what all logits have in common."""

import decimal

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain import attribution
from tfx_explain.attribution import IntegratedGradients, SampledShapley, SmoothGrad, Superpixels, Tokens
from tfx_explain.beam.explaining.outputs import choose_outputs
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata, load_explainable

Parameters = explanation_pb2.ExplanationParameters
ROWS = np.random.default_rng(3).normal(size=(16, 4))
METHODS = {
    name: of_class
    for name in attribution.__all__
    if hasattr(of_class := getattr(attribution, name), "attribute") and name != "Model"
}
OF_A_METHOD = {
    "SmoothGrad": SmoothGrad(IntegratedGradients(), noise_sigma=0.1),
    "Superpixels": Superpixels(SampledShapley()),
    "Tokens": Tokens(SampledShapley()),
}


@pytest.fixture(scope="module")
def save(load_builders, tmp_path_factory):
    builders = load_builders("output_models")

    def build(head, **settings):
        module = builders.Head(head, **settings)
        path = str(tmp_path_factory.mktemp("head"))
        tf.saved_model.save(module, path, signatures=module.serve)
        return module, path

    return build


def last_of_two(logits):
    return tf.sigmoid(logits[:, 1:] - logits[:, :1])


def open_model(path, scale=Parameters.OUTPUT_SCALE_UNSPECIFIED, change=None):
    metadata = generate_metadata(path)
    if change:
        change(metadata.outputs["scores"])
    return load_explainable(path, metadata, output_scale=scale)


def inputs_of(cut, dtype=np.float32):
    return cut.encode({"x": tf.constant(ROWS, dtype)})


@pytest.fixture(scope="module")
def shifted(save):
    return [open_model(save(tf.nn.softmax, shift=shift)[1]) for shift in (0.0, 3.0)]


@pytest.mark.parametrize("name", METHODS)
def test_what_all_logits_have_in_common_is_never_attributed(name, shifted):
    method = OF_A_METHOD[name] if name in OF_A_METHOD else METHODS[name]()
    found = []
    for model in shifted:
        cut = model.differentiable()
        found.append(method.attribute(cut, inputs_of(cut), cut.baselines, cut.players, np.arange(16) % 3))
    assert np.abs(found[0].values).max() > 0.1
    np.testing.assert_allclose(found[1].values, found[0].values, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_log_odds_of_every_class_in_every_form(dtype, save):
    heads = {
        "softmax": tf.nn.softmax,
        "log_softmax": tf.nn.log_softmax,
        "exp of log_softmax": lambda logits: tf.exp(tf.nn.log_softmax(logits)),
        "log of softmax": lambda logits: tf.math.log(tf.nn.softmax(logits)),
        "halves": lambda logits: tf.cast(tf.nn.softmax(logits), tf.float64),
        "reversed": lambda logits: tf.gather(tf.nn.softmax(logits), [2, 1, 0], axis=1),
        "one of them": lambda logits: tf.nn.softmax(logits)[:, 1],
        "the logits": lambda logits: logits,
        "spelled out": lambda logits: quotient(tf.exp(logits - tf.reduce_max(logits, axis=1, keepdims=True))),
        "logarithm spelled out": lambda logits: logits - tf.reduce_logsumexp(logits, axis=1, keepdims=True),
    }
    picked = {"reversed": [2, 1, 0], "one of them": [1]}
    for name, head in heads.items():
        module, path = save(head, dtype=dtype)
        model = open_model(path, change=exclusive_logits if name == "the logits" else None)
        assert (model.output.quantity, model.output.classes) == ("log_odds", "exclusive"), name
        logits = module.logits(tf.constant(ROWS, dtype)).numpy().astype(np.float64)
        powers = np.exp(logits)
        expected = np.log(powers / (powers.sum(axis=1, keepdims=True) - powers))[:, picked.get(name, [0, 1, 2])]
        cut = model.coalitional()
        inputs = inputs_of(cut, dtype.as_numpy_dtype)
        np.testing.assert_allclose(cut.outputs(inputs), expected, rtol=1e-4, atol=1e-5, err_msg=name)
        for target in range(expected.shape[1]):
            chosen = cut.predict(inputs, np.full(16, target))
            np.testing.assert_allclose(chosen, expected[:, target], rtol=1e-4, atol=1e-5, err_msg=name)


def quotient(powers):
    return powers / tf.reduce_sum(powers, axis=1, keepdims=True)


def exclusive_logits(output):
    output.logits_tensor_name, output.classes, output.explained_quantity = "scores", "exclusive", "log_odds"


def test_saturated_probabilities_have_finite_log_odds_and_gradients(save):
    module, path = save(lambda logits: tf.nn.softmax(logits * 300.0))
    cut = open_model(path).differentiable()
    inputs = inputs_of(cut)
    logits = 300.0 * module.logits(tf.constant(ROWS, tf.float32)).numpy().astype(np.float64)
    targets = np.arange(16) % 3
    others = np.where(np.eye(3, dtype=bool)[targets], -np.inf, logits)
    expected = logits[np.arange(16), targets] - np.logaddexp.reduce(others, axis=1)
    outputs, gradients = cut.gradients(inputs, targets)
    np.testing.assert_allclose(outputs, expected, rtol=1e-4)
    np.testing.assert_allclose(cut.outputs(inputs).numpy()[np.arange(16), targets], expected, rtol=1e-4)
    assert all(np.isfinite(gradient).all() and np.any(gradient != 0) for gradient in gradients.values())


def test_two_classes_are_the_sigmoid_of_the_same_task(save):
    found = {}
    for name, head in {"softmax": tf.nn.softmax, "sigmoid": last_of_two}.items():
        model = open_model(save(head, classes=2)[1])
        cut = model.differentiable()
        target = model.num_outputs - 1
        for method in (IntegratedGradients(), SampledShapley()):
            result = method.attribute(cut, inputs_of(cut), cut.baselines, cut.players, np.full(16, target))
            found.setdefault(type(method), {})[name] = result.values
    for values in found.values():
        np.testing.assert_allclose(values["softmax"], values["sigmoid"], rtol=1e-4, atol=1e-5)


def both(probability):
    return [1 - probability, probability]


PAIRS = {
    "concatenated": lambda z: tf.concat(both(last_of_two(z)), axis=1),
    "stacked": lambda z: tf.stack(both(tf.squeeze(last_of_two(z), 1)), axis=-1),
    "stacked and reshaped": lambda z: tf.reshape(tf.stack(both(last_of_two(z)), axis=1), [-1, 2]),
    "by signs": lambda z: last_of_two(z) * [[-1.0, 1.0]] + [[1.0, 0.0]],
    "logarithms": lambda z: tf.math.log(tf.concat(both(last_of_two(z)), axis=1)),
    "in double precision": lambda z: tf.cast(tf.concat(both(last_of_two(z)), axis=1), tf.float64),
    "of a softmax": lambda z: tf.concat(both(tf.nn.softmax(z)[:, 1:]), axis=1),
    "spelled out": lambda z: tf.concat(both(1 / (1 + tf.exp(-(z[:, 1:] - z[:, :1])))), axis=1),
    "Platt's": lambda z: tf.concat(both(1 / (1 + tf.exp(z[:, :1] - z[:, 1:]))), axis=1),
    "two sigmoids": lambda z: (lambda d: tf.concat([tf.sigmoid(-d), tf.sigmoid(d)], axis=1))(z[:, 1:] - z[:, :1]),
}


@pytest.fixture(scope="module")
def single(save):
    """Attributions of the sigmoid."""
    cut = open_model(save(last_of_two, classes=2)[1]).differentiable()
    zeros = np.zeros(len(ROWS))
    return IntegratedGradients().attribute(cut, inputs_of(cut), cut.baselines, cut.players, zeros).values


@pytest.mark.parametrize("name", PAIRS)
def test_a_probability_and_what_it_leaves_to_1_are_the_two_classes_of_its_sigmoid(name, save, single):
    """By default, as the choice of outputs makes it: the second class of two."""
    found = [single]
    for head in (PAIRS[name], lambda z: PAIRS[name](z)[:, ::-1]):
        _, path = save(head, classes=2)
        model = open_model(path)
        chosen = choose_outputs(Parameters(), {"candidate": model})
        cut = model.differentiable()
        targets = chosen.of_rows(cut.outputs(inputs_of(cut)).numpy())[:, 0]
        assert model.output.quantity == "log_odds"
        result = IntegratedGradients().attribute(cut, inputs_of(cut), cut.baselines, cut.players, targets)
        found.append(result.values)
    single, pair, reverse = found
    assert model.output.classes == "exclusive"
    assert np.abs(single).max() > 0.1
    np.testing.assert_allclose(pair, single, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(reverse, -single, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("head", [lambda z: 1.0 - tf.sigmoid(z), lambda z: 1.0 / (1.0 + tf.exp(z))])
def test_what_a_sigmoid_leaves_to_1_is_explained_by_the_negative_logit(head, save):
    module, path = save(head)
    model = open_model(path)
    assert (model.output.quantity, model.output.classes) == ("log_odds", "independent")
    cut = model.coalitional()
    expected = -module.logits(tf.constant(ROWS, tf.float32))
    np.testing.assert_allclose(cut.outputs(inputs_of(cut)), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(cut.predict(inputs_of(cut), np.full(16, 1)), expected[:, 1], rtol=1e-5, atol=1e-6)


def mean(*probabilities):
    return tf.reduce_mean(tf.stack(probabilities), axis=0)


# Each with what it is of logits in exact numbers: all of it saturates in floats.
BLENDS = {
    "mean of softmaxes": (
        lambda z: mean(tf.nn.softmax(z), tf.nn.softmax(2 * z), tf.nn.softmax(-z)),
        lambda z: average(softmax(z), softmax(2 * z), softmax(-z)),
        "exclusive",
    ),
    "one of them, weighted": (
        lambda z: (0.25 * tf.nn.softmax(z) + 0.75 * tf.nn.softmax(-2 * z))[:, 1],
        lambda z: (softmax(z) / 4 + 3 * softmax(-2 * z) / 4)[1:2],
        "",
    ),
    "pair of a mean": (
        lambda z: tf.concat(both(mean(tf.sigmoid(z[:, :1]), tf.sigmoid(z[:, 1:2]))), axis=1),
        lambda z: pair(average(sigmoid(z[0]), sigmoid(z[1]))),
        "exclusive",
    ),
    "hyperbolic tangent": (lambda z: (tf.tanh(z) + 1) / 2, lambda z: sigmoid(2 * z), "independent"),
    "guarded": (lambda z: tf.clip_by_value(tf.nn.softmax(z), 1e-7, 1 - 1e-7), lambda z: softmax(z), "exclusive"),
    "its logarithm": (lambda z: -tf.math.softplus(-z), lambda z: sigmoid(z), "independent"),
    "tree": (
        lambda z: tf.concat(leaves(tf.sigmoid(z[:, :1]), tf.sigmoid(z[:, 1:2])), axis=1),
        lambda z: np.array(leaves(sigmoid(z[0]), sigmoid(z[1]))),
        "exclusive",
    ),
    "noisy or": (
        lambda z: 1 - tf.reduce_prod(1 - tf.sigmoid(z), axis=1),
        lambda z: np.array([1 - np.prod(1 - sigmoid(z))]),
        "",
    ),
}
exp, log = np.vectorize(decimal.Decimal.exp), np.vectorize(decimal.Decimal.ln)


def sigmoid(z):
    return 1 / (1 + exp(-z))


def softmax(z):
    return exp(z) / exp(z).sum()


def average(*probabilities):
    return sum(probabilities) / len(probabilities)


def pair(probability):
    return np.array(both(probability))


def leaves(first, second):
    return [first * second, first * (1 - second), 1 - first]


@pytest.mark.parametrize("name", BLENDS)
def test_blends_of_probabilities_are_explained_by_their_log_odds(name, save):
    """Means of models, products, guards against rounding: log-odds that reach far beyond what floats near 1 can say."""
    head, exact, classes = BLENDS[name]
    module, path = save(lambda logits: head(40 * logits))
    metadata = generate_metadata(path)
    assert metadata.outputs["scores"].classes == classes
    model = load_explainable(path, metadata)
    cut = model.differentiable()
    logits = 40 * module.logits(tf.constant(ROWS, tf.float32)).numpy().astype(np.float64)
    with decimal.localcontext(decimal.Context(prec=200)):
        exactly = [exact(np.vectorize(decimal.Decimal)(row)) for row in logits]
        expected = np.array([log(one / (1 - one)) for one in exactly]).astype(np.float64)
    assert model.output.quantity == "log_odds"
    assert np.abs(expected).max() > 50
    np.testing.assert_allclose(cut.outputs(inputs_of(cut)), expected, rtol=1e-4, atol=1e-4)
    for target in range(expected.shape[1]):
        found, gradients = cut.gradients(inputs_of(cut), np.full(16, target))
        np.testing.assert_allclose(found, expected[:, target], rtol=1e-4, atol=1e-4)
        assert all(np.isfinite(gradient).all() for gradient in gradients.values())


def test_logits_that_are_computed_twice_are_the_same(save):
    head = save(tf.identity)[0]

    class Twice(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, "x")])
        def serve(self, x):
            first, second = (tf.sigmoid(head.logits(x)[:, :1]) for _ in range(2))
            return {"scores": tf.concat([1 - first, second], axis=1)}

    twice = Twice()
    twice.head = head
    _, path = save(tf.identity)
    tf.saved_model.save(twice, path, signatures=twice.serve)
    output = generate_metadata(path).outputs["scores"]
    assert (output.classes, output.explained_quantity) == ("exclusive", "log_odds")


def test_what_is_no_probability_is_explained_as_it_is_served(save):
    others = {
        "rating": lambda z: 5 * tf.sigmoid(z),
        "from -1 to 1": lambda z: 2 * tf.sigmoid(z) - 1,
        "difference": lambda z: tf.sigmoid(z[:, :1]) - tf.sigmoid(z[:, 1:2]),
        "expectation": lambda z: tf.nn.softmax(z) @ tf.constant([[0.0], [0.5], [1.0]]),
        "kept from the ends": lambda z: tf.clip_by_value(tf.sigmoid(z), 0.05, 0.95),
        "rate": tf.exp,
    }
    for name, head in others.items():
        assert open_model(save(head)[1]).output.quantity == "served", name


def test_exclusive_classes_and_independent_labels_are_told_apart(save):
    told = {}
    heads = {
        "softmax": tf.nn.softmax,
        "labels": tf.sigmoid,
        "single": lambda z: tf.sigmoid(z[:, :1]),
        "raw": tf.identity,
    }
    for name, head in heads.items():
        output = generate_metadata(save(head)[1]).outputs["scores"]
        told[name] = (output.classes, output.explained_quantity)
    assert told["softmax"] == ("exclusive", "log_odds")
    assert told["labels"] == ("independent", "log_odds")
    assert told["single"] == ("", "log_odds")
    assert told["raw"] == ("", "served")


def test_a_softmax_in_the_middle_is_none_of_the_output_s(save):
    _, path = save(lambda logits: tf.nn.softmax(logits) @ tf.constant([[1.0], [2.0], [4.0]]))
    output = generate_metadata(path).outputs["scores"]
    assert (output.classes, output.logits_tensor_name, output.explained_quantity) == ("", "", "served")


def test_logits_served_beside_probabilities_are_logits(save):
    module, path = save(tf.nn.softmax)

    class Both(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, "x")])
        def serve(self, x):
            logits = module.logits(x)
            return {"logits": logits, "probabilities": tf.nn.softmax(logits)}

    both = Both()
    both.module = module
    tf.saved_model.save(both, path, signatures=both.serve)
    for output in generate_metadata(path).outputs.values():
        assert (output.classes, output.explained_quantity) == ("exclusive", "log_odds")


def test_a_softmax_over_one_class_is_refused_by_name_when_metadata_is_made(save):
    _, path = save(lambda logits: tf.nn.softmax(logits[:, :1]))
    with pytest.raises(ValueError, match=r"outputs\['scores'\]: a softmax over one class is 1 for every row"):
        generate_metadata(path)
    by_logits = explanation_pb2.ExplanationMetadata()
    by_logits.outputs["scores"].explained_quantity = "logits"
    metadata = generate_metadata(path, overrides=by_logits)
    assert load_explainable(path, metadata).output.quantity == "logits"


def test_scales_are_a_choice_and_what_is_wrong_is_said(save):
    module, path = save(tf.nn.softmax)
    logits = module.logits(tf.constant(ROWS, tf.float32))
    expected = {Parameters.LOGITS: logits, Parameters.SERVED: tf.nn.softmax(logits)}
    for scale, outputs in expected.items():
        cut = open_model(path, scale).coalitional()
        np.testing.assert_allclose(cut.outputs(inputs_of(cut)), outputs, rtol=1e-5, atol=1e-6)
    assert (
        open_model(path, change=lambda output: setattr(output, "explained_quantity", "logits")).output.quantity
        == "logits"
    )
    with pytest.raises(ValueError, match="'odds' is not allowed; "):
        open_model(path, change=lambda output: setattr(output, "explained_quantity", "odds"))
    _, raw = save(tf.identity)
    with pytest.raises(ValueError, match="there is none; explain the output as it is SERVED"):
        open_model(raw, Parameters.LOG_ODDS)
    with pytest.raises(ValueError, match=r"outputs\['scores'\].classes: log-odds take to know what"):
        open_model(raw, Parameters.LOG_ODDS, lambda output: setattr(output, "logits_tensor_name", "scores"))


def test_a_name_that_classes_share_chooses_none_of_them(save):
    def name(output):
        output.index_name_mapping.list_value.extend(["a", "b", "a"])

    model = open_model(save(tf.nn.softmax)[1], change=name)
    with pytest.raises(ValueError, match="the classes 0, 2 are all named 'a'; give output_indices"):
        choose_outputs(Parameters(class_names=["a"]), {"candidate": model})
    assert choose_outputs(Parameters(class_names=["b"]), {"candidate": model}).fixed == (1,)
