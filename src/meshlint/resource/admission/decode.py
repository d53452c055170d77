"""An object's `spec` as istiod's webhook reads it: JSON into the messages of Istio's API (`protomarshal.ApplyJSON`).

Messages and maps become dicts with the names of the JSON fields, enums their words, durations nanoseconds (those of the mesh
settings stay as they are written). What is not set, null, or an empty list is absent. Fields that istiod does not know are
dropped without a word. Placeholders stay.
"""

import math
import re
from collections.abc import Callable
from typing import Any

from ...source.document import Path, Placeholder
from ..match import duration_ns
from .complaint import Complaint
from .schema import Schema, fields
from .syntax import is_base64

Message = dict[str, Any]

_DURATIONS = frozenset({"budgetInterval", "idleTimeout", "ttl"})
"""Durations that no CEL rule tells from other strings."""

_RANGES = {"int32": (-(2**31), 2**31 - 1), "uint32": (0, 2**32 - 1), "uint64": (0, 2**64 - 1)}
_PORT: Schema = {"format": "uint32"}
_INTEGER = r"\s*(?:0|-?[1-9][0-9]{0,30})\s*"
_NUMBER = r"\s*-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?\s*"
_NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def message(schema: Schema, value: Any, path: Path) -> Message | Complaint:
    """The message in a value, or the first thing that is not as its field has it."""
    try:
        found = _message(schema, value, path)
    except _Mistyped as error:
        return error.complaint
    return found


def canonical(schema: Schema, value: Any) -> Any:
    """A value that can be read, as it would be had it been written the usual way: names of fields, words of enums, numbers."""
    if isinstance(value, dict):
        others = schema.get("additionalProperties")
        if "properties" not in schema:
            return {
                key: canonical(others, inner) if isinstance(others, dict) else inner for key, inner in value.items()
            }
        named = [(*fields(schema)[key], inner) for key, inner in value.items() if key in fields(schema)]
        lost = _lost(schema, {name for name, _, _ in named})
        return {name: canonical(field, inner) for name, field, inner in named if name not in lost}
    if isinstance(value, list):
        return [canonical(schema.get("items", {}), inner) for inner in value]
    if isinstance(value, str) and schema.get("type") in ("integer", "number"):
        return _READERS[schema["type"]](schema, value, ())
    return _enum(schema, value, ()) if "enum" in schema and isinstance(value, int) else value


def _lost(schema: Schema, present: set[str]) -> set[str]:
    """The fields that count for nothing beside others: of a message's alternatives the last, as the API lists them, is taken."""
    lost: set[str] = set()
    for part in (schema, *schema.get("allOf", ())):
        options = (option["required"][0] for option in part.get("oneOf", ()) if "required" in option)
        lost.update([name for name in options if name in present][:-1])
    return lost


class _Mistyped(Exception):
    def __init__(self, path: Path, expected: str) -> None:
        self.complaint = Complaint(path, f"must be {expected}")


def _message(schema: Schema, value: Any, path: Path) -> Message:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _Mistyped(path, "a mapping")
    found: Message = {}
    named = fields(schema)
    for key, inner in value.items():
        if inner is None or key not in named:
            continue
        name, field = named[key]
        if key != name and name in value:
            continue
        decoded = _field(name, field, inner, (*path, key))
        if decoded != []:
            found[name] = decoded
    return found


def _field(name: str, schema: Schema, value: Any, path: Path) -> Any:
    if isinstance(value, Placeholder):
        return value
    if schema.get("type") == "array":
        if not isinstance(value, list):
            raise _Mistyped(path, "a list")
        return [_single(name, schema["items"], inner, (*path, index)) for index, inner in enumerate(value)]
    if isinstance(schema.get("additionalProperties"), dict):
        return _map(schema, value, path)
    return _single(name, schema, value, path)


def _map(schema: Schema, value: Any, path: Path) -> dict[Any, Any]:
    """A map, whose keys are strings or, for ports, numbers."""
    if not isinstance(value, dict):
        raise _Mistyped(path, "a mapping")
    keys: list[Any] = list(value)
    if "keys-are-port-numbers" in schema.get("x-rules", ()):
        keys = [_integer(_PORT, key, (*path, key)) for key in value]
    entries = schema["additionalProperties"]
    return {key: _single("", entries, value[name], (*path, name)) for key, name in zip(keys, value, strict=True)}


def _single(name: str, schema: Schema, value: Any, path: Path) -> Any:
    """A value that is neither a list nor a map; null in one of those is the type's zero."""
    if isinstance(value, Placeholder):
        return value
    kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][0]
    if kind != "string":
        return _READERS[kind](schema, value, path)
    if "enum" in schema:
        return _enum(schema, value, path)
    if schema.get("format") == "duration":
        _duration(schema, value, path)
        return value
    if name in _DURATIONS or "at-least-1ms" in schema.get("x-rules", ()):
        return _duration(schema, value, path)
    return _bytes(schema, value, path) if schema.get("format") == "byte" else _text(schema, value, path)


def _object(schema: Schema, value: Any, path: Path) -> Message:
    if "properties" in schema:
        return _message(schema, value, path)
    if value is not None and not isinstance(value, dict):
        raise _Mistyped(path, "a mapping")
    return value or {}


def _boolean(schema: Schema, value: Any, path: Path) -> bool:
    if value is not None and not isinstance(value, bool):
        raise _Mistyped(path, "true or false")
    return bool(value)


def _integer(schema: Schema, value: Any, path: Path) -> int:
    """A whole number, which may be quoted."""
    if isinstance(value, str) and re.fullmatch(_INTEGER, value):
        value = int(value)
    low, high = _RANGES[schema["format"]]
    number = 0 if value is None else value
    if not isinstance(number, int) or isinstance(number, bool) or not low <= number <= high:
        raise _Mistyped(path, f"a whole number from {low} to {high}")
    return number


def _number(schema: Schema, value: Any, path: Path) -> float:
    if isinstance(value, str) and value in _NOT_FINITE:
        return _NOT_FINITE[value]
    if isinstance(value, str) and re.fullmatch(_NUMBER, value):
        value = float(value)
    if value is not None and (not isinstance(value, int | float) or isinstance(value, bool)):
        raise _Mistyped(path, "a number")
    return value or 0


def _text(schema: Schema, value: Any, path: Path) -> str:
    if value is not None and not isinstance(value, str):
        raise _Mistyped(path, "a string: quote it")
    return value or ""


def _bytes(schema: Schema, value: Any, path: Path) -> int:
    """The number of bytes in text that is encoded in base64, which is all that is asked about it."""
    if value is not None and not (isinstance(value, str) and is_base64(value)):
        raise _Mistyped(path, "base64")
    text = "".join((value or "").split())
    return len(text) // 4 * 3 - text[-2:].count("=")


def _duration(schema: Schema, value: Any, path: Path) -> int:
    nanoseconds = 0 if value is None else duration_ns(value)
    if nanoseconds is None:
        raise _Mistyped(path, "a duration like 1.5s")
    return nanoseconds


def _enum(schema: Schema, value: Any, path: Path) -> Any:
    """The word of an enum, which may be given as its number; one without a word stays a number."""
    words = schema["enum"]
    if isinstance(value, str):
        if value not in words:
            raise _Mistyped(path, f"one of {', '.join(filter(None, words))}")
        return value
    number = _integer({"format": "int32"}, value, path)
    return (words[number] if 0 <= number < len(words) else None) or number


_READERS: dict[str, Callable[[Schema, Any, Path], Any]] = {
    "object": _object,
    "boolean": _boolean,
    "integer": _integer,
    "number": _number,
}
