"""Whose evidence it is: models, attributions and evaluations that belong together, and those that don't."""

import json
import shutil

import apache_beam as beam
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from google.protobuf import json_format
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.beam.explaining.job import ExplanationJob
from tfx_explain.beam.run import explain_splits
from tfx_explain.gate.model import Model
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata
from tfx_explain.storage.columns import BASELINE, CANDIDATE

KEY = tfma.metrics.MetricKey("auc", example_weighted=False)
OVERRIDE = {"who": "Ada", "why": "a fix", "until": "9999-12-31"}


class Served(tf.Module):
    """score = sigmoid(weight * x)."""

    def __init__(self, weight):
        super().__init__()
        self.weight = tf.Variable(weight)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(self, examples):
        x = tf.io.parse_example(examples, {"x": tf.io.FixedLenFeature([], tf.float32)})["x"]
        return {"score": tf.sigmoid(self.weight * x)}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Models `new`, `old` and `third`, two splits of as many rows, and attributions of the first two."""
    folder = tmp_path_factory.mktemp("world")
    for name, weight in (("new", 2.0), ("old", 1.5), ("third", 7.0)):
        module = Served(weight)
        tf.saved_model.save(module, str(folder / name), signatures={"serving_default": module.serve})
    for start, split in enumerate(("eval", "train")):
        with tf.io.TFRecordWriter(str(folder / split)) as writer:
            for i in range(20):
                value = tf.train.Feature(float_list=tf.train.FloatList(value=[start + i / 7]))
                writer.write(tf.train.Example(features=tf.train.Features(feature={"x": value})).SerializeToString())
    for name, baseline in (("of_both", "old"), ("of_new", ""), ("of_old", "")):
        explain(folder, "old" if name == "of_old" else "new", baseline, name)
    return folder


def explain(world, model, baseline, output):
    (world / output).mkdir()
    job = ExplanationJob(
        str(world / model),
        generate_metadata(str(world / model)),
        explanation_pb2.ExplanationParameters(),
        str(world / baseline) if baseline else "",
    )
    splits = ("eval",) if baseline else ("eval", "train")
    explain_splits(beam.Pipeline, {split: [str(world / split)] for split in splits}, job, str(world / output))


@pytest.fixture
def share(config, metric, bound):
    return config(metric("AttributionShare", bound(upper=1), "x"))


@pytest.fixture
def judge(run, world, share):
    def judged(*attributions, model="new", baseline=None, policy=None):
        """Judges attributions, given as folders or by a name in `world`."""
        given = {CANDIDATE: model, BASELINE: baseline}
        models = {role: Model.at(str(world / name)) for role, name in given.items() if name}
        patterns = [str(split / "*") for name in attributions for split in sorted((world / name).glob("Split-*"))]
        return run(share, [], patterns, policy, models=models)

    return judged


def test_evidence_of_these_models_is_blessed_and_says_whose_it_is(judge, world, tmp_path):
    verdict = judge("of_both", baseline="old")
    assert verdict.blessed
    assert verdict.evidence == (f"The attributions {world}/of_both are of this candidate and baseline model.",)
    said = json.loads((tmp_path / "validation" / "verdict.json").read_text())
    assert said["models"]["candidate"] == {
        "uri": str(world / "new"),
        "fingerprint": Model.at(str(world / "new")).fingerprint,
    }
    assert said["models"]["baseline"]["fingerprint"] == Model.at(str(world / "old")).fingerprint
    assert said["evidence"] == list(verdict.evidence)
    assert verdict.to_text().endswith(f"Evidence:\n- {verdict.evidence[0]}\n")


def test_a_copy_of_the_model_is_the_same_model(judge, world, tmp_path):
    shutil.copytree(world / "new", tmp_path / "artifact" / "Format-Serving")
    assert judge("of_new", model=tmp_path / "artifact").blessed


@pytest.mark.parametrize(
    ("attributions", "models", "sentence"),
    [
        (["of_new"], {"model": "third"}, "The attributions {}/of_new are of another candidate, {}/new (sha256:"),
        (["of_both"], {"baseline": "third"}, "are of another baseline model, {}/old (sha256:"),
        (["of_new", "of_old"], {"model": None}, "The attributions {}/of_old are of another candidate, {}/old (sha256:"),
        (["of_both"], {"model": "old", "baseline": "new"}, "are of candidate and baseline model exchanged: the cand"),
    ],
)
def test_evidence_of_other_models_is_not_blessed_and_not_overridden(judge, world, attributions, models, sentence):
    verdict = judge(*attributions, **models, policy=explanation_pb2.GatePolicy(override=OVERRIDE))
    assert not verdict.blessed
    assert not verdict.unreadable
    assert sentence.replace("{}", str(world)) in verdict.problems[0]
    assert "was not applied: it outweighs failed thresholds, and nothing else" in verdict.to_text()


def test_without_a_model_it_is_said_that_none_was_given(judge, world):
    verdict = judge("of_both", model=None)
    assert verdict.blessed
    assert verdict.evidence[0] == (
        "Whether the evidence is of the candidate can't be told: the gate was not given that model. What the evidence "
        f"is of is {world}/new ({Model.at(str(world / 'new')).fingerprint[:19]})."
    )


@pytest.mark.parametrize("is_there", [True, False])
def test_an_earlier_summary_or_none_says_nothing(judge, world, tmp_path, is_there):
    shutil.copytree(world / "of_both", tmp_path / "earlier")
    path = tmp_path / "earlier" / "summary.json"
    counts = json.loads(path.read_text())["eval"]
    path.unlink()
    if is_there:
        path.write_text(json.dumps({"eval": {k: v for k, v in counts.items() if k.startswith(("rows", "toler"))}}))
    verdict = judge(tmp_path / "earlier")
    assert verdict.blessed == is_there or not is_there
    why = "their summary.json, of an earlier version, doesn't say" if is_there else "there is no summary.json beside"
    assert f"The attributions {tmp_path}/earlier may be of any model, which can't be told: {why}" in verdict.evidence[0]


def test_records_of_another_split_or_run_are_damage(judge, world, tmp_path):
    for source in (world / "of_new" / "Split-train", world / "of_old" / "Split-eval"):
        shutil.copytree(world / "of_new", tmp_path / "stale", dirs_exist_ok=True)
        shutil.rmtree(tmp_path / "stale" / "Split-eval")
        shutil.copytree(source, tmp_path / "stale" / "Split-eval")
        verdict = judge(tmp_path / "stale")
        assert verdict.unreadable
        assert (
            "Its 20 records are not those that the Explainer wrote (summary.json), but of another split or run"
            in (verdict.problems[0])
        )


def test_a_lost_split_and_a_renamed_one_are_damage(judge, world, tmp_path):
    shutil.copytree(world / "of_new", tmp_path / "lost")
    shutil.rmtree(tmp_path / "lost" / "Split-train")
    assert (
        "the Explainer wrote a split 'train' (summary.json), which is missing." in judge(tmp_path / "lost").problems[0]
    )
    (tmp_path / "lost" / "Split-eval").rename(tmp_path / "lost" / "Split-train")
    assert "are not those that the Explainer wrote" in judge(tmp_path / "lost").problems[1]


def test_the_same_records_twice_are_damage(judge, world, tmp_path):
    shutil.copytree(world / "of_new", tmp_path / "copy")
    same = f"The attributions in {world}/of_new and in {{}} are of the same rows, split 'eval'; give them once."
    assert judge("of_new", tmp_path / "copy").problems[0] == same.format(tmp_path / "copy")
    with_baseline = judge("of_new", "of_both").problems
    assert same.format(world / "of_both") in with_baseline
    (tmp_path / "link").symlink_to(world / "of_new")
    assert (
        "The same records are given twice, as split 0 and as split 2" in judge("of_new", tmp_path / "link").problems[0]
    )


def test_attributions_of_two_ways_do_not_add_up(judge, world, tmp_path):
    shutil.copytree(world / "of_new", tmp_path / "other")
    path = tmp_path / "other" / "summary.json"
    summary = json.loads(path.read_text())
    for split in summary.values():
        split["provenance"] |= {"parameters": {"top_k": 2}, "examples": ["elsewhere"]}
        del split["records_digest"]
    path.write_text(json.dumps(summary))
    assert (
        "were made with different parameters, so that they don't add up"
        in judge("of_new", tmp_path / "other").reasons[0]
    )


@pytest.fixture
def evaluation(world, write_evaluation):
    def write(name, places, auc=0.8):
        """Writes an evaluation of one model, or of candidate and baseline model, as at these places."""
        names = ["candidate", "baseline"] if len(places) > 1 else [""]
        metrics = {KEY._replace(model_name=of): auc for of in names}
        path = write_evaluation({(): metrics}, name)
        specs = [config_pb2.ModelSpec(name=of, is_baseline=of == "baseline") for of in names]
        run = config_pb2.EvalRun(
            eval_config=config_pb2.EvalConfig(model_specs=specs),
            version="1",
            model_locations={of: str(world / place) for of, place in zip(names, places, strict=True)},
        )
        with open(f"{path}/eval_config.json", "w") as file:
            file.write(json_format.MessageToJson(run))
        return path

    return write


@pytest.fixture
def auc(config, metric, bound):
    return config(metric("AUC", bound(lower=0.7)))


def given(world, candidate, baseline=None):
    names = {CANDIDATE: candidate, BASELINE: baseline}
    return {role: Model.at(str(world / name)) for role, name in names.items() if name}


def test_an_evaluation_is_of_the_model_at_its_place_or_of_a_copy(run, world, evaluation, auc, tmp_path):
    shutil.copytree(world / "new", tmp_path / "elsewhere")
    of_new = evaluation("of_new", ["new"])
    for model in ("new", tmp_path / "elsewhere"):
        verdict = run(auc, [of_new], models=given(world, model))
        assert verdict.blessed
        assert verdict.evidence == (f"The evaluation {of_new} is of this candidate.",)
    # As an Evaluator's, of another SavedModel in the same artifact.
    shutil.copytree(world / "new", tmp_path / "artifact" / "Format-Serving")
    shutil.copytree(world / "third", tmp_path / "artifact" / "Format-TFMA")
    of_eval_model = evaluation("of_eval_model", [tmp_path / "artifact" / "Format-TFMA"])
    assert run(auc, [of_eval_model], models=given(world, tmp_path / "artifact")).blessed


@pytest.mark.parametrize("place", ["third", "gone"])
def test_an_evaluation_of_another_model_is_not_blessed(run, world, evaluation, auc, place):
    path = evaluation("evaluation", [place])
    verdict = run(auc, [path], models=given(world, "new"))
    assert not verdict.blessed
    assert f"The evaluation {path} is of another candidate, {world}/{place} (" in verdict.problems[0]


def test_exchanged_models_in_an_evaluation(run, world, evaluation, auc):
    path = evaluation("evaluation", ["old", "new"])
    verdict = run(auc, [path], models=given(world, "new", "old"))
    assert "is of candidate and baseline model exchanged" in verdict.problems[0]
    right = evaluation("right", ["new", "old"])
    assert run(auc, [right], models=given(world, "new", "old")).blessed
    verdict = run(auc, [right], model_name="baseline")
    assert not verdict.blessed
    assert (
        "is of candidate and baseline model exchanged: what it says of 'candidate' is taken for" in verdict.problems[0]
    )


def test_an_evaluation_that_does_not_say_whose_it_is(run, world, write_evaluation, auc):
    path = write_evaluation({(): {KEY: 0.8}})
    verdict = run(auc, [path], models=given(world, "new"))
    assert verdict.blessed
    assert verdict.evidence == (
        f"The evaluation {path} may be of any model, which can't be told: it has no eval_config.json.",
    )
    for text, sentence in (("{}", "its eval_config.json names no model"), ("[", "is damaged or something else")):
        with open(f"{path}/eval_config.json", "w") as file:
            file.write(text)
        verdict = run(auc, [path], models=given(world, "new"))
        assert sentence in " ".join((*verdict.problems, *verdict.evidence))
        assert verdict.blessed == (text == "{}")


def test_a_baseline_evaluation_that_is_the_evaluation_itself(run, world, evaluation, config, metric, bound, tmp_path):
    change = config(metric("AUC", bound(absolute=0, better="HIGHER")))
    of_new, of_old = evaluation("now", ["new"]), evaluation("then", ["old"], 0.8)
    (tmp_path / "link").symlink_to(of_new)
    for path in (of_new, str(tmp_path / "link")):
        verdict = run(change, [of_new], baseline_evaluations=[path])
        assert f"The baseline evaluation {path} is the evaluation {of_new} itself" in " ".join(verdict.problems)
        assert not verdict.blessed
    shutil.copytree(of_new, tmp_path / "copy")
    verdict = run(change, [of_new], baseline_evaluations=[str(tmp_path / "copy")])
    assert f"is of the candidate itself, {world}/new" in verdict.problems[0]
    (tmp_path / "copy" / "eval_config.json").unlink()
    verdict = run(change, [of_new], baseline_evaluations=[str(tmp_path / "copy")])
    assert f"is the evaluation {of_new} itself" in verdict.problems[0]
    assert run(change, [of_new], baseline_evaluations=[of_old], models=given(world, "new", "old")).blessed
    verdict = run(change, [of_new], baseline_evaluations=[of_old], models=given(world, "new", "third"))
    assert f"The baseline evaluation {of_old} is of another baseline model, {world}/old" in verdict.problems[0]
