"""Files that a Beam pipeline writes, under names that are meant as they are written."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

import tensorflow as tf
from apache_beam.io import filebasedsink
from apache_beam.io.filesystems import FileSystems


class ExactSink(filebasedsink.FileBasedSink):
    """Beam's file sink for any path.

    Beam looks for its own files by patterns made of the path: in a folder `run[12]` it finds none, fails, and before
    that deletes what lies under the same names in `run1`.
    """

    def pre_finalize(self, init_result: Any, writer_results: Any) -> None:
        """Deletes nothing: shards go to new folders, and renaming replaces a file."""

    def _check_state_for_finalize_write(
        self, writer_results: list[str], num_shards: int, *window: Any
    ) -> tuple[list[str], list[str], list[str], int]:
        """Returns the files to rename, their new names, those to delete, and how many an earlier attempt renamed."""
        # Later versions of Beam give a window, too.
        names = (self._get_final_name(number, num_shards, *window) for number in range(num_shards))
        moves = dict(zip(writer_results, names, strict=True))
        left = {source: target for source, target in moves.items() if FileSystems.exists(source)}
        lost = [target for source, target in moves.items() if source not in left and not FileSystems.exists(target)]
        if lost:
            raise OSError(f"{lost[0]} was written, but its temporary file is gone.")
        return list(left), list(left.values()), [], len(moves) - len(left)

    def finalize_write(self, init_result: Any, writer_results: Any, pre_finalize_results: Any) -> Iterator[str]:
        """Gives the shards their names, and yields these."""
        yield from super().finalize_write(init_result, writer_results, pre_finalize_results)
        if tf.io.gfile.exists(init_result):
            tf.io.gfile.rmtree(init_result)


def write_records(records: Iterable[bytes], path: str) -> None:
    """Writes serialized messages to a TFRecord file, whole or not at all, in the place of one that is there.

    A runner may try the same work at two places at once: each writes a file of its own before it gets its name.
    """
    unfinished = f"{path}.{uuid.uuid4().hex}"
    tf.io.gfile.makedirs(os.path.dirname(path))
    with tf.io.TFRecordWriter(unfinished) as writer:
        for record in records:
            writer.write(record)
    tf.io.gfile.rename(unfinished, path, overwrite=True)


def write_text(text: str, path: str) -> str:
    """Writes a text to a file, in its place if there is one, and in a new folder if there is none; returns the path."""
    tf.io.gfile.makedirs(os.path.dirname(path))
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(text)
    return path
