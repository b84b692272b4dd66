"""What people have in files: metadata, schemas, statistics, examples; read with TensorFlow alone."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import tensorflow as tf
from google.protobuf import text_format
from google.protobuf.message import DecodeError
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel.graph.errors import cause
from tfx_explain.savedmodel.metadata.metadata import FILE_NAME, metadata_from_json
from tfx_explain.storage.paths import matching

_Read = TypeVar("_Read")
_SCHEMA, _STATISTICS = "schema.pbtxt", ("FeatureStats.pb", "stats_tfrecord")
_TEXT = (".pbtxt", ".textproto", ".txt")


def read_metadata(path: str) -> explanation_pb2.ExplanationMetadata:
    """Reads metadata in either dialect, from a file or from the folder of an ExplanationMetadata artifact.

    Raises:
        ValueError: if there is no such file, or it cannot be read; it names the file.
    """
    file = _found(path, (FILE_NAME,))
    try:
        text = _bytes(file).decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{file!r} cannot be read: it is not UTF-8 text; give the JSON file.") from error
    return metadata_from_json(text, repr(file))


def read_schema(path: str) -> schema_pb2.Schema:
    """Reads a schema in text format, from a file or from the folder of a Schema artifact.

    Raises:
        ValueError: if there is no such file, or it cannot be read; it names the file.
    """
    return _of_file(path, (_SCHEMA,), lambda file: text_format.Parse(_bytes(file), schema_pb2.Schema()))


def read_statistics(path: str) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Reads TFDV statistics: binary, TFRecord or text, from a file or from the folder of an ExampleStatistics artifact.

    Of an artifact's splits, `train` is read, else the first.

    Raises:
        ValueError: if there is no such file, or it cannot be read; it names the file.
    """
    return _of_file(_split_of(path), _STATISTICS, _parse_statistics)


def read_examples(path: str) -> Iterator[bytes]:
    """Yields the serialized tf.Examples of TFRecord files, gzipped where their name ends in `.gz`.

    Args:
        path: a file, a glob, or the folder of an Examples artifact, of whose splits `train` is read, else the first.

    Raises:
        ValueError: if there is no such file, or it holds no TFRecords; it names the file.
    """
    folder = _split_of(path)
    pattern = os.path.join(folder, "*") if tf.io.gfile.isdir(folder) else folder
    files = [file for file in matching(pattern) if not tf.io.gfile.isdir(file)]
    if not files:
        raise ValueError(f"There are no examples at {path!r}; give a TFRecord file or the folder of an artifact.")
    return _records(files)


def read_columns(path: str) -> list[str] | dict[str, list[str]]:
    """Reads names of columns, in order: one a line, or on one line with commas between them, as tables have them.

    A JSON list does too, and, for a model with several matrices, a JSON object of lists by the inputs' names.

    Raises:
        ValueError: if there is no such file, or it holds no names; it names the file.
    """
    return _of_file(path, (), _parse_columns)


def _parse_columns(file: str) -> list[str] | dict[str, list[str]]:
    text = _bytes(file).decode().strip()
    if text[:1] not in ("[", "{"):
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        names: Any = [name.strip() for name in next(csv.reader(lines))] if len(lines) == 1 else lines
    else:
        names = json.loads(text)
    for some in names.values() if isinstance(names, dict) else [names]:
        if not isinstance(some, list) or not some or not all(isinstance(name, str) for name in some):
            raise ValueError("give one name a line, a JSON list of names, or a JSON object of such lists by input")
    return names


def _records(files: list[str]) -> Iterator[bytes]:
    for file in files:
        try:
            for record in tf.data.TFRecordDataset(file, "GZIP" if file.endswith(".gz") else ""):
                yield bytes(record.numpy())
        except tf.errors.OpError as error:
            raise ValueError(
                f"{file!r} cannot be read as TFRecords: {cause(error)}. Gzipped ones must be named *.gz."
            ) from error


def _parse_statistics(file: str) -> statistics_pb2.DatasetFeatureStatisticsList:
    found = statistics_pb2.DatasetFeatureStatisticsList()
    if file.endswith(_TEXT):
        text_format.Parse(_bytes(file), found)
    else:
        try:
            (serialized,) = (record.numpy() for record in tf.data.TFRecordDataset(file).take(1))
        except (tf.errors.DataLossError, ValueError):  # not TFRecord, or empty
            serialized = _bytes(file)
        found.ParseFromString(serialized)
    if not found.datasets:
        raise ValueError("it holds no statistics; give a file that TFDV wrote")
    return found


def _of_file(path: str, names: tuple[str, ...], read: Callable[[str], _Read]) -> _Read:
    """Reads a file, or the one of `names` that a folder has."""
    file = _found(path, names)
    try:
        return read(file)
    except (ValueError, DecodeError, text_format.ParseError) as error:
        raise ValueError(f"{file!r} cannot be read: {error}") from error


def _found(path: str, names: tuple[str, ...]) -> str:
    """The path of a file, or of the one of `names` that a folder has."""
    if not tf.io.gfile.exists(path):
        raise ValueError(f"There is no file {path!r}; check the path.")
    if not tf.io.gfile.isdir(path):
        return path
    there = [os.path.join(path, name) for name in names if tf.io.gfile.exists(os.path.join(path, name))]
    if not there:
        raise ValueError(f"{path!r} holds no {' or '.join(names)}; give the directory that has one, or the file.")
    return there[0]


def _split_of(path: str) -> str:
    """The folder of an artifact's split `train`, else of its first; `path` itself where it has none."""
    splits = matching(os.path.join(path, "Split-*")) if tf.io.gfile.isdir(path) else []
    train = os.path.join(path, "Split-train")
    return train if train in splits else splits[0] if splits else path


def _bytes(file: str) -> Any:
    with tf.io.gfile.GFile(file, "rb") as opened:
        return opened.read()
