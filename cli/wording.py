"""Errors of the library in the words of a command: arguments in backquotes become options."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

# The options of `tfx-explain inspect`, by the argument of `generate_metadata`.
INSPECT = {name: f"--{name}" for name in ("tags", "schema", "statistics", "examples", "baselines", "columns")}
INSPECT |= {"signature_name": "--signature", "output_name": "--output-name", "overrides": "--set or --overrides"}
INSPECT["output_element"] = "--output-element"
# The same for commands that only take what it prints.
BY_INSPECT = {name: f"{option} of `tfx-explain inspect`" for name, option in INSPECT.items()}
BY_INSPECT["output_element"] = INSPECT["output_element"]  # they take that one too


@contextlib.contextmanager
def options_for(arguments: Mapping[str, str]) -> Iterator[None]:
    """Puts a command's options in the place of the arguments that a ValueError names.

    Args:
        arguments: what to write for each, by the argument's name.
    """
    try:
        yield
    except ValueError as error:
        message = str(error)
        for argument, option in arguments.items():
            message = message.replace(f"`{argument}`", option)
        raise ValueError(message) from error
