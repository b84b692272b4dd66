"""Tokens as players, against closed forms, enumeration, and what lime and shap say of the same texts."""

import itertools
import math

import hypothesis
import hypothesis.strategies as st
import lime.lime_text
import numpy as np
import pytest
import shap

from tests.attribution.token_models import EFFECTS, TEXT, assert_complete, explain, keys, make_models, outputs_of
from tfx_explain.attribution import Banzhaf, KernelShap, Lime, Occlusion, SampledShapley, sentences, words
from tfx_explain.attribution.methods.lime import _fit
from tfx_explain.attribution.problem.randomness import random_orders


@pytest.fixture(scope="module")
def models():
    return make_models()


def _shapley(model, text, parts):
    """By the definition, the parts of a text being cut out of it."""
    coalitions = list(itertools.product([False, True], repeat=len(parts)))
    shown = []
    for present in coalitions:
        kept = bytearray(text)
        for is_there, (begin, end) in sorted(zip(present, parts, strict=True), key=lambda one: -one[1][0]):
            if not is_there:
                del kept[begin:end]
        shown.append(bytes(kept))
    values, count = np.zeros(len(parts)), len(parts)
    for present, output in zip(coalitions, outputs_of(model, shown), strict=True):
        size = sum(present)
        for player in range(count):
            weight = math.factorial(size - present[player]) * math.factorial(count - 1 - size + present[player])
            values[player] += (1 if present[player] else -1) * weight / math.factorial(count) * output
    return values


@pytest.mark.parametrize("method", [SampledShapley(), KernelShap(), Lime(), Occlusion(), Banzhaf()])
def test_planted_words_have_their_effects_whatever_the_method(models, method):
    found = explain(method, models["linear"], [TEXT, b"", b"nothing known"])
    tokens = found.tokens["text"]
    assert tokens.row_splits.tolist() == [0, 6, 6, 8]
    assert tokens.tokens.tolist()[:6] == TEXT.split()
    np.testing.assert_allclose(tokens.values, [2, 0.75, 0, 1.25, 0.75, -1.5, 0, 0], atol=1e-4)
    np.testing.assert_allclose(tokens.rest, 0, atol=1e-4)
    assert [TEXT[a:b] for a, b in zip(tokens.begin[:6], tokens.end[:6], strict=True)] == TEXT.split()
    assert found.converged.all() and not any(found.failures)
    assert_complete(found)


def test_the_highest_word_shares_what_others_would_have_given(models):
    found = explain(SampledShapley(), models["highest"], [b"urgent refund not now"])
    # Of a maximum of 0.75, 1.25 and 2: each step is shared by all that reach it (Littlechild, Owen 1973).
    steps = 0.75 / 3, 0.75 / 3 + 0.5 / 2, 0.75 / 3 + 0.5 / 2 + 0.75
    np.testing.assert_allclose(found.tokens["text"].values, [steps[2], steps[1], steps[0], 0], atol=1e-6)


@pytest.mark.parametrize("method", [SampledShapley(), KernelShap(max_evaluations=4096)])
@pytest.mark.parametrize(("splitter", "text"), [(words, TEXT), (sentences, b"urgent! not the refund. Ok?\nnot thanks")])
def test_few_players_have_the_shapley_values_of_the_definition(models, method, splitter, text):
    spans = splitter(np.array([text], object))
    expected = _shapley(models["interacting"], text, list(zip(spans.begin, spans.end, strict=True)))
    found = explain(method, models["interacting"], [text, b"thanks"], splitter)
    np.testing.assert_allclose(found.tokens["text"].values[: len(expected)], expected, atol=1e-5)
    change = np.diff(outputs_of(models["interacting"], [b"", text]))[0]
    assert found.tokens["text"].values[: len(expected)].sum() == pytest.approx(change, abs=1e-5)
    assert_complete(found)


def test_sampled_values_are_within_their_stated_error_of_enumerated_ones(models):
    texts = [b" ".join([TEXT, b"not refund urgent", b"a b c d e"[: 2 * more]]) for more in range(5)]
    exact = explain(SampledShapley(max_evaluations=2**14), models["interacting"], texts)
    for method in (SampledShapley(max_evaluations=400), KernelShap(max_evaluations=400)):
        found = explain(method, models["interacting"], texts)
        off = np.abs(found.tokens["text"].values - exact.tokens["text"].values)
        rows = np.repeat(np.arange(len(texts)), found.tokens["text"].row_lengths)
        assert (off <= found.approximation_errors[rows]).mean() > 0.95
        assert (found.evaluations < exact.evaluations)[1:].all()
        assert_complete(found)


