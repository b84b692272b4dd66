"""The files that one writing of records left in a folder: all of them, and no others."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

import tensorflow as tf

from tfx_explain.storage.paths import matching, names_in

_SHARD = re.compile(r"(.*)-(\d{5})-of-(\d{5})(.*)", re.DOTALL)


class _Writing(NamedTuple):
    """What the shards of one writing have in common."""

    prefix: str
    shards: int
    suffix: str

    def name(self, shard: int) -> str:
        return f"{self.prefix}-{shard:05d}-of-{self.shards:05d}{self.suffix}"


def record_files(folder: str, prefix: str = "") -> list[str]:
    """Returns the paths of a folder's files of records, sorted; none where there is no such folder.

    Args:
      folder: The folder.
      prefix: Of the files' names.

    Raises:
      ValueError: A shard is missing, or there are files of several writings, of which one may be an old one.
    """
    names = [name for name in names_in(folder) if name.startswith(prefix)]
    writings = {_writing(name): name for name in reversed(names)}
    if None in writings and len(writings) == 1:
        return [os.path.join(folder, name) for name in names]
    if len(writings) > 1:
        first, second, *_ = sorted(writings.values())
        raise ValueError(f"{first} and {second} are of two writings, of which one may be old; remove that one")
    for writing in writings:
        assert writing is not None
        odd = sorted({writing.name(shard) for shard in range(writing.shards)}.symmetric_difference(names))
        if odd:
            raise ValueError(f"{odd[0]} is {'one too many' if odd[0] in names else 'missing'}")
    return [os.path.join(folder, name) for name in names]


def split_folders(directory: str) -> list[str]:
    """Returns the folders of the splits that an Explainer wrote into a directory, sorted.

    Raises:
      ValueError: There is none.
    """
    splits = matching(os.path.join(directory, "Split-*")) if tf.io.gfile.isdir(directory) else []
    if not splits:
        raise ValueError(f"{directory} has no folder Split-*, as what an Explainer writes has; give that directory.")
    return splits


def _writing(name: str) -> _Writing | None:
    """Returns the writing that a shard is of; None for a file without a number."""
    match = _SHARD.fullmatch(name)
    return _Writing(match[1], int(match[3]), match[4]) if match else None
