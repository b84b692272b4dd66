"""One matrix of numbers through the commands: inspected, explained, and gated by a column."""

import sys

import pytest
import tensorflow as tf
from click.testing import CliRunner

from tfx_explain.cli import main, validate
from tfx_explain.cli.explain import command
from tfx_explain.savedmodel import metadata_from_json

NAMES = ["age", "hours", "gain"]


class Served(tf.Module):
    """Logits of two steps of three classes; the first's are multiples of the columns."""

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.float32, "dense_input")])
    def serve(self, dense_input):
        first = dense_input * [1.0, 2.0, 3.0]
        return {"value": tf.reduce_sum(first, 1), "steps": tf.stack([first, -first], 1)}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder, module = tmp_path_factory.mktemp("inputs"), Served()
    tf.saved_model.save(module, str(folder / "model"), signatures={"serving_default": module.serve})
    with tf.io.TFRecordWriter(str(folder / "rows")) as writer:
        for i in range(1, 21):
            values = tf.train.Feature(float_list=tf.train.FloatList(value=[i, i, 2 * i]))
            features = tf.train.Features(feature={"dense_input": values})
            writer.write(tf.train.Example(features=features).SerializeToString())
    (folder / "columns.txt").write_text("\n".join(NAMES))
    return folder


@pytest.fixture
def inspect(inputs, monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["tfx-explain", "inspect", str(inputs / "model"), *map(str, arguments)])
        with pytest.raises(SystemExit):
            main.main()
            sys.exit(0)  # click returns where it is not the whole program
        return capsys.readouterr()

    return call


def explain(inputs, output, *arguments):
    required = ["--model", inputs / "model", "--examples", inputs / "rows", "--output", output]
    result = CliRunner().invoke(command, [*map(str, required), *map(str, arguments)])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    (shard,) = (output / "Split-eval").iterdir()
    return [tf.train.Example.FromString(r) for r in tf.data.TFRecordDataset(str(shard), "GZIP").as_numpy_iterator()]


def attributions(record, names):
    prefix = "tfx_explain/candidate/attributions/"
    return [record.features.feature[prefix + name].float_list.value[0] for name in names]


def test_inspect_shows_the_columns(inspect, inputs):
    shown = inspect("--columns", inputs / "columns.txt")
    entry = metadata_from_json(shown.out).inputs["dense_input"]
    assert (list(entry.index_feature_mapping), entry.encoding) == (NAMES, "bag_of_features")
    assert all(f"│   {name} " in shown.err for name in NAMES)
    (inputs / "few.txt").write_text("age,hours")
    assert "--columns of 'dense_input': got 2 names for 3" in inspect("--columns", inputs / "few.txt").err


def test_a_column_is_explained_and_gated(inspect, inputs, tmp_path):
    metadata = tmp_path / "metadata.json"
    metadata.write_text(inspect("--columns", inputs / "columns.txt", "--output-name", "value").out)
    records = explain(inputs, tmp_path / "explained", "--metadata", metadata)
    rows = [record.features.feature["dense_input"].float_list.value for record in records]
    assert [attributions(record, NAMES) for record in records] == [
        pytest.approx([row[0], 2 * row[1], 3 * row[2]]) for row in rows
    ]
    for bound, code in ((0.7, 0), (0.6, 1)):  # the share of `gain` is 6 / 9
        config = tmp_path / "config"
        config.write_text(
            'model_specs {} slicing_specs {} metrics_specs { metrics { class_name: "AttributionShare" '
            """module: "tfx_explain.metrics" config: '{"feature": "gain"}' """
            f"threshold {{ value_threshold {{ upper_bound {{ value: {bound} }} }} }} }} }}"
        )
        arguments = ["--eval-config", str(config), "--attributions", str(tmp_path / "explained")]
        assert CliRunner().invoke(validate.command, arguments).exit_code == code


def test_an_element_is_explained(inspect, inputs, tmp_path):
    default = [f"dense_input[{i}]" for i in range(3)]
    parameters = tmp_path / "parameters.json"
    parameters.write_text('{"output_name": "steps"}')
    arguments = ["--parameters", parameters, "--output-element", "1,2"]
    records = explain(inputs, tmp_path / "found", *arguments)
    row = records[0].features.feature["dense_input"].float_list.value
    assert attributions(records[0], default) == pytest.approx([0, 0, -3 * row[2]])
    metadata = tmp_path / "metadata.json"
    metadata.write_text(inspect("--output-name", "steps", "--output-element", "0,1").out)
    records = explain(inputs, tmp_path / "of_metadata", "--metadata", metadata)
    row = records[0].features.feature["dense_input"].float_list.value
    assert attributions(records[0], default) == pytest.approx([0, 2 * row[1], 0])
    refused = inspect("--output-name", "steps").err
    assert "choose the element of a row of shape [2, 3]" in refused
    assert "--output-element [0, 0]" in refused
