"""Attributions while a Keras model is trained."""

from tfx_explain.training.callback import TensorBoardAttributions

__all__ = ["TensorBoardAttributions"]
