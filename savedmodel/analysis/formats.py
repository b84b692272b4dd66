"""Guesses from the ops that read a string what it must look like: an image, numbers, text, JSON, base64 of these."""

from __future__ import annotations

import base64
import json
import re
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import json_format

from tfx_explain.savedmodel.analysis.gathers import GATHERS
from tfx_explain.savedmodel.analysis.read import ReadModel
from tfx_explain.savedmodel.graph.flat import FlatGraph, in_order, needed_functions, static_value

IMAGE_OPS = frozenset({"DecodeImage", "DecodeJpeg", "DecodePng", "DecodeGif", "DecodeBmp", "DecodeAndCropJpeg"})
_BYTE_SPLIT = "TFText>ByteSplitWithOffsets"
# The latter ones are tensorflow_text's, some of which have its name before theirs.
SPLIT_OPS = frozenset({"StringSplit", "StringSplitV2", "UnicodeDecodeWithOffsets", "UnicodeDecode", "StringNGrams"}) | {
    "FastWordpieceTokenizeWithOffsets",
    "RegexSplitWithOffsets",
    "SentencepieceTokenizeOp",
    "SentencepieceTokenizeWithOffsetsOp",
    "UnicodeScriptTokenizeWithOffsets",
    _BYTE_SPLIT,
    "TFText>FastSentencepieceTokenize",
    "TFText>FastWordpieceTokenizeWithOffsets",
    "TFText>WhitespaceTokenizeWithOffsetsV2",
    "WhitespaceTokenizeWithOffsets",
    "WordpieceTokenizeWithOffsets",
}
NUMBER_OPS = frozenset({"DecodeRaw", "DecodePaddedRaw", "DecodeCSV", "StringToNumber"})
_RAW_OPS = frozenset({"DecodeRaw", "DecodePaddedRaw"})
_BYTES = (tf.uint8.as_datatype_enum, tf.int8.as_datatype_enum)
_REGEX_OPS = frozenset({"RegexReplace", "StaticRegexReplace", "RegexFullMatch", "StaticRegexFullMatch"})
_USUAL_IMAGES = ((8, 8, 3), (8, 8, 1), (28, 28, 1), (32, 32, 3))


@dataclass(frozen=True)
class StringUse:
    """The ops through which one string tensor goes, by themselves and in the bodies of loops.

    Attributes:
        graph: the flat graph.
        specs: dtype and static shape of its tensors.
        nodes: that depend on the string and on no other feature.
    """

    graph: FlatGraph
    specs: Mapping[str, tf.TensorSpec]
    nodes: Sequence[Any]

    @cached_property
    def all_nodes(self) -> list[Any]:
        """The nodes, and those of the functions that they call."""
        functions = needed_functions(self.nodes, self.graph.functions)
        return [*self.nodes, *(node for function in functions.values() for node in function.node_def)]

    @cached_property
    def ops(self) -> frozenset[str]:
        """Their ops."""
        return frozenset(node.op for node in self.all_nodes)

    @property
    def are_bytes(self) -> bool:
        """Whether all that is decoded are bytes of texts of any length, by which vectors are looked up."""
        decoders = self.of(NUMBER_OPS)
        is_text = "DecodeRaw" not in self.ops or bool(self.ops & SPLIT_OPS)
        looks_up = any(node.op in GATHERS for node in self.nodes)
        return bool(decoders) and is_text and looks_up and all(map(decodes_bytes, decoders))

    @property
    def are_integers(self) -> bool:
        """Whether numbers that are spelled out are integers."""
        kinds = {node.attr["out_type"].type for node in self.of(frozenset({"StringToNumber"}))}
        return any(tf.as_dtype(kind).is_integer for kind in kinds)

    @property
    def separators(self) -> list[bytes]:
        """What the string is split at."""
        return [_constant(self.graph, node.input[1]) or b" " for node in self.of(frozenset({"StringSplitV2"}))]

    def of(self, ops: frozenset[str]) -> list[Any]:
        """The nodes of these ops."""
        return [node for node in self.all_nodes if node.op in ops]

    def shapes(self) -> list[tuple[int, ...]]:
        """Static shapes of rows, `[...]`, that the string is turned into or multiplied with, without doubles."""
        made = [self.specs[f"{node.name}:0"].shape[1:] for node in self.nodes if f"{node.name}:0" in self.specs]
        products = [self.specs[node.input[1]].shape[:1] for node in self.graph.nodes.values() if node.op == "MatMul"]
        known = [shape for shape in (*made, *products) if shape.rank and shape.is_fully_defined()]
        return list(dict.fromkeys(tuple(int(size or 0) for size in shape) for shape in known))


