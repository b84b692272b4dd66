"""Explanations of served models inside TFX pipelines: what a model relies on, and a gate on it."""

__version__ = "0.1.0"
