"""Strings that a model decodes, explained where they are decoded."""

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.attribution import IntegratedGradients, SampledShapley
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import load_explainable

BOTH = ["integrated_gradients", "sampled_shapley"]
LOGITS, SERVED = explanation_pb2.ExplanationParameters.LOGITS, explanation_pb2.ExplanationParameters.SERVED


def pictures(shape):
    return np.random.default_rng(3).integers(0, 256, (2, *shape), np.uint8)


ROWS = {
    "Photos": {"image_bytes": [tf.io.encode_jpeg(image).numpy() for image in pictures((9, 7, 3))]},
    "PhotosInBase64": {
        "image": [tf.io.encode_base64(tf.io.encode_png(image)).numpy() for image in pictures((6, 6, 1))],
        "x": [0.5, -2.0],
    },
    "Review": {"review": ["A good Film", "bad"]},
    "Line": {"line": ["1;2;3;4", "0.5;0;-1;7"]},
    "JsonFields": {"json": ['{"age": 3.5, "word": "bad"}', '{"word": "none", "age": 1}']},
    "Bytes": {"raw": [bytes(range(6)), bytes(range(1, 7))]},
    "AnyWidth": {"x": np.eye(2, 7, dtype=np.float32), "ids": np.array([[1, 2, 0], [3, 0, 0]])},
}


@pytest.mark.parametrize(
    ("name", "feature", "modality", "encoding", "has_encoded_baseline"),
    [
        ("Photos", "image_bytes", "image", "identity", True),
        ("PhotosInBase64", "image", "image", "identity", True),
        ("PhotosInBase64", "x", "numeric", "identity", False),
        ("Review", "review", "text", "combined_embedding", False),
        ("Line", "line", "structured", "identity", True),
        ("JsonFields", "json", "structured", "identity", True),
        ("Bytes", "raw", "structured", "identity", True),
        ("AnyWidth", "x", "numeric", "bag_of_features", False),
        ("AnyWidth", "ids", "categorical", "concat_embedding", False),
    ],
)
def test_what_a_string_is(found, name, feature, modality, encoding, has_encoded_baseline):
    entry = found(name).inputs[feature]
    assert (entry.modality, entry.encoding, list(entry.explainable_by)) == (modality, encoding, BOTH)
    assert [value.number_value for value in entry.encoded_baselines] == [0.0] * has_encoded_baseline
    assert len(entry.input_baselines) == (not has_encoded_baseline)
    assert entry.HasField("visualization") == (modality == "image")


def test_a_text_without_words_stands_for_nothing_only_where_it_has_an_output(found):
    (baseline,) = found("Review").inputs["review"].input_baselines
    assert baseline.string_value == "[UNK]"


@pytest.mark.parametrize("name", sorted(ROWS))
def test_fed_where_it_is_decoded_it_gives_the_served_output(zoo, found, name):
    rows = {key: tf.constant(values) for key, values in ROWS[name].items()}
    (expected,) = zoo(name).module.serve(**rows).values()
    model = load_explainable(zoo(name).path, found(name), output_scale=SERVED)
    for cut in (model.differentiable(), model.coalitional()):
        outputs = cut.outputs(cut.encode(rows))
        np.testing.assert_allclose(outputs, tf.reshape(expected, outputs.shape), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("name", "scale"), [("Photos", LOGITS), ("PhotosInBase64", SERVED)])
def test_gradients_by_pixels_are_those_of_a_tape_on_the_original(zoo, found, name, scale):
    module, rows = zoo(name).module, {key: tf.constant(values) for key, values in ROWS[name].items()}
    feature = next(iter(rows))
    pixels = module.decode(rows[feature])
    factor = rows.get("x", tf.ones([2]))
    with tf.GradientTape() as tape:
        tape.watch(pixels)
        output = module.head(pixels)[:, 1] * factor
    cut = load_explainable(zoo(name).path, found(name), output_scale=scale).differentiable()
    (key,) = cut.players[feature]
    inputs = cut.encode(rows)
    outputs, gradients = cut.gradients(inputs, np.ones(2, np.int32))
    np.testing.assert_allclose(outputs, output, rtol=1e-5)
    np.testing.assert_allclose(inputs[key], pixels)
    np.testing.assert_allclose(gradients[key], tape.gradient(output, pixels), rtol=1e-5, atol=1e-6)


def test_axes_of_any_size_get_baselines_of_the_rows_size(zoo, found):
    """score = x . w + embeddings of the ids that are no padding: each feature owes what its own term is."""
    module, rows = zoo("AnyWidth").module, {key: tf.constant(values) for key, values in ROWS["AnyWidth"].items()}
    model = load_explainable(zoo("AnyWidth").path, found("AnyWidth"))
    numbers = rows["x"].numpy() @ module.w.numpy()
    results = [
        method.attribute(cut, cut.encode(rows), cut.baselines, cut.players, **keys)
        for method, cut, keys in (
            (IntegratedGradients(), model.differentiable(), {}),
            (SampledShapley(), model.coalitional(), {"row_keys": np.arange(2, dtype=np.uint64)}),
        )
    ]
    embedded = [module.embedding.numpy()[ids].sum() for ids in ([1, 2], [3])]
    for result in results:
        assert result.features == ("ids", *(f"x[{column}]" for column in range(7)))
        values = np.stack([result.values[:, 0], result.values[:, 1:].sum(axis=1)], 1)
        np.testing.assert_allclose(values, np.stack([embedded, numbers[:, 0]], 1), atol=1e-4)
