import numpy as np
import pytest

from tfx_explain.savedmodel.rows.representative import representative_rows


def test_the_first_is_the_medoid_and_the_next_covers_what_is_far():
    near, far = [0.0, 1.0, 2.0, 3.0, 4.0], [100.0, 101.0, 102.0]
    assert representative_rows([np.array([near + far]).T], 2) == [3, 6]  # of 3 and 4, equally good, the first


def test_it_is_the_best_single_row():
    values = np.random.default_rng(0).normal(size=(40, 3))
    scaled = values / np.ptp(values, axis=0)
    total = np.abs(scaled[:, None] - scaled[None]).sum((1, 2))
    assert representative_rows([values], 1) == [int(np.argmin(total))]


def test_words_are_equal_or_not():
    words = np.array([[b"a"], [b"a"], [b"b"], [b"a"]])
    assert representative_rows([words], 2) == [0, 2]


def test_no_more_rows_than_are_different():
    assert representative_rows([np.zeros((5, 1)), np.array([[b"x"]] * 5)], 3) == [0]


@pytest.mark.parametrize("count", [1, 4])
def test_wide_features_weigh_as_much_as_others(count):
    rng = np.random.default_rng(1)
    chosen = representative_rows([rng.normal(size=(20, 5000)), np.array([[b"x"], [b"y"]] * 10)], count)
    assert len(set(chosen)) == count
