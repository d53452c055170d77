"""What the API server checks of a custom resource: the schema of its kind, then the schema's CEL rules.

Mirrors `ValidateCustomResource`, the pruning of unknown fields and `ValidateListSetsAndMaps` of apiextensions-apiserver.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

from ...source.document import Path
from .cel import broken_rule
from .complaint import Complaint, Complaints
from .schema import Schema
from .syntax import is_base64, is_date_time

_INT32 = (-(2**31), 2**31 - 1)
_INT64 = (-(2**63), 2**63 - 1)


def complaints(schema: Schema, value: Any) -> Complaints:
    """All that is wrong with an object. CEL rules are for objects whose shape is right."""
    ruled: list[tuple[Schema, Any, Path]] = []
    shape = list(_shape(schema, value, (), ruled))
    yield from shape
    if not shape:
        for part, inner, path in ruled:
            for rule in part["x-rules"]:
                if text := broken_rule(rule, inner):
                    yield Complaint(path, text)


def _shape(schema: Schema, value: Any, path: Path, ruled: list[tuple[Schema, Any, Path]]) -> Complaints:
    types = schema.get("type", ())
    expected = (types,) if isinstance(types, str) else types
    if value is None and "null" in expected:
        return
    if expected and not any(_TYPES[kind](value) for kind in expected):
        yield Complaint(path, f"must be {' or '.join(expected)}, not {_shown(value)}")
        return
    if "x-rules" in schema:
        ruled.append((schema, value, path))
    if isinstance(value, dict):
        yield from _mapping(schema, value, path, ruled)
    elif isinstance(value, list):
        yield from _list(schema, value, path, ruled)
    elif isinstance(value, str):
        yield from _text(schema, value, path)
    elif not isinstance(value, bool):
        yield from _number(schema, value, path)


_TYPES: dict[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "null": lambda value: value is None,
}


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    return "a mapping" if isinstance(value, dict) else "a list" if isinstance(value, list) else repr(value)


def _mapping(schema: Schema, value: dict[str, Any], path: Path, ruled: list[tuple[Schema, Any, Path]]) -> Complaints:
    fields = schema.get("properties", {})
    others = schema.get("additionalProperties", True)
    for key, inner in value.items():
        if key in fields:
            yield from _shape(fields[key], inner, (*path, key), ruled)
        elif others is False:
            yield Complaint((*path, key), f"{key} is no field of this kind")
        elif others is not True:
            yield from _shape(others, inner, (*path, key), ruled)
    if missing := [key for key in schema.get("required", ()) if key not in value]:
        yield Complaint(path, f"{' and '.join(missing)} must be set")
    yield from _size(schema, len(value), "Properties", path)
    for alternatives in (schema, *schema.get("allOf", ())):
        if "oneOf" in alternatives and sum(_holds(part, value) for part in alternatives["oneOf"]) != 1:
            yield Complaint(path, f"only one of {', '.join(_named(alternatives['oneOf']))} may be set")


def _holds(schema: Schema, value: dict[str, Any]) -> bool:
    """Whether a part of `oneOf` takes a mapping; all of them are about which fields are there."""
    if "not" in schema:
        return not _holds(schema["not"], value)
    if "anyOf" in schema:
        return any(_holds(part, value) for part in schema["anyOf"])
    return all(key in value for key in schema["required"])


def _named(parts: list[Schema]) -> Iterator[str]:
    for part in parts:
        yield from part.get("required", ())


def _list(schema: Schema, value: list[Any], path: Path, ruled: list[tuple[Schema, Any, Path]]) -> Complaints:
    yield from _size(schema, len(value), "Items", path)
    for index, inner in enumerate(value):
        yield from _shape(schema.get("items", {}), inner, (*path, index), ruled)
    if "x-unique" in schema:
        yield from _twice(value, schema["x-unique"], path)


def _twice(value: list[Any], key: str, path: Path) -> Complaints:
    seen: set[Any] = set()
    for index, inner in enumerate(value):
        name = inner.get(key) if isinstance(inner, dict) else None
        if not isinstance(name, dict | list) and name in seen:
            yield Complaint((*path, index), f"another one has the {key} {name} already")
        if not isinstance(name, dict | list):
            seen.add(name)


def _text(schema: Schema, value: str, path: Path) -> Complaints:
    if "enum" in schema and value not in schema["enum"]:
        yield Complaint(path, f"{value!r} is not one of {', '.join(word or repr(word) for word in schema['enum'])}")
    yield from _size(schema, len(value), "Length", path)
    if "pattern" in schema and not re.search(schema["pattern"].replace("$", r"\Z"), value):
        yield Complaint(path, f"{value!r} does not match {schema['pattern']}")
    fits = _FORMATS.get(schema.get("format", ""))
    if fits and not fits(value):
        yield Complaint(path, f"{value!r} is no {schema['format']}")


_FORMATS = {"byte": is_base64, "date-time": is_date_time}


def _number(schema: Schema, value: float, path: Path) -> Complaints:
    least, most = schema.get("minimum"), schema.get("maximum")
    if "integer" in schema.get("type", ()):
        low, high = _INT32 if schema.get("format") == "int32" else _INT64
        least, most = max(low, low if least is None else least), min(high, high if most is None else most)
    if least is not None and value < least:
        yield Complaint(path, f"{value} is less than {least}")
    if most is not None and value > most:
        yield Complaint(path, f"{value} is more than {most}")


_SIZES = {"Properties": "entries", "Items": "items", "Length": "characters"}


def _size(schema: Schema, size: int, of: str, path: Path) -> Complaints:
    least, most = schema.get(f"min{of}", 0), schema.get(f"max{of}", size)
    if size < least:
        yield Complaint(path, f"must have at least {least} {_SIZES[of]}")
    if size > most:
        yield Complaint(path, f"must have at most {most} {_SIZES[of]}")
