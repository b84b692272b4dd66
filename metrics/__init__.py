"""TFMA extractor and metrics over attribution records."""

from tfx_explain.metrics.agreement import AttributionAgreement, AttributionDistance
from tfx_explain.metrics.areas import MapDeletion, MapInsertion
from tfx_explain.metrics.configs import default_eval_config
from tfx_explain.metrics.drift import (
    ImportanceKendall,
    ImportanceNDCG,
    ImportanceSpearman,
    LargestShareChange,
    ShareKept,
)
from tfx_explain.metrics.evaluate import EvaluateAttributions, evaluate_attributions, summarize_records
from tfx_explain.metrics.extractor import attributions_extractor
from tfx_explain.metrics.maps import MapAgreement, MapConcentration, MapShare
from tfx_explain.metrics.per_feature import (
    AttributionRank,
    AttributionShare,
    EveryFeature,
    MeanAbsoluteAttribution,
    MeanAttribution,
    TotalAbsoluteAttribution,
    TotalAttribution,
)
from tfx_explain.metrics.quality import (
    ApproximationError,
    CompletenessGap,
    CompletenessGapQuantile,
    ExplainedRows,
    FailedRows,
    ToleranceMissed,
    UninfluencedRows,
)
from tfx_explain.metrics.tokens import TokenNDCG, TokensEntering, TokenShare
from tfx_explain.metrics.usual import UsualVariation

__all__ = [
    "ApproximationError",
    "AttributionAgreement",
    "AttributionDistance",
    "AttributionRank",
    "AttributionShare",
    "CompletenessGap",
    "CompletenessGapQuantile",
    "EvaluateAttributions",
    "EveryFeature",
    "ExplainedRows",
    "FailedRows",
    "ImportanceKendall",
    "ImportanceNDCG",
    "ImportanceSpearman",
    "LargestShareChange",
    "MapAgreement",
    "MapConcentration",
    "MapDeletion",
    "MapInsertion",
    "MapShare",
    "MeanAbsoluteAttribution",
    "MeanAttribution",
    "ShareKept",
    "TokenNDCG",
    "TokenShare",
    "TokensEntering",
    "ToleranceMissed",
    "TotalAbsoluteAttribution",
    "TotalAttribution",
    "UninfluencedRows",
    "UsualVariation",
    "attributions_extractor",
    "default_eval_config",
    "evaluate_attributions",
    "summarize_records",
]
