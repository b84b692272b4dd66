"""Objects of a dialect to the fields of the message, and back; every wrong key and type is named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tfx_explain.proto import explanation_pb2
from tfx_explain.savedmodel.metadata.dialects import KEYS, NOT_HERE, Keys, snake
from tfx_explain.savedmodel.metadata.nearest import nearest


def to_fields(value: Mapping[str, Any], dialect: str) -> dict[str, Any]:
    """An object of a dialect as the message's fields.

    Raises:
        ValueError: with one line for each key that the dialect does not have, and the nearest that it has, and for each
            value of another type than its key takes.
    """
    problems: list[str] = []
    found = _translate(value, KEYS[dialect], explanation_pb2.ExplanationMetadata.DESCRIPTOR, "", problems)
    if problems:
        raise ValueError("\n".join(problems))
    return found


def from_fields(fields: Mapping[str, Any], keys: Keys) -> dict[str, Any]:
    """The message's fields as an object with `keys`; what has no key there is left out."""
    found: dict[str, Any] = {}
    for name, key in keys.items():
        value = fields.get(key.field)
        if value is None:
            continue
        if key.keys is None:
            found[name] = value.upper() if key.is_enum else value
        elif key.is_map:
            found[name] = {entry: from_fields(inner, key.keys) for entry, inner in value.items()}
        else:
            found[name] = from_fields(value, key.keys)
    return found


def _translate(value: Any, keys: Keys, descriptor: Any, where: str, problems: list[str]) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        problems.append(f"{where.rstrip('.')} must be an object, not {_kind(value)}")
        return {}
    # Google's own reader takes other spellings, too: the proto's, and the Python class's `type_`.
    spelled = {snake(name): key for name, key in keys.items()} | dict(keys) | {f"{snake(n)}_": keys[n] for n in keys}
    found: dict[str, Any] = {}
    for name, item in value.items():
        if name in NOT_HERE and not item:  # as Vertex AI's own writer puts what isn't set
            continue
        if name not in spelled:
            problems.append(_unknown(name, keys, where))
            continue
        key = spelled[name]
        field = descriptor.fields_by_name[key.field]
        if item is None:
            continue
        if key.keys is None:
            _check_type(field, item, where + name, problems)
        elif not key.is_map:
            item = _translate(item, key.keys, field.message_type, f"{where}{name}.", problems)
        elif isinstance(item, Mapping):
            entries = field.message_type.fields_by_name["value"].message_type
            item = {k: _translate(v, key.keys, entries, f"{name}[{k!r}].", problems) for k, v in item.items()}
        else:
            problems.append(f"{where}{name} must be an object, not {_kind(item)}")
        found[key.field] = _lower(item) if key.is_enum else item
    return found


def _lower(item: Any) -> Any:
    if not isinstance(item, str):
        return item
    return "" if item.endswith("_UNSPECIFIED") else item.lower()


def _check_type(field: Any, item: Any, where: str, problems: list[str]) -> None:
    # protobuf 6 deprecates what older ones have.
    repeated = field.is_repeated if hasattr(field, "is_repeated") else field.label == field.LABEL_REPEATED
    wanted = {
        field.TYPE_STRING: "text",
        field.TYPE_DOUBLE: "a number",
        field.TYPE_INT32: "a number",
        field.TYPE_BOOL: "true or false",
    }.get(field.type)
    if repeated and not isinstance(item, list):
        problems.append(f"{where} must be a list, not {_kind(item)}")
    elif wanted:
        for one in item if repeated else [item]:
            if _kind(one) != wanted:
                problems.append(f"{where} must be {f'a list, each {wanted}' if repeated else wanted}, not {_kind(one)}")
                break


def _kind(item: Any) -> str:
    if isinstance(item, bool):
        return "true or false"
    if isinstance(item, (int, float)):
        return "a number"
    return {str: "text", list: "a list", dict: "an object"}.get(type(item), "null")


def _unknown(name: str, keys: Keys, where: str) -> str:
    if not where and name in NOT_HERE:
        return f"{name} is not supported: it is for explanations by example; leave it out"
    return f"{where}{name} is not a key of the format; {nearest(name, keys)}"
