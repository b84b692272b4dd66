"""Several outputs, models with different features, every method: what a record then holds."""

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.attribution import Blurred
from tfx_explain.beam.explain import RowExplainer
from tfx_explain.beam.explaining.job import ExplanationJob, load_models
from tfx_explain.beam.explaining.parameters import check_parameters
from tfx_explain.beam.reading.batches import RowBatch
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata
from tfx_explain.storage.tfrecords import as_records


class Classes(tf.Module):
    """Three classes: x, y and x + y; `extra` adds to the last."""

    def __init__(self, extra=None):
        super().__init__()
        names = ["x", "y", extra] if extra else ["x", "y"]
        self.spec = {name: tf.io.FixedLenFeature([], tf.float32) for name in names}
        self.extra = extra

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(self, examples):
        parsed = tf.io.parse_example(examples, self.spec)
        last = parsed["x"] + parsed["y"] + (2.0 * parsed[self.extra] if self.extra else 0.0)
        return {"scores": tf.stack([parsed["x"], parsed["y"], last], axis=1)}


@pytest.fixture(scope="module")
def save(tmp_path_factory):
    def build(extra=None):
        path = str(tmp_path_factory.mktemp("classes"))
        module = Classes(extra)
        tf.saved_model.save(module, path, signatures={"serving_default": module.serve})
        return path

    return build


@pytest.fixture(scope="module")
def model(save):
    return save()


def _explain(model_dir, rows, baseline_model_dir="", **parameters):
    message = explanation_pb2.ExplanationParameters(**parameters)
    job = ExplanationJob(model_dir, generate_metadata(model_dir), message, baseline_model_dir)
    return RowExplainer(job.completed()).explain(RowBatch(as_records(rows)))


def _parsed(records, model, values):
    prefix = f"tfx_explain/{model}/"
    names = ["attributions/x", "attributions/y", "instance_output_value"]
    spec = {prefix + name: tf.io.FixedLenFeature([values], tf.float32) for name in names}
    spec |= {prefix + name: tf.io.FixedLenFeature([values], tf.int64) for name in ("output_index", "tolerance_met")}
    parsed = tf.io.parse_example(list(records), spec)
    return {name.removeprefix(prefix): value.numpy().tolist() for name, value in parsed.items()}


@pytest.fixture
def rows(example):
    return [example(x=1.0, y=2.0), example(x=3.0, y=-1.0)]


def test_the_highest_outputs_come_first(model, rows):
    parsed = _parsed(_explain(model, rows, top_k=2).records, "candidate", 2)
    assert parsed["output_index"] == [[2, 1], [0, 2]]
    assert parsed["instance_output_value"] == [[3.0, 2.0], [3.0, 2.0]]
    assert parsed["attributions/x"] == [[1.0, 0.0], [3.0, 3.0]]
    assert parsed["attributions/y"] == [[2.0, 2.0], [0.0, -1.0]]
    assert parsed["tolerance_met"] == [[1, 1], [1, 1]]


@pytest.mark.parametrize("parameters", [{"top_k": -1}, {"top_k": 9}])
def test_all_outputs(parameters, model, rows):
    parsed = _parsed(_explain(model, rows, **parameters).records, "candidate", 3)
    assert parsed["output_index"] == [[2, 1, 0], [0, 2, 1]]


def test_named_outputs_in_the_order_given(model, rows):
    parsed = _parsed(_explain(model, rows, output_indices=[2, 0]).records, "candidate", 2)
    assert parsed["output_index"] == [[2, 0], [2, 0]]
    assert parsed["attributions/y"] == [[2.0, 0.0], [-1.0, 0.0]]


@pytest.mark.parametrize("swapped", [False, True])
def test_a_feature_of_one_model_is_zero_in_the_other_and_reported(swapped, model, save, example):
    larger = save("z")
    rows = [example(x=1.0, y=2.0, z=5.0)]
    models = (larger, model) if swapped else (model, larger)
    batch = _explain(*models[:1], rows, models[1], output_indices=[2])
    names = ("candidate", "baseline")
    spec = {f"tfx_explain/{name}/attributions/z": tf.io.FixedLenFeature([], tf.float32) for name in names}
    parsed = tf.io.parse_example(list(batch.records), spec)
    values = [parsed[name].numpy().item() for name in spec]
    assert values == ([10.0, 0.0] if swapped else [0.0, 10.0])
    only = {"candidate": ["z"], "baseline": []} if swapped else {"candidate": [], "baseline": ["z"]}
    assert batch.summary.features_of_one_model == only


