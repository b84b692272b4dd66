"""What the page asks: rows, what the models say of one and why, what is near it, and how one feature moves it."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tfx_explain.attribution import Attributions
from tfx_explain.beam.reading.names import row_names
from tfx_explain.storage import columns
from tfx_explain.storage.tfrecords import as_records
from tfx_explain.whatif.asking.curve import Domain, domain
from tfx_explain.whatif.asking.deciding import are_other
from tfx_explain.whatif.asking.models import Models
from tfx_explain.whatif.asking.nearest import Distances
from tfx_explain.whatif.asking.sample import Rows
from tfx_explain.whatif.asking.values import Values, values_of, with_values

HIGHEST, APART = "highest", "apart"


@dataclass(frozen=True)
class Answer:
    """What the models say of a row.

    Attributes:
      record: The row, a serialized tf.Example.
      target: The candidate's output that is explained.
      outputs: By model, all of its outputs, float64 `[outputs]`.
      attributions: By model, why, `[1, features]`.
    """

    record: bytes
    target: int
    outputs: Mapping[str, np.ndarray]
    attributions: Mapping[str, Attributions]


@dataclass(frozen=True)
class Near:
    """The nearest row of another prediction.

    Attributes:
      place: Its place in the sample.
      name: What it is called.
      distance: How far it is, `Distances`.
      differences: By feature, the two rows' values, those asked about first.
      outputs: By model, its outputs, float64 `[outputs]`.
      meaning: What counts as another prediction.
    """

    place: int
    name: str
    distance: float
    differences: Mapping[str, tuple[Values, Values]]
    outputs: Mapping[str, np.ndarray]
    meaning: str


@dataclass(frozen=True)
class Curve:
    """How an output depends on one feature, all others being as in a row.

    Attributes:
      feature: Its name.
      values: What it is tried at.
      here: The place of the row's own among them.
      is_numeric: Whether they are single numbers with an order.
      outputs: By model, the output at each, float64 `[values]`; NaN where a model doesn't take it.
    """

    feature: str
    values: Sequence[Values]
    here: int
    is_numeric: bool
    outputs: Mapping[str, np.ndarray]


class Session:
    """The models and the sampled rows, the same for every page that is open; nothing in it changes.

    Attributes:
      models: The models.
      rows: The rows.
      predictions: What the models say of the sample.
    """

    def __init__(self, models: Models, rows: Rows) -> None:
        """Asks the models about the sampled rows.

        Raises:
          ValueError: They take none of them; it says why not the first.
        """
        self.models, self.rows = models, rows
        self.predictions = models.predict(rows.sample)
        failures = self.predictions.failures
        if len(failures) == len(rows.sample):
            raise ValueError(f"The models take none of the {len(failures):,} rows. Of the first: {failures[0]}")
        self._batch, self._readable, _ = models.decode(rows.sample)

    def ask(self, record: bytes, target: int | None = None) -> Answer:
        """Returns what the models say of a row, and why.

        Args:
          record: The row, a serialized tf.Example.
          target: The candidate's output to explain; None: by default.

        Raises:
          ValueError: A model doesn't take the row, or it has no attribution; a sentence says why.
        """
        found = self.models.predict(as_records([record]))
        if found.failures:
            raise ValueError(found.failures[0])
        outputs = {model: values[0] for model, values in found.outputs.items()}
        chosen = self.models.targets(outputs[columns.CANDIDATE])[0] if target is None else target
        return Answer(record, chosen, outputs, self.models.explain(record, chosen))

    @functools.cached_property
    def names(self) -> list[str]:
        """What the sampled rows are called, `row_names`."""
        return row_names(self.rows.sample)

    def order(self, by: str) -> np.ndarray:
        """Returns places in the sample, int `[rows]`; rows that a model doesn't take are last.

        Args:
          by: `HIGHEST` output of the candidate first; `APART`: where the models differ most; else as sampled.
        """
        values = np.where(np.isnan(self._explained[columns.CANDIDATE]), np.nan, 0.0)
        if by == HIGHEST:
            values = self._explained[columns.CANDIDATE]
        elif by == APART:
            values = np.abs(self._explained[columns.CANDIDATE] - self._explained[columns.BASELINE])
        return np.argsort(-np.where(np.isnan(values), -np.inf, values), kind="stable")

    def first(self) -> bytes:
        """Returns the sampled row that is most worth a look: on which the models differ most, or the highest output."""
        return self.rows.sample[self.order(APART if columns.BASELINE in self.models.explained else HIGHEST)[0]]

    def largest(self, answer: Answer) -> list[str]:
        """Returns all that has an attribution, by its size in any model, the largest first."""
        sizes: dict[str, float] = {}
        for one in answer.attributions.values():
            for name, size in zip(one.features, np.abs(one.values[0]).tolist(), strict=True):
                sizes[name] = max(size, sizes.get(name, 0.0))
        return sorted(sizes, key=lambda name: (-sizes[name], name))

    def nearest(self, answer: Answer) -> Near | None:
        """Returns the nearest row of the sample for which the candidate has another prediction; None: there is none."""
        outputs = self.predictions.outputs[columns.CANDIDATE]
        others, meaning = are_other(
            self.models.explained[columns.CANDIDATE], outputs, answer.outputs[columns.CANDIDATE], answer.target
        )
        batch, _, failures = self.models.decode(as_records([answer.record]))
        others = others[self._readable]
        if failures or not others.any():
            return None
        distances = np.where(others, self._distances.to(batch), np.inf)
        nearest = int(np.argmin(distances))
        place = int(self._readable[nearest])
        record = self.rows.sample[place]
        return Near(
            place,
            self.names[place],
            float(distances[nearest]),
            self._differences(answer.record, record),
            {model: found[place] for model, found in self.predictions.outputs.items()},
            meaning,
        )

    def curve(self, answer: Answer, feature: str, beside: Values = ()) -> Curve:
        """Returns how the output that is explained depends on one feature of a row.

        Args:
          answer: What the models say of the row.
          feature: The feature.
          beside: A value to try, too.
        """
        known = self.domain(feature)
        values, here = known.beside(beside, values_of(answer.record).get(feature, ()))
        features = self.models.features
        records = as_records(with_values(answer.record, features, {feature: one}) for one in values)
        outputs = self.models.predict(records).outputs
        of_target = {model: found[:, self.place(model, answer.target, found)] for model, found in outputs.items()}
        is_numeric = known.is_numeric and all(len(one) <= 1 for one in values)
        return Curve(feature, values, here, is_numeric, of_target)

    @functools.cache  # noqa: B019 - a session lives as long as the process
    def domain(self, feature: str) -> Domain:
        """Returns what a feature is tried at."""
        column = self._batch.column(self._batch.schema.get_field_index(feature))
        return domain(column, self.models.features[feature], feature in self.models.categories)

    def place(self, model: str, target: int, outputs: np.ndarray) -> int:
        """Returns which of a model's `outputs`, `[..., outputs]`, stands for the candidate's of index `target`."""
        return int(self.models.of_model(model, np.array(target))) if outputs.shape[-1] > 1 else 0

    @functools.cached_property
    def _distances(self) -> Distances:
        return Distances(self._batch, self.models.features, self.models.categories)

    def _differences(self, record: bytes, other: bytes) -> dict[str, tuple[Values, Values]]:
        own, others = values_of(record), values_of(other)
        pairs = {name: (own.get(name, ()), others.get(name, ())) for name in sorted(self.models.features)}
        return {name: pair for name, pair in pairs.items() if list(pair[0]) != list(pair[1])}

    @functools.cached_property
    def _explained(self) -> dict[str, np.ndarray]:
        """By model, of each sampled row the output that is explained by default, float64 `[rows]`."""
        found = self.predictions.outputs
        targets = self.models.default_targets(found[columns.CANDIDATE])
        rows = np.arange(len(targets))
        return {
            model: outputs[rows, self.models.of_model(model, targets) if outputs.shape[1] > 1 else 0]
            for model, outputs in found.items()
        }