def decodes_bytes(node: Any) -> bool:
    """Whether a node turns a string into its bytes."""
    return node.op == _BYTE_SPLIT or (node.op in _RAW_OPS and node.attr["out_type"].type in _BYTES)


def string_use(read: ReadModel, name: str) -> StringUse:
    """How the feature `name` is used where it is alone."""
    return StringUse(read.graph, read.specs, read.alone[name])


def string_candidates(use: StringUse, rows: int, vocabulary: Sequence[bytes]) -> list[list[bytes]]:
    """What `rows` values of a string may look like, in several guesses, the likeliest first; empty without a hint."""
    rng = np.random.default_rng(0)
    kinds = (_images, _raw, _csv, _regex, _numbers, _words)
    guesses = [guess for kind in kinds for guess in kind(use, rows, rng, vocabulary)]
    if "DecodeBase64" in use.ops:
        return [[base64.urlsafe_b64encode(value) for value in guess] for guess in guesses]
    return guesses


def blackened(use: StringUse, text: bytes) -> bytes:
    """A black picture of the form and size of another one; of bytes that are pixels, zeros.

    Raises:
        tf.errors.InvalidArgumentError: if it is none.
    """
    if "DecodeBase64" in use.ops:
        text = tf.io.decode_base64(text).numpy()
    image = tf.io.decode_image(text, expand_animations=False).numpy() if use.of(IMAGE_OPS) else None
    black = bytes(len(text)) if image is None else _file(use, np.zeros_like(image))
    return base64.urlsafe_b64encode(black) if "DecodeBase64" in use.ops else black


def serialized_wrapper(graph: FlatGraph, serialized: str) -> Callable[[bytes], bytes]:
    """What to make of a serialized tf.Example, so that the graph makes `serialized` of it."""
    ops = [node.op for node in in_order(graph.nodes, [serialized]).values()]

    def wrap(example: bytes) -> bytes:
        for op in reversed(ops):
            if op == "DecodeJSONExample":
                example = json_format.MessageToJson(tf.train.Example.FromString(example)).encode()
            elif op == "DecodeBase64":
                example = base64.urlsafe_b64encode(example)
        return example

    return wrap


