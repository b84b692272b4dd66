"""What a digit's record holds."""

from __future__ import annotations

IMAGE = "image"
"""bytes, a PNG of `SIDE` x `SIDE` grey pixels, white on black."""

LABEL = "digit"
"""int64, from 0 to 9."""

SIDE = 28
DIGITS = 10
