"""The errors that callers tell apart, and what to quote of TensorFlow's."""


class NotDifferentiableError(ValueError):
    """Some features have no differentiable path to the output, so that methods along a path cannot explain them."""


def cause(error: Exception) -> str:
    """The line of a TensorFlow error that says what is wrong, without the stack and the node around it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    node = next((i for i, line in enumerate(lines) if line.startswith("[[")), len(lines))
    return lines[max(node - 1, 0)].rstrip(".") if lines else type(error).__name__
