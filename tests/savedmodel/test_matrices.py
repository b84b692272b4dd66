"""One matrix of numbers as the model's input: an attribution for each column, unless told otherwise."""

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from tfx_explain.attribution import IntegratedGradients, SampledShapley
from tfx_explain.savedmodel import generate_metadata, load_explainable, metadata_from_json, read_columns
from tfx_explain.savedmodel.generation.columns import MOST_COLUMNS

EXAMPLES = [tf.TensorSpec([None], tf.string, "examples")]


def matrix(width=None, dtype=tf.float32, name="dense_input"):
    return tf.TensorSpec([None, width], dtype, name)


@pytest.fixture
def save(tmp_path):
    """Saves a function of tensors; weights are made of the first number that it is given."""

    def build(serve, *specs):
        module = tf.Module()
        module.serve = tf.function(serve, input_signature=specs)
        tf.saved_model.save(module, str(tmp_path / "model"), signatures=module.serve)
        return str(tmp_path / "model")

    return build


def product(dense_input):
    """x0 x1 + x2^2: from a baseline of zeros x0 and x1 get half of the product each, x2 its square."""
    return {"score": dense_input[:, 0] * dense_input[:, 1] + dense_input[:, 2] ** 2}


def columns_of(metadata, name="dense_input"):
    return list(metadata.inputs[name].index_feature_mapping)


@pytest.mark.parametrize("method", [IntegratedGradients(), SampledShapley()])
def test_each_column_gets_its_own_attribution(save, method):
    path = save(product, matrix(3))
    metadata = generate_metadata(path)
    assert columns_of(metadata) == ["dense_input[0]", "dense_input[1]", "dense_input[2]"]
    model = load_explainable(path, metadata)
    assert model.features == tuple(columns_of(metadata))
    cut = model.differentiable() if isinstance(method, IntegratedGradients) else model.coalitional()
    keys = {} if isinstance(method, IntegratedGradients) else {"row_keys": np.arange(2, dtype=np.uint64)}
    rows = {"dense_input": tf.constant([[1.0, 2.0, 3.0], [-1.0, 0.5, 1.0]])}
    result = method.attribute(cut, cut.encode(rows), cut.baselines, cut.players, **keys)
    np.testing.assert_allclose(np.asarray(result.values), [[1.0, 1.0, 9.0], [-0.25, -0.25, 1.0]], atol=1e-4)


def test_names_are_those_given(save, tmp_path):
    path = save(product, matrix(3))
    assert columns_of(generate_metadata(path, columns=["age", "hours", "gain"])) == ["age", "hours", "gain"]
    files = {
        "lines.txt": "age\nhours\n\ngain\n",
        "row.csv": "age,hours,gain\n",
        "list.json": '["age", "hours", "gain"]',
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
        assert read_columns(str(tmp_path / name)) == ["age", "hours", "gain"]
    (tmp_path / "map.json").write_text('{"dense_input": ["age", "hours", "gain"]}')
    given = read_columns(str(tmp_path / "map.json"))
    assert columns_of(generate_metadata(path, columns=given)) == ["age", "hours", "gain"]
    (tmp_path / "bad.json").write_text('{"dense_input": 3}')
    with pytest.raises(ValueError, match=r"bad.json' cannot be read: give one name a line"):
        read_columns(str(tmp_path / "bad.json"))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["a", "b"], "`columns` of 'dense_input': got 2 names for 3; give one for each"),
        (["a", "b", "c", "d"], "got 4 names for 3"),
        (["a", "b", "a"], "'a' is no name, or stands there twice"),
        (
            {"dense": ["a", "b", "c"]},
            "`columns` name 'dense', which is no matrix of numbers; did you mean 'dense_input'",
        ),
    ],
)
def test_names_that_do_not_fit_are_refused(save, columns, message):
    with pytest.raises(ValueError, match=message):
        generate_metadata(save(product, matrix(3)), columns=columns)


def test_a_list_of_names_is_for_one_matrix(save):
    def serve(left, right):
        return {"score": tf.reduce_sum(left, 1) * tf.reduce_sum(right, 1)}

    path = save(serve, matrix(2, name="left"), matrix(3, name="right"))
    with pytest.raises(ValueError, match=r"one matrix of numbers; of those there is 'left' \(2\), 'right' \(3\)"):
        generate_metadata(path, columns=["a", "b"])
    metadata = generate_metadata(path, columns={"left": ["a", "b"]})
    assert columns_of(metadata, "left") + columns_of(metadata, "right") == [
        "a",
        "b",
        "right[0]",
        "right[1]",
        "right[2]",
    ]
    with pytest.raises(ValueError, match="'right\\[0\\]' names two features"):
        generate_metadata(path, columns={"left": ["a", "right[0]"]})


