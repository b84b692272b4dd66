"""Maps of image features in records: what they hold, and who takes them for what."""

import io
import pydoc

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import json_format
from PIL import Image
from tfx_bsl.coders.example_coder import ExamplesToRecordBatchDecoder

from tfx_explain.attribution import curves
from tfx_explain.beam.explain import RowExplainer
from tfx_explain.beam.explaining.job import ExplanationJob
from tfx_explain.beam.explaining.method import make_method
from tfx_explain.beam.explaining.parameters import check_parameters
from tfx_explain.beam.reading.batches import RowBatch
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata
from tfx_explain.storage import columns
from tfx_explain.storage.tfrecords import as_records

XRAI = {"xrai_attribution": {"step_count": 32}}


class Pictures(tf.Module):
    """Two classes' scores: the weighted sum of a picture's squared pixels and a number, and its opposite."""

    def __init__(self, weight: float):
        super().__init__()
        self.weight = tf.Variable(weight)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve(self, examples):
        spec = {
            "picture": tf.io.FixedLenFeature([12, 9, 3], tf.float32),
            "number": tf.io.FixedLenFeature([], tf.float32),
        }
        parsed = tf.io.parse_example(examples, spec)
        score = self.weight * tf.reduce_sum(parsed["picture"] ** 2, axis=[1, 2, 3]) + parsed["number"]
        return {"scores": tf.stack([score, -score], axis=1)}


class Bytes(tf.Module):
    """The sum of a grey picture's squares, from whole numbers that are brought to between -1 and 1."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve(self, examples):
        pixels = tf.io.parse_example(examples, {"pixels": tf.io.FixedLenFeature([5 * 4], tf.int64)})["pixels"]
        picture = tf.reshape(tf.cast(pixels, tf.float32) / 127.5 - 1.0, [-1, 5, 4, 1])
        return {"score": tf.reduce_sum(tf.nn.conv2d(picture, tf.ones([1, 1, 1, 1]), 1, "SAME") ** 2, axis=[1, 2, 3])}


class Photos(tf.Module):
    """Photographs as JPEG, of one size."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve(self, examples):
        texts = tf.io.parse_example(examples, {"photo": tf.io.FixedLenFeature([], tf.string)})["photo"]
        pixels = tf.map_fn(self.decode, texts, fn_output_signature=tf.float32)
        weights = tf.reshape(tf.range(16 * 20, dtype=tf.float32), [16, 20, 1]) / 320.0
        return {
            "score": tf.reduce_sum(tf.nn.conv2d(pixels, tf.ones([1, 1, 3, 1]), 1, "SAME") * weights, axis=[1, 2, 3])
        }

    def decode(self, text):
        pixels = tf.io.decode_jpeg(text, channels=3)
        return tf.ensure_shape(tf.cast(pixels, tf.float32) / 255.0, [16, 20, 3])


