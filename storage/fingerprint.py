"""What tells one model's content from another's, wherever it lies."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator

import tensorflow as tf

from tfx_explain.storage.paths import names_in

_FINGERPRINT, _ASSETS = "fingerprint.pb", "assets"
_CHUNK = 2**22


def model_fingerprint(model_dir: str) -> str:
    """Returns a fingerprint of a SavedModel's content; that of a copy is the same.

    Where TensorFlow left its own, `fingerprint.pb`, which stands for graph and variables, that is hashed with the
    assets; else all files are.

    Args:
      model_dir: The SavedModel's folder.

    Raises:
      ValueError: There are no files.
    """
    files = dict(_files(model_dir, ""))
    if _FINGERPRINT in files:
        files = {name: path for name, path in files.items() if name == _FINGERPRINT or name.startswith(f"{_ASSETS}/")}
    if not files:
        raise ValueError(f"There is no model at {model_dir!r}.")
    total = hashlib.sha256()
    for name, path in sorted(files.items()):
        total.update(f"{len(name.encode())} {name} {_hash(path)}\n".encode())
    return f"sha256:{total.hexdigest()}"


def _files(folder: str, prefix: str) -> Iterator[tuple[str, str]]:
    """Yields the files under a folder: by name below it, their path."""
    for name in names_in(folder):
        path = os.path.join(folder, name)
        if tf.io.gfile.isdir(path):
            yield from _files(path, f"{prefix}{name}/")
        else:
            yield prefix + name, path


def _hash(path: str) -> str:
    found = hashlib.sha256()
    with tf.io.gfile.GFile(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()
