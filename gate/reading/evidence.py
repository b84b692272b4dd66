"""What a verdict is decided on: metrics by slice, from Evaluators' evaluations and Explainers' attributions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.gate.model import Model
from tfx_explain.gate.reading.claims import Claim
from tfx_explain.gate.reading.evaluations import Slices, keys_of
from tfx_explain.gate.slices import SliceKey
from tfx_explain.storage.no_model import NoModel


@dataclass(frozen=True)
class Sources:
    """Where the evidence lies.

    Attributes:
      evaluations: Directories of ModelEvaluations.
      attributions: By a name for people, the folders of splits with attribution records.
      baseline_evaluations: Directories of ModelEvaluations of the baseline model's own earlier run.
      has_baseline: Whether there is a baseline model for certain, also where none is given.
      model_name: The candidate's name in the evaluations; empty for the one that the config has.
      models: The candidate by `columns.CANDIDATE`, the baseline model by `columns.BASELINE`, as far as they are given.
      no_baseline: What was given in place of a baseline model, if it says that there is none.
    """

    evaluations: Sequence[str] = ()
    attributions: Mapping[str, str] = field(default_factory=dict)
    baseline_evaluations: Sequence[str] = ()
    has_baseline: bool = False
    model_name: str = ""
    models: Mapping[str, Model] = field(default_factory=dict)
    no_baseline: NoModel | None = None

    @property
    def folders(self) -> list[str]:
        """All that is read."""
        models = [model.uri for model in self.models.values()]
        return [*self.evaluations, *self.attributions.values(), *self.baseline_evaluations, *models]


@dataclass
class Evidence:
    """Metrics from several sources, joined by slice.

    Attributes:
      eval_config: The gate's config, with a metric for every feature that a glob in it matches.
      slices: By TFMA's slice key or cross-slice key, the metrics there.
      sources: By metric key, where it comes from.
      sliced: By source, the slices that it has.
      has_baseline: Whether any source knows a baseline model.
      unreadable: Sentences about sources that can't be read; each forbids a blessing, whatever is overridden.
      problems: Sentences about sources that don't say enough; each forbids a blessing.
      claims: What the sources say of the models that they are of.
      told: Sentences about whose evidence it is: what agrees, and what can't be told.
      models: By role, as `Sources.models`, the models that the evidence is of.
      no_baseline: As `Sources.no_baseline`.
      records: By folder of a split, the digest of the records there, see `integrity.records_digest`.
    """

    eval_config: config_pb2.EvalConfig
    slices: Slices = field(default_factory=dict)
    sources: dict[tfma.metrics.MetricKey, str] = field(default_factory=dict)
    sliced: dict[str, Collection[SliceKey]] = field(default_factory=dict)
    has_baseline: bool = False
    unreadable: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    claims: list[Claim] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    models: Mapping[str, Model] = field(default_factory=dict)
    no_baseline: NoModel | None = None
    records: dict[str, int] = field(default_factory=dict)

    def add(self, source: str, slices: Slices, needed: Collection[tfma.metrics.MetricKey]) -> None:
        """Joins the metrics of a source.

        Args:
          source: For people: what it is and where it lies.
          slices: The source's metrics by slice.
          needed: The metrics that the decision takes.

        Raises:
          ValueError: A needed metric was in another source already.
        """
        keys = keys_of(slices)
        for key in keys.intersection(needed):
            if key in self.sources:
                raise ValueError(
                    f"The metric {key.name} is in two places, in {self.sources[key]} and in {source}; the gate can't "
                    "tell which one counts. Remove it from one of them."
                )
        for slice_key, metrics in slices.items():
            joined = self.slices.setdefault(slice_key, metrics)
            if joined is not metrics:
                joined.update(metrics)
        self.sources.update(dict.fromkeys(keys, source))
        self.sliced[source] = frozenset(slices)
