"""The columns of support tickets."""

from __future__ import annotations

import tensorflow as tf

LABEL = "urgent"
"""int64, 1 where somebody had to see to the ticket at once."""

TEXT = "text"
"""What the customer wrote."""

CHANNEL = "channel"
"""By which way it came, one of `CHANNELS`."""

CHANNELS = ("chat", "email", "form", "phone")

OPEN_TICKETS = "open_tickets"
"""int64, how many tickets of the customer were open."""

FEATURES = (TEXT, CHANNEL, OPEN_TICKETS)


def feature_spec() -> dict[str, tf.io.FixedLenFeature]:
    """Returns how a ticket without its label is parsed, each feature as `[rows]`; what misses is empty, or 0."""
    return {
        TEXT: tf.io.FixedLenFeature([], tf.string, ""),
        CHANNEL: tf.io.FixedLenFeature([], tf.string, ""),
        OPEN_TICKETS: tf.io.FixedLenFeature([], tf.int64, 0),
    }
