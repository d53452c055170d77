"""What the API server checks of a custom resource: the schema of its kind, then the schema's CEL rules.

Mirrors `ValidateCustomResource`, the pruning of unknown fields and `ValidateListSetsAndMaps` of apiextensions-apiserver.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from ...source.document import Path
from .cel import broken_rule
from .complaint import Complaint
from .schema import Schema
from .syntax import is_base64, is_date_time

_INT32 = (-(2**31), 2**31 - 1)
_INT64 = (-(2**63), 2**63 - 1)


def complaints(schema: Schema, value: Any) -> list[Complaint]:
    """All that is wrong with an object. CEL rules are for objects whose shape is right."""
    check = _Check()
    check.value(schema, value, ())
    if check.found:
        return check.found
    return [Complaint(path, text) for rule, inner, path in check.ruled if (text := broken_rule(rule, inner))]


_NAMES = {
    dict: "object",
    list: "array",
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
}


class _Check:
    """Walks an object along its schema: what is wrong with its shape is `found`, the rules to look at then are `ruled`."""

    def __init__(self) -> None:
        self.found: list[Complaint] = []
        self.ruled: list[tuple[str, Any, Path]] = []

    def value(self, schema: Schema, value: Any, path: Path) -> None:
        expected = schema.get("type")
        name = _NAMES[type(value)]
        if expected and name not in expected and not (name == "integer" and "number" in expected):
            self._wrong(path, f"must be {_either(expected)}, not {_shown(value)}")
            return
        for rule in schema.get("x-rules", ()):
            self.ruled.append((rule, value, path))
        if name == "object":
            self._mapping(schema, value, path)
        elif name == "array":
            self._list(schema, value, path)
        elif name == "string":
            self._text(schema, value, path)
        elif name in ("integer", "number"):
            self._number(schema, value, path)

    def _wrong(self, path: Path, text: str) -> None:
        self.found.append(Complaint(path, text))

    def _mapping(self, schema: Schema, value: dict[str, Any], path: Path) -> None:
        fields = schema.get("properties", _NONE)
        others = schema.get("additionalProperties", True)
        for key, inner in value.items():
            if key in fields:
                self.value(fields[key], inner, (*path, key))
            elif others is False:
                self._wrong((*path, key), f"{key} is no field of this kind")
            elif others is not True:
                self.value(others, inner, (*path, key))
        if missing := [key for key in schema.get("required", ()) if key not in value]:
            self._wrong(path, f"{' and '.join(missing)} must be set")
        if "minProperties" in schema or "maxProperties" in schema:
            self._size(schema, len(value), "Properties", path)
        if "oneOf" in schema:
            self._alternatives(schema["oneOf"], value, path)
        for part in schema.get("allOf", ()):
            self._alternatives(part["oneOf"], value, path)

    def _alternatives(self, parts: list[Schema], value: dict[str, Any], path: Path) -> None:
        """The parts of `oneOf`, all of which are about which fields are there."""
        if sum(_holds(part, value) for part in parts) != 1:
            self._wrong(path, f"only one of {', '.join(_named(parts))} may be set")

    def _list(self, schema: Schema, value: list[Any], path: Path) -> None:
        self._size(schema, len(value), "Items", path)
        items, unique = schema.get("items", _NONE), schema.get("x-unique")
        seen: set[Any] = set()
        for index, inner in enumerate(value):
            self.value(items, inner, (*path, index))
            name = inner.get(unique) if unique and isinstance(inner, dict) else None
            if unique and not isinstance(name, dict | list):
                if name in seen:
                    self._wrong((*path, index), f"another one has the {unique} {name} already")
                seen.add(name)

    def _text(self, schema: Schema, value: str, path: Path) -> None:
        if "enum" in schema and value not in schema["enum"]:
            self._wrong(path, f"{value!r} is not one of {', '.join(word or repr(word) for word in schema['enum'])}")
        if "minLength" in schema or "maxLength" in schema:
            self._size(schema, len(value), "Length", path)
        is_short = len(value) <= schema.get("maxLength", len(value))
        if "pattern" in schema and is_short and not re.search(schema["pattern"].replace("$", r"\Z"), value):
            self._wrong(path, f"{value!r} does not match {schema['pattern']}")
        if "format" in schema and not _FORMATS[schema["format"]](value):
            self._wrong(path, f"{value!r} is no {schema['format']}")

    def _number(self, schema: Schema, value: float, path: Path) -> None:
        least, most = schema.get("minimum"), schema.get("maximum")
        if "integer" in schema.get("type", ()):
            low, high = _INT32 if schema.get("format") == "int32" else _INT64
            least, most = max(low, low if least is None else least), min(high, high if most is None else most)
        if least is not None and value < least:
            self._wrong(path, f"{value} is less than {least}")
        if most is not None and value > most:
            self._wrong(path, f"{value} is more than {most}")

    def _size(self, schema: Schema, size: int, of: str, path: Path) -> None:
        if size < schema.get(f"min{of}", 0):
            self._wrong(path, f"must have at least {schema[f'min{of}']} {_SIZES[of]}")
        if size > schema.get(f"max{of}", size):
            self._wrong(path, f"must have at most {schema[f'max{of}']} {_SIZES[of]}")


_NONE: Schema = {}
_FORMATS = {"byte": is_base64, "date-time": is_date_time}
_SIZES = {"Properties": "entries", "Items": "items", "Length": "characters"}


def _either(expected: str | list[str]) -> str:
    return expected if isinstance(expected, str) else " or ".join(expected)


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    return json.dumps(value)


def _holds(schema: Schema, value: dict[str, Any]) -> bool:
    """Whether a part of `oneOf` takes a mapping."""
    if "not" in schema:
        return not _holds(schema["not"], value)
    if "anyOf" in schema:
        return any(_holds(part, value) for part in schema["anyOf"])
    return all(key in value for key in schema["required"])


def _named(parts: list[Schema]) -> Iterator[str]:
    for part in parts:
        yield from part.get("required", ())
