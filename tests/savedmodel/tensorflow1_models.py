"""Models of TF 1's API, as Estimators and scripts of that time exported them."""

from __future__ import annotations

import contextlib

import tensorflow as tf

v1 = tf.compat.v1


def variable(name, shape, seed=1, **settings):
    return v1.get_variable(name, shape, initializer=v1.initializers.random_normal(seed=seed), **settings)


@contextlib.contextmanager
def control_flow_of_tf1():
    v1.disable_control_flow_v2()
    try:
        yield
    finally:
        v1.enable_control_flow_v2()


def counted_loop(x):
    """A loop with constants, a variable from outside of it and a shape that stays."""
    w = variable("w", [3, 3])
    return v1.while_loop(lambda i, _: i < 3, lambda i, v: (i + 1, tf.sin(v @ w) * 0.5 + x), [0, x])[1]


def nested_loops(x):
    """A loop in a loop, with a condition inside, and one after both."""

    def inner(i, v):
        halved = v1.cond(tf.equal(i % 2, 0), lambda: v * 0.5, lambda: v + tf.constant(1.0))
        return i + 1, v1.while_loop(lambda j, _: j < i + 1, lambda j, u: (j + 1, tf.tanh(u) + x), [0, halved])[1]

    looped = v1.while_loop(lambda i, _: i < 3, inner, [0, x])[1]
    return v1.cond(tf.constant(1) > 0, lambda: looped * 2.0, lambda: tf.zeros_like(looped))


def mapped(x):
    """What map_fn and scan are made of: arrays of tensors."""
    doubled = v1.map_fn(lambda row: tf.sin(row) * 2.0, x)
    summed = v1.scan(lambda total, column: total * 0.5 + column, tf.transpose(doubled))
    return tf.transpose(summed)


def recurrent(x):
    """As dynamic_rnn unrolls: an array read and one written, with a state of growing knowledge."""
    w = variable("w", [4, 3])
    steps = tf.TensorArray(tf.float32, 3).unstack(tf.transpose(x)[:, :, tf.newaxis])
    written = tf.TensorArray(tf.float32, 3)

    def step(t, state, out):
        state = tf.tanh(tf.concat([steps.read(t), state], 1) @ w)
        return t + 1, state, out.write(t, state)

    state = tf.zeros([tf.shape(x)[0], 3])
    _, _, written = v1.while_loop(lambda t, *_: t < 3, step, [0, state, written])
    return tf.reduce_mean(written.stack(), 0)


LOOPS = {function.__name__: function for function in (counted_loop, nested_loops, mapped, recurrent)}


def loop(name, path, rows):
    """Saves a model with loops of TF 1; returns what it gives for `rows` [5, 3], and that by its input."""
    with tf.Graph().as_default(), v1.Session() as session, control_flow_of_tf1():
        x = v1.placeholder(tf.float32, [None, 3], "x")
        score = tf.identity(tf.reduce_sum(LOOPS[name](x), 1), "score")
        (gradient,) = tf.gradients(score, x)
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, path, {"x": x}, {"score": score})
        return session.run([score, gradient], {x: rows})


def wide_and_deep(path, assets, rows):
    """As DNNLinearCombinedClassifier exports: a vocabulary file, three signatures; returns what is served for rows."""
    columns = v1.feature_column
    (assets / "colors.txt").write_text("red\ngreen\nblue\n")
    color = columns.categorical_column_with_vocabulary_file("color", str(assets / "colors.txt"), 3, num_oov_buckets=1)
    age, hours = columns.numeric_column("age"), columns.numeric_column("hours")
    bucket = columns.bucketized_column(age, [20.0, 40.0, 60.0])
    crossed = columns.crossed_column([bucket, "job"], 10)
    wide = [bucket, color, crossed]
    deep = [age, hours, columns.embedding_column(color, 2), columns.indicator_column(bucket)]
    with tf.Graph().as_default(), v1.Session() as session:
        examples = v1.placeholder(tf.string, [None], "input_example_tensor")
        parsed = v1.io.parse_example(examples, columns.make_parse_example_spec([*wide, *deep]))
        v1.set_random_seed(1)
        hidden = tf.nn.relu(columns.input_layer(parsed, deep) @ variable("hidden", [8, 6]))
        logits = tf.add(hidden @ variable("out", [6, 1], 2), columns.linear_model(parsed, wide), "logits")
        for found in v1.trainable_variables():
            session.run(v1.variables_initializer([found]))
            if "linear_model" in found.name:
                session.run(found.assign(tf.random.stateless_normal(found.shape, [1, 2])))
        session.run(v1.tables_initializer())
        probabilities = tf.nn.softmax(tf.concat([tf.zeros_like(logits), logits], 1), name="probabilities")
        _save_estimator(session, path, examples, logits, probabilities)
        return session.run(probabilities, {examples: rows.numpy()})


def _save_estimator(session, path, examples, logits, probabilities):
    saved, infos = v1.saved_model, v1.saved_model.build_tensor_info
    ids = tf.argmax(probabilities, 1)
    labels = tf.tile(tf.constant([["no", "yes"]]), [tf.shape(logits)[0], 1])
    signatures = {
        "serving_default": saved.classification_signature_def(examples, labels, probabilities),
        "regression": saved.regression_signature_def(examples, tf.sigmoid(logits)),
        "predict": saved.build_signature_def(
            {"examples": infos(examples)},
            {
                "logits": infos(logits),
                "probabilities": infos(probabilities),
                "class_ids": infos(ids[:, tf.newaxis]),
                "classes": infos(tf.as_string(ids)[:, tf.newaxis]),
                "all_classes": infos(labels),
            },
            "tensorflow/serving/predict",
        ),
    }
    builder = saved.Builder(path)
    builder.add_meta_graph_and_variables(
        session,
        ["serve"],
        signatures,
        v1.get_collection(v1.GraphKeys.ASSET_FILEPATHS),
        main_op=v1.tables_initializer(),
    )
    builder.save()


def two_meta_graphs(path):
    """Doubles under the tag "cpu", triples under the tags "gpu" and "fast"; a variable of references, not resources."""
    builder = v1.saved_model.Builder(path)
    for factor, tags in ((2.0, ["cpu"]), (3.0, ["gpu", "fast"])):
        with tf.Graph().as_default(), v1.Session() as session:
            x = v1.placeholder(tf.float32, [None], "x")
            one = v1.get_variable("one", [], initializer=v1.initializers.ones(), use_resource=False)
            y = tf.multiply(x * factor, one, "y")
            keep = v1.placeholder_with_default(1.0, [], "keep")
            signature = v1.saved_model.predict_signature_def({"x": x}, {"y": y * keep})
            session.run(v1.global_variables_initializer())
            if tags == ["cpu"]:
                builder.add_meta_graph_and_variables(session, tags, {"serving_default": signature})
            else:
                builder.add_meta_graph(tags, {"serving_default": signature})
    builder.save()


def unfed(path):
    """Needs a placeholder that is no input of the signature."""
    with tf.Graph().as_default(), v1.Session() as session:
        x, keep = v1.placeholder(tf.float32, [None], "x"), v1.placeholder(tf.float32, [], "keep_probability")
        v1.saved_model.simple_save(session, path, {"x": x}, {"y": x * keep})
