"""The errors that callers tell apart, and what to quote of TensorFlow's."""

from __future__ import annotations

import re


class MissingKernelError(ValueError):
    """The model has an op that this TensorFlow cannot run, whatever the rows."""


class MissingOpError(ValueError):
    """The model has an op that is not registered."""


# In the words of a session, of a graph that is built, and of an op that is run eagerly.
_NO_KERNEL = re.compile(
    r"No OpKernel was registered to support Op '(\w+)'"
    r"|All kernels registered for op (\w+):\s*<no registered kernels>"
    r"|No registered '(\w+)' OpKernel"
)


class NotDifferentiableError(ValueError):
    """Some features have no differentiable path to the output, so that methods along a path cannot explain them."""


def cause(error: Exception) -> str:
    """The line of a TensorFlow error that says what is wrong, without the stack and the node around it."""
    op = op_without_kernel(error)
    if op:
        return f"this TensorFlow has no kernel for the op {op!r}"
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    node = next((i for i, line in enumerate(lines) if line.startswith("[[")), len(lines))
    return lines[max(node - 1, 0)].rstrip(".") if lines else type(error).__name__


def op_without_kernel(error: Exception) -> str:
    """The op that a TensorFlow error says has no kernel, or ''."""
    found = _NO_KERNEL.search(str(error))
    return next((op for op in found.groups() if op), "") if found else ""


def without_kernel(op: str, who: str) -> str:
    """Says that a model cannot run for want of an op's kernel, and what to do."""
    return (
        f"{who} needs the op {op!r}, which this TensorFlow knows by name but can no longer run on this machine: "
        "exporting the same model again does not bring it back. Explain it with the TensorFlow version that trained "
        "it, or train it again without this op (boosted trees: as TensorFlow Decision Forests)."
    )


def unregistered(op: str, who: str) -> str:
    """Says that a model has an op that is not registered, and what to do."""
    return (
        f"{who} needs the op {op!r}, which this TensorFlow does not have. Install tfx-explain[text] if it is one of "
        "tensorflow_text's; else import the package that brings it, or its library with tf.load_op_library, "
        "beforehand; or export the model without it."
    )


def unloadable(model_dir: str, error: Exception) -> ValueError:
    """What to raise where TensorFlow could not load a model: of a damaged file it makes nearly any error."""
    who = f"The SavedModel {model_dir!r}"
    op = re.search(r"Op type not registered '([^']+)'", str(error))
    if op:
        return MissingOpError(unregistered(op[1], who))
    op = op_without_kernel(error)
    if op:
        return ValueError(without_kernel(op, who))
    return ValueError(f"{who} cannot be loaded: {cause(error)}. Export it again.")
