"""`suggest` where records explain several classes, and slices are by numbers and by several features together."""

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.gate.calibration.suggest import suggest
from tfx_explain.gate.config.lint import lint
from tfx_explain.storage import columns

ROWS, FEATURES = 300, ("age", "hours")
SIZES = {"age": (1.0, 3.0), "hours": (1.0, 1.0)}  # Of either class.


@pytest.fixture(scope="module")
def write(tmp_path_factory):
    def records(number):
        generator = np.random.default_rng(number)
        spread = {feature: np.exp(generator.normal(0, 0.1)) for feature in FEATURES}
        folder = tmp_path_factory.mktemp("run") / "Split-eval"
        folder.mkdir()
        options = tf.io.TFRecordOptions(compression_type="GZIP")
        with tf.io.TFRecordWriter(str(folder / "attributions-00000-of-00001.gz"), options) as writer:
            for i in range(ROWS + number):
                example = tf.train.Example()
                feature = example.features.feature
                feature["group"].int64_list.value.append(i % 2)
                feature["sex"].bytes_list.value.append(b"Male" if i % 3 else b"Female")
                feature[columns.field_column("candidate", columns.OUTPUT_INDEX)].int64_list.value.extend([0, 1])
                for name in FEATURES:
                    drawn = [size * spread[name] * generator.normal() for size in SIZES[name]]
                    feature[columns.attribution_column("candidate", name)].float_list.value.extend(drawn)
                writer.write(example.SerializeToString())
        return str(folder / "*")

    return records


@pytest.fixture(scope="module")
def suggestion(write):
    past = [write(number).rpartition("/Split-")[0] for number in range(5)]
    return suggest(past, slices=[["group"], ["sex", "group"]], class_name="1", least_rows=90)


def test_bounds_are_of_the_class(suggestion):
    shares = {b.feature: b.observed.mean for b in suggestion.bounds if b.slice_key == () and b.name == "lower_bound"}
    assert shares["age"] == pytest.approx(0.75, abs=0.06)
    assert {bound.metric for bound in suggestion.bounds} == {
        f"{metric}/{feature}@1" for metric in ("attribution_share", "share_kept") for feature in FEATURES
    }


def test_slices_are_by_numbers_and_by_several_features_together(suggestion):
    assert {bound.slice_key for bound in suggestion.bounds} == {
        (),
        (("group", 0),),
        (("group", 1),),
        (("group", 0), ("sex", "Male")),
        (("group", 1), ("sex", "Male")),
    }
    assert "group_X_sex:0_X_Female (50)" in " ".join(suggestion.notes)


def test_the_gate_blesses_a_sound_model_on_all_of_them(run, write, suggestion):
    verdict = run(suggestion.eval_config, patterns=[write(11)])
    assert verdict.blessed, verdict.reasons
    asked = {(check.slice, check.usual.runs) for check in verdict.checks}
    assert asked == {(s, 5) for s in ("Overall", "group:0", "group:1", "group_X_sex:0_X_Male", "group_X_sex:1_X_Male")}
    assert lint(suggestion.eval_config) == ()
