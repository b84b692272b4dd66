"""Writes what the data says about a feature into its metadata: modality, domain, visualisation, baselines."""

from __future__ import annotations

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel.analysis.features import Feature
from tfx_explain.savedmodel.generation.describe import add_finding
from tfx_explain.savedmodel.metadata.rules import BAG_OF_FEATURES, CLIP_ABOVE, CLIP_BELOW
from tfx_explain.savedmodel.rows.baselines import (
    MEDIAN,
    MODE,
    ZERO,
    choose_baselines,
    column_baselines,
    hardly_repeats,
    to_proto,
)
from tfx_explain.savedmodel.rows.data import Data
from tfx_explain.savedmodel.rows.statistics import FeatureSummary

NOT_COUNTED = (
    "The schema says that it stands for names, but the statistics were made without the schema, so the most frequent "
    "value is not known: its baseline is the median."
)
RARE = (
    "Its values hardly repeat, so that none of them stands for the others: its baseline is the empty text, or no text."
)
RARE_NUMBERS = (
    "It stands for names that hardly repeat, and no number stands for none of them: its baseline is the most frequent "
    "one, which says little of the others. Give several, such as 'examples:5', or one of your own."
)
NO_VALUES = "The data given has no value of this feature, so its baseline is zero."

# Vertex AI's own defaults, written down so that people see what they can change.
# Without colours, whose default depends on the method.
VISUALIZATION = explanation_pb2.Visualization(
    type="outlines",
    polarity="positive",
    clip_above_percentile=CLIP_ABOVE,
    clip_below_percentile=CLIP_BELOW,
    overlay_type="none",
)


def describe_values(entry: explanation_pb2.InputMetadata, statistics: FeatureSummary) -> None:
    """Adds to `entry` what statistics and schema say of a feature: modality, encoding, domain, visualisation."""
    if statistics.most_values == 1 and entry.encoding != BAG_OF_FEATURES:
        entry.encoding = "identity"
    if statistics.modality:
        entry.modality = statistics.modality
    elif entry.modality in ("", "numeric", "categorical"):
        if statistics.categorical:
            entry.modality = "categorical"
        elif statistics.median is not None:
            entry.modality = "numeric"
    if entry.modality == "image":
        entry.visualization.CopyFrom(VISUALIZATION)
    domain = (statistics.minimum, statistics.maximum, statistics.mean, statistics.stddev)
    if statistics.median is not None and entry.encoding == "identity" and None not in domain:
        entry.domain.min, entry.domain.max, entry.domain.original_mean, entry.domain.original_stddev = domain


def describe_baselines(entry: explanation_pb2.InputMetadata, feature: Feature, data: Data) -> None:
    """Adds the chosen baselines to `entry`, whose modality is known, and where they come from."""
    known = data.known.get(feature.name, FeatureSummary())
    rows = data.rows.get(feature.name, ())
    if entry.encoding == BAG_OF_FEATURES:
        summaries = data.of_columns(feature.name, entry.index_feature_mapping)
        found = column_baselines(feature, summaries, data.choices, rows)
    else:
        found = choose_baselines(feature, known, entry.modality, data.choices, rows)
    entry.input_baselines.extend(to_proto(baseline.value) for baseline in found)
    sources = list(dict.fromkeys(source for baseline in found for source in baseline.source.split(", ")))
    entry.baseline_source = ", ".join(sources)
    if ZERO in sources and hardly_repeats(feature, known, entry.modality):
        add_finding(entry, RARE)
    elif ZERO in sources and data.is_given and not any(choice.kind == ZERO for choice in data.choices):
        add_finding(entry, NO_VALUES)
    if MODE in sources and feature.dtype.is_integer and known.top_is_typical is False:
        add_finding(entry, RARE_NUMBERS)
    if MEDIAN in sources and known.categorical:
        add_finding(entry, NOT_COUNTED)
