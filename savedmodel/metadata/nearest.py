"""What to say of a name that isn't there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LISTED = 10


def nearest(name: str, known: Iterable[str]) -> str:
    """`did you mean 'x'?`, or, where nothing is near, what there is.

    Names are compared as a whole and by what follows their last `/`.
    """
    names = sorted(known)
    by_last_part = {other.rpartition("/")[2]: other for other in names}
    near = difflib.get_close_matches(name, names, 1, 0.6) or [
        by_last_part[part] for part in difflib.get_close_matches(name.rpartition("/")[2], by_last_part, 1, 0.5)
    ]
    if near:
        return f"did you mean {near[0]!r}?"
    more = ", ..." if len(names) > _LISTED else ""
    return f"there is {', '.join(map(repr, names[:_LISTED])) or 'none'}{more}"
