"""Fingerprints: the same for the same content, wherever it lies, and another for another."""

import shutil

import pytest
import tensorflow as tf

from tfx_explain.storage.fingerprint import model_fingerprint


class Served(tf.Module):
    """Looks words up in a vocabulary file, and weighs them."""

    def __init__(self, vocabulary, weight):
        super().__init__()
        self.weight = tf.Variable(weight)
        words = tf.lookup.TextFileInitializer(
            vocabulary, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
        )
        self.table = tf.lookup.StaticHashTable(words, -1)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
    def serve(self, words):
        return {"score": self.weight * tf.cast(self.table.lookup(words), tf.float32)}


@pytest.fixture
def save(tmp_path):
    def saved(name, words="a\nb\n", weight=1.0):
        (tmp_path / "vocabulary.txt").write_text(words)
        module = Served(str(tmp_path / "vocabulary.txt"), weight)
        tf.saved_model.save(module, str(tmp_path / name), signatures={"serving_default": module.serve})
        return tmp_path / name

    return saved


@pytest.mark.parametrize("has_fingerprint", [True, False])
def test_a_copy_is_the_same_and_other_weights_or_assets_are_not(save, tmp_path, has_fingerprint):
    models = [save("one"), save("heavy", weight=2.0), save("other_words", words="b\na\n")]
    shutil.copytree(models[0], tmp_path / "copy [1]")
    for model in (*models, tmp_path / "copy [1]"):
        assert (model / "fingerprint.pb").exists()
        if not has_fingerprint:
            (model / "fingerprint.pb").unlink()
    one, *others = (model_fingerprint(str(model)) for model in models)
    assert one.startswith("sha256:")
    assert one == model_fingerprint(str(tmp_path / "copy [1]"))
    assert len({one, *others}) == 3


def test_warmup_requests_are_no_part_of_a_model(save):
    model = save("one")
    before = model_fingerprint(str(model))
    (model / "assets.extra").mkdir()
    (model / "assets.extra" / "tf_serving_warmup_requests").write_text("requests")
    assert model_fingerprint(str(model)) == before


def test_a_model_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match=f"There is no model at '{tmp_path}/nowhere'"):
        model_fingerprint(str(tmp_path / "nowhere"))
