"""Metrics of tokens, against sums by hand."""

import collections
import math

import numpy as np
import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.metrics import TokensEntering, TokenShare
from tfx_explain.metrics.drift import importance_ndcg
from tfx_explain.metrics.token_sums import TokenSums
from tfx_explain.storage import columns

WORDS = np.array(["down", "please", "kim", "when", "Kim", "naïve", "शुभ"])


def with_tokens(row, tokens, values, rest=0.0, model=columns.CANDIDATE):
    """A row with attributions of the tokens of its text, a list of them a class."""
    rests = rest if isinstance(rest, list) else [rest]
    parts = {columns.TOKENS: list(tokens), columns.TOKEN_ATTRIBUTIONS: list(values), columns.TOKEN_REST: rests}
    return row | {columns.token_column(model, part, "text"): value for part, value in parts.items()}


@pytest.fixture(scope="module")
def texts():
    """By model, each row's tokens, attributions and rest."""
    rng = np.random.default_rng(3)
    found = []
    for _ in range(60):
        tokens = [str(word) for word in rng.choice(WORDS, rng.integers(0, 9))]
        found.append(
            [(tokens, rng.normal(size=len(tokens)).astype(np.float32).tolist(), float(rng.integers(3)) / 4)] * 2
        )
        found[-1][1] = (tokens, rng.normal(size=len(tokens)).astype(np.float32).tolist(), 0.5)
    return found


@pytest.fixture
def rows(texts, explained):
    result = []
    for number, both in enumerate(texts):
        row = {"w": float(number % 3 + 1), "odd": str(number % 2)}
        for model, (tokens, values, rest) in zip(columns.MODELS, both, strict=True):
            row |= explained({"text": sum(values) + rest, "age": 2.0}, model)
            row = with_tokens(row, tokens, values, rest, model)
        result.append(row)
    return result


def config(*metrics, weighted=False, slices=("odd",)):
    return config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec(example_weight_key="w" if weighted else "")],
        slicing_specs=[config_pb2.SlicingSpec(), *(config_pb2.SlicingSpec(feature_keys=[one]) for one in slices)],
        metrics_specs=[config_pb2.MetricsSpec(metrics=metrics)],
    )


def notes(output_path):
    """By metric's name, the candidate's note on the whole."""
    [overall] = [
        one
        for one in tfma.load_metrics(output_path)
        if one.HasField("slice_key") and not one.slice_key.single_slice_keys
    ]
    return {
        item.key.name.removesuffix("/note"): item.value.bytes_value.decode()
        for item in overall.metric_keys_and_values
        if item.key.name.endswith("/note") and item.key.model_name == "candidate"
    }


