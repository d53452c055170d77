"""What an object is taken to be before it is judged: without placeholders, and without nulls that mean nothing."""

from typing import Any

from ...source.document import Placeholder
from .schema import Schema


class _Unknown(Exception):
    """A placeholder stands for a mapping or a list, of which nothing can be said."""


_PLAIN: dict[str, Any] = {"string": "x", "integer": 1, "number": 1, "boolean": True}
"""A value for each type that most fields take."""


def forms(schema: Schema, data: Any) -> list[Any]:
    """An object as it is, or where it has placeholders with plain values in their place, and without them.

    What both of these have wrong is wrong whatever the placeholders stand for. None where nothing can be said.
    """
    if is_plain(data):
        return [data]
    data = without_nulls(schema, data)
    try:
        return [_filled(schema, data), _without(data)]
    except _Unknown:
        return []


def is_plain(data: Any) -> bool:
    """Whether an object has neither placeholders nor nulls, so that it is what it says."""
    rest = [data]
    while rest:
        value = rest.pop()
        if value is None or isinstance(value, Placeholder):
            return False
        if isinstance(value, dict):
            if any("$" in key for key in value):
                return False
            rest.extend(value.values())
        elif isinstance(value, list):
            rest.extend(value)
    return True


def _is_placeholder(key: str) -> bool:
    return "${" in key or "$(" in key


def _filled(schema: Schema, value: Any) -> Any:
    if isinstance(value, Placeholder):
        if "enum" in schema:
            return schema["enum"][-1]
        if "at-least-1ms" in schema.get("x-rules", ()):
            return "1s"
        kind = schema.get("type", "string")
        plain = _PLAIN.get(kind if isinstance(kind, str) else kind[0])
        if plain is None:
            raise _Unknown
        return plain
    if isinstance(value, dict):
        if any(map(_is_placeholder, value)):
            raise _Unknown
        return {key: _filled(_field(schema, key), inner) for key, inner in value.items()}
    return [_filled(schema.get("items", {}), inner) for inner in value] if isinstance(value, list) else value


def _field(schema: Schema, key: str) -> Schema:
    others = schema.get("additionalProperties")
    field: Schema = schema.get("properties", {}).get(key) or (others if isinstance(others, dict) else {})
    return field


def _without(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without(inner) for key, inner in value.items() if not isinstance(inner, Placeholder)}
    if isinstance(value, list):
        return [_without(inner) for inner in value if not isinstance(inner, Placeholder)]
    return value


def as_text(value: Any) -> Any:
    """An object whose placeholders are the text they are written as."""
    if isinstance(value, dict):
        return {key: as_text(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_text(inner) for inner in value]
    return str(value) if isinstance(value, Placeholder) else value


def without_nulls(schema: Schema, value: Any) -> Any:
    """An object without the fields that are null and cannot be, which the API server drops before it looks at an object.

    Mirrors `PruneNonNullableNullsWithoutDefaults`; items of lists stay.
    """
    if isinstance(value, dict):
        fields = {key: (_field(schema, key), inner) for key, inner in value.items()}
        kept = {
            key: pair for key, pair in fields.items() if pair[1] is not None or not pair[0] or "null" in pair[0]["type"]
        }
        return {key: without_nulls(field, inner) for key, (field, inner) in kept.items()}
    if isinstance(value, list):
        return [without_nulls(schema.get("items", {}), inner) for inner in value]
    return value