def test_the_schemas_numbers_are_names_where_there_are_as_many(save):
    schema = schema_pb2.Schema()
    for name, kind in {"id": "BYTES", "gain": "FLOAT", "age": "INT", "hours": "FLOAT", "label": "INT"}.items():
        schema.feature.add(name=name, type=schema_pb2.FeatureType.Value(kind))
    path = save(product, matrix(3))
    entry = generate_metadata(path, schema=schema).inputs["dense_input"]
    assert columns_of(generate_metadata(path, schema=schema)) == [f"dense_input[{i}]" for i in range(3)]
    assert "The schema has 4 numbers that are served" in entry.finding
    schema.feature[4].not_in_environment.append("SERVING")
    entry = generate_metadata(path, schema=schema).inputs["dense_input"]
    assert list(entry.index_feature_mapping) == ["gain", "age", "hours"]
    assert "in its order" in entry.finding
    schema.feature.add(name="dense_input").struct_domain.feature.extend(schema_pb2.Feature(name=name) for name in "abc")
    assert columns_of(generate_metadata(path, schema=schema)) == ["a", "b", "c"]
    schema.feature[-1].image_domain.SetInParent()
    assert generate_metadata(path, schema=schema).inputs["dense_input"].modality == "image"
    assert not columns_of(generate_metadata(path, schema=schema))


@pytest.mark.parametrize(
    ("told", "features"),
    [
        ('{"dense_input": {"encoding": "identity"}}', ("dense_input",)),
        ('{"dense_input": {"group_name": "all"}}', ("all",)),
        ('{"dense_input": {"index_feature_mapping": ["c", "b", "a"]}}', ("a", "b", "c")),
        ('{"x": {"input_tensor_name": "dense_input", "encoding": "identity"}}', ("x",)),
    ],
)
def test_overrides_say_otherwise(save, told, features):
    path = save(product, matrix(3))
    metadata = generate_metadata(path, overrides=metadata_from_json(f'{{"inputs": {told}}}'))
    model = load_explainable(path, metadata)
    assert model.features == features
    model.differentiable(), model.coalitional()


def test_metadata_by_hand_says_what_it_says(save):
    by_hand = metadata_from_json('{"inputs": {"dense_input": {}}, "outputs": {"score": {}}}')
    assert load_explainable(save(product, matrix(3)), by_hand).features == ("dense_input",)


def test_one_column_and_very_many_are_one_feature(save):
    def serve(one, many):
        return {"score": tf.reduce_sum(one, 1) + tf.reduce_sum(many, 1)}

    width = MOST_COLUMNS + 1
    path = save(serve, matrix(1, name="one"), matrix(width, name="many"))
    metadata = generate_metadata(path)
    assert load_explainable(path, metadata).features == ("many", "one")
    assert "It has 1,001 columns, more than 1,000" in metadata.inputs["many"].finding
    names = [f"pixel {i}" for i in range(width)]
    assert len(load_explainable(path, generate_metadata(path, columns={"many": names})).features) == width + 1


def test_amounts_have_columns_and_ids_have_none(save):
    table = tf.random.stateless_normal([10, 2], (1, 2))

    def serve(ids, amounts):
        return {"score": tf.reduce_sum(tf.gather(table, ids), [1, 2]) + tf.reduce_sum(tf.cast(amounts, tf.float32), 1)}

    path = save(serve, matrix(3, tf.int64, "ids"), matrix(2, tf.int64, "amounts"))
    assert load_explainable(path, generate_metadata(path)).features == ("amounts[0]", "amounts[1]", "ids")


def test_images_and_sequences_are_left_alone(save):
    def serve(image, steps, flat):
        kernel = tf.ones([3, 3, 1, 1])
        pixels = tf.nn.conv2d(image, kernel, 1, "SAME") + tf.nn.conv2d(
            tf.reshape(flat, [-1, 4, 4, 1]), kernel, 1, "SAME"
        )
        return {"score": tf.reduce_sum(pixels, [1, 2, 3]) + tf.reduce_sum(steps, [1, 2])}

    specs = [tf.TensorSpec([None, 4, 4, 1], tf.float32, "image"), tf.TensorSpec([None, 5, 2], tf.float32, "steps")]
    path = save(serve, *specs, matrix(16, name="flat"))
    assert load_explainable(path, generate_metadata(path)).features == ("flat", "image", "steps")


def test_a_width_that_only_the_weights_know(save):
    weights = tf.constant([[1.0], [2.0]])
    path = save(lambda dense_input: {"score": dense_input @ weights}, matrix(None))
    assert columns_of(generate_metadata(path)) == ["dense_input[0]", "dense_input[1]"]


def test_columns_behind_imputation_and_scaling_are_told_apart(save):
    def serve(dense_input):
        filled = tf.where(tf.math.is_nan(dense_input), [1.0, 2.0, 3.0], dense_input)
        return product((filled - [1.0, 0.0, 2.0]) / [2.0, 1.0, 0.5])

    path = save(serve, matrix(3))
    metadata = generate_metadata(path)
    assert list(metadata.inputs["dense_input"].explainable_by) == ["integrated_gradients", "sampled_shapley"]
    rows = {"dense_input": tf.constant([[3.0, 2.0, 1.0], [np.nan, 2.0, 1.0]])}
    cut = load_explainable(path, metadata).differentiable()
    result = IntegratedGradients().attribute(cut, cut.encode(rows), cut.baselines, cut.players)
    served = [float(value) for value in serve(rows["dense_input"])["score"] - serve(tf.zeros([1, 3]))["score"]]
    np.testing.assert_allclose(np.sum(result.values, axis=1), served, atol=1e-2)


