"""Paths that people give: what is there is meant as it is written, and only what isn't there is a pattern."""

from __future__ import annotations

import atexit
import fnmatch
import functools
import os
import re
import shutil
import tempfile

import tensorflow as tf

DEAD_LETTERS_DIR = "dead_letters"  # Beside an Explainer's records.

_SERVED = ("Format-Serving", "serving_model_dir")
_IN_PATTERNS = re.compile(r"[*?\[\]\\]")


def matching(pattern: str) -> list[str]:
    """Returns the files and folders that a pattern matches, sorted.

    Each part of the pattern is a name where there is such a file or folder, whatever characters are in it, and else a
    glob of `*`, `?` and `[...]`: where there is a folder `run[12]`, `run[12]/*` is what it holds, not what `run1` does.
    """
    if tf.io.gfile.exists(pattern):
        return [pattern]
    folder, name = os.path.split(pattern)
    if not name or folder == pattern:
        return []
    return sorted(
        os.path.join(parent, entry)
        for parent in (matching(folder) if folder else [""])
        for entry in names_in(parent)
        if fnmatch.fnmatchcase(entry, name)
    )


def names_in(folder: str) -> list[str]:
    """Returns the names of what a folder holds, sorted; none where there is no such folder."""
    if not tf.io.gfile.isdir(folder or "."):
        return []
    # Object stores end the names of folders in a slash.
    return sorted(name.rstrip("/") for name in tf.io.gfile.listdir(folder or "."))


def served(folder: str) -> str:
    """Returns the folder of the SavedModel that a Model artifact's holds; any other folder as it is."""
    return next((place for name in _SERVED if names_in(place := os.path.join(folder, name))), folder)


def absolute(path: str) -> str:
    """Returns a path as it can be found again from elsewhere; those of other file systems as they are."""
    return path.rstrip("/") if "://" in path else os.path.abspath(path)


def resolved(path: str) -> str:
    """Returns where a path leads, links being followed; two paths to one place give the same."""
    path = path.removeprefix("file://")
    return path.rstrip("/") if "://" in path else os.path.realpath(path)


def is_within(path: str, folder: str) -> bool:
    """Whether a path is a folder or in it, both `resolved`."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


@functools.cache
def plain(folder: str) -> str:
    """Returns a path to a folder that TensorFlow takes for no pattern: where need be, a link, for this process's life.

    TensorFlow looks for a checkpoint by a pattern made of its path; in a folder `run[12]` it finds none.
    """
    if "://" in folder or not _IN_PATTERNS.search(folder):
        return folder
    links = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, links, ignore_errors=True)
    link = os.path.join(links, "folder")
    os.symlink(os.path.abspath(folder), link)
    return link
