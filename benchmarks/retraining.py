"""Small census models, trained again and again: with other seeds, on months drawn anew, sound or spoilt."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable

import numpy as np
import pandas as pd
import scipy.stats
import tensorflow as tf

from tfx_explain.attribution import IntegratedGradients, from_function
from tfx_explain.pipelines.census import data, features

TRAINED_ON, EXPLAINED = 8000, 1000  # Rows of a month.
_EPOCHS, _BATCH, _RATE = 5, 128, 2e-3
_UNITS = (64, 32)


@dataclasses.dataclass(frozen=True)
class Month:
    """Some rows of the census data, float64 `[rows, numbers]` and int64 `[rows, categories]`, and their labels."""

    numbers: np.ndarray
    codes: np.ndarray
    labels: np.ndarray

    def take(self, rows: np.ndarray) -> Month:
        """Returns some of the rows."""
        return Month(self.numbers[rows], self.codes[rows], self.labels[rows])

    def column(self, name: str) -> np.ndarray:
        """Returns a feature's values; those of a category are codes, and both may be written to."""
        if name in features.NUMERIC:
            return self.numbers[:, features.NUMERIC.index(name)]
        return self.codes[:, features.CATEGORICAL.index(name)]

    @property
    def slices(self) -> dict[str, np.ndarray]:
        """The whole and each sex, bool `[rows]`."""
        names = census().categories["sex"]
        sex = self.column("sex")
        by_sex = {f"sex:{name}": sex == code for code, name in enumerate(names)}
        return {"Overall": np.ones(len(self.labels), bool), **by_sex}


Spoil = Callable[[Month, np.random.Generator], None]


class Census:
    """All rows of the census data, and how they are encoded: z-scores, and a column for each category."""

    def __init__(self) -> None:
        table = pd.concat([data.monthly_extract(month) for month in range(data.MONTHS)])
        columns = {name: pd.Categorical(table[name]) for name in features.CATEGORICAL}
        self.categories = {name: list(column.categories) for name, column in columns.items()}
        codes = np.column_stack([column.codes for column in columns.values()]).astype(np.int64)
        self.rows = Month(table[list(features.NUMERIC)].to_numpy(float), codes, table[features.LABEL].to_numpy(float))
        self._means, self._deviations = self.rows.numbers.mean(axis=0), self.rows.numbers.std(axis=0)
        # Missing values are the code -1, and get the last column.
        self._sizes = [len(names) + 1 for names in self.categories.values()]
        self._starts = len(features.NUMERIC) + np.cumsum([0, *self._sizes])[:-1]
        self.width = len(features.NUMERIC) + sum(self._sizes)
        owners = [(name, [number]) for number, name in enumerate(features.NUMERIC)]
        spans = zip(features.CATEGORICAL, self._starts, self._sizes, strict=True)
        owners += [(name, list(range(start, start + size))) for name, start, size in spans]
        self.players = {name: [("x", int(column)) for column in columns] for name, columns in owners}

    def encode(self, month: Month) -> np.ndarray:
        """Returns what the network reads, float32 `[rows, width]`."""
        result = np.zeros((len(month.labels), self.width), np.float32)
        result[:, : len(features.NUMERIC)] = (month.numbers - self._means) / self._deviations
        places = self._starts + month.codes % np.asarray(self._sizes)
        np.put_along_axis(result, places, 1, axis=1)
        return result

    def month(self, rng: np.random.Generator, spoil: Spoil | None = None) -> tuple[Month, Month]:
        """Draws the rows to train on, with replacement, and others to explain; both spoilt alike."""
        order = rng.permutation(len(self.rows.labels))
        kept = order[:EXPLAINED], rng.choice(order[EXPLAINED:], TRAINED_ON)
        explained, trained = (self.rows.take(rows) for rows in kept)
        for part in (trained, explained):
            if spoil is not None:
                spoil(part, rng)
        return trained, explained


def baseline_of(month: Month) -> np.ndarray:
    """Returns the medians and most frequent categories of a month, encoded, as MetadataGenerator takes them."""
    usual = np.median(month.numbers, axis=0), scipy.stats.mode(month.codes, axis=0).mode
    return census().encode(Month(usual[0][None], usual[1][None], np.zeros(1)))


