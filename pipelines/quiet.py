"""Keeps what TensorFlow, TFX and Beam say off the terminal and in a log file."""

from __future__ import annotations

import logging
import os
import pathlib
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import absl.logging

_ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "CUDA_VISIBLE_DEVICES": "-1",
    "PYTHONWARNINGS": "ignore",
}


def before_import(log: pathlib.Path | None) -> None:
    """Sets up what has to stand before TensorFlow is imported.

    Args:
      log: The file for messages, from INFO on; None to have them on the terminal.
    """
    # tensorflow_transform sets it to 1 where it is unset, and the models here are Keras 3's.
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "0")
    if log is None:
        logging.basicConfig(level=logging.INFO)
        return
    os.environ.update(_ENVIRONMENT)
    warnings.simplefilter("ignore")
    logging.basicConfig(
        level=logging.INFO, filename=log, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True
    )


def after_import() -> None:
    """Has TensorFlow's and absl's loggers, which bring handlers of their own, speak through the root logger alone."""
    for name in ("absl", "tensorflow"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    # Not the logger's setLevel: TFX sets levels back to what absl knows.
    absl.logging.set_verbosity(absl.logging.INFO)


@contextmanager
def stderr_to(log: pathlib.Path | None) -> Iterator[None]:
    """Sends to a file what is written to the standard error stream, None: leaves it.

    C++ code writes there without asking any logger: TensorFlow 2.21 says at its import that there is no GPU, whatever
    `TF_CPP_MIN_LOG_LEVEL` is.
    """
    if log is None:
        yield
        return
    terminal = os.dup(2)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(terminal, 2)
        os.close(terminal)
