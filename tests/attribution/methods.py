"""Every method, in one place: what holds for all of them is tried on each that stands here."""

from tfx_explain.attribution import (
    Banzhaf,
    ExpectedGradients,
    GradientTimesInput,
    IntegratedGradients,
    KernelShap,
    Lime,
    Occlusion,
    Saliency,
    SampledShapley,
    SmoothGrad,
)

# From the batch size to a method. `test_every_method` holds the list against what the package exports.
MAKERS = {
    "adaptive path": lambda size: IntegratedGradients(batch_size=size),
    "fixed path": lambda size: IntegratedGradients(steps=10, batch_size=size),
    "smooth path": lambda size: SmoothGrad(IntegratedGradients(steps=5, batch_size=size), samples=3, seed=2),
    "smooth saliency": lambda size: SmoothGrad(Saliency(batch_size=size), samples=3, seed=2),
    "expected": lambda size: ExpectedGradients(samples=12, seed=2, batch_size=size),
    "gradient": lambda size: GradientTimesInput(batch_size=size),
    "saliency": lambda size: Saliency(batch_size=size),
    "exact": lambda size: SampledShapley(batch_size=size),
    "sampled": lambda size: SampledShapley(max_evaluations=63, seed=2, batch_size=size),
    "kernel": lambda size: KernelShap(max_evaluations=60, seed=2, batch_size=size),
    "banzhaf": lambda size: Banzhaf(coalitions=40, seed=2, batch_size=size),
    "lime": lambda size: Lime(samples=50, seed=2, batch_size=size),
    "occlusion": lambda size: Occlusion(batch_size=size),
}
