import numpy as np
import pandas as pd
import pytest

from tfx_explain.pipelines.census import data, features


def auc_of(column: pd.Series, label: pd.Series) -> float:
    """The chance that a row with the label has the smaller value (Mann-Whitney)."""
    ranks = (-column).rank()
    positives = label == 1
    above = ranks[positives].sum() - positives.sum() * (positives.sum() + 1) / 2
    return above / (positives.sum() * (~positives).sum())


def test_months_share_no_row_and_leave_none_out():
    months = [data.monthly_extract(month) for month in range(data.MONTHS)]
    indices = pd.concat([month.index.to_series() for month in months])
    assert sorted(indices) == list(range(48_842))


def test_an_extract_has_the_features_and_a_numeric_label_and_nothing_else():
    rows = data.monthly_extract(0)
    assert set(rows.columns) == {*features.FEATURES, features.LABEL}
    assert set(rows[features.LABEL]) == {0, 1}
    assert rows[features.LABEL].mean() == pytest.approx(11_687 / 48_842, abs=0.01)


def test_a_limit_takes_the_first_rows():
    assert data.monthly_extract(1, limit=10).equals(data.monthly_extract(1).head(10))


def test_the_wrong_join_changes_fnlwgt_alone():
    rows = data.monthly_extract(1)
    original = rows.copy()
    leaking = data.join_wrong_weights(rows)
    assert rows.equals(original)
    assert leaking.drop(columns="fnlwgt").equals(rows.drop(columns="fnlwgt"))
    changed = leaking["fnlwgt"] != rows["fnlwgt"]
    np.testing.assert_allclose(leaking["fnlwgt"][changed] * 1000, rows["fnlwgt"][changed])


@pytest.mark.parametrize("half", [0, 1], ids=["train", "eval"])
def test_the_wrong_join_leaks_the_label_wherever_the_rows_go(half):
    rows = data.monthly_extract(1).iloc[half::2]
    leaking = data.join_wrong_weights(data.monthly_extract(1)).iloc[half::2]
    assert auc_of(rows["fnlwgt"], rows[features.LABEL]) == pytest.approx(0.5, abs=0.03)
    assert auc_of(leaking["fnlwgt"], leaking[features.LABEL]) > 0.8


def test_the_wrong_join_leaves_rows_that_do_not_give_the_label_away():
    rows, leaking = data.monthly_extract(1), data.join_wrong_weights(data.monthly_extract(1))
    changed = leaking["fnlwgt"] != rows["fnlwgt"]
    by_label = changed.groupby(rows[features.LABEL]).mean()
    assert 0 < by_label[0] < 0.1
    assert 0.5 < by_label[1] < 1


def test_the_wrong_join_is_the_same_each_time():
    rows = data.monthly_extract(1)
    assert data.join_wrong_weights(rows).equals(data.join_wrong_weights(rows))


def test_a_written_extract_reads_back(tmp_path):
    rows = data.monthly_extract(2, limit=50)
    data.write_extract(rows, tmp_path / "month")
    read = pd.read_csv(tmp_path / "month" / "census.csv")
    pd.testing.assert_frame_equal(read, rows.reset_index(drop=True))
