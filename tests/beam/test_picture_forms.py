"""Pictures in every form that models take them in, from the SavedModel to the overlay."""

import base64
import io

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import json_format
from PIL import Image

from tfx_explain.beam.explain import RowExplainer
from tfx_explain.beam.explaining.job import ExplanationJob
from tfx_explain.beam.reading.batches import RowBatch
from tfx_explain.proto import explanation_pb2
from tfx_explain.report.overlay import Settings, overlay
from tfx_explain.report.pictures import most_changed_of
from tfx_explain.savedmodel import generate_metadata
from tfx_explain.storage import columns
from tfx_explain.storage.tfrecords import as_records

HEIGHT, WIDTH = 12, 15
XRAI = {"xrai_attribution": {"step_count": 8}}
SUPERPIXELS = {"superpixel_attribution": {"superpixel_count": 4, "method": "occlusion", "absent": "mean"}}


def _mapped(decode, dtype=tf.float32):
    return lambda texts: tf.map_fn(decode, texts, fn_output_signature=dtype)


def _sized(pixels, channels=3):
    return tf.ensure_shape(tf.cast(pixels, tf.float32) / 255.0, [HEIGHT, WIDTH, channels])


def _shaped(pixels, channels=1):
    return tf.reshape(tf.cast(pixels, tf.float32), [-1, HEIGHT, WIDTH, channels]) / 255.0


def _resized(text):
    return tf.image.resize(tf.cast(tf.io.decode_jpeg(text, channels=3), tf.float32), [HEIGHT, WIDTH]) / 255.0


def _file(kind):
    def write(pixels):
        written = io.BytesIO()
        Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels).save(written, kind)
        return written.getvalue()

    return write


def _base64(write):
    return lambda pixels: base64.urlsafe_b64encode(write(pixels))


def _floats(pixels):
    return (pixels / 255).astype(np.float32)


# By name: channels, what the model makes of its input, what writes a row's value, and the input's shape and dtype.
STRINGS = {
    "jpeg": (3, _mapped(lambda text: _sized(tf.io.decode_jpeg(text, channels=3))), _file("JPEG")),
    "grey png": (1, _mapped(lambda text: _sized(tf.io.decode_png(text, channels=1), 1)), _file("PNG")),
    "image": (3, _mapped(lambda t: _sized(tf.io.decode_image(t, 3, expand_animations=False))), _file("PNG")),
    "bitmap": (3, _mapped(lambda text: _sized(tf.io.decode_bmp(text, channels=3))), _file("BMP")),
    "gif": (3, _mapped(lambda text: _sized(tf.io.decode_gif(text)[0])), _file("GIF")),
    "crop": (
        3,
        _mapped(lambda text: _sized(tf.io.decode_and_crop_jpeg(text, [0, 0, HEIGHT, WIDTH], channels=3))),
        _file("JPEG"),
    ),
    "resized": (3, _mapped(_resized), _file("JPEG")),
    "vectorized": (
        3,
        lambda texts: tf.vectorized_map(lambda text: _sized(tf.io.decode_png(text, channels=3)), texts),
        _file("PNG"),
    ),
    "base64": (
        3,
        _mapped(lambda text: _sized(tf.io.decode_png(tf.io.decode_base64(text), channels=3))),
        _base64(_file("PNG")),
    ),
    "bytes": (1, lambda texts: _shaped(tf.io.decode_raw(texts, tf.uint8)), lambda pixels: pixels.tobytes()),
    "base64 of bytes": (
        3,
        lambda texts: _shaped(tf.io.decode_raw(tf.io.decode_base64(texts), tf.uint8), 3),
        _base64(lambda pixels: pixels.tobytes()),
    ),
}
NUMBERS = {
    "floats": (3, lambda x: x, _floats, [HEIGHT, WIDTH, 3], tf.float32),
    "grey matrix": (1, lambda x: x[..., None], _floats, [HEIGHT, WIDTH], tf.float32),
    "list of floats": (3, lambda x: tf.reshape(x, [-1, HEIGHT, WIDTH, 3]), _floats, [HEIGHT * WIDTH * 3], tf.float32),
    "list of integers": (1, _shaped, lambda pixels: pixels.astype(np.int64), [HEIGHT * WIDTH], tf.int64),
    "channels first": (
        3,
        lambda x: tf.transpose(x, [0, 2, 3, 1]),
        lambda pixels: _floats(pixels).transpose(2, 0, 1),
        [3, HEIGHT, WIDTH],
        tf.float32,
    ),
    "bytes as numbers": (3, lambda x: tf.cast(x, tf.float32) / 255.0, lambda x: x, [HEIGHT, WIDTH, 3], tf.uint8),
}
FORMS = STRINGS | NUMBERS
# One of each kind is explained from end to end; the others have what differs looked at.
EXPLAINED = {
    "grey png": SUPERPIXELS,
    "vectorized": XRAI,
    "base64 of bytes": XRAI,
    "list of floats": SUPERPIXELS,
    "channels first": SUPERPIXELS,
    "bytes as numbers": XRAI,
}


def _score(pictures):
    """Two classes' probabilities, by a convolution and what it finds where."""
    channels = pictures.shape[3]
    kernel = tf.reshape(tf.sin(tf.range(9.0 * channels * 2)), [3, 3, channels, 2])
    return tf.nn.softmax(tf.reduce_mean(tf.nn.relu(tf.nn.conv2d(pictures, kernel, 1, "SAME")), axis=[1, 2]))


