"""The two dialects of explanation metadata: which key of each is which field of the message.

AI Explanations' keys are the message's own. Vertex AI's are those of `google.cloud.aiplatform.v1.ExplanationMetadata`
as JSON; it has no place for what is marked "tfx-explain" in the proto, for dtypes, tags, framework and weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tfx_explain.proto import explanation_pb2

AI_EXPLANATIONS, VERTEX = "ai_explanations", "vertex"
DIALECTS = (AI_EXPLANATIONS, VERTEX)


@dataclass(frozen=True)
class Key:
    """What a key of a dialect means.

    Attributes:
        field: the message's field.
        keys: of the object that it holds; None where it holds no object of ours.
        is_map: whether that object is a map from people's names to such objects.
        is_enum: whether its text is an enumeration, upper case in the dialect and lower case in the message.
    """

    field: str
    keys: Keys | None = None
    is_map: bool = False
    is_enum: bool = False


Keys = Mapping[str, Key]


def _own(descriptor: Any) -> dict[str, Key]:
    """The keys of a message that are its fields' names."""
    found = {}
    for field in descriptor.fields:
        message = field.message_type
        is_map = bool(message and message.GetOptions().map_entry)
        inner = message.fields_by_name["value"].message_type if message and is_map else message
        is_ours = inner is not None and inner.file is descriptor.file
        found[field.name] = Key(field.name, _own(inner) if is_ours else None, is_map)
    return found


_VERTEX_DOMAIN = {
    "minValue": Key("min"),
    "maxValue": Key("max"),
    "originalMean": Key("original_mean"),
    "originalStddev": Key("original_stddev"),
}
_VERTEX_VISUALIZATION = {
    "type": Key("type", is_enum=True),
    "polarity": Key("polarity", is_enum=True),
    "colorMap": Key("color_map", is_enum=True),
    "clipPercentUpperbound": Key("clip_above_percentile"),
    "clipPercentLowerbound": Key("clip_below_percentile"),
    "overlayType": Key("overlay_type", is_enum=True),
}
_VERTEX_INPUT = {
    "inputBaselines": Key("input_baselines"),
    "inputTensorName": Key("input_tensor_name"),
    "encoding": Key("encoding", is_enum=True),
    "modality": Key("modality"),
    "featureValueDomain": Key("domain", _VERTEX_DOMAIN),
    "indicesTensorName": Key("indices_tensor_name"),
    "denseShapeTensorName": Key("dense_shape_tensor_name"),
    "indexFeatureMapping": Key("index_feature_mapping"),
    "encodedTensorName": Key("encoded_tensor_name"),
    "encodedBaselines": Key("encoded_baselines"),
    "visualization": Key("visualization", _VERTEX_VISUALIZATION),
    "groupName": Key("group_name"),
}
_VERTEX_OUTPUT = {
    "indexDisplayNameMapping": Key("index_name_mapping"),
    "displayNameMappingKey": Key("index_name_mapping_key"),
    "outputTensorName": Key("output_tensor_name"),
}

KEYS: Mapping[str, Keys] = {
    AI_EXPLANATIONS: _own(explanation_pb2.ExplanationMetadata.DESCRIPTOR),
    VERTEX: {
        "inputs": Key("inputs", _VERTEX_INPUT, is_map=True),
        "outputs": Key("outputs", _VERTEX_OUTPUT, is_map=True),
    },
}
# Known to Vertex AI, and about explanations by example, which are another method.
NOT_HERE = frozenset(
    {"latentSpaceSource", "latent_space_source", "featureAttributionsSchemaUri", "feature_attributions_schema_uri"}
)


def dialect_of(value: Mapping[str, Any]) -> str:
    """The dialect that has more of an object's keys; AI Explanations' where both have as many."""
    entries = [entry for side in ("inputs", "outputs") for entry in _objects(value.get(side))]
    inner = [item for entry in entries for key in ("domain", "visualization") for item in _objects([entry.get(key)])]
    used = {key for item in (value, *entries, *inner) for key in item}
    own = _all_keys(KEYS[AI_EXPLANATIONS])
    vertex = {spelling for key in _all_keys(KEYS[VERTEX]) for spelling in (key, snake(key))} | {*NOT_HERE}
    upper = any(str(entry.get("encoding", "")).isupper() for entry in entries)
    return VERTEX if len(used & (vertex - own)) + upper > len(used & (own - vertex)) else AI_EXPLANATIONS


def key_names() -> frozenset[str]:
    """Every key of both dialects, at whatever place."""
    return frozenset().union(*map(_all_keys, KEYS.values()))


def snake(name: str) -> str:
    """`inputTensorName` as `input_tensor_name`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _objects(value: Any) -> Iterator[Mapping[str, Any]]:
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return (item for item in items if isinstance(item, Mapping))


def _all_keys(keys: Keys) -> set[str]:
    return set(keys).union(*(_all_keys(key.keys) for key in keys.values() if key.keys))