def mass(texts, model, weights, wanted):
    return sum(
        w * sum(abs(v) for t, v in zip(*both[model][:2], strict=True) if wanted(t))
        for both, w in zip(texts, weights, strict=True)
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_a_share_is_the_sum_by_hand(rows, texts, evaluate, values, metric_config, weighted, tmp_path):
    listed = tmp_path / "names.txt"
    listed.write_bytes("\ufeffkim \r\n\r\nnaïve\n".encode())
    asked = {"listed": {"tokens": ["kim", "शुभ"]}, "matching": {"pattern": "(?i)K.m"}, "filed": {"file": str(listed)}}
    metrics = [metric_config("TokenShare", settings={"feature": "text", "name": n, **one}) for n, one in asked.items()]
    got = values(evaluate(rows, config(*metrics, weighted=weighted)))
    weights = [row["w"] if weighted else 1.0 for row in rows]
    meant = {"listed": {"kim", "शुभ"}, "matching": {"kim", "Kim"}, "filed": {"kim", "naïve"}}
    for number, model in enumerate(("candidate", "baseline")):
        whole = mass(texts, number, weights, lambda t: True)
        whole += sum(w * both[number][2] for both, w in zip(texts, weights, strict=True))
        for name, words in meant.items():
            expected = mass(texts, number, weights, words.__contains__) / whole
            assert got["Overall", name, model, False] == pytest.approx(expected, rel=1e-6)
    assert got["Overall", "listed", "candidate", True] == pytest.approx(
        got["Overall", "listed", "candidate", False] - got["Overall", "listed", "baseline", False]
    )


def importances(texts, model, least=20):
    seen, masses = collections.Counter(), collections.Counter()
    for both in texts:
        for token, value in zip(*both[model][:2], strict=True):
            seen[token] += 1
            masses[token] += abs(value)
    return {token: mass for token, mass in masses.items() if seen[token] >= least}


def test_entering_tokens_and_the_ranking_are_those_by_hand(rows, texts, evaluate, values, metric_config):
    metrics = [
        metric_config("TokensEntering", settings={"feature": "text", "top": 3}),
        metric_config("TokenNDCG", "text"),
    ]
    output = evaluate(rows, config(*metrics))
    got = values(output)
    new, old = (importances(texts, model) for model in (0, 1))
    tops = [sorted(one, key=one.get, reverse=True)[:3] for one in (new, old)]
    entering = [token for token in tops[0] if token not in tops[1]]
    assert entering
    assert got["Overall", "tokens_entering/3/text", "candidate", True] == len(entering)
    tokens = sorted({*new, *old})
    expected = importance_ndcg(*(np.array([one.get(token, 0) for token in tokens]) for one in (new, old)))
    assert got["Overall", "token_ndcg/text", "candidate", True] == pytest.approx(expected, rel=1e-6)
    said = notes(output)
    assert said["tokens_entering/3/text"].startswith("entering ")
    assert [f"'{token}' (place {tops[0].index(token) + 1} ←" in said["tokens_entering/3/text"] for token in entering]
    assert said["token_ndcg/text"].startswith("most moved '")


def test_a_token_seen_19_times_has_no_place(explained, evaluate, values, metric_config):
    def of(token, size):
        row = explained({"text": size}) | explained({"text": 1.0}, columns.BASELINE)
        return with_tokens(with_tokens(row, [token], [size]), ["old"], [1.0], model=columns.BASELINE)

    metric = metric_config("TokensEntering", settings={"feature": "text", "top": 5})
    got = values(evaluate([of("rare", 9.0)] * 19 + [of("often", 1.0)] * 20, config(metric, slices=())))
    assert got["Overall", "tokens_entering/5/text", "candidate", True] == 1


def test_explained_rows_without_tokens_pass_no_threshold_and_failed_ones_do_not_count(
    rows, explained, evaluate, values, metric_config
):
    metrics = [
        metric_config("TokenShare", settings={"feature": "text", "tokens": ["kim"], "name": "kim"}),
        metric_config("TokenNDCG", "text"),
    ]
    failed = {"odd": "1"}
    for model in columns.MODELS:
        failed |= explained({"text": math.nan, "age": 1.0}, model)
        failed = with_tokens(failed, [], [], math.nan, model)
    plain = {
        "odd": "7",
        **explained({"text": 1.0, "age": 2.0}),
        **explained({"text": 1.0, "age": 2.0}, columns.BASELINE),
    }
    output = evaluate([*rows, failed, plain], config(*metrics))
    got = values(output)
    assert math.isnan(got["Overall", "kim", "candidate", False])
    assert math.isnan(got["odd:7", "token_ndcg/text", "candidate", True])
    assert 0 < got["odd:1", "kim", "candidate", False] < 1
    assert 0 < got["odd:1", "token_ndcg/text", "candidate", True] <= 1
    assert "1 explained rows have no attributions of the tokens of 'text'" in notes(output)["kim"]


def test_of_several_classes_the_named_one_counts(explained, evaluate, values, metric_config):
    row = {name: [value, value] for name, value in explained({"text": 1.0}).items()}
    row |= {columns.field_column(columns.CANDIDATE, columns.OUTPUT_INDEX): [4, 2]}
    row = with_tokens(row, ["a", "b"], [3.0, 1.0, 1.0, 4.0], [0.0, 5.0])
    metrics = [
        metric_config("TokenShare", settings={"feature": "text", "tokens": ["a"], "class_name": one})
        for one in ("", "2")
    ]
    got = values(evaluate([row], config(*metrics, slices=())))
    assert got["Overall", "token_share/a/text", "candidate", False] == pytest.approx(3 / 4)
    assert got["Overall", "token_share/a/text@2", "candidate", False] == pytest.approx(1 / 10)


def test_intervals_and_cross_slices_leave_notes_alone(rows, evaluate, values, metric_config):
    asked = config(metric_config("TokenShare", settings={"feature": "text", "tokens": ["kim"], "name": "kim"}))
    asked.options.compute_confidence_intervals.value = True
    asked.cross_slicing_specs.add(
        baseline_spec=config_pb2.SlicingSpec(feature_values={"odd": "0"}),
        slicing_specs=[config_pb2.SlicingSpec(feature_values={"odd": "1"})],
    )
    output = evaluate(rows * 4, asked)
    assert notes(output)["kim"].startswith("chiefly 'kim' (")
    assert 0 < values(output)["Overall", "kim", "candidate", False] < 1
    tfma.load_eval_result(output, model_name="candidate")
    tfma.dataframe.metrics_as_dataframes(tfma.load_metrics(output))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "TokenShare has none of tokens, pattern and file"),
        ({"tokens": ["a"], "pattern": "b"}, "TokenShare has tokens and pattern of tokens"),
        ({"tokens": "kim"}, r"give a list, such as \['kim'\]"),
        ({"tokens": 94103}, r"give a list, such as \['94103'\]"),
        ({"tokens": [94103]}, "94103, which is no text"),
        ({"tokens": ["\ud83d"]}, r"'\\ud83d', which is no text"),
        ({"pattern": 5}, "5, which is no text"),
        ({"pattern": "("}, r"pattern '\(', which is no regular expression: missing \)"),
        ({"file": "/nowhere/names.txt"}, "file /nowhere/names.txt can't be read"),
    ],
)
def test_what_says_no_tokens_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        TokenShare("text", **settings)


