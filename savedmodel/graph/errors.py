"""The errors that callers tell apart, and what to quote of TensorFlow's."""

from __future__ import annotations

import re


class NotDifferentiableError(ValueError):
    """Some features have no differentiable path to the output, so that methods along a path cannot explain them."""


def cause(error: Exception) -> str:
    """The line of a TensorFlow error that says what is wrong, without the stack and the node around it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    node = next((i for i, line in enumerate(lines) if line.startswith("[[")), len(lines))
    return lines[max(node - 1, 0)].rstrip(".") if lines else type(error).__name__


def unloadable(model_dir: str, error: Exception) -> ValueError:
    """What to raise where TensorFlow could not load a model: of a damaged file it makes nearly any error."""
    op = re.search(r"Op type not registered '([^']+)'", str(error))
    if op:
        return ValueError(
            f"The SavedModel {model_dir!r} needs the op {op[1]!r}, which this TensorFlow does not have. Import the "
            "package that brings it (as tensorflow_text does), or its library with tf.load_op_library, beforehand; or "
            "export the model without it."
        )
    return ValueError(f"The SavedModel {model_dir!r} cannot be loaded: {cause(error)}. Export it again.")
