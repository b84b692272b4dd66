"""Names out of data and messages out of other libraries, made fit to stand in one line of a text or on a terminal."""

from __future__ import annotations

import json
import re

# Control characters, line and paragraph separators, lone surrogates, and what is invisible or turns the direction of
# writing. The joiners U+200C and U+200D are left: words of several languages are spelled with them.
_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_TENSORFLOW_NODE = re.compile(r"\{\{[^}]*\}\}\s*|\s*\[Op:\w+\].*")


def printable(text: str) -> str:
    r"""Returns a text on one line: line breaks, ESC, NUL, bidirectional marks as `\n`, `\x1b`, `\x00`, `\u202e`."""
    if text.isprintable():
        return text
    return _UNPRINTABLE.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), text)


def printable_json(text: str) -> str:
    """Returns JSON text of the same meaning, with what `printable` escapes as JSON escapes it."""
    if text.isprintable():
        return text
    return _UNPRINTABLE.sub(_escaped, text)


def text_of(value: bytes) -> str:
    r"""Returns the text that bytes are in UTF-8, and `\xff` for what is none."""
    return value.decode("utf-8", "backslashreplace")


def first_line(error: BaseException) -> str:
    """Returns the first line of what an error says, without the names of TensorFlow's nodes; its type if it is mute."""
    return printable(without_nodes(str(error).strip().partition("\n")[0])) or type(error).__name__


def without_nodes(line: str) -> str:
    """Returns a line of what an error says without the names of TensorFlow's nodes."""
    return _TENSORFLOW_NODE.sub("", line).strip()


def _escaped(found: re.Match[str]) -> str:
    # A line break can only stand between values: JSON has none within a text.
    return found.group() if found.group() == "\n" else json.dumps(found.group())[1:-1]
