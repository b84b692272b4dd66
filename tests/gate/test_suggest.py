"""`suggest`: from attributions on disk to a config that blesses what is sound and stops what is not."""

import json

import numpy as np
import pytest
import tensorflow_model_analysis as tfma
from google.protobuf import text_format
from tensorflow_model_analysis.proto import config_pb2

import tfx_explain.gate
from tfx_explain.gate import presets
from tfx_explain.gate.calibration.suggest import suggest
from tfx_explain.gate.calibration.words import to_text
from tfx_explain.gate.config.lint import lint
from tfx_explain.gate.config.verify import verify_config
from tfx_explain.gate.usual import calibration_of
from tfx_explain.metrics import configs
from tfx_explain.proto import explanation_pb2
from tfx_explain.report.frame import read_attributions
from tfx_explain.storage import columns

SIZES = {"age": 2.0, "hours": 1.0, "fnlwgt": 0.2, "sex": 0.3}
ROWS = 360


@pytest.fixture(scope="module")
def retrain(tmp_path_factory, write_split):
    def write(number, models=("candidate",), rows=ROWS, **changes):
        """The attributions of a model trained again, and of other ones; the candidate's times `changes`."""
        generator = np.random.default_rng(number)
        scales = {(m, f): SIZES[f] * np.exp(generator.normal(0, 0.1)) for m in models for f in SIZES}
        written = []
        for i in range(rows):
            row: dict[str, object] = {"sex": b"Other" if i < 5 else b"Male" if i % 3 else b"Female"}
            drawn = {feature: generator.normal() for feature in SIZES}
            for (model, feature), scale in scales.items():
                value = scale * drawn[feature] * (changes.get(feature, 1.0) if model == "candidate" else 1.0)
                row[columns.attribution_column(model, feature)] = value
            written.append(row)
        pattern = write_split(tmp_path_factory.mktemp(f"run-{number}"), written)
        return pattern, pattern.rpartition("/Split-")[0]

    return write


@pytest.fixture(scope="module")
def past(retrain):
    """Twelve past runs, of one model each, on rows of their own."""
    return [retrain(number, rows=ROWS + number)[1] for number in range(12)]


@pytest.fixture(scope="module")
def suggestion(past):
    return suggest(past, slices=[["sex"]])


def failed(verdict):
    return {(check.metric.partition("/")[0], check.feature, check.kind) for check in verdict.checks if not check.passed}


def test_it_is_where_it_is_said_to_be():
    assert tfx_explain.gate.suggest is suggest


def test_the_gate_and_the_linter_take_the_config(suggestion):
    verify_config(suggestion.eval_config, explanation_pb2.GatePolicy())
    assert lint(suggestion.eval_config) == ()


def test_the_text_is_the_config_with_a_comment_on_each_bound(suggestion):
    text = to_text(suggestion)
    assert text_format.Parse(text, config_pb2.EvalConfig()) == suggestion.eval_config
    comments = [line for line in text.splitlines() if line.startswith("    # ")]
    assert len(comments) == len(suggestion.bounds)
    assert all("in 12 runs" in line and "1 sound model in" in line and "a factor of 0." in line for line in comments)


@pytest.mark.parametrize("number", [101, 102, 103])
def test_another_sound_model_is_blessed(run, retrain, suggestion, number):
    verdict = run(suggestion.eval_config, patterns=[retrain(number, columns.MODELS)[0]])
    assert verdict.blessed, verdict.reasons
    # The value, the rise and what is left, of each feature on the whole and for each sex.
    assert len(verdict.checks) == 3 * len(SIZES) * 3


def test_a_leak_is_stopped_and_the_verdict_says_how_unusual_it_is(run, retrain, suggestion, tmp_path):
    verdict = run(suggestion.eval_config, patterns=[retrain(104, columns.MODELS, fnlwgt=6.0)[0]])
    expected = {("attribution_share", "fnlwgt", "value"), ("attribution_share", "fnlwgt", "change")}
    assert expected <= failed(verdict)
    content = json.loads((tmp_path / "validation" / "verdict.json").read_text())
    (leak,) = [
        one
        for one in content["thresholds"]
        if (one["metric"], one["slice"], one["kind"]) == ("attribution_share/fnlwgt", "Overall", "value")
    ]
    usual = calibration_of(suggestion.eval_config).usual["attribution_share/fnlwgt", "value", "Overall"]
    times = (np.cbrt(leak["observed"]) - usual.centre) / usual.spread
    assert leak["usual"] == {"times": pytest.approx(times, rel=1e-3), "runs": 12}
    assert f"{times:.1f} times the usual variation between retrainings, as known from 12 runs" in leak["reason"]


