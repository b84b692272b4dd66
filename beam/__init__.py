"""The Explainer's work as Beam transforms, for people with a pipeline of their own."""

from tfx_explain.beam.explaining.job import ExplanationJob
from tfx_explain.beam.summary import Summary
from tfx_explain.beam.transforms import Explain

__all__ = ["Explain", "ExplanationJob", "Summary"]
