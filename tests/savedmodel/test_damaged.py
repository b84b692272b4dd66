"""SavedModels that are damaged, or need what is not there: one sentence, never another error."""

import os
import random
import re
import shutil

import pytest
import tensorflow as tf

from tfx_explain.savedmodel import generate_metadata
from tfx_explain.savedmodel.graph.load import load_signature


@pytest.fixture
def copy(zoo, tmp_path):
    """From a class name to a copy of that model, to be damaged."""
    return lambda name: shutil.copytree(zoo(name).path, tmp_path / name)


def damage(path, how, rng):
    content = bytearray(path.read_bytes())
    if how == "cut":
        content = content[: rng.randrange(len(content))]
    elif how == "flip":
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    else:
        start = rng.randrange(len(content))
        content[start : start + 16] = bytes(len(content[start : start + 16]))
    path.write_bytes(bytes(content))


@pytest.mark.slow
@pytest.mark.parametrize("how", ["cut", "flip", "zeros"])
@pytest.mark.parametrize(
    "file", ["saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"]
)
def test_damage_is_told_in_a_sentence_or_does_not_matter(copy, file, how):
    rng = random.Random(f"{file} {how}")
    for _ in range(4):
        path = copy("Linear")
        damage(path / file, how, rng)
        try:
            assert generate_metadata(str(path)).outputs
        except ValueError as error:
            assert re.search(r"SavedModel|ignature", str(error))
        shutil.rmtree(path)


def test_an_op_that_is_not_registered_is_named(copy):
    path = copy("Linear") / "saved_model.pb"
    path.write_bytes(path.read_bytes().replace(b"Sigmoid", b"MyOwnOp"))
    with pytest.raises(
        ValueError, match=r"needs the op 'MyOwnOp', which this TensorFlow does not have.*load_op_library"
    ):
        load_signature(str(path.parent))


def test_a_graph_of_gigabytes_is_not_read(copy):
    path = copy("Linear") / "saved_model.pb"
    os.truncate(path, 2**31)  # takes no room on the disk
    with pytest.raises(ValueError, match=r"has 2\.0 GiB, more than TensorFlow reads; .* large constants as variables"):
        load_signature(str(path.parent))


def test_a_model_without_signatures(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path))
    with pytest.raises(ValueError, match="has no signature, so nothing of it can be served"):
        load_signature(str(tmp_path))


def test_a_lost_vocabulary(tmp_path):
    vocabulary = tmp_path / "words.txt"
    vocabulary.write_text("a\nb\n")

    class Words(tf.Module):
        def __init__(self):
            initializer = tf.lookup.TextFileInitializer(
                str(vocabulary),
                tf.string,
                tf.lookup.TextFileIndex.WHOLE_LINE,
                tf.int64,
                tf.lookup.TextFileIndex.LINE_NUMBER,
            )
            self.table = tf.lookup.StaticHashTable(initializer, -1)

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "word")])
        def serve(self, word):
            return {"y": tf.cast(self.table.lookup(word), tf.float32)}

    module = Words()
    tf.saved_model.save(module, str(tmp_path / "model"), signatures=module.serve)
    (tmp_path / "model" / "assets" / "words.txt").unlink()
    with pytest.raises(ValueError, match=r"cannot be loaded: .*words\.txt"):
        load_signature(str(tmp_path / "model"))