def _images(use: StringUse, rows: int, rng: np.random.Generator, _: Sequence[bytes]) -> Iterator[list[bytes]]:
    decoders = use.of(IMAGE_OPS)
    if not decoders:
        return
    channels = {node.attr["channels"].i for node in decoders if "channels" in node.attr} - {0}
    shapes = [shape for shape in use.shapes() if len(shape) == 3 and shape[2] in (1, 3, 4)]
    flat = [shape[0] for shape in use.shapes() if len(shape) == 1]
    for size, depth in ((size, depth) for size in flat for depth in (1, 3, 4) if size % depth == 0):
        side = round((size // depth) ** 0.5)
        if side * side * depth == size and side > 3:
            shapes.append((side, side, depth))
    for height, width, depth in dict.fromkeys([*shapes, *_USUAL_IMAGES]):
        for file_depth in (depth, *sorted(channels - {depth})):
            pixels = rng.integers(0, 256, (rows, height, width, file_depth), np.uint8)
            yield [_file(use, image) for image in pixels]


def _file(use: StringUse, image: np.ndarray) -> bytes:
    """A picture, uint8 `[height, width, depth]`, as a file that its decoders take: most of them take a PNG."""
    if "DecodeBmp" in use.ops:
        return _bmp(image)
    if "DecodeAndCropJpeg" in use.ops:
        return tf.io.encode_jpeg(image[:, :, :3]).numpy()
    return tf.io.encode_png(tf.constant(image)).numpy()


def _bmp(image: np.ndarray) -> bytes:
    """A bitmap without compression, its lowest line first, in the oldest form with a header of 40 bytes."""
    height, width, depth = image.shape
    lines = np.pad(image[::-1].reshape(height, -1), ((0, 0), (0, -width * depth % 4))).tobytes()
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8 * depth, 0, len(lines), 0, 0, 0, 0)
    return struct.pack("<2sIHHI", b"BM", 54 + len(lines), 0, 0, 54) + header + lines


def _raw(use: StringUse, rows: int, rng: np.random.Generator, _: Sequence[bytes]) -> Iterator[list[bytes]]:
    for node in use.of(_RAW_OPS)[:1]:
        kind = tf.as_dtype(node.attr["out_type"].type).as_numpy_dtype
        for size in dict.fromkeys(int(np.prod(shape)) for shape in (*use.shapes(), (4,))):
            yield [rng.uniform(0, 3, size).astype(kind).tobytes() for _ in range(rows)]


def _csv(use: StringUse, rows: int, rng: np.random.Generator, vocabulary: Sequence[bytes]) -> Iterator[list[bytes]]:
    for node in use.of(frozenset({"DecodeCSV"}))[:1]:
        kinds = [tf.as_dtype(kind) for kind in node.attr["OUT_TYPE"].list.type]
        delimiter = node.attr["field_delim"].s or b","
        yield [delimiter.join(_field(kind, rng, vocabulary) for kind in kinds) for _ in range(rows)]


def _regex(use: StringUse, rows: int, rng: np.random.Generator, vocabulary: Sequence[bytes]) -> Iterator[list[bytes]]:
    """JSON objects with the keys that regular expressions look for."""
    fields: dict[str, tf.DType] = {}
    for node in use.of(_REGEX_OPS):
        pattern = node.attr["pattern"].s if "pattern" in node.attr else _constant(use.graph, node.input[1])
        for key in re.findall(rb'"(\w+)\\?"', pattern):
            fields[key.decode()] = tf.float32 if re.search(rb"\\d|0-9", pattern) else tf.string
    if fields:
        yield [
            json.dumps({key: _json_value(kind, rng, vocabulary) for key, kind in fields.items()}).encode()
            for _ in range(rows)
        ]


def _numbers(use: StringUse, rows: int, rng: np.random.Generator, _: Sequence[bytes]) -> Iterator[list[bytes]]:
    if "StringToNumber" not in use.ops:
        return
    if not use.ops & SPLIT_OPS:
        yield [_field(tf.int32, rng, ()) for _ in range(rows)]
        return
    kind = tf.int32 if use.are_integers else tf.float32
    for size in dict.fromkeys([*(shape[0] for shape in use.shapes() if len(shape) == 1), 3, 1]):
        for separator in use.separators or [b","]:
            yield [separator.join(_field(kind, rng, ()) for _ in range(size)) for _ in range(rows)]


def _words(use: StringUse, rows: int, rng: np.random.Generator, vocabulary: Sequence[bytes]) -> Iterator[list[bytes]]:
    if use.ops & SPLIT_OPS:
        known = [word for word in vocabulary if word] or [b"a", b"b", b"c"]
        separator = (use.separators or [b" "])[0]
        yield [separator.join(rng.choice(np.array(known, dtype=object), 1 + i % 3)) for i in range(rows)]


def _field(kind: tf.DType, rng: np.random.Generator, vocabulary: Sequence[bytes]) -> bytes:
    if kind == tf.string:
        return rng.choice(np.array(list(vocabulary) or [b"a", b"b"], dtype=object))
    return b"%d" % rng.integers(0, 2) if kind.is_integer else b"%.2f" % rng.uniform(0, 2)


def _json_value(kind: tf.DType, rng: np.random.Generator, vocabulary: Sequence[bytes]) -> Any:
    field = _field(kind, rng, vocabulary).decode()
    return field if kind == tf.string else float(field)


def _constant(graph: FlatGraph, tensor: str) -> bytes:
    value = static_value(graph, tensor) if tensor.rpartition(":")[0] in graph.nodes else None
    return b"" if value is None else bytes(value.reshape(-1)[0])
