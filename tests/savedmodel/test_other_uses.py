"""SavedModels that are not for serving here: which folder to give instead; ops that no TensorFlow of today can run."""

import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tfx_explain.savedmodel import generate_metadata
from tfx_explain.savedmodel.graph.meta_graph import read_meta_graph

v1 = tf.compat.v1


def write(path, tags=("serve",), signature="serving_default", collection=""):
    """A SavedModel of which only the kind can be told."""
    saved = saved_model_pb2.SavedModel()
    for found in tags if isinstance(tags[0], tuple) else (tags,):
        meta_graph = saved.meta_graphs.add()
        meta_graph.meta_info_def.tags.extend(found)
        meta_graph.signature_def[signature].SetInParent()
        if collection:
            meta_graph.collection_def[collection].SetInParent()
    path.mkdir(parents=True)
    (path / "saved_model.pb").write_bytes(saved.SerializeToString())
    return str(path)


def test_an_evalsavedmodel_names_the_model_beside_it(tmp_path):
    path = write(tmp_path / "1" / "Format-TFMA", ["eval"], "eval", "evaluation_only/label_graph")
    with pytest.raises(ValueError, match=r"is an EvalSavedModel, .* in its place \(`Format-Serving` in TFX's Model"):
        generate_metadata(path)
    write(tmp_path / "1" / "Format-Serving")
    with pytest.raises(ValueError, match=r"that is served in its place, '.*/1/Format-Serving'"):
        generate_metadata(path)
    with pytest.raises(ValueError, match="Give one of those in it: '1/Format-Serving'"):
        generate_metadata(str(tmp_path))


def test_the_graph_of_transform_names_the_model_to_give(tmp_path):
    path = write(tmp_path / "transform_fn", signature="transform_signature")
    for given in (path, str(tmp_path)):
        with pytest.raises(ValueError, match=r"is the graph of tf.Transform, .*the model that the Trainer exported"):
            generate_metadata(given)


@pytest.mark.parametrize(
    ("tags", "chosen"),
    [
        ([("serve",), ("serve", "tpu")], ["serve"]),
        ([("serve", "gpu"), ("serve", "tpu")], ["serve", "gpu"]),
        ([(), ("train",)], []),
        ([("train",)], ["train"]),
    ],
)
def test_the_meta_graph_for_serving_here(tmp_path, tags, chosen):
    path = write(tmp_path / "model", tags)
    assert sorted(read_meta_graph(path, []).meta_info_def.tags) == sorted(chosen)


def test_several_meta_graphs_are_named_with_how_to_choose(tmp_path):
    path = write(tmp_path / "model", [("a",), ("b",)])
    with pytest.raises(ValueError, match=r"there is: 'a'; 'b'. Name the tags of one of them as `tags`"):
        generate_metadata(path)


@pytest.mark.parametrize("is_tf1", [True, False])
def test_an_op_without_kernels_is_named(tmp_path, is_tf1):
    def buckets(x):
        (bucket,) = tf.raw_ops.BoostedTreesBucketize(float_values=[x], bucket_boundaries=[tf.constant([0.0, 1.0])])
        return tf.cast(bucket, tf.float32) + x

    if is_tf1:
        with tf.Graph().as_default(), v1.Session() as session:
            x = v1.placeholder(tf.float32, [None], "x")
            v1.saved_model.simple_save(session, str(tmp_path / "model"), {"x": x}, {"y": buckets(x)})
    else:
        module = tf.Module()
        serve = tf.function(lambda x: {"y": buckets(x)}, input_signature=[tf.TensorSpec([None], tf.float32, "x")])
        tf.saved_model.save(module, str(tmp_path / "model"), signatures=serve)
    with pytest.raises(ValueError, match=r"needs the op 'BoostedTreesBucketize', .*does not bring it back.*TensorFlow"):
        generate_metadata(str(tmp_path / "model"))
