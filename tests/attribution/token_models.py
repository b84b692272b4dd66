"""Models of texts whose words have known effects, for tests of tokens as players."""

import numpy as np
import tensorflow as tf

from tfx_explain.attribution import Tokens, from_function, words

EFFECTS = {b"urgent": 2.0, b"refund": 1.25, b"thanks": -1.5, b"not": 0.75}
TEXT = b"urgent: not the refund, not thanks"


def effects():
    """Returns a table of the words' effects."""
    known = tf.lookup.KeyValueTensorInitializer(list(EFFECTS), tf.constant(list(EFFECTS.values())))
    return tf.lookup.StaticHashTable(known, 0.0)


def tokens_of(texts):
    """Ragged `[rows, (tokens)]`, as the models read texts: without punctuation, split at spaces."""
    return tf.strings.split(tf.strings.regex_replace(texts, "[:,.!?]", ""))


def make_models():
    """Returns models of texts, `{"text": [rows]}` to `[rows]`, by name."""
    table = effects()

    def looked_up(texts):
        return tf.ragged.map_flat_values(table.lookup, tokens_of(texts))

    def interacting(texts):
        found = looked_up(texts)
        total, size = tf.reduce_sum(found, axis=1), tf.cast(found.row_lengths(), tf.float32)
        return tf.tanh(total) + 0.3 * total * tf.math.log1p(size)

    def highest(texts):
        return tf.reduce_max(looked_up(texts).to_tensor(0.0, shape=[None, 32]), axis=1)

    functions = {
        "linear": lambda texts: tf.reduce_sum(looked_up(texts), axis=1),
        "highest": highest,
        "interacting": interacting,
    }
    return {name: from_function(lambda tensors, of=of: of(tensors["text"])) for name, of in functions.items()}


def explain(method, model, texts, splitter=words, **settings):
    """Attributes the tokens of texts to a model."""
    tokens = Tokens(method, texts={"text": splitter}, **settings)
    return tokens.attribute(model, {"text": tf.constant(texts)}, {"text": tf.constant([""])}, row_keys=keys(texts))


def keys(texts):
    """Returns keys of rows."""
    return np.arange(len(texts), dtype=np.uint64) + np.uint64(7)


def outputs_of(model, texts):
    """Returns a model's outputs of texts."""
    return model.predict({"text": tf.constant(texts)}, tf.zeros([len(texts)], tf.int32)).numpy()


def assert_complete(found, feature="text"):
    """Asserts that tokens and rest add up to the feature's attribution."""
    tokens = found.tokens[feature]
    rows = np.repeat(np.arange(len(tokens.rest)), tokens.row_lengths)
    total = np.bincount(rows, tokens.values, minlength=len(tokens.rest)) + tokens.rest
    np.testing.assert_allclose(total, found.values[:, found.features.index(feature)], atol=1e-9)
