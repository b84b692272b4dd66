"""The Explainer: attributes predictions to the raw features, on Beam."""

from tfx_explain.components.explainer.component import Explainer

__all__ = ["Explainer"]
