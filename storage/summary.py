"""What became of the rows: counts that are added up over batches, workers and splits.

`summary.json`, beside the attribution records, is an object with one entry a split; each is a `Summary` with the names
below as keys. Counts are exact, on every runner: they travel with the rows and not as metrics, of which a runner may
count some twice.
"""

from __future__ import annotations

import collections
import dataclasses
import json
from collections.abc import Iterable, Mapping
from typing import Any

from tfx_explain.storage.integrity import add_digests, read_part

SUMMARY_FILE = "summary.json"
MAX_CAUSES = 20
_DIGEST = "records_digest"


@dataclasses.dataclass(frozen=True)
class Summary:
    """Counts over some rows; `rows_read == rows_explained + rows_failed` always.

    Attributes:
      rows_read: Records read, of those in the sample.
      rows_explained: Records with an attribution from every model.
      rows_failed: Records set aside.
      rows_unreadable: Those of them that are not tf.Examples, or have another type of values than the models read.
      rows_not_sampled: Records that were passed over because they are not in the sample; not among `rows_read`.
      tolerance_not_met: Explained records whose error is above the tolerance for at least one model.
      evaluations: Rows that went through a model (or its gradient), over all models.
      tokens_left_out: Tokens of explained records that are not listed, as a row has more than are kept of it, over all
        models and features.
      rows_failed_by_model: The records set aside, by the model that failed first, "candidate" or "baseline"; what is
        wrong with a record itself counts as the candidate's.
      tolerance_not_met_by_model: Explained records whose error is above the tolerance, by model.
      evaluations_by_model: Rows that went through each model.
      causes: How often each error set a record aside; the commonest `MAX_CAUSES`.
      feature_counts: In how many of the records looked at each feature that the candidate reads has a value; 0 only if
        it has none in any readable record.
      rows_by_class: Of the explained records, by model and class (`candidate/>50K`, the index where it has no name),
        how many explain it.
      rows_without_influence_by_class: In how many of these all attributions are 0.
      explained_quantity: By model, what is explained: "log_odds", "logits" or "served".
      features_of_one_model: By model, the features that only this model has; in the other their attribution is 0.
      model_load_seconds: Time in which workers loaded models, the sum over processes.
      model_call_seconds: Time that calls of the models took, the sum over threads.
      records_digest: Of the records with attributions, see `tfx_explain.storage.integrity.records_digest`; JSON has it
        in hexadecimal digits. 0 where an older Explainer said nothing.
      provenance: Of what the rows and attributions are, see `tfx_explain.beam.provenance`; empty in a sum over splits.
    """

    rows_read: int = 0
    rows_explained: int = 0
    rows_failed: int = 0
    rows_unreadable: int = 0
    rows_not_sampled: int = 0
    tolerance_not_met: int = 0
    evaluations: int = 0
    tokens_left_out: int = 0
    rows_failed_by_model: Mapping[str, int] = dataclasses.field(default_factory=dict)
    tolerance_not_met_by_model: Mapping[str, int] = dataclasses.field(default_factory=dict)
    evaluations_by_model: Mapping[str, int] = dataclasses.field(default_factory=dict)
    causes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    feature_counts: Mapping[str, int] = dataclasses.field(default_factory=dict)
    rows_by_class: Mapping[str, int] = dataclasses.field(default_factory=dict)
    rows_without_influence_by_class: Mapping[str, int] = dataclasses.field(default_factory=dict)
    explained_quantity: Mapping[str, str] = dataclasses.field(default_factory=dict)
    features_of_one_model: Mapping[str, list[str]] = dataclasses.field(default_factory=dict)
    model_load_seconds: float = 0.0
    model_call_seconds: float = 0.0
    records_digest: int = 0
    provenance: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def merge(cls, summaries: Iterable[Summary]) -> Summary:
        """Adds summaries up; associative, and the empty sum is the empty summary."""
        counts: collections.Counter[str] = collections.Counter()
        tables: dict[str, collections.Counter[str]] = {name: collections.Counter() for name in TABLES}
        unshared: dict[str, list[str]] = {}
        quantities: dict[str, str] = {}
        digest = 0
        for summary in summaries:
            counts.update({name: getattr(summary, name) for name in (*COUNTS, *SECONDS)})
            for name, table in tables.items():
                table.update(getattr(summary, name))
            unshared |= summary.features_of_one_model
            quantities |= summary.explained_quantity
            digest = add_digests(digest, summary.records_digest)
        # By count, then by text, so that the same rows give the same summary in whatever order they came.
        commonest = sorted(tables.pop("causes").items(), key=lambda item: (-item[1], item[0]))[:MAX_CAUSES]
        merged: dict[str, Any] = {name: dict(sorted(table.items())) for name, table in tables.items()}
        merged |= {"causes": dict(commonest), "features_of_one_model": unshared, "records_digest": digest}
        return cls(**counts, **merged, explained_quantity=quantities)

    def to_json(self) -> str:
        """Returns the summary on one line, as a JSON object with the attributes' names as keys."""
        return json.dumps(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Returns the attributes by name, as JSON has them."""
        # Not every reader of JSON has whole numbers of 64 bits.
        return dataclasses.asdict(self) | {_DIGEST: f"{self.records_digest:016x}"}

    @classmethod
    def from_json(cls, text: str | bytes) -> Summary:
        """Reads what `to_json` wrote."""
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> Summary:
        """Reads what `to_dict` made, by this version or another: what an older one did not know is 0 or empty.

        Raises:
          KeyError: A count that every version has is missing.
          ValueError: A number or a table is something else.
        """
        values = {one.name: said[one.name] for one in dataclasses.fields(cls) if one.name in said}
        values |= {name: said[name] for name in _ALWAYS} | {_DIGEST: int(said.get(_DIGEST, "0"), 16)}
        counts = [values[name] for name in COUNTS if name in values]
        counts += [count for name in TABLES for count in dict(values.get(name, {})).values()]
        if not all(type(count) is int and count >= 0 for count in counts):
            raise ValueError("numbers of rows are something else")
        return cls(**values)


COUNTS = (
    "rows_read",
    "rows_explained",
    "rows_failed",
    "rows_unreadable",
    "rows_not_sampled",
    "tolerance_not_met",
    "evaluations",
    "tokens_left_out",
)
_ALWAYS = ("rows_read", "rows_explained", "rows_failed", "tolerance_not_met")
SECONDS = ("model_load_seconds", "model_call_seconds")
TABLES = (
    "rows_failed_by_model",
    "tolerance_not_met_by_model",
    "evaluations_by_model",
    "causes",
    "feature_counts",
    "rows_by_class",
    "rows_without_influence_by_class",
)


def read_summaries(directory: str) -> dict[str, Summary] | None:
    """Reads the summaries that an Explainer leaves beside its records.

    Args:
      directory: Of the attributions or the evaluation.

    Returns:
      By split, what it says; None where there is no such file.

    Raises:
      ValueError: It is damaged.
    """
    return read_part(directory, SUMMARY_FILE, _parse, "it holds no counts of rows by split")


def _parse(content: bytes) -> dict[str, Summary]:
    return {split: Summary.from_dict(said) for split, said in json.loads(content).items()}