def test_columns_that_the_model_mixes_are_for_shapley_alone(save):
    table = tf.random.stateless_normal([4, 3], (1, 2))

    def serve(dense_input):
        ids = tf.cast(dense_input[:, 2], tf.int32) % 4
        return {"score": tf.reduce_sum(dense_input[:, :2] ** 2, 1) + tf.reduce_sum(tf.gather(table, ids), 1)}

    path = save(serve, matrix(3))
    metadata = generate_metadata(path)
    entry = metadata.inputs["dense_input"]
    assert list(entry.explainable_by) == ["sampled_shapley"]
    assert "integrated gradients cannot explain them one by one" in entry.finding
    assert len(load_explainable(path, metadata).coalitional().players) == 3
    together = metadata_from_json('{"inputs": {"dense_input": {"encoding": "identity"}}}')
    assert len(generate_metadata(path, overrides=together).inputs["dense_input"].explainable_by) == 2


class OfExamples(tf.Module):
    def __init__(self, **others):
        self.spec = {"dense_input": tf.io.FixedLenFeature([3], tf.float32)} | others

    @tf.function(input_signature=EXAMPLES)
    def serve(self, examples):
        parsed = tf.io.parse_example(examples, self.spec)
        return {"score": product(parsed["dense_input"])["score"] + parsed.get("age", 0.0)}


@pytest.mark.parametrize(
    ("others", "features"),
    [
        ({}, tuple(f"dense_input[{i}]" for i in range(3))),
        ({"unused": tf.io.FixedLenFeature([1], tf.float32)}, tuple(f"dense_input[{i}]" for i in range(3))),
        ({"age": tf.io.FixedLenFeature([], tf.float32)}, ("age", "dense_input")),
    ],
)
def test_a_tf_examples_feature_has_columns_where_it_is_the_only_one(tmp_path, others, features):
    module = OfExamples(**others)
    tf.saved_model.save(module, str(tmp_path), signatures=module.serve)
    assert load_explainable(str(tmp_path), generate_metadata(str(tmp_path))).features == features
    named = generate_metadata(str(tmp_path), columns=["a", "b", "c"])
    assert set("abc") <= set(load_explainable(str(tmp_path), named).features)


def test_each_column_has_its_own_baseline(save, examples):
    path = save(product, matrix(3))
    rows = [row.numpy() for row in examples(dense_input=[[1.0, 10.0, 5.0], [2.0, 20.0, 5.0], [6.0, 60.0, 5.0]])]

    def baselines(**arguments):
        entry = generate_metadata(path, columns=["age", "hours", "gain"], **arguments).inputs["dense_input"]
        return [list(value.list_value) or value.number_value for value in entry.input_baselines], entry.baseline_source

    assert baselines(examples=rows) == ([[2.0, 20.0, 5.0]], "median")
    assert baselines(examples=rows, baselines=["mean", "zero"]) == ([[3.0, 30.0, 5.0], 0.0], "mean, zero")
    assert baselines(examples=rows, baselines=["examples:1"]) == ([[2.0, 20.0, 5.0]], "examples")
    statistics = text_format.Parse(
        """datasets { features { name: "hours" type: FLOAT num_stats {
             common_stats { num_non_missing: 9 max_num_values: 1 }
             median: 40 mean: 41 std_dev: 3 min: 1 max: 99 } } }""",
        statistics_pb2.DatasetFeatureStatisticsList(),
    )
    assert baselines(statistics=statistics) == ([[0.0, 40.0, 0.0]], "zero, median")
    cut = load_explainable(path, generate_metadata(path, examples=rows)).differentiable()
    np.testing.assert_array_equal(cut.baselines["dense_input:0"], [[2.0, 20.0, 5.0]])


def test_a_column_without_output_at_its_baseline_is_told(save):
    path = save(lambda dense_input: {"score": tf.reduce_sum(tf.math.log(dense_input), 1)}, matrix(2))
    message = r"fails on the baseline of 'dense_input' \(zero\).*not a finite number"
    with pytest.raises(ValueError, match=message):
        generate_metadata(path, statistics=statistics_between("dense_input", 1.0, 2.0), baselines=["zero"])


def statistics_between(name, low, high):
    return text_format.Parse(
        f"""datasets {{ features {{ name: "{name}" type: FLOAT num_stats {{
              common_stats {{ num_non_missing: 9 max_num_values: 2 }} median: {low} mean: {high} std_dev: 1
              min: {low} max: {high} }} }} }}""",
        statistics_pb2.DatasetFeatureStatisticsList(),
    )
