"""Tokens of a batch are read together: each row's are what they are when it is read alone."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tests.beam import text_models as models
from tfx_explain.savedmodel import generate_metadata, load_explainable

pytestmark = pytest.mark.slow

# Unknown words, none, repeated ones, one, and more than the model with a fixed length takes.
TEXTS = ["urgent zzz help", "", "bad", "zzz", "good bad good the a please urgent", "bad bad"]
NUMBERS = [[4, 0, 4], [], [2], [7], [1, 2, 3, 4, 5, 6, 7], [5, 5]]
OF_TEXTS = {
    "mean": models.SplitMean,
    "hashed": models.SplitHashes,
    "fixed": models.Masked,
    "open": models.Open,
    "characters": models.Characters,
    "clipped": models.Clipped,
    "dropped": models.Dropped,
}
OF_LISTS = {"tags": models.Tags, "weighted": models.WeightedTags, "numbers": models.Numbers}


class Many(models._Served):
    """A model of texts and lists, each of which it reads in its own way."""

    SPEC = (
        {name: models.TEXT["text"] for name in OF_TEXTS}
        | {"tags": models.LIST["tags"], "weighted": models.LIST["tags"], "weights": tf.io.VarLenFeature(tf.float32)}
        | {"numbers": tf.io.VarLenFeature(tf.int64)}
    )

    def __init__(self) -> None:
        super().__init__()
        self.parts = {name: make() for name, make in (OF_TEXTS | OF_LISTS).items()}

    def pooled(self, parsed):
        texts = [self.parts[name].pooled({"text": parsed[name]}) for name in OF_TEXTS]
        lists = [self.parts[name].pooled(parsed | {"tags": parsed[name]}) for name in OF_LISTS]
        return tf.add_n(texts + lists)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = models.save(Many(), str(tmp_path_factory.mktemp("many")))
    return load_explainable(folder, generate_metadata(folder)).tokenized([*OF_TEXTS, *OF_LISTS], "pad")


@pytest.fixture(scope="module")
def read(model):
    """The model's inputs and tokens of all rows read at once, and of each read alone."""
    words = [text.split() for text in TEXTS]
    # A word that is left out for its id can't be followed: its row fails.
    known = [" ".join(word for word in own if word != "zzz") for own in words]
    rows = [
        models.example(
            **dict.fromkeys(OF_TEXTS, text) | {"dropped": some},
            tags=own,
            weighted=own,
            weights=[1.0 + place for place in range(len(own))],
            numbers=numbers,
        )
        for text, some, own, numbers in zip(TEXTS, known, words, NUMBERS, strict=True)
    ]
    return [model.read(model.encode(tf.constant(some))) for some in (rows, *([row] for row in rows))]


@pytest.mark.parametrize("name", [*OF_TEXTS, *OF_LISTS])
def test_a_row_has_the_same_tokens_owners_and_vectors_as_alone(model, read, name) -> None:
    feature, (inputs, tokens) = model.features[name], read[0]
    for row, (own_inputs, own) in enumerate(read[1:]):
        taken = tokens[name].take(np.array([row]))
        for part in ("row_splits", "texts", "begin", "end"):
            np.testing.assert_array_equal(getattr(taken, part), getattr(own[name], part))
        for key in (key.key for key in feature.keys):
            np.testing.assert_array_equal(taken.owners[key], own[name].owners[key])
            if isinstance(inputs[key], tf.RaggedTensor):
                np.testing.assert_array_equal(inputs[key][row].numpy(), own_inputs[key][0].numpy())


@pytest.mark.parametrize("name", [*OF_TEXTS, *OF_LISTS])
def test_every_token_that_the_model_looks_up_owns_its_entry(model, read, name) -> None:
    tokens = read[0][1][name]
    kept = {"fixed": models.Masked.LENGTH}.get(name, 10**6)
    key = model.features[name].keys[0].key
    for row in range(len(TEXTS)):
        texts = tokens.texts[slice(*tokens.row_splits[row : row + 2])]
        owners = tokens.owners[key][slice(*tokens.entry_splits[key][row : row + 2])].reshape(-1)
        expected = [place for place, text in enumerate(texts) if name != "tags" or text != b"zzz"]
        assert list(owners[owners >= 0]) == expected[:kept]
    if name == "characters":
        assert b"".join(tokens.texts) == "".join(TEXTS).encode()
    else:
        every = NUMBERS if name == "numbers" else [text.split() for text in TEXTS]
        every = [str(one) for row in every for one in row if name != "dropped" or one != "zzz"]
        assert [text.decode() for text in tokens.texts] == every
