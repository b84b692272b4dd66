"""The Explainer's work as Beam transforms, for people with a pipeline of their own."""

from tfx_explain.beam.explaining.job import ExplanationJob
from tfx_explain.beam.transforms import Explain
from tfx_explain.storage.summary import Summary

__all__ = ["Explain", "ExplanationJob", "Summary"]
