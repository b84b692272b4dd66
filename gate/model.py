"""A model that evidence may be of: where it lies, and what its content is."""

from __future__ import annotations

from dataclasses import dataclass

from tfx_explain.storage.fingerprint import model_fingerprint
from tfx_explain.storage.paths import absolute, is_within, names_in, resolved, served

_SHOWN = 19  # Of a fingerprint, "sha256:" and twelve digits.


@dataclass(frozen=True)
class Model:
    """A model.

    Attributes:
      uri: Where it lies, or lay.
      fingerprint: Of its content; empty where that can't be read.
    """

    uri: str
    fingerprint: str = ""

    @classmethod
    def at(cls, uri: str, model_dir: str = "") -> Model:
        """Returns the model at a place, with its fingerprint if it is still there.

        Args:
          uri: Of a Model artifact, or a SavedModel's folder.
          model_dir: The SavedModel's folder, if that is known to be another one.
        """
        folder = next((place for place in (model_dir, served(uri)) if place and names_in(place)), "")
        return cls(absolute(uri), model_fingerprint(folder) if folder else "")

    def holds(self, path: str) -> bool:
        """Whether a path is the model's, or below it."""
        return is_within(resolved(path), resolved(self.uri))

    def __str__(self) -> str:
        return f"{self.uri} ({self.fingerprint[:_SHOWN] or 'its content is not known'})"

    def to_dict(self) -> dict[str, str]:
        """Returns what `verdict.json` says of the model."""
        return {"uri": self.uri, "fingerprint": self.fingerprint}
