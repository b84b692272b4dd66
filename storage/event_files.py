"""Event files for TensorBoard, by `tf.summary`: folders, tags, and where to look at them."""

from __future__ import annotations

import hashlib
import importlib.util
import urllib.parse

import tensorflow as tf

from tfx_explain.proto.printable import printable

PORT = 6006
SHARES = "attribution_share/"
_LONGEST = 100


def summary_writer(folder: str, suffix: str = ".v2") -> tf.summary.SummaryWriter:
    """Makes an event file in a folder, which is made where it isn't there.

    Args:
      folder: A "run" in TensorBoard's words.
      suffix: Of the file's name.

    Raises:
      ValueError: TensorBoard is not installed. `tf.summary` takes the forms of its records from it, and TensorFlow
        comes without since 2.20.
    """
    if importlib.util.find_spec("tensorboard") is None:
        raise ValueError("Writing for TensorBoard needs it: pip install 'tfx-explain[tensorboard]'.")
    return tf.summary.create_file_writer(folder, filename_suffix=suffix)


def folder_name(title: str) -> str:
    """Returns a name for a folder that says what is in it: "sex:Male" as it is, "a/b" as "a%2Fb"."""
    name = urllib.parse.quote(printable(title), safe=" :=,()[]")
    if len(name) <= _LONGEST:
        return name
    return f"{name[:_LONGEST]}-{hashlib.sha256(title.encode()).hexdigest()[:8]}"


def share_tag(feature: str) -> str:
    """Returns the tag of a feature's share of the total absolute attribution."""
    return f"{SHARES}{printable(feature)}"


def link(tag_filter: str) -> str:
    """Returns where TensorBoard on this machine shows the tags that a regular expression finds, unsmoothed.

    By default it smooths by 0.6, in which the one run that matters disappears.
    """
    query = urllib.parse.urlencode({"smoothing": 0, "tagFilter": tag_filter}, quote_via=urllib.parse.quote)
    return f"http://localhost:{PORT}/?{query}#timeseries"