def test_an_empty_list_and_one_that_is_no_text_are_refused(tmp_path):
    empty, other = tmp_path / "empty.txt", tmp_path / "other.txt"
    empty.write_text("\n \n")
    other.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match=r"empty\.txt lists no token"):
        TokenShare("text", file=str(empty))
    with pytest.raises(ValueError, match=r"other\.txt can't be read as text in UTF-8"):
        TokenShare("text", file=str(other))


@pytest.mark.parametrize("top", [0, -1, 2.5, True])
def test_a_top_that_is_no_number_of_tokens_is_refused(top):
    with pytest.raises(ValueError, match="TokensEntering has top"):
        TokensEntering("text", top)


@pytest.mark.parametrize("parts", [1, 7])
def test_beyond_the_bound_a_mass_is_off_by_no_more_than_is_said(parts):
    rng = np.random.default_rng(0)
    tokens = [b"%d" % number for number in np.minimum(rng.zipf(1.3, 20_000), 5_000)]
    masses = rng.exponential(size=len(tokens)).tolist()
    of_parts = [TokenSums(most=100) for _ in range(parts)]
    true = collections.Counter()
    for number, (token, size) in enumerate(zip(tokens, masses, strict=True)):
        of_parts[number % parts].add({token: size}, {token: 1})
        true[token] += size
    sums = TokenSums(most=100)
    for one in of_parts:
        sums.merge(one)
    found = sums.importances(least_sightings=1)
    assert len(true) > 1000 and len(found) <= 200
    assert 0 < sums.error <= sum(masses) / 100
    for token, size in true.items():
        assert -1e-9 <= found.get(token, sums.error) - size <= sums.error + 1e-9 or token not in found
        assert token in found or size <= sums.error + 1e-9
    assert next(iter(found)) == max(true, key=true.get)
