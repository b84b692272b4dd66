"""What a dataset's statistics and schema say about each feature."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

_MODALITIES = {"image_domain": "image", "natural_language_domain": "text", "struct_domain": "structured"}
# Of all values, what the most frequent one must make up to stand for them; and where most of them are different.
_LEAST_SHARE, _LEAST_SHARE_OF_MANY = 0.01, 0.1
_ALL_ROWS = "All Examples"  # TFDV's name for the dataset that is not a slice
# What TFDV counts in the place of all values that are no UTF-8, and of all of over a thousand bytes: no value at all.
_STAND_INS = frozenset({"__BYTES_VALUE__", "__LARGE_BYTES__"})


@dataclass(frozen=True)
class FeatureSummary:
    """What is known of one feature's values; None and empty where it isn't.

    Attributes:
        categorical: whether its values are names, or integers that stand for names.
        modality: what the schema says it is: `image`, `text`, `structured`, or '' where it does not say.
        top_values: of a categorical feature, the most frequent values, most frequent first.
        top_is_typical: whether the most frequent value says anything of the others (`is_typical`).
        domain_values: the names that the schema allows.
        median: of a numeric feature, in its own unit; so are the next four. None is infinite.
        mean: arithmetic mean.
        stddev: standard deviation.
        minimum: smallest value.
        maximum: largest value.
        most_values: the largest number of values in one row.
    """

    categorical: bool = False
    modality: str = ""
    top_values: tuple[bytes, ...] = ()
    top_is_typical: bool | None = None
    domain_values: tuple[bytes, ...] = ()
    median: float | None = None
    mean: float | None = None
    stddev: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    most_values: int | None = None


def is_typical(count: float, values: float, distinct: float) -> bool:
    """Whether a most frequent value says anything of the others, or these hardly repeat, as texts and ids do.

    Args:
        count: how often it occurs.
        values: how many values there are.
        distinct: how many different ones.
    """
    least = _LEAST_SHARE if distinct <= values / 2 else _LEAST_SHARE_OF_MANY
    return count > 1 and count >= least * values


def summarize(
    statistics: statistics_pb2.DatasetFeatureStatisticsList | None, schema: schema_pb2.Schema | None
) -> Mapping[str, FeatureSummary]:
    """Reads TFDV statistics of one split, and a schema.

    Raises:
        ValueError: if there are several datasets and none of them is of all rows.
    """
    found = {}
    for feature in _dataset(statistics).features if statistics else ():
        found[feature.name or ".".join(feature.path.step)] = _summary(feature)
    domains = {domain.name: domain for domain in schema.string_domain} if schema else {}
    for feature in schema.feature if schema else ():
        domain = domains.get(feature.domain, feature.string_domain)
        kind = feature.WhichOneof("domain_info") or ""
        named = domain.value or kind == "bool_domain" or getattr(getattr(feature, kind, None), "is_categorical", False)
        known = found.get(feature.name, FeatureSummary())
        found[feature.name] = dataclasses.replace(
            known,
            categorical=known.categorical or bool(named),
            modality=_MODALITIES.get(kind, ""),
            domain_values=tuple(value.encode() for value in domain.value),
        )
    return found


def _dataset(statistics: statistics_pb2.DatasetFeatureStatisticsList) -> Any:
    datasets = list(statistics.datasets)
    if len(datasets) > 1:
        datasets = [dataset for dataset in datasets if dataset.name == _ALL_ROWS]
    if len(datasets) != 1:
        names = ", ".join(repr(dataset.name) for dataset in statistics.datasets) or "none"
        raise ValueError(
            f"The statistics must hold one dataset, or one named {_ALL_ROWS!r}; they hold {names}. Give "
            "such `statistics`."
        )
    return datasets[0]


def _summary(feature: Any) -> FeatureSummary:
    kind = feature.WhichOneof("stats")
    stats = getattr(feature, kind) if kind in ("num_stats", "string_stats") else None
    if stats is None or not stats.common_stats.num_non_missing:
        return FeatureSummary()
    most = int(stats.common_stats.max_num_values) or None
    if kind == "string_stats":
        return _of_names(stats, most)
    numbers = (stats.median, stats.mean, stats.std_dev, stats.min, stats.max)
    # Of a column with infinite values the median is a number, and the mean none.
    median, mean, stddev, least, greatest = (number if math.isfinite(number) else None for number in numbers)
    return FeatureSummary(median=median, mean=mean, stddev=stddev, minimum=least, maximum=greatest, most_values=most)


def _of_names(stats: Any, most: int | None) -> FeatureSummary:
    top = sorted(stats.top_values, key=lambda value: (-value.frequency, value.value))
    ranked = [value for value in top if value.value not in _STAND_INS]
    common = stats.common_stats
    values = common.tot_num_values or common.num_non_missing * common.avg_num_values
    typical = is_typical(ranked[0].frequency, values, stats.unique) if ranked and values else None
    return FeatureSummary(
        categorical=True,
        top_values=tuple(value.value.encode() for value in ranked),
        top_is_typical=False if top and not ranked else typical,
        most_values=most,
    )
