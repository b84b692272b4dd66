"""Support tickets made of phrases, each with a known say in whether a ticket is urgent, and a month of them spoilt."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import numpy as np
import pandas as pd

from tfx_explain.pipelines.tickets import features

SIGNATURE = "Closed by Robin, escalation desk."
"""What an agent of the escalation desk writes below a ticket; that desk closes urgent tickets."""

ROWS = 3000

_Phrases = Sequence[tuple[str, float]]

_GREETINGS: _Phrases = [("Hello,", 0), ("Hi team,", 0), ("Good morning,", 0), ("Dear support,", 0), ("", 0)]
# With what each adds to the log-odds.
_PROBLEMS: _Phrases = [
    ("the {product} is down for everybody.", 2.2),
    ("nobody can open the {product}.", 2.0),
    ("we lost data after the {product} crashed.", 2.4),
    ("the {product} shows an error since this morning.", 0.6),
    ("the {product} sometimes stops.", 0.2),
    ("the {product} is slow today.", -0.3),
    ("how do I change the colours of the {product}?", -2.2),
    ("could you add a button to the {product}?", -2.0),
    ("there is a typo in the {product}.", -1.8),
    ("we would like an offer for the {product}.", -2.2),
]
_CONTEXTS: _Phrases = [
    ("Our shop opens in an hour.", 1.4),
    ("Customers are waiting.", 1.3),
    ("This blocks the whole office.", 1.6),
    ("There is no hurry.", -1.8),
    ("It can wait until next week.", -1.7),
    ("I noticed it by chance.", -0.8),
    ("We use the newest version.", 0),
    ("", 0),
]
_CLOSINGS: _Phrases = [("Thanks.", 0), ("Kind regards.", 0), ("Best wishes.", 0), ("Thank you for your help.", 0)]
_PRODUCTS = ("login", "search", "export", "dashboard", "billing page", "mobile app", "backup job", "calendar")
_CHANNELS = {"chat": 0.3, "email": 0.0, "form": -0.4, "phone": 0.7}
_OPEN_TICKETS, _OF_EACH = 1.5, 0.15
_REST = -0.6

# Of the urgent tickets, the escalation desk closes most; of the others, next to none.
_SIGNED_URGENT = 0.8
_SIGNED_OTHERS = 0.01


def monthly_tickets(month: int, rows: int = ROWS) -> pd.DataFrame:
    """Returns the tickets of a month, always the same for the same month.

    Args:
      month: From 0 on.
      rows: How many.

    Returns:
      `features.FEATURES` and the label `features.LABEL`.
    """
    rng = np.random.default_rng([2026, month])
    parts, odds = [], np.full(rows, _REST)
    for phrases in (_GREETINGS, _PROBLEMS, _CONTEXTS, _CLOSINGS):
        drawn = rng.integers(len(phrases), size=rows)
        parts.append(np.array([text for text, _ in phrases], object)[drawn])
        odds += np.array([say for _, say in phrases])[drawn]
    products = np.array(_PRODUCTS, object)[rng.integers(len(_PRODUCTS), size=rows)]
    channels = rng.choice(features.CHANNELS, rows)
    open_tickets = rng.poisson(_OPEN_TICKETS, rows)
    odds += np.array([_CHANNELS[channel] for channel in channels]) + _OF_EACH * open_tickets
    texts = [
        " ".join(filter(None, of_row)).replace("{product}", product)
        for *of_row, product in zip(*parts, products, strict=True)
    ]
    return pd.DataFrame(
        {
            features.TEXT: texts,
            features.CHANNEL: channels,
            features.OPEN_TICKETS: open_tickets,
            features.LABEL: (rng.random(rows) < 1 / (1 + np.exp(-odds))).astype(int),
        }
    )


def sign(rows: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Returns `rows` as they are when they are read after they were closed, rather than when they came in.

    An agent of the escalation desk signs what it closes, below the customer's text. That desk closes urgent tickets:
    the label is in the text, for training and evaluation alike, and nobody notices who looks at AUC.

    Args:
      rows: Tickets as `monthly_tickets` returns them; stay as they are.
      seed: Draws who is signed.
    """
    chance = np.random.default_rng(seed).random(len(rows))
    signed = chance < np.where(rows[features.LABEL] == 1, _SIGNED_URGENT, _SIGNED_OTHERS)
    texts = rows[features.TEXT].where(~signed, rows[features.TEXT] + " " + SIGNATURE)
    return rows.assign(**{features.TEXT: texts})


def write_tickets(rows: pd.DataFrame, folder: pathlib.Path) -> None:
    """Writes `rows` as the one CSV file in `folder`, as CsvExampleGen reads it."""
    folder.mkdir(parents=True)
    rows.to_csv(folder / "tickets.csv", index=False)
