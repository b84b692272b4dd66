"""From the parameters to the attribution method that they name."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeAlias

import numpy as np
import tensorflow as tf

from tfx_explain.attribution import Attributions, IntegratedGradients, KernelShap, SampledShapley, SmoothGrad
from tfx_explain.attribution.model.interface import Model, Tensors
from tfx_explain.attribution.problem.problem import Players
from tfx_explain.proto import explanation_pb2

Method: TypeAlias = IntegratedGradients | SmoothGrad | SampledShapley | KernelShap

# Vertex's default number of noisy copies.
_NOISY_SAMPLES = 3


def make_method(parameters: explanation_pb2.ExplanationParameters) -> Method:
    """Builds the method that the parameters name; integrated gradients where they name none.

    Raises:
      ValueError: A setting is out of range; the method's own message.
    """
    chosen = parameters.WhichOneof("method")
    if chosen == "sampled_shapley_attribution":
        shapley = parameters.sampled_shapley_attribution
        return SampledShapley(
            seed=parameters.seed,
            **_given(paths=shapley.path_count, tolerance=shapley.tolerance, max_evaluations=shapley.max_evaluations),
        )
    if chosen == "kernel_shap_attribution":
        kernel = parameters.kernel_shap_attribution
        settings = _given(
            coalitions=kernel.coalition_count, tolerance=kernel.tolerance, max_evaluations=kernel.max_evaluations
        )
        return KernelShap(seed=parameters.seed, **settings)
    path = parameters.integrated_gradients_attribution
    method = IntegratedGradients(
        **_given(steps=path.step_count, tolerance=path.tolerance, max_gradients=path.max_gradients)
    )
    if not path.HasField("smooth_grad_config"):
        return method
    smooth = path.smooth_grad_config
    by_feature = smooth.WhichOneof("gradient_noise_sigma") == "feature_noise_sigma"
    return SmoothGrad(
        method,
        noise_sigma={one.name: one.sigma for one in smooth.feature_noise_sigma.noise_sigma}
        if by_feature
        else smooth.noise_sigma,
        samples=smooth.noisy_sample_count or _NOISY_SAMPLES,
        seed=parameters.seed,
        **_given(tolerance=path.tolerance),
    )


def needs_gradients(method: Method) -> bool:
    """Whether a method walks along a path, and so needs a differentiable model."""
    return isinstance(method, (IntegratedGradients, SmoothGrad))


@dataclasses.dataclass(frozen=True)
class Request:
    """Rows of one model to explain.

    Attributes:
      model: The model.
      inputs: `[rows, ...]` tensors by key.
      baselines: `[baselines, ...]` of each key with a player.
      players: The keys of each feature.
      keys: uint64 `[rows]`, from which each row's randomness is drawn.
    """

    model: Model
    inputs: Tensors
    baselines: Tensors
    players: Players
    keys: np.ndarray

    def take(self, rows: np.ndarray) -> Request:
        """Returns the request for some of the rows, int `[taken]`."""
        inputs = {key: tf.gather(tensor, rows) for key, tensor in self.inputs.items()}
        return dataclasses.replace(self, inputs=inputs, keys=self.keys[rows])

    def explain(self, method: Method, targets: np.ndarray) -> Attributions:
        """Attributes the outputs `targets`, int32 `[rows]`."""
        return method.attribute(self.model, self.inputs, self.baselines, self.players, targets, self.keys)


def _given(**settings: float) -> dict[str, Any]:
    """Drops what is 0, proto3's "not set", so that the method's own default holds."""
    return {name: value for name, value in settings.items() if value}
