"""The stock Evaluator, for a baseline model that may say that it is none."""

from tfx_explain.components.evaluator.component import Evaluator

__all__ = ["Evaluator"]
