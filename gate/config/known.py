"""What is known of metrics by their classes: which side is the good one, and whether the value is one number."""

from __future__ import annotations

import json
import re

from tensorflow_model_analysis.metrics import metric_specs, metric_types
from tensorflow_model_analysis.proto import config_pb2

_HIGHER_IS_BETTER = """
    AUC AUCPrecisionRecall Accuracy BinaryAccuracy BalancedAccuracy CategoricalAccuracy SparseCategoricalAccuracy
    TopKCategoricalAccuracy SparseTopKCategoricalAccuracy Precision PPV Recall TPR Specificity TNR NPV
    NegativePredictiveValue F1Score FBetaScore NDCG MatthewsCorrelationCoefficient TruePositives TP TrueNegatives TN
    Informedness Markedness FowlkesMallowsIndex ThreatScore PrecisionAtRecall RecallAtPrecision
    SensitivityAtSpecificity SpecificityAtSensitivity RecallAtFalsePositiveRate MaxRecall DiagnosticOddsRatio
    PositiveLikelihoodRatio SquaredPearsonCorrelation R2Score BinaryIoU IoU MeanIoU OneHotIoU OneHotMeanIoU
    CoefficientOfDiscrimination RelativeCoefficientOfDiscrimination ExactMatch Bleu SetMatchPrecision SetMatchRecall
    COCOAveragePrecision COCOAverageRecall COCOMeanAveragePrecision COCOMeanAverageRecall
    ObjectDetectionPrecision ObjectDetectionRecall ObjectDetectionMaxRecall ObjectDetectionPrecisionAtRecall
    ImportanceNDCG ImportanceSpearman ImportanceKendall AttributionAgreement ExplainedRows ShareKept
    MapAgreement TokenNDCG MapInsertion
"""
_LOWER_IS_BETTER = """
    FNR FPR FallOut MissRate FalseNegatives FN FalsePositives FP FalseDiscoveryRate FalseOmissionRate
    NegativeLikelihoodRatio BinaryCrossEntropy BinaryCrossentropy CategoricalCrossEntropy CategoricalCrossentropy
    SparseCategoricalCrossentropy KLDivergence Poisson Hinge SquaredHinge CategoricalHinge
    LargestShareChange AttributionDistance FailedRows CompletenessGap CompletenessGapQuantile ToleranceMissed
    UninfluencedRows TokensEntering MapDeletion
"""
# MeanSquaredError, LogCoshError, ApproximationError, loss, val_loss, and whatever else is called so.
_BY_ITS_NAME = re.compile(r"(.*[a-z\d_])?(Error|Loss|error|loss)")
_NOT_ONE_NUMBER = """
    ConfusionMatrixAtThresholds MultiClassConfusionMatrixAtThresholds FairnessIndicators BooleanFlipRates
    QueryStatistics FalseNegativeFeatureSampler FalsePositiveFeatureSampler SemanticSegmentationConfusionMatrix
    SemanticSegmentationTruePositive SemanticSegmentationFalsePositive MeanTensor EveryFeature
"""

_DIRECTION_OF = {
    **dict.fromkeys(_HIGHER_IS_BETTER.split(), config_pb2.MetricDirection.HIGHER_IS_BETTER),
    **dict.fromkeys(_LOWER_IS_BETTER.split(), config_pb2.MetricDirection.LOWER_IS_BETTER),
}


def good_direction(class_name: str) -> config_pb2.MetricDirection:
    """Returns which direction is the better one, by the class, or by what it is called; UNKNOWN if nobody knows."""
    if class_name in _DIRECTION_OF:
        return _DIRECTION_OF[class_name]
    lower = _BY_ITS_NAME.fullmatch(class_name) is not None
    return config_pb2.MetricDirection.LOWER_IS_BETTER if lower else config_pb2.MetricDirection.UNKNOWN


def is_one_number(metric: config_pb2.MetricConfig) -> bool:
    """Tells the metrics whose value is one number from plots, dictionaries and lists."""
    if metric.class_name.endswith("Plot") or metric.class_name in _NOT_ONE_NUMBER.split():
        return False
    settings = json.loads(metric.config) if metric.config else {}
    thresholds = settings.get("thresholds") if isinstance(settings, dict) else None
    return not isinstance(thresholds, list) or len(thresholds) < 2


def class_of(name: str) -> str:
    """Returns the class with a good side that has a name by default, AUC for auc; the name where there is none."""
    return next((known for known in _DIRECTION_OF if default_name(known) == name), name)


def default_name(class_name: str) -> str:
    """Returns the name under which TFMA and Keras report a metric of a class."""
    return re.sub(r"(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", class_name).lower()


def is_class(name: str) -> bool:
    """Tells whether something is the name of a metric's class, of TFMA, Keras or this package."""
    keras = getattr(metric_specs.tf_keras.metrics, name, None)
    return name in metric_types.registered_metrics() or isinstance(keras, type)
