"""The page in a sentence a feature: what failed, how far it moved, and where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tfx_explain.report.importance import Importance
from tfx_explain.report.moved import Moved
from tfx_explain.storage import columns


def gist(failed: Sequence[str], importances: Sequence[Importance], moved: Sequence[Moved]) -> Iterator[tuple[str, str]]:
    """Yields each feature that failed a threshold, and what became of it.

    Args:
      failed: Names of features.
      importances: Of every feature.
      moved: Where the features changed, as far as that was searched for.
    """
    shares, places = {one.feature: one for one in importances}, {one.feature: one.places for one in moved}
    for feature in dict.fromkeys(failed):
        if feature in shares:
            where = "".join(
                f"; changed chiefly among {place.title} ({place.rows:,} rows)" for place in places.get(feature, ())[:1]
            )
            yield feature, f"{_shares(shares[feature])}{where}."


def _shares(one: Importance) -> str:
    share = {model: f"{part.share:.1%}" for model, part in one.parts.items()}
    new = f"{share[columns.CANDIDATE]} of the explanation" if columns.CANDIDATE in share else "not in the candidate"
    return f"{new}, {share[columns.BASELINE]} in the baseline model" if columns.BASELINE in share else new
