"""All that is known of the data a model is trained on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.rows.baselines import EXAMPLES, Choice
from tfx_explain.savedmodel.rows.sample import Sample, filled
from tfx_explain.savedmodel.rows.statistics import FeatureSummary, summarize


@dataclass(frozen=True)
class Data:
    """What is known of the data, and which baselines to take from it.

    Attributes:
        choices: the kinds of baselines.
        statistics: by feature, what statistics and schema say.
        known: by feature, the same, completed by what the examples say.
        rows: by feature, its value in each representative row, as JSON has it.
        sample: the examples, where they are given.
        is_given: whether there are statistics or examples.
    """

    choices: Sequence[Choice]
    statistics: Mapping[str, FeatureSummary]
    known: Mapping[str, FeatureSummary]
    rows: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    sample: Sample | None = None
    is_given: bool = False

    def of_columns(self, name: str, columns: Sequence[str]) -> list[FeatureSummary]:
        """What is known of each column of a matrix: by the column's name, from the examples, else of all its values."""
        whole = self.known.get(name, FeatureSummary())
        own = self.sample.of_columns(name) if self.sample else [whole] * len(columns)
        named = (self.statistics.get(column, FeatureSummary()) for column in columns)
        return [filled(summary, other) for summary, other in zip(named, own, strict=True)]


def read_data(
    read: ReadModel,
    choices: Sequence[Choice],
    *,
    statistics: statistics_pb2.DatasetFeatureStatisticsList | None,
    schema: schema_pb2.Schema | None,
    examples: Iterable[bytes] | None,
) -> Data:
    """Reads statistics, schema and examples, each if given.

    Raises:
        ValueError: if the statistics or examples cannot be read; it says why.
    """
    summaries = summarize(statistics, schema)
    if examples is None:
        return Data(choices, summaries, summaries, is_given=statistics is not None)
    sample = Sample(read, examples)
    known = dict(summaries)
    for name, summary in sample.summaries().items():
        known[name] = filled(known.get(name, FeatureSummary()), summary)
    count = next((choice.count for choice in choices if choice.kind == EXAMPLES), 0)
    used = sorted(set().union(*(read.depends[tensor] for tensor in read.graph.outputs.values())) & set(sample.values))
    rows = sample.representatives(used, count) if count else {}
    return Data(choices, summaries, known, rows, sample, is_given=True)
