"""TFX components that put a model's reasons into its release process."""

from tfx_explain.components.evaluator import Evaluator
from tfx_explain.components.explainer import Explainer
from tfx_explain.components.latest_pushed_model import LatestPushedModel
from tfx_explain.components.metadata_generator import MetadataGenerator
from tfx_explain.components.threshold_validator import ThresholdValidator
from tfx_explain.report.notebook import running_ipython

__all__ = ["Evaluator", "Explainer", "LatestPushedModel", "MetadataGenerator", "ThresholdValidator"]

if running_ipython() is not None:
    from tfx_explain.components.visualizations import register

    register()
