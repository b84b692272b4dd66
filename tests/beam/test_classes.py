"""Which classes are explained, by which quantity, and what records, counts and refusals say of it."""

import numpy as np
import pytest
import tensorflow as tf

from tfx_explain.beam.explain import RowExplainer
from tfx_explain.beam.explaining.job import ExplanationJob
from tfx_explain.beam.explaining.parameters import check_parameters
from tfx_explain.beam.reading.batches import RowBatch
from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel import generate_metadata
from tfx_explain.storage.tfrecords import as_records

NAMES = ["<=50K", ">50K", "none"]


class Heads(tf.Module):
    """Logits that are linear in a and b, and a head."""

    def __init__(self, head, names=()):
        super().__init__()
        self.head, self.names = head, list(names)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
    def serve(self, examples):
        parsed = tf.io.parse_example(examples, {key: tf.io.FixedLenFeature([1], tf.float32) for key in "ab"})
        scores = self.head(parsed["a"] + 2.0 * parsed["b"], parsed["a"] * parsed["b"])
        if not self.names:
            return {"scores": scores}
        return {"scores": scores, "classes": tf.tile([self.names], [tf.shape(scores)[0], 1])}


def pinned(z, _):
    """As binary Estimators have it."""
    return tf.nn.softmax(tf.concat([tf.zeros_like(z), z], -1))


def common(z, shift):
    return tf.nn.softmax(tf.concat([shift, z + shift], -1))


def sigmoid(z, _):
    return tf.sigmoid(z)


def pair(z, _):
    probability = tf.sigmoid(z)
    return tf.concat([1.0 - probability, probability], -1)


def served(z, _):
    return z


def labels(z, other):
    return tf.sigmoid(tf.concat([z, other, -z], -1))


def three(z, other):
    return tf.nn.softmax(tf.concat([z, other, -z], -1))


def backwards(z, other):
    return tf.nn.softmax(tf.concat([-z, other, z], -1))


@pytest.fixture(scope="module")
def save(tmp_path_factory):
    paths = {}

    def build(head, names=()):
        if (head, tuple(names)) not in paths:
            path = paths[head, tuple(names)] = str(tmp_path_factory.mktemp(head.__name__))
            module = Heads(head, names)
            tf.saved_model.save(module, path, signatures=module.serve)
        return paths[head, tuple(names)]

    return build


@pytest.fixture
def explain(example):
    def run(model_dir, baseline_model_dir="", **parameters):
        message = explanation_pb2.ExplanationParameters(**parameters)
        check_parameters(message)
        job = ExplanationJob(model_dir, generate_metadata(model_dir), message, baseline_model_dir)
        rows = [example(a=a, b=b) for a, b in ((1.0, 1.0), (-1.0, -1.0), (-3.0, 1.0))]
        batch = RowExplainer(job.completed()).explain(RowBatch(as_records(rows)))
        assert batch.summary.rows_explained == 3, batch.summary
        return [tf.train.Example.FromString(record).features.feature for record in batch.records], batch.summary

    return run


def values(records, name, model="candidate"):
    lists = [record[f"tfx_explain/{model}/{name}"] for record in records]
    kind = lists[0].WhichOneof("kind")
    return [list(getattr(one, kind).value) for one in lists]


@pytest.mark.parametrize("head", [pinned, common, pair, sigmoid])
def test_two_classes_are_explained_alike_whatever_the_head(head, save, explain):
    records, summary = explain(save(head))
    np.testing.assert_allclose(values(records, "attributions/a"), [[1], [-1], [-3]], atol=1e-4)
    np.testing.assert_allclose(values(records, "attributions/b"), [[2], [-2], [2]], atol=1e-4)
    assert values(records, "explained_quantity") == [[b"log_odds"]] * 3
    assert summary.explained_quantity == {"candidate": "log_odds"}
    assert summary.rows_without_influence_by_class == {}


def test_the_predicted_of_two_classes_is_a_choice(save, explain):
    records, _ = explain(save(pinned), top_k=1)
    assert values(records, "output_index") == [[1], [0], [0]]
    np.testing.assert_allclose(values(records, "attributions/a"), [[1], [1], [3]], atol=1e-4)
    np.testing.assert_allclose(values(records, "attributions/b"), [[2], [2], [-2]], atol=1e-4)


def test_a_class_on_which_nothing_has_influence_is_counted(save, explain):
    _, summary = explain(save(pinned), top_k=1, output_scale="LOGITS")
    assert summary.rows_by_class == {"candidate/1": 1, "candidate/0": 2}
    assert summary.rows_without_influence_by_class == {"candidate/0": 2}