def test_a_feature_that_only_the_baseline_model_needs_fails_the_row_in_its_name(model, save, rows):
    batch = _explain(model, rows, save("z"), output_indices=[2])
    cause = "baseline model: Feature 'z' has no value; the model's parser requires one."
    assert batch.summary.causes == {cause: 2}
    assert batch.summary.rows_failed_by_model == {"baseline": 2}


@pytest.mark.parametrize(
    "parameters",
    [
        {"kernel_shap_attribution": {}},
        {"kernel_shap_attribution": {"coalition_count": 16}},
        {"sampled_shapley_attribution": {"path_count": 2}},
        {"integrated_gradients_attribution": {"step_count": 5}},
        {"integrated_gradients_attribution": {"smooth_grad_config": {"noise_sigma": 1e-6}}},
        {
            "integrated_gradients_attribution": {
                "smooth_grad_config": {
                    "feature_noise_sigma": {"noise_sigma": [{"name": "x", "sigma": 1e-6}]},
                    "noisy_sample_count": 4,
                }
            }
        },
    ],
)
def test_every_method_explains_a_linear_model(parameters, model, rows):
    parsed = _parsed(_explain(model, rows, **parameters).records, "candidate", 1)
    np.testing.assert_allclose(parsed["attributions/x"], [[1.0], [3.0]], atol=1e-4)
    np.testing.assert_allclose(parsed["attributions/y"], [[2.0], [0.0]], atol=1e-4)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"top_k": 2, "output_indices": [0]}, "give one of them"),
        ({"top_k": -2}, "at least 1, or -1 for all"),
        ({"output_indices": [1, 1]}, "name each output once"),
        ({"sample": {"rows": 0}}, "sample.rows is 0"),
        ({"sample": {"fraction": 1.5}}, "sample.fraction is 1.5"),
        ({"max_failed_fraction": -0.5}, "max_failed_fraction is -0.5"),
        ({"integrated_gradients_attribution": {"step_count": -1}}, "steps is -1"),
        ({"integrated_gradients_attribution": {"blur_baseline_config": {"max_blur_sigma": -1}}}, "sigma is -1"),
    ],
)
def test_parameters_that_mean_nothing_are_refused(parameters, message):
    with pytest.raises(ValueError, match=message):
        check_parameters(explanation_pb2.ExplanationParameters(**parameters))


class Picky(tf.Module):
    """Fails behind the features' tensors, where no parser is to blame, for x above 100."""

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(self, examples):
        x = tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature([], tf.float32)})["x"]
        table = tf.constant([1.0, 2.0])
        return {"value": x * tf.gather(table, tf.cast(x > 100.0, tf.int32) * 5)}


def test_rows_that_make_the_model_fail_are_set_aside_singly(tmp_path, example):
    module = Picky()
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": module.serve})
    rows = [example(x=float(x)) for x in (1, 200, 3, 4, 500, 6, 7)]
    batch = _explain(str(tmp_path), rows)
    assert len(batch.records) == 5
    assert (batch.summary.rows_read, batch.summary.rows_explained, batch.summary.rows_failed) == (7, 5, 2)
    assert all("is not in [0, 2)" in cause for cause in batch.summary.causes)


def test_original_features_are_kept_as_asked(model, example):
    rows = [example(x=1.0, y=2.0, color="red", id=7)]
    for names, kept in (([], set()), (["co*"], {"color"}), (["x", "id", "none"], {"x", "id"})):
        (record,) = _explain(model, rows, kept_features={"names": names}).records
        features = tf.train.Example.FromString(record).features.feature
        assert {name for name in features if not name.startswith("tfx_explain/")} == kept


class Picture(tf.Module):
    """The sum of a picture's squared pixels, and a number beside it."""

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 6, 5, 1], tf.float32, "picture"),
            tf.TensorSpec([None, 1], tf.float32, "number"),
        ]
    )
    def serve(self, picture, number):
        return {"value": tf.reduce_sum(picture**2, axis=[1, 2, 3]) + number[:, 0]}


