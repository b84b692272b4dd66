"""The sound configs of TFX's and TFMA's guides and templates, and this project's own: not a word about any of them."""

import pytest
import tensorflow_model_analysis as tfma
from google.protobuf import text_format
from tensorflow_model_analysis.proto import config_pb2

from tfx_explain.gate.config.lint import lint
from tfx_explain.gate.config.verify import verify_config
from tfx_explain.pipelines.census import gate as census
from tfx_explain.proto import explanation_pb2

NO_WORSE = "change_threshold { direction: HIGHER_IS_BETTER absolute { value: -1e-10 } }"
EVALUATOR_GUIDE = f"""
model_specs {{ label_key: "label" }}
metrics_specs {{
  metrics {{ class_name: "ExampleCount" }}
  metrics {{ class_name: "BinaryAccuracy"
             threshold {{ value_threshold {{ lower_bound {{ value: 0.5 }} }} {NO_WORSE} }} }}
}}
slicing_specs {{}}
slicing_specs {{ feature_keys: "trip_start_hour" }}
"""
TRAINING_TIME_METRICS = f"""
model_specs {{ label_key: "label" example_weight_key: "weight" }}
metrics_specs {{
  thresholds {{ key: "auc" value {{ value_threshold {{ lower_bound {{ value: 0.7 }} }} {NO_WORSE} }} }}
  metrics {{ class_name: "AUC" threshold {{ value_threshold {{ lower_bound {{ value: 0.6 }} }} }} }}
}}
slicing_specs {{}}
slicing_specs {{ feature_keys: "age" }}
"""
PENGUIN = """
model_specs { signature_name: "serving_default" label_key: "species_xf" preprocessing_function_names: "transform" }
slicing_specs {}
metrics_specs { metrics { class_name: "SparseCategoricalAccuracy" threshold {
  value_threshold { lower_bound { value: 0.55 } }
  change_threshold { direction: HIGHER_IS_BETTER absolute { value: -1e-3 } } } } }
"""
TAXI_WITH_TWO_BOUNDS = """
model_specs { label_key: "Cover_Type" }
metrics_specs {
  metrics { class_name: "SparseCategoricalAccuracy" threshold {
    value_threshold { lower_bound { value: 0.5 } upper_bound { value: 0.99 } }
    change_threshold { direction: HIGHER_IS_BETTER absolute { value: 0.0001 } } } }
  metrics { class_name: "ExampleCount" }
}
slicing_specs {}
"""
REGRESSION = """
model_specs { label_key: "price" }
metrics_specs {
  metrics { class_name: "ExampleCount" threshold { value_threshold { lower_bound { value: 100 } } } }
  metrics { class_name: "MeanSquaredError" threshold {
    value_threshold { upper_bound { value: 25 } }
    change_threshold { direction: LOWER_IS_BETTER absolute { value: 1e-10 } relative { value: 0.05 } } } }
  metrics { class_name: "MeanLabel" }
  metrics { class_name: "CalibrationPlot" }
  thresholds { key: "loss" value { change_threshold { direction: LOWER_IS_BETTER relative { value: 0.01 } } } }
}
slicing_specs {}
"""
MULTI_CLASS = """
model_specs { label_key: "label" example_weight_key: "weight" }
metrics_specs {
  binarize { class_ids { values: [0, 2] } }
  metrics { class_name: "AUC" threshold { value_threshold { lower_bound { value: 0.7 } } } }
}
metrics_specs {
  aggregate { micro_average: true }
  metrics { class_name: "AUC" threshold { value_threshold { lower_bound { value: 0.8 } } } }
}
metrics_specs {
  aggregate { macro_average: true class_weights { key: 0 value: 1 } class_weights { key: 1 value: 1 } }
  metrics { class_name: "Precision" threshold { value_threshold { lower_bound { value: 0.5 } } } }
}
metrics_specs { metrics { class_name: "MultiClassConfusionMatrixPlot" } }
slicing_specs {}
"""
RANKING = """
model_specs { label_key: "relevance" }
metrics_specs {
  query_key: "query"
  binarize { top_k_list { values: [1, 5] } }
  metrics { class_name: "NDCG" config: '{"gain_key": "relevance"}'
            threshold { value_threshold { lower_bound { value: 0.4 } } } }
}
slicing_specs {}
"""
SLICES_APART = """
model_specs {}
slicing_specs {}
slicing_specs { feature_keys: "country" }
metrics_specs { metrics { class_name: "AUC"
  threshold { value_threshold { lower_bound { value: 0.7 } } }
  per_slice_thresholds { slicing_specs { feature_values { key: "country" value: "us" } }
                         threshold { value_threshold { lower_bound { value: 0.8 } upper_bound { value: 0.95 } } } }
  per_slice_thresholds { slicing_specs { feature_values { key: "country" value: "jp" } }
                         threshold { value_threshold { lower_bound { value: 0.6 } upper_bound { value: 0.75 } } } } } }
"""
FAIRNESS = """
model_specs { label_key: "toxic" }
slicing_specs {}
slicing_specs { feature_keys: "gender" }
metrics_specs {
  metrics { class_name: "FPR" threshold { value_threshold { upper_bound { value: 0.1 } }
    change_threshold { direction: LOWER_IS_BETTER absolute { value: 0.01 } } } }
  metrics { class_name: "FalseNegatives" }
}
options { compute_confidence_intervals { value: true } }
"""
GUIDES = {name: text for name, text in globals().items() if isinstance(text, str) and "metrics_specs" in text}


@pytest.mark.parametrize("name", GUIDES)
def test_a_sound_config_gets_no_warning(name):
    config = text_format.Parse(GUIDES[name], config_pb2.EvalConfig())
    verify_config(config, explanation_pb2.GatePolicy())
    assert lint(config) == ()


@pytest.mark.parametrize(
    "specs",
    [
        tfma.metrics.default_regression_specs,
        tfma.metrics.default_binary_classification_specs,
        lambda: tfma.metrics.default_multi_class_classification_specs(binarize=config_pb2.BinarizationOptions()),
    ],
)
def test_tfmas_own_lists_of_metrics_get_no_warning(bound, specs):
    config = config_pb2.EvalConfig(metrics_specs=specs())
    config.metrics_specs[0].thresholds["loss"].CopyFrom(bound(upper=1))
    assert lint(config) == ()


def test_the_demonstrations_config_gets_no_warning():
    assert lint(census.gate_config()) == () == lint(census.evaluator_config())