@pytest.fixture(scope="module")
def save(tmp_path_factory):
    def saved(module):
        path = str(tmp_path_factory.mktemp("model"))
        tf.saved_model.save(module, path, signatures={"serving_default": module.serve})
        return path

    return saved


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).random((3, 12, 9, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def rows(pictures, example):
    return [example(picture=one.reshape(-1).tolist(), number=float(i)) for i, one in enumerate(pictures)]


@pytest.fixture(scope="module")
def model(save):
    return save(Pictures(1.0))


def _job(model, parameters, metadata=None, baseline=""):
    settings = json_format.ParseDict(parameters, explanation_pb2.ExplanationParameters())
    return ExplanationJob(model, metadata or generate_metadata(model), settings, baseline).completed()


def _explain(job, rows):
    return RowExplainer(job).explain(RowBatch(as_records(rows)))


def _column(records, model, part, feature):
    batch = ExamplesToRecordBatchDecoder().DecodeBatch(list(records))
    return batch.column(batch.schema.get_field_index(f"{columns.PREFIX}{model}/{part}/{feature}")).to_pylist()


def _maps(records, model, feature):
    """float `[rows, outputs, height, width]`, as the columns' description says."""
    shape = _column(records, model, columns.MAP_SHAPES, feature)[0]
    texts, scales = (_column(records, model, part, feature) for part in (columns.MAPS, columns.MAP_SCALES))
    return np.array(
        [
            [np.frombuffer(text, "<f2").reshape(shape).astype(float) * scale for text, scale in zip(*row, strict=True)]
            for row in zip(texts, scales, strict=True)
        ]
    )


def test_maps_are_kept_on_request_and_change_nothing_else(model, save, pictures, rows):
    parameters, other = {"output_indices": [1, 0]}, save(Pictures(2.0))
    kept = _explain(_job(model, {**parameters, "keep_maps": True}, baseline=other), rows)
    plain = _explain(_job(model, parameters, baseline=other), rows)
    for name, weight in ((columns.CANDIDATE, 1.0), (columns.BASELINE, 2.0)):
        maps = _maps(kept.records, name, "picture")
        expected = weight * (pictures**2).sum(axis=3)
        np.testing.assert_allclose(maps[:, 0], -expected, rtol=2e-3, atol=2e-3)
        np.testing.assert_allclose(maps[:, 1], expected, rtol=2e-3, atol=2e-3)
    batches = [ExamplesToRecordBatchDecoder().DecodeBatch(list(one.records)) for one in (plain, kept)]
    assert columns.mapped_features(batches[0].schema.names, columns.CANDIDATE) == ()
    assert columns.mapped_features(batches[1].schema.names, columns.BASELINE) == ("picture",)
    for name in batches[0].schema.names:
        first, second = (batch.column(batch.schema.get_field_index(name)) for batch in batches)
        assert first.equals(second), name
    assert {columns.is_explanation_column(name) for name in set(batches[1].schema.names) - {"picture", "number"}} == {
        True
    }
    attributed = [columns.attributed_features(batch.schema.names, columns.CANDIDATE) for batch in batches]
    assert attributed[0] == attributed[1] == ("number", "picture")


def test_xrai_has_black_and_white_of_the_picture_or_of_its_domain(model, save, pictures, rows):
    found = _explain(_job(model, XRAI), rows)
    squares = (pictures**2).sum(axis=(1, 2, 3))
    ends = [reduce(axis=(1, 2, 3)) ** 2 for reduce in (pictures.min, pictures.max)]
    values = [tf.train.Example.FromString(record).features.feature for record in found.records]
    by_row = [value[columns.attribution_column(columns.CANDIDATE, "picture")].float_list.value[0] for value in values]
    sign = [
        1 if value[columns.field_column("candidate", "output_index")].int64_list.value[0] == 0 else -1
        for value in values
    ]
    np.testing.assert_allclose(by_row, (squares - pictures[0].size * np.mean(ends, axis=0)) * sign, rtol=1e-3)
    order = _column(found.records, columns.CANDIDATE, columns.MAP_REGIONS, "picture")
    assert np.frombuffer(order[0][0], "<u2").min() == 1
    heat = _maps(found.records, columns.CANDIDATE, "picture")
    assert heat.shape == (3, 1, 12, 9)
    metadata = generate_metadata(model)
    metadata.inputs["picture"].domain.min, metadata.inputs["picture"].domain.max = 0, 2
    job = _job(model, {**XRAI, "output_indices": [0]}, metadata, baseline=save(Pictures(2.0)))
    expected = squares[0] - pictures[0].size * 2
    for name, weight in ((columns.CANDIDATE, 1.0), (columns.BASELINE, 2.0)):
        ((value,),) = _column(_explain(job, rows[:1]).records, name, "attributions", "picture")
        assert value == pytest.approx(weight * expected, rel=1e-3)


def test_the_ends_of_a_domain_are_encoded_as_the_model_encodes_pixels(save):
    pixels = np.random.default_rng(0).integers(0, 200, (1, 5 * 4))
    model = save(Bytes())
    metadata = generate_metadata(model)
    metadata.inputs["pixels"].domain.min, metadata.inputs["pixels"].domain.max = 0, 255
    example = tf.train.Example()
    example.features.feature["pixels"].int64_list.value.extend(pixels[0])
    (record,) = _explain(_job(model, XRAI, metadata), [example.SerializeToString()]).records
    ((value,),) = _column([record], columns.CANDIDATE, "attributions", "pixels")
    # Black is -1 and white 1, whose squares add up to as much.
    assert value == pytest.approx(((pixels / 127.5 - 1) ** 2 - 1).sum(), rel=1e-3)


@pytest.mark.parametrize(
    "parameters",
    [
        {"superpixel_attribution": {"superpixel_count": 4, "absent": "mean"}},
        {"superpixel_attribution": {"method": "lime", "blur_baseline_config": {"max_blur_sigma": 1.0}}},
        {
            "xrai_attribution": {
                "blur_baseline_config": {"max_blur_sigma": 1.0},
                "smooth_grad_config": {"noise_sigma": 0.1},
            }
        },
        {
            "integrated_gradients_attribution": {
                "blur_baseline_config": {"max_blur_sigma": 1.0},
                "smooth_grad_config": {"noise_sigma": 0.1},
            },
            "keep_maps": True,
        },
    ],
    ids=["superpixels", "lime", "smooth regions", "smooth pixels"],
)
def test_other_methods_of_pictures_write_the_same_columns(model, save, rows, parameters):
    found = _explain(_job(model, {**parameters, "output_indices": [0]}, baseline=save(Pictures(2.0))), rows)
    assert found.summary.rows_explained == 3
    for name in columns.MODELS:
        maps = _maps(found.records, name, "picture")
        assert np.isfinite(maps).all()
        if "keep_maps" in parameters:
            own = _column(found.records, name, "attributions", "picture")
            np.testing.assert_allclose(maps.sum(axis=(2, 3)), own, rtol=2e-3, atol=2e-3)
        assert _column(found.records, name, columns.MAP_SHAPES, "picture")[0] == [12, 9]


@pytest.mark.parametrize(
    ("parameters", "cut"),
    [
        (XRAI, "attribution.methods.xrai.over_segment"),
        ({"superpixel_attribution": {"method": "occlusion"}}, "attribution.methods.superpixels.superpixels"),
    ],
)
def test_a_picture_is_cut_once_for_both_models_and_all_classes(model, save, rows, monkeypatch, parameters, cut):
    calls = []
    once = pydoc.locate(f"tfx_explain.{cut}")
    monkeypatch.setattr(f"tfx_explain.{cut}", lambda image, **given: calls.append(image) or once(image, **given))
    job = _job(model, {**parameters, "output_indices": [0, 1]}, baseline=save(Pictures(2.0)))
    assert _explain(job, rows).summary.rows_explained == len(calls) == len(rows)


def test_noise_that_is_not_given_is_vertex_s():
    given = explanation_pb2.ExplanationParameters(xrai_attribution={"smooth_grad_config": {}})
    assert make_method(given)._method._noise_sigma == 0.1
    given.xrai_attribution.smooth_grad_config.noise_sigma = 0
    assert make_method(given)._method._noise_sigma == 0


def test_photographs_are_decoded_and_another_size_is_a_dead_letter(save):
    def row(height, width):
        written, pixels = io.BytesIO(), np.random.default_rng(1).integers(0, 255, (height, width, 3), np.uint8)
        Image.fromarray(pixels).save(written, "JPEG")
        example = tf.train.Example()
        example.features.feature["photo"].bytes_list.value.append(written.getvalue())
        return example.SerializeToString()

    model = save(Photos())
    metadata = generate_metadata(model)
    assert metadata.inputs["photo"].modality == "image"
    assert metadata.inputs["photo"].HasField("visualization")
    found = _explain(_job(model, XRAI, metadata), [row(16, 20), row(17, 20), row(16, 20)])
    assert (found.summary.rows_explained, found.summary.rows_failed) == (2, 1)
    assert "17,20,3" in next(iter(found.summary.causes)).replace(" ", "")
    assert _maps(found.records, columns.CANDIDATE, "photo").shape == (2, 1, 16, 20)


def test_what_pictures_cannot_have_is_refused(model, rows):
    with pytest.raises(ValueError, match=r"kernel_shap_attribution gives a feature one number, .* leave keep_maps out"):
        check_parameters(explanation_pb2.ExplanationParameters(keep_maps=True, kernel_shap_attribution={}))
    with pytest.raises(ValueError, match=r"superpixel_attribution.method is 'lima'; give one of kernel_shap"):
        check_parameters(explanation_pb2.ExplanationParameters(superpixel_attribution={"method": "lima"}))
    with pytest.raises(ValueError, match="area_fraction is 7"):
        check_parameters(explanation_pb2.ExplanationParameters(xrai_attribution={"area_fraction": 7}))
    metadata = generate_metadata(model)
    del metadata.inputs["number"].input_baselines[:]
    for number in (0, 1, 2):
        metadata.inputs["number"].input_baselines.add(number_value=number)
    with pytest.raises(ValueError, match="gives 3 baselines, and XRAI has two of an image"):
        RowExplainer(_job(model, XRAI, metadata))
    metadata = generate_metadata(model)
    metadata.inputs["picture"].modality = "numeric"
    with pytest.raises(
        ValueError, match=r"xrai_attribution needs features of modality 'image', .* 'picture' \(numeric\)"
    ):
        RowExplainer(_job(model, XRAI, metadata))
    with pytest.raises(ValueError, match="keep_maps needs features of modality 'image'"):
        RowExplainer(_job(model, {"keep_maps": True}, metadata))


def test_maps_are_measured_on_request(model, save, pictures, rows):
    parameters = {"output_indices": [1, 0], "measure_maps": True}
    for method in ({"keep_maps": True}, {"superpixel_attribution": {"superpixel_count": 6}}):
        found = _explain(_job(model, {**parameters, **method}, baseline=save(Pictures(2.0))), rows)
        maps = _maps(found.records, columns.BASELINE, "picture")
        for class_index, sign in enumerate((-1, 1)):

            def score(x, sign=sign):
                return sign * 2 * tf.reduce_sum(x**2, axis=[1, 2, 3])

            expected = curves(score, pictures[:1], maps[:1, class_index])
            areas = (expected.insertion_areas()[0], expected.deletion_areas()[0])
            written = [
                _column(found.records, columns.BASELINE, part, "picture")[0][class_index]
                for part in columns.AREAS_OF_MAPS
            ]
            np.testing.assert_allclose(written, areas, rtol=2e-3)
    with pytest.raises(ValueError, match="measure_maps says how good maps are, and there are none; set keep_maps"):
        check_parameters(explanation_pb2.ExplanationParameters(measure_maps=True))
