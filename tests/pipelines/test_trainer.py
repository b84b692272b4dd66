import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from tfx_explain.pipelines.census import data, features

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def serve(told):
    model = tf.saved_model.load(str(max(told.folder.glob("serving/*"))))
    return lambda examples: model.signatures["serving_default"](tf.constant(examples))["probability"].numpy()


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return data.monthly_extract(2).tail(300)


def example(row: pd.Series) -> bytes:
    """Serializes a row as CsvExampleGen does: without the columns whose value is missing; and without its label."""
    message = tf.train.Example()
    for name, value in row.drop(features.LABEL).dropna().items():
        column = message.features.feature[name]
        if name in features.CATEGORICAL:
            column.bytes_list.value.append(value.encode())
        elif name in ("age", "education-num", "hours-per-week"):
            column.int64_list.value.append(int(value))
        else:
            column.float_list.value.append(value)
    return message.SerializeToString()


def test_the_signature_serves_serialized_examples_without_a_label(serve, rows):
    probabilities = serve([example(row) for _, row in rows.iterrows()])
    assert probabilities.shape == (len(rows), 1)
    # Of a row that it is very sure about, the model says 1: float32 has nothing between.
    assert np.all((probabilities >= 0) & (probabilities <= 1))


def test_the_model_knows_something(serve, rows):
    probabilities = serve([example(row) for _, row in rows.iterrows()])[:, 0]
    above = rows[features.LABEL] == 1
    assert probabilities[above].mean() > probabilities[~above].mean() + 0.3


def test_a_row_gets_alone_what_it_gets_in_a_batch(serve, rows):
    examples = [example(row) for _, row in rows.head(3).iterrows()]
    np.testing.assert_allclose(np.concatenate([serve([one]) for one in examples]), serve(examples), rtol=1e-5)


def test_missing_and_unseen_values_are_served(serve, rows):
    row = rows.iloc[0]
    changed = [row.drop("workclass"), row.replace({row["workclass"]: "Astronaut"})]
    missing, unseen = serve([example(row) for row in changed])
    assert missing == pytest.approx(unseen)
