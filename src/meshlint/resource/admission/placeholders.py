"""An object with placeholders in two forms without: what both have wrong is wrong whatever they stand for."""

from typing import Any

from ...source.document import Placeholder
from .schema import Schema


class _Unknown(Exception):
    """A placeholder stands for a mapping or a list, of which nothing can be said."""


_PLAIN: dict[str, Any] = {"string": "x", "integer": 1, "number": 1, "boolean": True}
"""A value for each type that most fields take."""


def has_placeholder(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(has_placeholder, value.values())) or any(map(_is_placeholder, value))
    if isinstance(value, list):
        return any(map(has_placeholder, value))
    return isinstance(value, Placeholder)


def _is_placeholder(key: str) -> bool:
    return "${" in key or "$(" in key


def forms(schema: Schema, data: Any) -> list[Any]:
    """The object with plain values in the place of placeholders, and without them; none where nothing can be said."""
    try:
        return [_filled(schema, data), _without(data)]
    except _Unknown:
        return []


def _filled(schema: Schema, value: Any) -> Any:
    if isinstance(value, Placeholder):
        if "enum" in schema:
            return schema["enum"][-1]
        kind = schema.get("type", "string")
        plain = _PLAIN.get(kind if isinstance(kind, str) else kind[0])
        if plain is None:
            raise _Unknown
        return plain
    if isinstance(value, dict):
        fields, others = schema.get("properties", {}), schema.get("additionalProperties", {}) or {}
        if any(map(_is_placeholder, value)):
            raise _Unknown
        return {key: _filled(fields.get(key, others), inner) for key, inner in value.items()}
    return [_filled(schema.get("items", {}), inner) for inner in value] if isinstance(value, list) else value


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without(inner) for key, inner in value.items() if not isinstance(inner, Placeholder)}
    if isinstance(value, list):
        return [_without(inner) for inner in value if not isinstance(inner, Placeholder)]
    return value
