"""Feature attributions of batched models: which share of a row's output each feature has.

A model is anything that satisfies `Model`, or a plain TensorFlow function. Only NumPy and TensorFlow, and for pictures
SciPy and scikit-image.
"""

from tfx_explain.attribution.images.regions import Regions
from tfx_explain.attribution.methods.banzhaf import Banzhaf
from tfx_explain.attribution.methods.expected_gradients import ExpectedGradients
from tfx_explain.attribution.methods.gradients import GradientTimesInput, Saliency
from tfx_explain.attribution.methods.integrated_gradients import IntegratedGradients
from tfx_explain.attribution.methods.kernel_shap import KernelShap
from tfx_explain.attribution.methods.lime import Lime
from tfx_explain.attribution.methods.occlusion import Occlusion
from tfx_explain.attribution.methods.shapley import SampledShapley
from tfx_explain.attribution.methods.smooth_grad import SmoothGrad
from tfx_explain.attribution.methods.superpixels import Superpixels
from tfx_explain.attribution.methods.tokens import Tokens
from tfx_explain.attribution.methods.xrai import Xrai
from tfx_explain.attribution.model.functions import from_function
from tfx_explain.attribution.model.interface import Model, Tensors
from tfx_explain.attribution.problem.blur import Blurred
from tfx_explain.attribution.problem.curves import Curves, curves
from tfx_explain.attribution.problem.extremes import Extremes
from tfx_explain.attribution.problem.randomness import row_keys
from tfx_explain.attribution.problem.result import Attributions
from tfx_explain.attribution.problem.targets import top_targets
from tfx_explain.attribution.problem.tokens import TokenValues
from tfx_explain.attribution.texts.spans import Spans, by_pattern, characters, sentences, words

__all__ = [
    "Attributions",
    "Banzhaf",
    "Blurred",
    "Curves",
    "ExpectedGradients",
    "Extremes",
    "GradientTimesInput",
    "IntegratedGradients",
    "KernelShap",
    "Lime",
    "Model",
    "Occlusion",
    "Regions",
    "Saliency",
    "SampledShapley",
    "SmoothGrad",
    "Spans",
    "Superpixels",
    "Tensors",
    "TokenValues",
    "Tokens",
    "Xrai",
    "by_pattern",
    "characters",
    "curves",
    "from_function",
    "row_keys",
    "sentences",
    "top_targets",
    "words",
]
