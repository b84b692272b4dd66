import pytest
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from tfx_explain.savedmodel import generate_metadata
from tfx_explain.savedmodel.rows.statistics import summarize

STATISTICS = """
datasets {
  num_examples: 10
  features {
    path { step: "age" }
    type: FLOAT
    num_stats {
      common_stats { num_non_missing: 9 max_num_values: 1 } mean: 38.5 std_dev: 12 min: 17 median: 37 max: 90
    }
  }
  features {
    path { step: "color" }
    type: STRING
    string_stats {
      common_stats { num_non_missing: 10 max_num_values: 1 }
      top_values { value: "green" frequency: 2 }
      top_values { value: "blue" frequency: 6 }
      top_values { value: "amber" frequency: 2 }
    }
  }
  features { path { step: "empty" } type: FLOAT num_stats { common_stats { num_missing: 10 } } }
}
"""
SCHEMA = """
feature { name: "user" type: INT int_domain { is_categorical: true } }
feature { name: "color" type: BYTES domain: "colors" }
string_domain { name: "colors" value: "red" value: "blue" }
"""


def statistics(text=STATISTICS):
    return text_format.Parse(text, statistics_pb2.DatasetFeatureStatisticsList())


def test_summaries():
    found = summarize(statistics(), None)
    assert found["age"].median == 37 and not found["age"].categorical
    assert found["color"].top_values == (b"blue", b"amber", b"green")
    assert found["empty"].median is None


def test_what_tfdv_counts_in_the_place_of_values_is_none():
    changed = STATISTICS.replace('"blue" frequency: 6', '"__LARGE_BYTES__" frequency: 6')
    assert summarize(statistics(changed), None)["color"].top_values == (b"amber", b"green")
    (color,) = [feature for feature in statistics(changed).datasets[0].features if feature.path.step[0] == "color"]
    del color.string_stats.top_values[0], color.string_stats.top_values[1]
    alone = statistics_pb2.DatasetFeatureStatisticsList(datasets=[{"features": [color]}])
    found = summarize(alone, None)["color"]
    assert (found.top_values, found.top_is_typical) == ((), False)


def test_infinite_values_leave_the_median_and_no_domain(zoo):
    infinite = statistics(STATISTICS.replace("max: 90", "max: inf"))
    age = generate_metadata(zoo("Examples").path, statistics=infinite).inputs["age"]
    assert (age.baseline_source, age.input_baselines[0].number_value) == ("median", 37)
    assert not age.HasField("domain")


def test_the_schema_says_what_is_categorical():
    found = summarize(None, text_format.Parse(SCHEMA, schema_pb2.Schema()))
    assert found["user"].categorical and found["color"].categorical
    assert found["color"].domain_values == (b"red", b"blue")


def test_slices_are_not_the_whole():
    several = statistics(STATISTICS + 'datasets { name: "All Examples" }' + 'datasets { name: "sex_f" }')
    assert summarize(several, None) == {}
    del several.datasets[1]
    with pytest.raises(ValueError, match="must hold one dataset, or one named 'All Examples'; they hold '', 'sex_f'"):
        summarize(several, None)


def test_baselines_and_domain_come_from_the_statistics(zoo):
    inputs = generate_metadata(zoo("Examples").path, statistics=statistics()).inputs
    age, color = inputs["age"], inputs["color"]
    assert (age.baseline_source, age.input_baselines[0].number_value, age.modality) == ("median", 37, "numeric")
    assert (age.domain.min, age.domain.max, age.domain.original_mean, age.domain.original_stddev) == (17, 90, 38.5, 12)
    assert (color.baseline_source, color.input_baselines[0].string_value) == ("mode", "blue")
    assert not color.HasField("domain")


def test_a_feature_without_statistics_says_so(zoo):
    inputs = generate_metadata(zoo("VarLen").path, statistics=statistics()).inputs
    assert inputs["x"].baseline_source == "zero"
    assert "The data given has no value of this feature" in inputs["x"].finding


def test_statistics_make_a_strict_model_explainable(zoo):
    color = generate_metadata(zoo("Strict").path, statistics=statistics()).inputs["color"]
    assert color.input_baselines[0].string_value == "blue"
