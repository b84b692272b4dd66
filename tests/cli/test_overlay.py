"""`tfx-explain explain` and `overlay` on pictures."""

import io
import re

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tfx_explain.cli import explain, overlay, tensorboard, validate
from tfx_explain.report.overlay import Settings
from tfx_explain.report.overlay import overlay as draw
from tfx_explain.report.pictures import input_of, most_changed
from tfx_explain.report.quality import metadata_beside


class Digits(tf.Module):
    """Two classes: the brightness of a grey picture, weighted on its left or on its right."""

    def __init__(self, left):
        super().__init__()
        self.weights = tf.Variable(tf.constant([left, 1.0 - left]))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve(self, examples):
        spec = {"digit": tf.io.FixedLenFeature([12, 16, 1], tf.float32)}
        pixels = tf.io.parse_example(examples, spec)["digit"]
        halves = tf.stack([tf.reduce_sum(half, axis=[1, 2, 3]) for half in tf.split(pixels, 2, axis=2)], axis=1)
        score = tf.reduce_sum(halves * self.weights, axis=1)
        return {"scores": tf.stack([score, -score], axis=1)}


@pytest.fixture(scope="module")
def explained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    for name, left in (("new", 1.0), ("old", 0.5)):
        module = Digits(left)
        tf.saved_model.save(module, str(folder / name), signatures={"serving_default": module.serve})
    with tf.io.TFRecordWriter(str(folder / "rows.gz"), "GZIP") as writer:
        for side in (0, 1, 1):
            pixels = np.zeros((12, 16, 1), np.float32)
            pixels[2:9, 1 + 8 * side : 6 + 8 * side] = 0.9
            pixels[11, :] = 0.1
            example = tf.train.Example()
            example.features.feature["digit"].float_list.value.extend(pixels.ravel())
            writer.write(example.SerializeToString())
    arguments = ["--model", folder / "new", "--baseline-model", folder / "old", "--examples", folder / "rows.gz"]
    (folder / "parameters.json").write_text('{"measure_maps": true}')
    arguments += ["--output", folder / "explained", "--class", "0", "--maps"]
    arguments += ["--parameters", folder / "parameters.json"]
    result = CliRunner().invoke(explain.command, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return folder / "explained"


def _call(*arguments):
    return CliRunner().invoke(overlay.command, [str(argument) for argument in arguments])


def test_the_most_changed_pictures_come_first(explained, tmp_path):
    visualization = '{"polarity": "BOTH", "type": "pixels", "overlay_type": "original", "clip_below_percentile": 1}'
    output = tmp_path / "overlays"
    result = _call("--attributions", explained, "--output", output, "--visualization", visualization, "--pictures", 2)
    assert (result.exit_code, result.output) == (0, f"{output}/index.html\n")
    page = (output / "index.html").read_text()
    headings = re.findall(r"<h2>(.*)</h2>", page)
    assert [heading.split(",")[0] for heading in headings] == ["Record 2", "Record 3"]
    assert all("digit, class 0, change" in heading for heading in headings)
    files = re.findall(r'src="([^"]+)"', page)
    assert files == ["0001-candidate.png", "0001-baseline.png", "0002-candidate.png", "0002-baseline.png"]
    for file in files:
        assert Image.open(io.BytesIO((output / file).read_bytes())).size[1] == 168
    candidate, baseline = (np.asarray(Image.open(output / file)).astype(int) for file in files[:2])
    # Of the bright right half, only the baseline model says anything.
    at = 5 * 14, 11 * 14
    assert candidate[at].max() - candidate[at].min() < 3 < baseline[at].max() - baseline[at].min()


def test_what_it_can_not_draw_is_one_sentence(explained, tmp_path):
    base = ["--attributions", explained, "--output", tmp_path / "new"]
    assert "No record has a map of 'dig'; features with maps are 'digit'" in str(
        _call(*base, "--feature", "dig").exception
    )
    assert "No record has a map for class '7'" in str(_call(*base, "--class", "7").exception)
    wrong = str(_call(*base, "--visualization", '{"polarity": "sideways"}').exception)
    assert "--visualization: polarity: 'sideways' is not allowed" in wrong
    wrong = str(_call(*base, "--visualization", '{"clip_above_percentile": 40}').exception)
    assert "clip_below_percentile 62 is not below clip_above_percentile 40" in wrong
    assert "is no visualization in JSON" in str(_call(*base, "--visualization", '{"colour": 1}').exception)
    assert "is there already" in str(_call("--attributions", explained, "--output", explained).exception)
    assert not (tmp_path / "new").exists()


def test_the_gate_blocks_by_the_share_of_a_region(explained, tmp_path):
    text = """metrics_specs { metrics {
      class_name: "MapShare" module: "tfx_explain.metrics"
      config: '{"feature": "digit", "box": [0.9, 0, 1, 1], "name": "bottom"}'
      threshold { change_threshold { absolute { value: 0.1 } direction: LOWER_IS_BETTER } }
    } metrics {
      class_name: "MapShare" module: "tfx_explain.metrics"
      config: '{"feature": "digit", "box": [0, 0, 1, 0.5], "name": "left"}'
      threshold { value_threshold { upper_bound { value: 0.99 } } }
    } metrics {
      class_name: "MapInsertion" module: "tfx_explain.metrics" config: '{"feature": "digit"}'
      threshold { change_threshold { absolute { value: 900 } direction: HIGHER_IS_BETTER } }
    } }"""
    (tmp_path / "gate.pbtxt").write_text(text)
    arguments = [
        "--eval-config",
        tmp_path / "gate.pbtxt",
        "--attributions",
        explained,
        "--output",
        tmp_path / "verdict",
    ]
    result = CliRunner().invoke(validate.command, [str(argument) for argument in arguments])
    assert result.exit_code == 1, result.output
    verdict = (tmp_path / "verdict" / "verdict.txt").read_text()
    # All that the candidate sees is on the left; below is hardly more than before.
    failed = [line for line in verdict.splitlines() if "left" in line and "0.99" in line]
    assert failed and "NOT BLESSED" in verdict.upper()
    # Neither model can rise so much.
    assert [line for line in verdict.splitlines() if "map_insertion" in line and "900" in line], verdict


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--method", "sampled_shapley", "--maps"], "sampled_shapley_attribution gives a feature one number"),
        (["--method", "superpixel", "--parameters", "wrong"], "superpixel_attribution.method is 'lame'"),
    ],
)
def test_maps_that_no_method_gives_are_one_sentence(explained, tmp_path, arguments, said):
    (tmp_path / "wrong").write_text('{"superpixel_attribution": {"method": "lame"}}')
    base = ["--model", explained.parent / "new", "--examples", explained.parent / "rows.gz", "--output", tmp_path / "o"]
    arguments = [tmp_path / "wrong" if argument == "wrong" else argument for argument in arguments]
    result = CliRunner().invoke(explain.command, [str(argument) for argument in [*base, *arguments]])
    assert said in str(result.exception) and isinstance(result.exception, ValueError)
    assert not (tmp_path / "o").exists()


def test_tensorboard_shows_the_same_pictures(explained, tmp_path):
    result = CliRunner().invoke(tensorboard.command, [str(explained), "--log-dir", str(tmp_path)])
    assert result.exit_code == 0, result.output
    events = EventAccumulator(str(tmp_path / "Overall"), size_guidance={"tensors": 0}).Reload()
    tags = [tag for tag in events.Tags()["tensors"] if tag.startswith("overlays/")]
    assert tags == [f"overlays/digit/{rank}/{model}" for rank in (1, 2, 3) for model in ("candidate", "baseline")]
    (first, *_) = most_changed([f"{explained}/Split-eval"], 1)
    settings = Settings.of(input_of(metadata_beside(str(explained)), "digit").visualization)
    for model in ("candidate", "baseline"):
        expected = draw(first.image(), first.maps[model], settings).png
        _, _, found = tf.make_ndarray(events.Tensors(f"overlays/digit/1/{model}")[0].tensor_proto)
        np.testing.assert_array_equal(*(np.asarray(Image.open(io.BytesIO(png))) for png in (expected, found)))
