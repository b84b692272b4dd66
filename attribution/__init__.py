"""Feature attributions of batched models: which share of a row's output each feature has.

Only NumPy and TensorFlow: a model is anything that satisfies `Model`, or a plain TensorFlow function.
"""

from tfx_explain.attribution.banzhaf import Banzhaf
from tfx_explain.attribution.blur import Blurred
from tfx_explain.attribution.expected_gradients import ExpectedGradients
from tfx_explain.attribution.functions import from_function
from tfx_explain.attribution.gradients import GradientTimesInput, Saliency
from tfx_explain.attribution.integrated_gradients import IntegratedGradients
from tfx_explain.attribution.kernel_shap import KernelShap
from tfx_explain.attribution.lime import Lime
from tfx_explain.attribution.model import Model, Tensors
from tfx_explain.attribution.occlusion import Occlusion
from tfx_explain.attribution.randomness import row_keys
from tfx_explain.attribution.result import Attributions
from tfx_explain.attribution.shapley import SampledShapley
from tfx_explain.attribution.smooth_grad import SmoothGrad
from tfx_explain.attribution.targets import top_targets

__all__ = [
    "Attributions",
    "Banzhaf",
    "Blurred",
    "ExpectedGradients",
    "GradientTimesInput",
    "IntegratedGradients",
    "KernelShap",
    "Lime",
    "Model",
    "Occlusion",
    "Saliency",
    "SampledShapley",
    "SmoothGrad",
    "Tensors",
    "from_function",
    "row_keys",
    "top_targets",
]