def test_images_are_explained_from_their_blurred_selves(tmp_path, example):
    module = Picture()
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": module.serve})
    pictures = np.random.default_rng(0).random((3, 6, 5, 1)).astype(np.float32)
    rows = [example(picture=one.reshape(-1).tolist(), number=float(i)) for i, one in enumerate(pictures)]
    blur = {"integrated_gradients_attribution": {"blur_baseline_config": {"max_blur_sigma": 1.5}}}
    batch = _explain(str(tmp_path), rows, **blur)
    names = [f"tfx_explain/candidate/{name}" for name in ("attributions/picture", "attributions/number")]
    parsed = tf.io.parse_example(list(batch.records), {name: tf.io.FixedLenFeature([], tf.float32) for name in names})
    blurred = Blurred(1.5)("picture", tf.constant(pictures))
    expected = tf.reduce_sum(pictures**2 - blurred**2, axis=[1, 2, 3])
    np.testing.assert_allclose(parsed[names[0]], expected, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(parsed[names[1]], [0.0, 1.0, 2.0], atol=1e-4)


def test_a_blur_without_images_is_refused(model, rows):
    blur = {"integrated_gradients_attribution": {"blur_baseline_config": {"max_blur_sigma": 1.0}}}
    with pytest.raises(ValueError, match=r"features of modality 'image', .* it has 'x' \(numeric\), 'y' \(numeric\)"):
        _explain(model, rows, **blur)


def test_the_baseline_model_takes_over_names_groups_and_baselines(model, save, rows):
    written = generate_metadata(model)
    width = written.inputs["width"]
    width.CopyFrom(written.inputs["x"])
    del written.inputs["x"], width.input_baselines[:]
    width.input_baselines.add(number_value=1.0)
    written.inputs["y"].group_name = "rest"
    job = ExplanationJob(model, written, explanation_pb2.ExplanationParameters(output_indices=[2]), save("z"))
    found = job.completed().baseline_model_metadata
    assert found is not None
    assert set(found.inputs) == {"width", "y", "z"}
    assert [value.number_value for value in found.inputs["width"].input_baselines] == [1.0]
    assert found.inputs["y"].group_name == "rest"
    summary = RowExplainer(job.completed()).explain(RowBatch(as_records(rows))).summary
    assert summary.features_of_one_model == {"candidate": [], "baseline": ["z"]}


class Wide(tf.Module):
    """Says nothing of how many columns it takes, but for its weights."""

    def __init__(self):
        super().__init__()
        self.weights = tf.Variable([[1.0], [2.0], [3.0]])

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, "columns")])
    def serve(self, columns):
        return {"value": columns @ self.weights}


def test_the_width_that_a_signature_leaves_open_is_that_of_the_weights(tmp_path, example):
    module = Wide()
    tf.saved_model.save(module, str(tmp_path), signatures={"serving_default": module.serve})
    batch = _explain(str(tmp_path), [example(columns=[1.0, 1.0, 2.0]), example(columns=[1.0, 1.0])])
    names = [f"tfx_explain/candidate/attributions/columns[{i}]" for i in range(3)]
    parsed = tf.io.parse_example(list(batch.records), {n: tf.io.FixedLenFeature([], tf.float32) for n in names})
    np.testing.assert_allclose([parsed[name][0] for name in names], [1.0, 2.0, 6.0], atol=1e-4)
    assert batch.summary.causes == {"Feature 'columns' has 2 values; the model takes 3.": 1}


class Matrix(tf.Module):
    def __init__(self, width):
        super().__init__()
        self.weights = tf.Variable([[float(i + 1)] for i in range(width)])
        signature = [tf.TensorSpec([None, width], tf.float32, "x")]
        self.serve = tf.function(lambda x: {"value": x @ self.weights}, input_signature=signature)


@pytest.mark.parametrize(
    ("told", "features"),
    [
        ({"index_feature_mapping": ["a", "b"]}, ("a", "b")),
        ({"encoding": "identity"}, ("x",)),
        ({"group_name": "both"}, ("both",)),
        ({}, ("x[0]", "x[1]")),
    ],
)
def test_the_baseline_models_columns_are_explained_as_the_candidates_are(tmp_path, told, features):
    for name in ("candidate", "baseline"):
        module = Matrix(2)
        tf.saved_model.save(module, str(tmp_path / name), signatures={"serving_default": module.serve})
    overrides = explanation_pb2.ExplanationMetadata(inputs={"x": explanation_pb2.InputMetadata(**told)})
    candidate, baseline = str(tmp_path / "candidate"), str(tmp_path / "baseline")
    metadata = generate_metadata(candidate, overrides=overrides)
    job = ExplanationJob(candidate, metadata, explanation_pb2.ExplanationParameters(), baseline).completed()
    assert {name: model.features for name, model in load_models(job).items()} == {
        "candidate": features,
        "baseline": features,
    }
