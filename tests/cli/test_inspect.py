"""`tfx-explain inspect` as a user runs it."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
import tensorflow as tf
from google.cloud.aiplatform_v1.types import ExplanationMetadata as VertexMetadata

from tfx_explain.cli import main
from tfx_explain.cli.assignments import parse_assignments
from tfx_explain.savedmodel import metadata_from_json


class Served(tf.Module):
    """A float, a word and a gate that only decides."""

    SPEC = {
        "age": tf.io.FixedLenFeature([1], tf.float32),
        "gate": tf.io.FixedLenFeature([], tf.float32),
        "job.title": tf.io.VarLenFeature(tf.string),
    }

    def __init__(self):
        keys = tf.lookup.KeyValueTensorInitializer(["clerk", "smith"], tf.constant([0, 1], tf.int64))
        self.table = tf.lookup.StaticHashTable(keys, 2)
        self.embedding = tf.Variable([[1.0], [2.0], [0.0]])

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "examples")])
    def serve(self, examples):
        parsed = tf.io.parse_example(examples, self.SPEC)
        job = parsed["job.title"]
        ids = tf.SparseTensor(job.indices, self.table.lookup(job.values), job.dense_shape)
        word = tf.nn.safe_embedding_lookup_sparse(self.embedding, ids, combiner="sum")
        logits = tf.squeeze(parsed["age"] * 0.1 + word, 1)
        return {"score": tf.sigmoid(tf.where(parsed["gate"] > 0.5, logits * 2.0, logits))}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path, module = str(tmp_path_factory.mktemp("model")), Served()
    tf.saved_model.save(module, path, signatures=module.serve)
    return path


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs the command line in this process."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["tfx-explain", "inspect", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            main.main()
            sys.exit(0)  # click returns where it is not the whole program
        captured = capsys.readouterr()
        return SimpleNamespace(code=exit_.value.code, out=captured.out, err=captured.err)

    return call


def test_json_for_programs_and_a_table_for_people(run, model):
    result = run(model)
    assert result.code == 0
    metadata = metadata_from_json(result.out)
    assert set(metadata.inputs) == {"age", "gate", "job.title"}
    rows = {line.split("│")[1].strip(): line for line in result.err.splitlines() if line.startswith("│")}
    assert all(cell in rows["age"] for cell in ("float32", "[1]", "numeric", "itself", "any method", "0 (zero)"))
    assert all(cell in rows["job.title"] for cell in ("string", "[None]", "categorical", "any method", '"" (zero)'))
    assert all(cell in rows["gate"] for cell in ("nothing", "sampled Shapley"))
    assert "gate: No float tensor" in result.err
    assert "Output score: explained by the log-odds" in result.err


def test_json_into_a_file_and_the_table_where_people_look(run, model, tmp_path):
    result = run(model, "--output", tmp_path / "metadata.json")
    assert result.err == ""
    assert "job.title" in result.out and "{" not in result.out
    assert set(metadata_from_json((tmp_path / "metadata.json").read_text()).inputs) == {"age", "gate", "job.title"}
    assert run(model, "--output", tmp_path / "metadata.json", "--quiet").out == ""


def test_vertex_reads_its_dialect(run, model):
    result = run(model, "--dialect", "vertex", "--set", "inputs.job.title.group_name=who")
    read = VertexMetadata.from_json(result.out)
    assert read.inputs["job.title"].group_name == "who"


def test_files(run, model, tmp_path):
    (tmp_path / "schema.pbtxt").write_text('feature { name: "job.title" natural_language_domain {} }')
    (tmp_path / "overrides.json").write_text('{"inputs": {"age": {"input_baselines": [3], "modality": "numeric"}}}')
    message = tf.train.Example()
    message.features.feature["age"].float_list.value.append(50)
    message.features.feature["gate"].float_list.value.append(1)
    message.features.feature["job.title"].bytes_list.value.append(b"smith")
    with tf.io.TFRecordWriter(str(tmp_path / "rows")) as writer:
        writer.write(message.SerializeToString())
    arguments = [
        f"--schema={tmp_path}",
        f"--examples={tmp_path / 'rows'}",
        f"--overrides={tmp_path / 'overrides.json'}",
    ]
    result = run(model, *arguments, "--baselines=examples:1", "--set=inputs.age.group_name=g", "--output-name=score")
    inputs = metadata_from_json(result.out).inputs
    assert inputs["job.title"].modality == "text"
    assert inputs["job.title"].input_baselines[0].list_value.values[0].string_value == "smith"
    assert (inputs["age"].input_baselines[0].number_value, inputs["age"].group_name) == (3, "g")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--signature=predict"], "has no signature 'predict'; it has 'serving_default'"),
        (["--signature=predict"], "Name one of these as --signature."),
        (
            ["--output-name=scores"],
            "no output 'scores' that can be explained; did you mean 'score'? (as --output-name)",
        ),
        (["--tags=gpu"], "'gpu'; there is: 'serve'. Name the tags of one of them as --tags."),
        (["--baselines=mode"], "neither statistics nor examples are given"),
        (["--baselines=mode"], "--baselines name 'mode', but"),
        (["--baselines=average"], "There is no kind of baseline 'average'"),
        (["--schema=absent.pbtxt"], "There is no file 'absent.pbtxt'"),
        (["--statistics=absent"], "There is no file 'absent'"),
        (["--examples=absent"], "There are no examples at 'absent'"),
        (["--set=inputs.age"], "write KEY=VALUE"),
        (
            ["--set=inputs.age.modalty=text"],
            "inputs['age'].modalty is not a key of the format; did you mean 'modality'",
        ),
        (["--set=inputs.agee.modality=text"], "the model has no 'agee'; did you mean 'age'?"),
        (["--set=inputs.age.input_baselines=[true]"], "input_baselines of 'age': got a bool"),
    ],
)
def test_mistakes_are_one_readable_error(run, model, arguments, message):
    result = run(model, *arguments)
    assert (result.code, result.out) == (2, "")
    assert message in result.err and result.err.startswith("tfx-explain: ") and "Traceback" not in result.err


def test_what_is_no_model(run, tmp_path):
    assert run(tmp_path).code == 2
    (tmp_path / "saved_model.pb").write_bytes(b"\x00broken")
    result = run(tmp_path)
    assert result.code == 2 and "Traceback" not in result.err


def test_assignments():
    given = parse_assignments(["inputs.a.b.domain.min=1", "inputs.a.b.domain.max=2", "outputs.y.output_tensor_name=y"])
    assert (given.inputs["a.b"].domain.min, given.inputs["a.b"].domain.max) == (1, 2)
    assert given.outputs["y"].output_tensor_name == "y"
    assert parse_assignments(["inputs.a.modality=text", "inputs.a.modality=image"]).inputs["a"].modality == "image"
    with pytest.raises(ValueError, match="has been set to a value as a whole"):
        parse_assignments(["inputs.a.domain=1", "inputs.a.domain.min=1"])


@pytest.mark.slow
def test_neither_tfx_nor_beam_is_imported(model):
    program = (
        "import sys\n"
        "from tfx_explain.cli import main\n"
        f"sys.argv = ['tfx-explain', 'inspect', {model!r}]\n"
        "try:\n    main.main()\nexcept SystemExit as exit:\n    assert not exit.code, exit.code\n"
        "found = {name.split('.')[0] for name in sys.modules}\n"
        "print(sorted(found & {'tfx', 'apache_beam', 'tensorflow_model_analysis', 'google.cloud'}), file=sys.stderr)\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stderr.splitlines()[-1] == "[]"
    assert metadata_from_json(result.stdout).inputs["age"].modality == "numeric"