def test_a_column_that_went_dead_is_stopped(run, retrain, suggestion):
    verdict = run(suggestion.eval_config, patterns=[retrain(105, columns.MODELS, hours=0.0)[0]])
    assert {("attribution_share", "hours", "value"), ("share_kept", "hours", "change")} <= failed(verdict)


def test_a_column_that_went_dead_for_both_models_is_stopped_by_its_value(run, retrain, suggestion):
    """Its values are the baseline's, so that neither model attributes anything to it, and nothing has changed."""
    pattern, _ = retrain(106, ("candidate",), hours=0.0)
    assert ("attribution_share", "hours", "value") in failed(run(suggestion.eval_config, patterns=[pattern]))


def test_it_is_a_guard_beside_others(suggestion):
    config = presets.release_config(presets.metric("AUC", may_lose=0.01), suggestion.guard, slices=[["sex"]])
    verify_config(config, explanation_pb2.GatePolicy())
    assert calibration_of(config) == calibration_of(suggestion.eval_config)


def test_slices_too_small_are_named_and_left_out(suggestion):
    assert {bound.slice_key for bound in suggestion.bounds} == {(), (("sex", "Female"),), (("sex", "Male"),)}
    (note,) = [note for note in suggestion.notes if "too small" in note]
    assert note == "Slices with fewer than 100 rows in a run are too small to gate, and left out: sex:Other (5)."


def test_features_that_some_runs_lack_are_named_and_left_out(past, tmp_path, write_split):
    row = {columns.attribution_column("candidate", name): 1.0 for name in ("age", "hours", "new")}
    write_split(tmp_path / "other", [row] * ROWS)
    found = suggest([*past[:3], str(tmp_path / "other")])
    assert {bound.feature for bound in found.bounds} == {"age", "hours"}
    assert "Features that not all runs have are left out: fnlwgt, new, sex." in found.notes


def test_less_history_is_wider_and_says_what_is_missing(past, suggestion):
    few = suggest(past[:3], slices=[["sex"]])
    rise = {
        (b.metric, b.slice_key): b.value
        for b in few.bounds
        if b.class_name == "AttributionShare" and b.name == "absolute"
    }
    wider = [
        b.value < rise[b.metric, b.slice_key]
        for b in suggestion.bounds
        if (b.metric, b.slice_key) in rise and b.name == "absolute"
    ]
    assert sum(wider) > 0.8 * len(wider)
    assert any(note.startswith("3 runs are a short history: the bounds are ") for note in few.notes)
    assert not any("short history" in note for note in suggestion.notes)


def test_a_horizon_divides_the_rate(past, suggestion):
    daily = suggest(past, slices=[["sex"]], horizon=365)
    assert daily.calibration.each == pytest.approx(suggestion.calibration.each / 365)
    by_name = {(b.metric, b.slice_key, b.name): b.value for b in daily.bounds}
    for bound in suggestion.bounds:
        wider = by_name.get((bound.metric, bound.slice_key, bound.name))
        assert wider is None or (wider < bound.value) == bound.at_least


def test_one_directory_of_a_pair_is_two_runs(retrain):
    found = suggest([retrain(107, columns.MODELS)[1]])
    assert {bound.usual.runs for bound in found.bounds} == {2}
    assert not any(bound.feature == "" for bound in found.bounds)


def test_pairs_bound_agreement_and_ranking_too(retrain):
    found = suggest([retrain(number, columns.MODELS)[1] for number in range(110, 116)])
    of_models = {bound.class_name: bound for bound in found.bounds if not bound.feature}
    assert set(of_models) == {"AttributionAgreement", "ImportanceNDCG"}
    agreement = of_models["AttributionAgreement"]
    assert agreement.value < agreement.observed.low <= 1
    assert agreement.usual.runs == 6


def test_a_model_counts_once(past):
    found = suggest([*past[:4], past[0]])
    assert {bound.usual.runs for bound in found.bounds} == {4}
    assert [note for note in found.notes if "passed over" in note] == [
        f"{past[0]} is of a model that another directory is of, and was passed over."
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"rate": 0.0}, "The rate of false alarms is 0; give a part of the runs"),
        ({"rate": 1.5}, "The rate of false alarms is 1.5"),
        ({"horizon": 0}, "The horizon is 0"),
        ({"slices": ["sex"]}, "a list of features for each slice"),
        ({"slices": [["sax"]]}, "unknown feature 'sax'.*sex"),
        ({"class_name": "7"}, "There are no attributions of the class '7' in"),
        ({"least_rows": 10_000}, "A run has only 360 explained rows"),
    ],
)
def test_mistakes_are_said(past, arguments, sentence):
    with pytest.raises(ValueError, match=sentence):
        suggest(past[:2], **arguments)


def test_no_history_is_no_suggestion(past, tmp_path):
    with pytest.raises(ValueError, match="One model does not tell how much models differ"):
        suggest(past[:1])
    with pytest.raises(ValueError, match=r"has no folder Split-\*"):
        suggest([str(tmp_path), past[0]])


