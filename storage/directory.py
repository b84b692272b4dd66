"""Artifact directories that are whole or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf

_SUFFIX = ".incomplete"
_BEAM_TEMPORARY = "beam-temp-"


@contextmanager
def complete_directory(uri: str) -> Iterator[str]:
    """Yields a temporary directory beside `uri` that takes its place when the block ends without an error.

    ```python
    with complete_directory(artifact.uri) as path:
        write_files(path)
    ```

    An error in the block removes the temporary directory and leaves `uri` as it was. A killed process leaves
    `uri + '.incomplete'` behind, which the next attempt at the same `uri` clears away.

    Args:
      uri: The artifact's directory; TFX creates it, empty, before an executor runs. What an earlier attempt left in it
        is replaced as a whole.

    Yields:
      The path to write to, on the same file system as `uri`.
    """
    target = uri.rstrip("/")
    temporary = target + _SUFFIX
    _remove(temporary)
    tf.io.gfile.makedirs(temporary)
    try:
        yield temporary
        _remove_given_up(temporary)
        _remove(target)
        tf.io.gfile.rename(temporary, target)
    except BaseException:
        _remove(temporary)
        raise


def check_unused(folder: str) -> None:
    """Checks that a folder holds nothing yet, since what is written takes its place.

    Raises:
      ValueError: It does, or is a file.
    """
    if tf.io.gfile.exists(folder) and (not tf.io.gfile.isdir(folder) or tf.io.gfile.listdir(folder)):
        raise ValueError(f"{folder!r} is there already; name a folder that doesn't exist, or is empty.")


@contextmanager
def scratch_beside(path: str) -> Iterator[str]:
    """Yields an empty folder beside a file or folder, which is gone afterwards; Beam's workers can write to it."""
    folder = path.rstrip("/") + _SUFFIX
    _remove(folder)
    tf.io.gfile.makedirs(folder)
    try:
        yield folder
    finally:
        _remove(folder)


def _remove_given_up(folder: str) -> None:
    # Beam's sinks write to such a folder beside their files, and remove the one that the files came from. Where a
    # machine is lost, a runner may begin again in another folder.
    given_up = [
        os.path.join(os.fsdecode(parent), name)
        for parent, names, _ in tf.io.gfile.walk(folder)
        for name in map(os.fsdecode, names)
        if name.startswith(_BEAM_TEMPORARY)
    ]
    for path in given_up:
        tf.io.gfile.rmtree(path)


def _remove(path: str) -> None:
    if tf.io.gfile.exists(path):
        tf.io.gfile.rmtree(path)
