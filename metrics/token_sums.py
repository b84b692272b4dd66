"""What tokens add up to, in bounded memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from tfx_explain.metrics.token_rows import RowTokens

MOST_TOKENS = 10_000
"""So many different tokens are always told apart."""

LEAST_SIGHTINGS = 20
"""A token that is seen less often has no place in a ranking: chance would give it one."""


class TokenSums:
    """Sums of tokens' masses, which are absolute attributions, and of their sightings, over rows.

    Exact for up to `most` different tokens. Beyond twice as many, the tokens of the least mass are forgotten, as in
    Misra and Gries, "Finding repeated elements" (1982), in the form that can be merged (Agarwal et al., "Mergeable
    summaries", 2012): then a token's mass may be told too large, by at most the whole mass / `most`, a forgotten token
    had no more than that, and one that was forgotten and came back is told with fewer sightings.
    """

    def __init__(self, most: int = MOST_TOKENS) -> None:
        """Makes the sums of no rows."""
        self._most = most
        self._masses: dict[bytes, float] = {}
        self._sightings: dict[bytes, int] = {}
        self._signed: dict[bytes, float] = {}
        self.error = 0.0
        """By how much a mass may be told too large, at most."""

    def add(
        self,
        masses: Mapping[bytes, float],
        sightings: Mapping[bytes, int],
        times: float = 1.0,
        signed: Mapping[bytes, float] | None = None,
    ) -> None:
        """Adds what tokens have in a row, or in several.

        Args:
          masses: By token, not negative.
          sightings: By the same tokens.
          times: The row's weight, which counts for masses alone.
          signed: By token, the attributions themselves; None: they are not asked for.
        """
        for token, mass in masses.items():
            self._masses[token] = self._masses.get(token, 0.0) + mass * times
            self._sightings[token] = self._sightings.get(token, 0) + sightings[token]
        for token, value in (signed or {}).items():
            self._signed[token] = self._signed.get(token, 0.0) + value
        if len(self._masses) > 2 * self._most:
            self._shrink()

    def add_rows(self, rows: Sequence[RowTokens]) -> None:
        """Adds what tokens have in some rows, their attributions too."""
        if not rows:
            return
        every = [token for row in rows for token in row.tokens.tolist()]
        encoded = pa.array(every, pa.binary()).dictionary_encode()
        tokens, places = encoded.dictionary.to_pylist(), encoded.indices.to_numpy()
        values = np.concatenate([row.values for row in rows])
        masses, signed, counts = (
            dict(zip(tokens, np.bincount(places, of, len(tokens)).tolist(), strict=True))
            for of in (np.abs(values), values, np.ones(len(values), np.int64))
        )
        self.add(masses, {token: int(count) for token, count in counts.items()}, signed=signed)

    def merge(self, other: TokenSums) -> None:
        """Adds what was added up elsewhere, with the same `most`."""
        self.error += other.error
        self.add(other._masses, other._sightings, signed=other._signed)

    def importances(self, least_sightings: int = LEAST_SIGHTINGS) -> dict[bytes, float]:
        """Returns the masses above 0 of the tokens that were seen so often, the largest first, equal ones by name."""
        found = {t: m + self.error for t, m in self._masses.items() if m > 0 and self._sightings[t] >= least_sightings}
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    def known(self, least_sightings: int = LEAST_SIGHTINGS) -> dict[bytes, tuple[int, float, float]]:
        """Returns, of the tokens that were seen so often, sightings, mass and the sum of attributions.

        A token that was forgotten is told from when it came back; the mass of any may be too small by `error`.
        """
        return {
            token: (count, self._masses[token], self._signed.get(token, 0.0))
            for token, count in self._sightings.items()
            if count >= least_sightings
        }

    def _shrink(self) -> None:
        masses = np.fromiter(self._masses.values(), np.float64, len(self._masses))
        cut = float(-np.partition(-masses, self._most)[self._most])
        self._masses = {token: mass - cut for token, mass in self._masses.items() if mass > cut}
        self._sightings = {token: self._sightings[token] for token in self._masses}
        self._signed = {token: self._signed[token] for token in self._masses if token in self._signed}
        self.error += cut
