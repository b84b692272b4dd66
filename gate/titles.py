"""What metrics and slices are called in sentences and tables."""

from __future__ import annotations

from collections.abc import Iterator

import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.proto.printable import printable

_AVERAGES = {
    "micro_average": "micro average",
    "macro_average": "macro average",
    "weighted_macro_average": "weighted macro average",
}


def title(key: tfma.metrics.MetricKey, says_unweighted: bool = False) -> str:
    """Returns a metric's name, with what else tells it from others: "auc (output income, class 2, weighted)".

    Args:
      key: The metric.
      says_unweighted: Whether to say that example weights don't count, because there is the same with them.
    """
    details = ", ".join(_details(key, says_unweighted))
    return printable(f"{key.name} ({details})" if details else str(key.name))


def slices_title(spec: config_pb2.SlicingSpec | config_pb2.CrossSlicingSpec | None) -> str:
    """Returns which slices a slicing spec is for: "Overall", "sex:Male", "sex:Male and every age"."""
    if spec is None:
        return "Overall"
    if isinstance(spec, config_pb2.CrossSlicingSpec):
        others = " or ".join(map(slices_title, spec.slicing_specs)) or "every slice"
        return f"{slices_title(spec.baseline_spec)} against {others}"
    parts = [f"{name}:{value}" for name, value in sorted(spec.feature_values.items())]
    parts += [f"every {name}" for name in spec.feature_keys]
    parts += [f"the slices of {spec.slice_keys_sql}"] if spec.slice_keys_sql else []
    return printable(" and ".join(parts)) or "Overall"


def _details(key: tfma.metrics.MetricKey, says_unweighted: bool) -> Iterator[str]:
    if key.output_name:
        yield f"output {key.output_name}"
    if key.sub_key is not None:
        if key.sub_key.class_id is not None:
            yield f"class {key.sub_key.class_id}"
        if key.sub_key.k is not None:
            yield f"prediction no. {key.sub_key.k}"
        if key.sub_key.top_k is not None:
            yield f"top {key.sub_key.top_k}"
    if key.aggregation_type is not None:
        yield from (words for name, words in _AVERAGES.items() if getattr(key.aggregation_type, name))
    if key.example_weighted:
        yield "weighted"
    elif says_unweighted:
        yield "unweighted"
