"""What became of the rows: counts that are added up over batches, workers and splits."""

from __future__ import annotations

import collections
import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any

MAX_CAUSES = 20


@dataclasses.dataclass(frozen=True)
class Summary:
    """Counts over some rows; `rows_read == rows_explained + rows_failed` always.

    Attributes:
      rows_read: Records read.
      rows_explained: Records with an attribution from every model.
      rows_failed: Records set aside.
      rows_unreadable: Those of them that are not tf.Examples, or have another type of values than the models read.
      tolerance_not_met: Explained records whose error is above the tolerance for at least one model.
      evaluations: Rows that went through a model (or its gradient), over all models.
      causes: How often each error set a record aside; the commonest `MAX_CAUSES`.
      feature_counts: In how many of the readable records each feature that the candidate reads has a value.
    """

    rows_read: int = 0
    rows_explained: int = 0
    rows_failed: int = 0
    rows_unreadable: int = 0
    tolerance_not_met: int = 0
    evaluations: int = 0
    causes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    feature_counts: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @classmethod
    def merge(cls, summaries: Iterable[Summary]) -> Summary:
        """Adds summaries up; associative, and the empty sum is the empty summary."""
        counts: collections.Counter[str] = collections.Counter()
        causes: collections.Counter[str] = collections.Counter()
        features: collections.Counter[str] = collections.Counter()
        for summary in summaries:
            counts.update({name: getattr(summary, name) for name in _COUNTS})
            causes.update(summary.causes)
            features.update(summary.feature_counts)
        # By count, then by text, so that the same rows give the same summary in whatever order they came.
        commonest = sorted(causes.items(), key=lambda item: (-item[1], item[0]))[:MAX_CAUSES]
        return cls(**counts, causes=dict(commonest), feature_counts=dict(sorted(features.items())))

    def to_json(self) -> str:
        """Returns the summary on one line, as a JSON object with the attributes' names as keys."""
        return json.dumps(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Returns the attributes by name."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, text: str) -> Summary:
        """Reads what `to_json` wrote."""
        return cls(**json.loads(text))


_COUNTS = ("rows_read", "rows_explained", "rows_failed", "rows_unreadable", "tolerance_not_met", "evaluations")
