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
    Superpixels,
    Tokens,
    Xrai,
)

# From the batch size to a method. `test_every_method` holds the list against what the package exports.
MAKERS = {
    "adaptive path": lambda size: IntegratedGradients(batch_size=size),
    "fixed path": lambda size: IntegratedGradients(steps=10, batch_size=size),
    "smooth path": lambda size: SmoothGrad(IntegratedGradients(steps=5, batch_size=size), samples=3, seed=2),
    "smooth saliency": lambda size: SmoothGrad(Saliency(batch_size=size), samples=3, seed=2),
    "regions": lambda size: Xrai(IntegratedGradients(maps=True, batch_size=size)),
    "expected": lambda size: ExpectedGradients(samples=12, seed=2, batch_size=size),
    "gradient": lambda size: GradientTimesInput(batch_size=size),
    "saliency": lambda size: Saliency(batch_size=size),
    "exact": lambda size: SampledShapley(batch_size=size),
    "sampled": lambda size: SampledShapley(max_evaluations=63, seed=2, batch_size=size),
    "kernel": lambda size: KernelShap(max_evaluations=60, seed=2, batch_size=size),
    "banzhaf": lambda size: Banzhaf(coalitions=40, seed=2, batch_size=size),
    "superpixels": lambda size: Superpixels(Occlusion(batch_size=size), batch_size=size),
    "tokens": lambda size: Tokens(Occlusion(batch_size=size), batch_size=size),
    "lime": lambda size: Lime(samples=50, seed=2, batch_size=size),
    "occlusion": lambda size: Occlusion(batch_size=size),
}

# The same, as accurate as axioms need them: those whose attributions add up to the change of the output, those that are
# linear in the model, and all.
COMPLETE = {
    "adaptive path": IntegratedGradients(tolerance=1e-4),
    "fixed path": IntegratedGradients(steps=64),
    "smooth path": SmoothGrad(IntegratedGradients(steps=16), noise_sigma=0.0, samples=2),
    "regions": Xrai(IntegratedGradients(tolerance=1e-4)),
    "exact": SampledShapley(),
    "superpixels": Superpixels(SampledShapley()),
    "tokens": Tokens(SampledShapley()),
    "sampled": SampledShapley(max_evaluations=255, seed=11),
    "kernel": KernelShap(max_evaluations=200, seed=11),
}
LINEAR = COMPLETE | {
    "expected": ExpectedGradients(samples=100),
    "gradient": GradientTimesInput(),
    "occlusion": Occlusion(),
    "lime": Lime(samples=200),
    "banzhaf": Banzhaf(coalitions=200),
}
PRECISE = LINEAR | {"saliency": Saliency()}
