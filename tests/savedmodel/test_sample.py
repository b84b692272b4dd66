import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import statistics_pb2

from tfx_explain.savedmodel import generate_metadata, metadata_to_json
from tfx_explain.savedmodel.analysis.read import read_model
from tfx_explain.savedmodel.rows.baselines import parse_choices
from tfx_explain.savedmodel.rows.sample import Sample

COLORS = ["red", "red", "blue", "green", "red"]
AGES = [20.0, 30.0, 31.0, 40.0, 90.0]


@pytest.fixture
def records(examples):
    return [row.numpy() for row in examples(age=AGES, color=COLORS)]


def values(metadata, name):
    found = metadata.inputs[name].input_baselines
    return [value.string_value if value.HasField("string_value") else value.number_value for value in found]


def test_baselines_of_several_kinds(zoo, records):
    path = zoo("Examples").path
    metadata = generate_metadata(path, examples=records, baselines=["zero", "mean", "median", "examples:2"])
    assert values(metadata, "age") == [0, pytest.approx(42.2), 31, 30, 40]
    assert values(metadata, "color") == ["", "red", "red", "red", "green"]
    assert metadata.inputs["age"].baseline_source == "zero, mean, median, examples"
    assert metadata.inputs["color"].baseline_source == "zero, mode, examples"
    assert not metadata.inputs["age"].HasField("domain")  # a few rows don't say what there may be


def test_examples_alone_give_the_typical_value(zoo, records):
    metadata = generate_metadata(zoo("Examples").path, examples=iter(records))
    assert (values(metadata, "age"), values(metadata, "color")) == ([31], ["red"])
    assert metadata_to_json(metadata) == metadata_to_json(
        generate_metadata(zoo("Examples").path, examples=records, baselines=["median"])
    )


def test_examples_make_a_strict_model_explainable(zoo, examples):
    records = [row.numpy() for row in examples(color=["blue", "blue", "red"])]
    assert values(generate_metadata(zoo("Strict").path, examples=records), "color") == ["blue"]


def test_features_of_any_number_of_values(zoo, examples):
    records = [row.numpy() for row in examples(tags=[["a"], ["a", "b"], ["a", "b"], []], x=[0.1, 0.2, 0.2, 0.3])]
    metadata = generate_metadata(zoo("VarLen").path, examples=records, baselines=["examples:1"])
    (tags,) = metadata.inputs["tags"].input_baselines
    assert [value.string_value for value in tags.list_value.values] == ["a", "b"]


def test_signature_inputs_are_named_in_the_examples(zoo, examples):
    records = [
        row.numpy() for row in examples(x=[[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [9.0, 9.0, 9.0]], y=[1.0, 1.0, 2.0])
    ]
    metadata = generate_metadata(zoo("Linear").path, examples=records, baselines=["examples:1"])
    (x,) = metadata.inputs["x"].input_baselines
    assert [value.number_value for value in x.list_value.values] == [1, 2, 3]
    assert values(metadata, "y") == [1]


def test_bytes_that_are_no_text_are_kept(zoo, examples):
    read = read_model(zoo("VarLen").path, None)
    record = examples(tags=[["a"]], x=[0.0]).numpy()[0].replace(b"a", b"\xff", 1)
    sample = Sample(read, [record.replace(b"t\xffgs", b"tags")])
    assert sample.num_rows == 1


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([], "The `examples` have no rows"),
        ([b"broken"], "The model cannot read the `examples`: .* Give serialized tf.Ex"),
    ],
)
def test_examples_that_cannot_be_read(zoo, records, message):
    with pytest.raises(ValueError, match=message):
        generate_metadata(zoo("Examples").path, examples=records)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["modes"], "There is no kind of baseline 'modes'; did you mean 'mode'"),
        (["zero:2"], "takes no number"),
        (["examples:0"], "needs a number of rows of at least 1"),
        (["zero", "zero"], "name 'zero' twice"),
        (["examples"], "but no examples are given"),
        (["mean"], "neither statistics nor examples are given"),
        ("zero", r"give a list of kinds, such as \['zero'\]"),
    ],
)
def test_kinds_that_cannot_be(names, message):
    with pytest.raises(ValueError, match=message):
        parse_choices(names, has_statistics=False, has_examples=False)


def test_texts_that_hardly_repeat_have_the_empty_text_as_their_baseline(zoo, examples):
    sentences = [f"sentence {i}" for i in range(40)]
    rows = examples(color=[*sentences, "red", "red"], age=[float(i) for i in range(42)]).numpy()
    color = generate_metadata(zoo("Examples").path, examples=rows).inputs["color"]
    assert (color.input_baselines[0].string_value, color.baseline_source) == ("", "zero")
    assert "hardly repeat" in color.finding
    rows = examples(tags=[[f"word {i}", f"word {-i - 1}"] for i in range(40)], x=[float(i) for i in range(40)]).numpy()
    tags = generate_metadata(zoo("VarLen").path, examples=rows).inputs["tags"]
    assert tags.input_baselines[0].HasField("list_value") and not tags.input_baselines[0].list_value.values
    assert tags.baseline_source == "zero"


def test_statistics_of_texts_that_hardly_repeat(zoo):
    text = """datasets { num_examples: 100000 features {
      path { step: "color" } type: STRING
      string_stats { common_stats { num_non_missing: 100000 max_num_values: 1 tot_num_values: 100000 } unique: UNIQUE
        top_values { value: "id 1" frequency: 40 } top_values { value: "id 2" frequency: 39 } } } }"""
    for unique in ("4000", "99000"):
        statistics = text_format.Parse(text.replace("UNIQUE", unique), statistics_pb2.DatasetFeatureStatisticsList())
        color = generate_metadata(zoo("Examples").path, statistics=statistics).inputs["color"]
        assert (color.input_baselines[0].string_value, color.baseline_source) == ("", "zero")
