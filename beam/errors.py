"""One sentence out of what a Beam runner makes of an error on a worker."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

# Beam names the step behind the message; a runner with workers of its own hands on the whole traceback as text.
_OF_A_STEP = re.compile(r"(?:^|\n|: )(?P<type>ValueError|OSError): (?P<message>[^\n]*?) \[while running '[^\n]*'")
_STEP = re.compile(r" \[while running '[^\n]*$")


@contextmanager
def worker_errors() -> Iterator[None]:
    """Raises a `ValueError` or `OSError` of a worker as if it had happened here, with its message alone.

    Raises:
      ValueError: As a worker raised it.
      OSError: As a worker raised it.
    """
    try:
        yield
    except (ValueError, OSError) as error:
        message = _STEP.sub("", str(error))
        raise (ValueError if isinstance(error, ValueError) else OSError)(message) from error
    except RuntimeError as error:
        found = _OF_A_STEP.search(str(error))
        if found is None:
            raise
        raise (ValueError if found["type"] == "ValueError" else OSError)(found["message"]) from error
