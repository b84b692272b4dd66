"""`suggest` where records have attributions of tokens."""

import numpy as np
import pytest

from tfx_explain.gate.calibration.suggest import suggest
from tfx_explain.gate.calibration.tokens import _most_entering
from tfx_explain.gate.config.lint import lint
from tfx_explain.storage import columns

WORDS = [b"w%02d" % number for number in range(60)]
SIGNED = [b"robin", b"desk", b"closed", b"by", b"escalation", b"team"]
SIZES = np.geomspace(4.0, 0.05, len(WORDS)) * np.where(np.arange(len(WORDS)) % 2, 1, -1)


@pytest.fixture(scope="module")
def retrain(tmp_path_factory, write_split):
    def write(number, signature=0.0):
        """Attributions of two models of texts; the candidate reads a signature that stands in every other one."""
        generator = np.random.default_rng(number)
        sizes = {model: SIZES * np.exp(generator.normal(0, 0.1, len(WORDS))) for model in columns.MODELS}
        rows = []
        for row in range(120):
            chosen = generator.choice(len(WORDS), 30, replace=False)
            signed = SIGNED if row % 2 else []
            record = {}
            for model, of_words in sizes.items():
                values = [*of_words[chosen], *[signature if model == "candidate" else 0.01] * len(signed)]
                said = {
                    columns.TOKENS: [*(WORDS[word] for word in chosen), *signed],
                    columns.TOKEN_ATTRIBUTIONS: [float(value) for value in values],
                    columns.TOKEN_REST: 0.0,
                }
                record |= {columns.token_column(model, part, "text"): value for part, value in said.items()}
                attributions = {"text": float(sum(values)), "age": float(generator.normal(0, 3))}
                record |= {columns.attribution_column(model, name): value for name, value in attributions.items()}
            rows.append(record)
        return write_split(tmp_path_factory.mktemp(f"run-{number}"), rows)

    return write


@pytest.fixture(scope="module")
def suggestion(retrain):
    return suggest([retrain(number).rpartition("/Split-")[0] for number in range(6)], rate=0.2)


def _failed(verdict):
    return {check.metric for check in verdict.checks if not check.passed}


def test_tokens_are_bounded_and_the_linter_takes_it(suggestion):
    bounds = {bound.metric: bound for bound in suggestion.bounds}
    assert {"token_ndcg/text", "tokens_entering/20/text"} <= set(bounds)
    assert 2 <= bounds["tokens_entering/20/text"].value < 20
    assert 0.5 < bounds["token_ndcg/text"].value < bounds["token_ndcg/text"].observed.low
    assert not [warning for warning in lint(suggestion.eval_config) if "token" in warning]


def test_a_sound_model_is_blessed_and_one_that_reads_a_signature_is_not(run, retrain, suggestion):
    verdict = run(suggestion.eval_config, [], [retrain(50)])
    assert verdict.blessed, verdict.reasons
    verdict = run(suggestion.eval_config, [], [retrain(51, signature=6.0)])
    assert "token_ndcg/text" in _failed(verdict)
    assert "robin" in "\n".join(verdict.reasons)


@pytest.mark.parametrize("mean", [0.2, 2.0, 5.0])
@pytest.mark.parametrize("spread", [0.0, 0.5])
def test_a_count_hardly_breaks_its_bound(mean, spread):
    """A Poisson variable's, and one's whose mean varies from run to run; about twice as often as promised."""
    generator = np.random.default_rng(0)
    means = mean * np.exp(generator.normal(-(spread**2) / 2, spread, (9, 20_000)))
    counts = generator.poisson(means).astype(float)
    assert (counts[8] > _most_entering(counts[:8], 0.01)).mean() < (0.01 if not spread else 0.025)