def test_all_labels_by_one_number_and_some_by_their_names(save, explain, caplog):
    path = save(labels, NAMES)
    records, _ = explain(path)
    assert "3 independent labels, of which each row's highest alone is explained" in caplog.text
    assert values(records, "output_display_name") == [[b"<=50K"], [b"none"], [b"none"]]
    caplog.clear()
    for chosen in ({"output_indices": [-1]}, {"class_names": ["<=50K", "1", "none"]}):
        records, summary = explain(path, **chosen)
        assert values(records, "output_index") == [[0, 1, 2]] * 3
        assert values(records, "output_display_name") == [[name.encode() for name in NAMES]] * 3
        np.testing.assert_allclose(
            values(records, "attributions/a"), [[1, 0.5, -1], [-1, 0.5, 1], [-3, -1.5, 3]], atol=1e-2
        )
    assert not caplog.text
    assert summary.rows_by_class == {f"candidate/{name}": 3 for name in NAMES}
    records, _ = explain(path, class_names=[">50K"])
    assert values(records, "output_index") == [[1]] * 3


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"class_names": [">60K"]}, "class_names: the model has no class '>60K'; did you mean '>50K'?"),
        ({"class_names": ["7"]}, "class_names names output 7"),
        ({"class_names": ["none"], "top_k": 1}, r"class_names is \['none'\] and top_k is 1; give one of them"),
        ({"class_names": ["none", "none"]}, "name each class once"),
        ({"class_names": ["1", ">50K"]}, "'1' and '>50K' are one class; name each class once"),
        ({"output_indices": [-1, 0]}, "or all by -1 alone"),
    ],
)
def test_classes_that_are_not_there_are_refused(parameters, message, save, explain):
    with pytest.raises(ValueError, match=message):
        explain(save(labels, NAMES), **parameters)


def test_one_label_is_no_choice_and_has_no_name(save, explain, caplog):
    explain(save(sigmoid))
    assert "independent labels" not in caplog.text
    with pytest.raises(ValueError, match="the model's classes have no names, such as 'yes'; give indices"):
        explain(save(sigmoid), class_names=["yes"])


@pytest.mark.parametrize(("candidate", "baseline"), [(pinned, sigmoid), (sigmoid, common), (pair, sigmoid)])
def test_models_with_other_heads_are_explained_by_the_same_class(candidate, baseline, save, explain):
    for scale in ("LOG_ODDS", "SERVED"):
        records, _ = explain(save(candidate), save(baseline), output_scale=scale)
        for name in ("attributions/a", "attributions/b", "instance_output_value"):
            np.testing.assert_allclose(values(records, name), values(records, name, "baseline"), atol=1e-3)
    assert values(records, "output_index", "candidate") != values(records, "output_index", "baseline")


def test_classes_of_both_models_are_matched_by_name(save, explain):
    records, _ = explain(save(three, NAMES), save(backwards, NAMES[::-1]), top_k=2)
    np.testing.assert_allclose(
        values(records, "attributions/b"), values(records, "attributions/b", "baseline"), rtol=0.05, atol=1e-3
    )
    assert values(records, "output_display_name") == values(records, "output_display_name", "baseline")


@pytest.mark.parametrize(
    ("candidate", "baseline", "parameters", "message"),
    [
        (pinned, served, {}, "baseline model can't be explained as the candidate is, of which log_odds are explained"),
        (three, sigmoid, {}, "candidate model has 3 outputs .* and the baseline model 1"),
        (pinned, sigmoid, {"output_scale": "LOGITS"}, "candidate model has 2 outputs"),
        (pinned, sigmoid, {"output_indices": [0]}, "candidate model has 2 outputs"),
    ],
)
def test_what_does_not_compare_is_refused(candidate, baseline, parameters, message, save, explain):
    with pytest.raises(ValueError, match=f"(?s){message}"):
        explain(save(candidate), save(baseline), **parameters)


@pytest.mark.parametrize(
    "method",
    [
        {"integrated_gradients_attribution": {}},
        {"integrated_gradients_attribution": {"step_count": 10}},
        {"sampled_shapley_attribution": {"path_count": 4}},
        {"kernel_shap_attribution": {}},
    ],
    ids=lambda method: "-".join([*method, *next(iter(method.values()))]),
)
@pytest.mark.parametrize("classes", [{"top_k": 2}, {"output_indices": [2, 0]}], ids=["top", "chosen"])
def test_no_row_is_left_of_several_classes_against_several_baselines(classes, method, save, example):
    metadata = generate_metadata(save(three))
    for feature, baselines in (("a", (0.0, 1.0, -1.0)), ("b", (0.0, 2.0, 0.5))):
        del metadata.inputs[feature].input_baselines[:]
        for baseline in baselines:
            metadata.inputs[feature].input_baselines.add().number_value = baseline
    parameters = explanation_pb2.ExplanationParameters(**classes, **method)
    explainer = RowExplainer(ExplanationJob(save(three), metadata, parameters, save(backwards)).completed())
    bad, good = [example(a=np.nan, b=1.0), example(a=1.0, b=np.inf)], example(a=1.0, b=2.0)
    for rows, explained in ((bad[:1], 0), (bad, 0), ([*bad, good], 1)):
        batch = explainer.explain(RowBatch(as_records(rows)))
        assert (len(batch.records), len(batch.dead_letters)) == (explained, len(rows) - explained)
        assert set(batch.summary.causes) == {f"feature {name!r} is not finite" for name in "ab"[: len(rows)]}
    assert batch.summary.rows_by_class.keys() >= {"candidate/0"}