def _as_limes_authors(model, text, samples, random_state):
    explainer = lime.lime_text.LimeTextExplainer(
        split_expression=r"\s+", bow=False, mask_string="", feature_selection="none"
    )
    explainer.random_state = random_state
    said = explainer.explain_instance(
        text, lambda texts: outputs_of(model, texts)[:, None], labels=(0,), num_samples=samples
    )
    return np.array([value for _, value in sorted(said.local_exp[0])])


def test_limes_samples_are_drawn_as_its_authors_draw_them_of_texts(models):
    text, settings = "urgent this is not the refund that now thanks not", {"distance": "cosine", "ridge": 1.0}
    every, some = (
        explain(Lime(samples=size, by_size=True, **settings), models["interacting"], [text.encode()])
        for size in (1022, 1000)
    )
    theirs = _as_limes_authors(models["interacting"], text, 1022, np.random.RandomState(0))
    exact = every.tokens["text"].values
    np.testing.assert_allclose(some.tokens["text"].values, exact, atol=some.approximation_errors[0])
    np.testing.assert_allclose(theirs, exact, atol=0.03)


def test_lime_agrees_with_the_text_explainer_of_its_authors_on_the_same_samples(models):
    text = "urgent this is not the refund that I was told of, thanks not urgent at all"
    ours = Lime(samples=300, distance="cosine", ridge=1.0, by_size=True, seed=4)
    found = explain(ours, models["interacting"], [text.encode()])
    count = len(text.split())
    seats = random_orders(4, keys([text]), np.array([0]), count)[0, 0]
    present = np.empty((302, count), bool)
    present[:, seats] = _fit(count, 300, ("cosine", None, 1.0), 4, True).present
    # Theirs has everybody first, and asks for the others' absent words.
    others = present[~present.all(axis=1)]

    class Samples:
        absent = iter(np.flatnonzero(~row) for row in others)

        def randint(self, *_):
            return (~others).sum(axis=1)

        def choice(self, *_, **__):
            return next(self.absent)

    expected = _as_limes_authors(models["interacting"], text, len(others) + 1, Samples())
    np.testing.assert_allclose(found.tokens["text"].values, expected, rtol=1e-4, atol=1e-5)


def test_limes_ridge_makes_as_much_of_two_words_small_as_its_authors(models):
    ours = explain(Lime(distance="cosine", ridge=1.0, by_size=True), models["linear"], [b"urgent refund"])
    theirs = _as_limes_authors(models["linear"], "urgent refund", 1000, np.random.RandomState(0))
    np.testing.assert_allclose(ours.tokens["text"].values, theirs, rtol=0.1)


class _AsShapWantsIt:
    """A tokenizer of words with their places."""

    def __call__(self, text, return_offsets_mapping=True):
        spans = words(np.array([text.encode()], object))
        places = list(zip(spans.begin.tolist(), spans.end.tolist(), strict=True))
        return {"input_ids": [text[a:b] for a, b in places], "offset_mapping": places}


@pytest.mark.parametrize("name", ["interacting", "linear"])
def test_shap_says_the_same_with_its_text_masker_and_the_same_tokenizer(models, name):
    masker = shap.maskers.Text(
        _AsShapWantsIt(), mask_token=",", collapse_mask_token=True
    )  # the models pass over commas
    explainers = {"linear": shap.explainers.PartitionExplainer, "interacting": shap.explainers.ExactExplainer}
    if name == "interacting":
        masker.clustering = None  # Shapley values, not those of a hierarchy
    explainer = explainers[name](lambda texts: outputs_of(models[name], [str(one) for one in texts]), masker)
    theirs = explainer([TEXT.decode()])
    ours = explain(SampledShapley(), models[name], [TEXT])
    np.testing.assert_allclose(ours.tokens["text"].values, np.ravel(theirs.values[0]), atol=1e-4)


_WORDS = st.lists(st.sampled_from(["urgent", "refund", "thanks", "not", "the", "\U0001f600", "né"]), max_size=9)


@hypothesis.given(texts=st.lists(_WORDS, min_size=1, max_size=3))
@hypothesis.settings(deadline=None, max_examples=25)
def test_efficiency_dummy_and_symmetry(models, texts):
    raw = [" ".join(one).encode() for one in texts]
    found = explain(SampledShapley(), models["interacting"], raw)
    tokens, outputs = found.tokens["text"], outputs_of(models["interacting"], [*raw, b""])
    for row, present in enumerate(texts):
        one = tokens.take(np.array([row]))
        assert one.values.sum() == pytest.approx(outputs[row] - outputs[-1], abs=1e-4)
        for word in set(present):
            same = one.values[[other == word for other in present]]
            np.testing.assert_allclose(same, same[0], atol=1e-5)
    linear = explain(KernelShap(), models["linear"], raw).tokens["text"]
    of_dummies = linear.values[[token not in EFFECTS for token in linear.tokens]]
    np.testing.assert_allclose(of_dummies, 0, atol=1e-5)
