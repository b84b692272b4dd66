"""TFMA extractor and metrics over attribution records.

Names are imported when they are first used: `tfx_explain.metrics.columns` must not cost the seconds that importing TFMA
takes.
"""

import importlib
from typing import Any

_HOMES = {
    "AttributionRank": "per_feature",
    "AttributionShare": "per_feature",
    "EveryFeature": "per_feature",
    "MeanAbsoluteAttribution": "per_feature",
    "MeanAttribution": "per_feature",
    "TotalAbsoluteAttribution": "per_feature",
    "TotalAttribution": "per_feature",
    "AttributionAgreement": "agreement",
    "AttributionDistance": "agreement",
    "ImportanceKendall": "drift",
    "ImportanceNDCG": "drift",
    "ImportanceSpearman": "drift",
    "LargestShareChange": "drift",
    "ApproximationError": "quality",
    "CompletenessGap": "quality",
    "CompletenessGapQuantile": "quality",
    "ExplainedRows": "quality",
    "FailedRows": "quality",
    "ToleranceMissed": "quality",
    "EvaluateAttributions": "evaluate",
    "attributions_extractor": "extractor",
    "default_eval_config": "configs",
    "evaluate_attributions": "evaluate",
    "summarize_records": "evaluate",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
