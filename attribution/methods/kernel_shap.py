"""Shapley values by regression on coalitions: Kernel SHAP (Lundberg, Lee, "A Unified Approach to Interpreting Model
Predictions", NeurIPS 2017), with pairs of complements and exact completeness (Covert, Lee, "Improving KernelSHAP",
AISTATS 2021), and with what a linear fit leaves over taken for interactions of features instead of independent noise.
"""

from __future__ import annotations

from tfx_explain.attribution.coalitions.regression import RegressionMethod


class KernelShap(RegressionMethod):
    """Shapley values from few evaluations, for functions whose higher interactions are weaker than lower ones.

    At equal evaluations its error is about half of `SampledShapley`'s on networks of 12 features. Its standard
    error rests on a model of the interactions; where these are few and of high order, as in a logical and of many
    features, it can be too small by a factor of two.
    """

    index = "shapley"