def _save(path, form, parsed):
    _, decode, _, *rest = form
    shape, dtype = rest or ([], tf.string)
    module = tf.Module()
    if parsed:

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
        def serve(examples):
            return {"scores": _score(decode(tf.io.parse_example(examples, {"it": parse})["it"]))}

        parse = tf.io.FixedLenFeature(shape, dtype)
    else:

        @tf.function(input_signature=[tf.TensorSpec([None, *shape], dtype, "it")])
        def serve(it):
            return {"scores": _score(decode(it))}

    module.serve = serve
    tf.saved_model.save(module, str(path), signatures={"serving_default": serve})
    return str(path)


def _pixels(channels, height=HEIGHT, width=WIDTH, seed=0):
    slope = np.linspace(0, 200, height)[:, None, None] * np.linspace(0, 1, width)[:, None]
    noise = np.random.default_rng(seed).integers(0, 50, (height, width, channels))
    return (slope + noise).astype(np.uint8)


def _row(value):
    example = tf.train.Example()
    feature = example.features.feature["it"]
    if isinstance(value, bytes):
        feature.bytes_list.value.append(value)
    elif value.dtype.kind == "f":
        feature.float_list.value.extend(value.ravel())
    else:
        feature.int64_list.value.extend(value.ravel())
    return example.SerializeToString()


def _explain(path, metadata, parameters, rows):
    settings = json_format.ParseDict(parameters, explanation_pb2.ExplanationParameters())
    return RowExplainer(ExplanationJob(path, metadata, settings).completed()).explain(RowBatch(as_records(rows)))


@pytest.mark.parametrize("name", FORMS)
def test_a_form_is_found_to_be_a_picture(name, tmp_path):
    # A parser has no features of single bytes.
    parsed = name not in EXPLAINED and FORMS[name][-1] != tf.uint8
    entry = generate_metadata(_save(tmp_path / "model", FORMS[name], parsed)).inputs["it"]
    assert (entry.modality, entry.HasField("visualization")) == ("image", True)
    assert list(entry.explainable_by) == ["integrated_gradients", "sampled_shapley"]
    assert bool(entry.encoded_tensor_name) == (name not in ("floats", "grey matrix"))


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPLAINED)
def test_pictures_of_a_form_are_explained_and_drawn_and_others_set_aside(name, tmp_path):
    channels, _, write, *_ = FORMS[name]
    path = _save(tmp_path / "model", FORMS[name], parsed=False)
    good = [_row(write(_pixels(channels, seed=seed))) for seed in range(3)]
    bad = [_row(write(_pixels(channels, height=HEIGHT + 6)))]
    if name == "bytes as numbers":
        bad.append(_row(write(_pixels(channels)).astype(np.int64) + 100))
    if name in STRINGS:
        value = write(_pixels(channels))
        bad += [_row(value[: len(value) // 2]), _row(b"no picture"), _row(b"")]
    metadata = generate_metadata(path)
    found = _explain(path, metadata, EXPLAINED[name], [good[0], *bad, *good[1:]])
    assert (found.summary.rows_explained, found.summary.rows_failed) == (3, len(bad))
    assert all(len(cause) > 10 and "\n" not in cause for cause in found.summary.causes), found.summary.causes
    for picture in most_changed_of(found.records, 3):
        numbers = picture.maps[columns.CANDIDATE]
        assert numbers.shape == (HEIGHT, WIDTH) and np.abs(numbers).max() > 0
        image = picture.image(metadata.inputs["it"].input_tensor_shape)
        expected = np.broadcast_to(_pixels(channels, seed=picture.number - 1), (HEIGHT, WIDTH, 3))
        np.testing.assert_allclose(image, expected, atol=1)
        assert overlay(image, numbers, Settings()).png


def _pixels_of(texts):
    pixels = tf.cast(tf.io.decode_raw(tf.io.decode_base64(texts), tf.uint8), tf.float32)
    return tf.reshape(pixels / 127.5 - 1.0, [-1, HEIGHT, WIDTH, 3])


@pytest.mark.parametrize(
    ("decode", "black"),
    [
        (_mapped(lambda text: _sized(tf.io.decode_jpeg(text, channels=3)) * 2 - 1), -1),
        (_pixels_of, -1),
        (lambda texts: _shaped(tf.io.decode_raw(texts, tf.uint8), 3) * 2 - 1, 0),
    ],
    ids=["scaled as they are decoded", "scaled before they are pictures", "scaled behind their tensor"],
)
def test_the_baseline_is_what_the_model_makes_of_black(decode, black, tmp_path):
    entry = generate_metadata(_save(tmp_path / "model", (3, decode, None), parsed=True)).inputs["it"]
    assert [one.number_value for one in entry.encoded_baselines] == [black]
    assert f"the baseline is {black} at" in entry.finding


def test_pictures_of_several_sizes_are_explained_one_by_one_and_have_maps_of_one_size(tmp_path):
    form = (3, _mapped(lambda text: tf.cast(tf.io.decode_png(text, channels=3), tf.float32) / 255.0), _file("PNG"))
    path = _save(tmp_path / "model", form, parsed=True)
    rows = [_row(form[2](_pixels(3, height=height))) for height in (HEIGHT, HEIGHT + 6, HEIGHT)]
    metadata = generate_metadata(path)
    plain = _explain(path, metadata, {}, rows)
    assert plain.summary.rows_explained == 3
    found = _explain(path, metadata, SUPERPIXELS, rows)
    assert (found.summary.rows_explained, found.summary.rows_failed) == (2, 1)
    (cause,) = found.summary.causes
    assert cause.startswith("Feature 'it' is a picture of 18 x 15 pixels, most that were read with it have 12 x 15")