@functools.cache
def census() -> Census:
    """Returns the census data, read once."""
    return Census()


class Network:
    """The network, traced once: training and explaining work on the weights that are in it."""

    def __init__(self) -> None:
        widths = [census().width, *_UNITS, 1]
        self._shapes = [shape for a, b in itertools.pairwise(widths) for shape in ((a, b), (b,))]
        self.weights = [tf.Variable(tf.zeros(shape)) for shape in self._shapes]
        self._moments = [[tf.Variable(tf.zeros(shape)) for shape in self._shapes] for _ in range(2)]
        self._model = from_function(self.logits)

    def logits(self, x: tf.Tensor) -> tf.Tensor:
        """Returns the log-odds of an income above 50,000 dollars, float32 `[rows]`."""
        for kernel, bias in zip(self.weights[:-2:2], self.weights[1:-2:2], strict=True):
            x = tf.nn.relu(x @ kernel + bias)
        return (x @ self.weights[-2] + self.weights[-1])[:, 0]

    def train(self, month: Month, rng: np.random.Generator) -> list[np.ndarray]:
        """Trains new weights on a month, and returns them."""
        for weight, shape in zip(self.weights, self._shapes, strict=True):
            weight.assign(rng.normal(0, (2 / shape[0]) ** 0.5 if len(shape) == 2 else 0.0, shape))
        for moment in (moment for moments in self._moments for moment in moments):
            moment.assign(tf.zeros_like(moment))
        orders = np.stack([rng.permutation(len(month.labels)) for _ in range(_EPOCHS)])
        batches = orders[:, : len(month.labels) // _BATCH * _BATCH].reshape(-1, _BATCH)
        encoded = tf.constant(census().encode(month))
        self._fit(encoded, tf.constant(month.labels, tf.float32), tf.constant(batches))
        return [weight.numpy() for weight in self.weights]

    def load(self, weights: list[np.ndarray]) -> None:
        """Puts a model's weights in."""
        for weight, value in zip(self.weights, weights, strict=True):
            weight.assign(value)

    def explain(self, encoded: np.ndarray, baseline: np.ndarray) -> np.ndarray:
        """Returns integrated gradients of encoded rows, float64 `[rows, features]`, features as in the census data."""
        method = IntegratedGradients(steps=16)
        found = method.attribute(self._model, tf.constant(encoded), baseline, census().players)
        return found.values[:, [found.features.index(name) for name in features.FEATURES]]

    def scores(self, encoded: np.ndarray) -> np.ndarray:
        """Returns the log-odds of encoded rows, float32 `[rows]`."""
        return self.logits(tf.constant(encoded)).numpy()

    @tf.function
    def _fit(self, encoded: tf.Tensor, labels: tf.Tensor, batches: tf.Tensor) -> None:
        """Adam (Kingma and Ba, 2015) on the cross-entropy."""
        for step in tf.range(tf.shape(batches)[0]):
            rows = batches[step]
            with tf.GradientTape() as tape:
                outputs = self.logits(tf.gather(encoded, rows))
                losses = tf.nn.sigmoid_cross_entropy_with_logits(tf.gather(labels, rows), outputs)
                loss = tf.reduce_mean(losses)
            gradients = tape.gradient(loss, self.weights)
            power = tf.cast(step + 1, tf.float32)
            for weight, gradient, first, second in zip(self.weights, gradients, *self._moments, strict=True):
                first.assign(0.9 * first + 0.1 * gradient)
                second.assign(0.999 * second + 0.001 * gradient**2)
                scaled = first / (1 - 0.9**power) / (tf.sqrt(second / (1 - 0.999**power)) + 1e-7)
                weight.assign_sub(_RATE * scaled)


def auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Returns the area under the ROC curve: Mann and Whitney's statistic."""
    ranks, positives = scipy.stats.rankdata(scores), labels > 0
    count = positives.sum()
    return float((ranks[positives].sum() - count * (count + 1) / 2) / (count * (len(labels) - count)))
