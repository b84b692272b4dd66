"""Colours of maps, which colour-blind readers tell apart as well.

Pairs are ColorBrewer's pink and green, and Okabe and Ito's vermilion, bluish green and blue ("Color Universal Design",
2008).
"""

from __future__ import annotations

import numpy as np

_WHITE = (255, 255, 255)
_PINK, _GREEN = (208, 28, 139), (77, 172, 38)
_VERMILION, _BLUISH_GREEN, _BLUE = (213, 94, 0), (0, 158, 115), (0, 114, 178)
# Of what speaks against, and of what speaks for.
_PAIRS = {
    "pink_green": (_PINK, _GREEN),
    "pink_white_green": (_PINK, _GREEN),
    "red_green": (_VERMILION, _BLUISH_GREEN),
    "red": (_BLUE, _VERMILION),
    "green": (_VERMILION, _BLUISH_GREEN),
}
# Of one colour, but where both signs are shown.
_SINGLE = ("red", "green")
VIRIDIS, _PALE = "viridis", "pink_white_green"
# At equal distances: Smith, van der Walt, 2015.
_VIRIDIS = np.array(
    [
        (68, 1, 84),
        (72, 40, 120),
        (62, 74, 137),
        (49, 104, 142),
        (38, 130, 142),
        (31, 158, 137),
        (53, 183, 121),
        (110, 206, 88),
        (181, 222, 43),
        (253, 231, 37),
    ],
    np.float64,
)


def colours(shares: np.ndarray, color_map: str, is_two_sided: bool) -> np.ndarray:
    """Returns float64 `[..., 3]`, from 0 to 255.

    Args:
      shares: float `[...]` from -1 to 1: how much is to be seen, below 0 of what speaks against.
      color_map: One of those of the explanation metadata.
      is_two_sided: Whether both signs are shown; viridis then has the middle for 0.
    """
    if color_map == VIRIDIS:
        at = ((shares + 1) / 2 if is_two_sided else np.abs(shares)) * (len(_VIRIDIS) - 1)
        return np.stack([np.interp(at, np.arange(len(_VIRIDIS)), channel) for channel in _VIRIDIS.T], axis=-1)
    against, speaking_for = (np.array(colour, np.float64) for colour in _PAIRS[color_map])
    if color_map in _SINGLE and not is_two_sided:
        against = speaking_for
    full = np.where((shares < 0)[..., None], against, speaking_for)
    if color_map != _PALE:
        return full
    return _WHITE + np.abs(shares)[..., None] * (full - _WHITE)
