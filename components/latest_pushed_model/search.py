"""Which of the models under a folder is the one in production."""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass

from tfx.utils import path_utils

from tfx_explain.proto.printable import printable
from tfx_explain.savedmodel.graph.meta_graph import GRAPH_FILES
from tfx_explain.savedmodel.whole import verify_whole_model
from tfx_explain.storage.no_model import NoModel
from tfx_explain.storage.paths import names_in

# As the Pusher names them, by the second, and as TensorFlow Serving reads them: numbers.
_VERSION = re.compile(r"[0-9]+")

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Found:
    """A model.

    Attributes:
      path: The SavedModel's folder.
      why: Why it is this one, for people.
    """

    path: str
    why: str


def find_model(base_directory: str) -> Found | NoModel:
    """Returns the newest whole version in a folder, or the folder itself where that is a model.

    Raises:
      ValueError: The folder itself is a model, and not whole.
    """
    for itself in (base_directory, path_utils.serving_model_dir(base_directory)):
        if set(GRAPH_FILES).intersection(names_in(itself)):
            verify_whole_model(itself)
            return Found(itself, "base_directory names it.")
    names = names_in(base_directory)
    versions = sorted(filter(_VERSION.fullmatch, names), key=int, reverse=True)
    if not versions:
        beside = f" ({len(names)} other names)" if names else ""
        return NoModel(f"No version was pushed to {base_directory!r} yet{beside}.", is_first=True)
    for version in versions:
        path = os.path.join(base_directory, version)
        try:
            verify_whole_model(path)
        except ValueError as error:
            _LOGGER.warning("Version %s is passed over, it is not whole: %s", version, printable(str(error)))
            continue
        return Found(path, f"It is the newest whole one of {len(versions)} versions in {base_directory!r}.")
    return NoModel(f"None of the {len(versions)} versions in {base_directory!r} is whole.", is_first=False)
