"""What this room can do with libraries that it does without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def needs(extra: str, what: str) -> Iterator[None]:
    """Around imports: says which extra of the package brings what is missing.

    Args:
      extra: Its name in `setup.py`.
      what: What needs it.

    Raises:
      ImportError: Something is missing.
    """
    try:
        yield
    except ImportError as error:
        raise ImportError(
            f"{what} needs tfx-explain[{extra}]: pip install 'tfx-explain[{extra}]' ({error})."
        ) from error
