"""Configuration messages in files, as text or as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from google.protobuf import json_format, text_format
from google.protobuf.message import Message

from tfx_explain.proto.printable import first_line
from tfx_explain.storage.integrity import verify_file

M = TypeVar("M", bound=Message)


def read_message(path: Path, message: M) -> M:
    """Reads a protocol buffer message from a file.

    Args:
      path: The file; one that starts with `{` is JSON, any other is in protocol buffers' text format.
      message: An empty message, which is filled.

    Returns:
      The message.

    Raises:
      ValueError: The file holds something else, or is no file.
    """
    verify_file(str(path))
    try:
        text = path.read_text(encoding="utf-8")
        if text.lstrip().startswith("{"):
            return json_format.Parse(text, message)
        return text_format.Parse(text, message)
    except (ArithmeticError, RecursionError, ValueError, json_format.ParseError, text_format.ParseError) as error:
        kind = message.DESCRIPTOR.name
        raise ValueError(
            f"{path} is no {kind}, neither as JSON nor in protocol buffers' text format: {first_line(error)}"
        ) from error