def test_what_a_config_says_is_usual_is_held_against_what_suggest_writes(suggestion):
    config = suggestion.eval_config
    config.metrics_specs[0].metrics[-1].config = '{"usual": {}, "rate": "often", "horizon": 1, "thresholds": 1}'
    with pytest.raises(ValueError, match="its UsualVariation is not what `tfx-explain suggest` writes"):
        verify_config(config, explanation_pb2.GatePolicy())


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (
            0.002,
            "attribution_share/fnlwgt on Overall: absolute 0.002 lies inside the usual variation between retrainings",
        ),
        (0.9, "so far outside that nothing plausible breaks it; set 0."),
    ],
)
def test_the_linter_knows_what_is_usual(suggestion, value, sentence):
    config = suggestion.eval_config
    fnlwgt = next(metric for metric in config.metrics_specs[0].metrics if "fnlwgt" in metric.config)
    fnlwgt.per_slice_thresholds[0].threshold.change_threshold.absolute.value = value
    (warning,) = lint(config)
    assert sentence in warning


def test_a_feature_that_is_gone_is_an_error_and_without_its_entries_an_override_lets_it_through(
    run, tmp_path, write_split, suggestion
):
    generator = np.random.default_rng(8)
    there = [(model, f) for model in columns.MODELS for f in SIZES if (model, f) != ("candidate", "age")]
    rows = [
        {
            "sex": b"Male" if i % 3 else b"Female",
            **{columns.attribution_column(model, f): SIZES[f] * generator.normal() for model, f in there},
        }
        for i in range(ROWS)
    ]
    pattern = write_split(tmp_path / "without", rows)
    config = suggestion.eval_config
    with pytest.raises(ValueError, match="attribution_share/age has an unknown feature 'age'"):
        run(config, patterns=[pattern])
    (spec,) = config.metrics_specs
    kept = [metric for metric in spec.metrics if '"age"' not in metric.config or metric.class_name == "UsualVariation"]
    del spec.metrics[:]
    spec.metrics.extend(kept)
    assert not run(config, patterns=[pattern]).blessed
    override = explanation_pb2.Override(who="Ada", why="age was taken out on purpose", until="2099-12-31")
    assert run(config, patterns=[pattern], policy=explanation_pb2.GatePolicy(override=override)).overridden


def test_a_stock_evaluator_takes_the_config(stock, retrain, suggestion, tmp_path):
    config = configs.with_defaults(suggestion.eval_config, has_baseline=False)
    output = stock(config, retrain(120)[0], tmp_path)
    assert tfma.load_validation_result(output).validation_ok


def test_what_comes_from_rows_is_told_from_what_comes_from_training(past, suggestion):
    """The bootstrap's deviation is that of the delta method over rows; the rest of the runs' variance is training."""
    frame = read_attributions(past[0])
    absolute = frame["candidate"]["attribution"].abs()
    sizes, share = absolute.sum(axis=1), absolute["age"].sum() / absolute.to_numpy().sum()
    by_rows = (absolute["age"] - share * sizes).std() / np.sqrt(len(absolute)) / sizes.mean()
    (bound,) = [b for b in suggestion.bounds if (b.feature, b.slice_key, b.name) == ("age", (), "upper_bound")]
    assert bound.observed.rows == pytest.approx(by_rows, rel=0.2)
    shares = [read_attributions(path)["candidate"]["attribution"].abs().sum() for path in past]
    between = np.var([one["age"] / one.sum() for one in shares], ddof=1)
    assert bound.observed.training**2 + bound.observed.rows**2 == pytest.approx(between, rel=1e-4)
    assert bound.observed.mean == pytest.approx(np.mean([one["age"] / one.sum() for one in shares]))


def test_damage_is_said(past, tmp_path):
    folder = tmp_path / "damaged" / "Split-eval"
    folder.mkdir(parents=True)
    (folder / "attributions-00000-of-00001.gz").write_bytes(b"\x1f\x8b broken")
    with pytest.raises(ValueError, match=r"The attributions .*/damaged can't be used: "):
        suggest([past[0], str(folder.parent)])


def test_runs_on_the_same_rows_vary_by_training_alone(retrain):
    found = suggest([retrain(number)[1] for number in range(130, 134)])
    (bound,) = [b for b in found.bounds if (b.feature, b.name) == ("age", "upper_bound")]
    assert bound.observed.rows > 0
    # The rows' part is in none of the runs' differences, and is added where the next run has other rows.
    (rise,) = [b for b in found.bounds if (b.feature, b.name, b.class_name) == ("age", "absolute", "AttributionShare")]
    assert bound.usual.spread > rise.usual.spread / (3 * bound.usual.centre**2) / np.sqrt(2)
