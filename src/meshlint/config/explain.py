"""Says in a sentence what a validator found, for all files of ours that have a schema."""

from collections.abc import Sequence
from typing import Any

from ..source.document import pointer
from .model import suggestion
from .schema import PATTERNS, SETTINGS


def explained(error: Any) -> tuple[tuple[str, ...], str]:
    """The place below the error's own path, and a sentence, for a jsonschema ValidationError."""
    path = pointer(tuple(error.absolute_path))
    value = error.instance
    if error.validator == "additionalProperties" and error.schema.get("additionalProperties") is False:
        known = list(error.schema.get("properties", {}))
        unknown = next(key for key in value if key not in known)
        inside = f" in {path}" if path else ""
        if "settings" in known and unknown in SETTINGS:
            return (unknown,), f"{unknown} belongs under settings"
        return (unknown,), f"unknown key {unknown}{inside}{suggestion(unknown, known) or _choice(known)}"
    if error.validator == "enum":
        words = [str(word) for word in error.validator_value]
        meant = suggestion(value, words) if isinstance(value, str) else ""
        return (), f"{path} is {_shown(value)}{meant} (one of {', '.join(words)})"
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in value)
        what = error.schema.get("properties", {}).get(missing, {}).get("description", "")
        return (), f"{path} has no {missing}{f' ({what})' if what else ''}"
    if error.validator == "anyOf" and all("required" in one for one in error.validator_value):
        either = " nor ".join(key for one in error.validator_value for key in one["required"])
        return (), f"{path} has neither {either}"
    if "propertyNames" in error.absolute_schema_path:
        return (value,), f"{value} is no name: letters, digits, dots, dashes and underscores make one"
    if error.validator in _NOT_EMPTY and not (value.strip() if isinstance(value, str) else value):
        return (), f"{path} is empty"
    if error.validator in ("type", "pattern"):
        wanted = error.schema.get("type", "string")
        first = wanted if isinstance(wanted, str) else wanted[0]
        shape = PATTERNS.get(error.schema.get("pattern"))
        if shape or error.validator == "type":
            shape = shape or _SHAPES.get(first, first)
            return (), f"{path or 'the configuration'} is {_shown(value)}, and {shape} belongs there"
    return (), f"{path or 'the configuration'}: {error.message}"


_NOT_EMPTY = ("pattern", "minLength", "minItems", "minProperties")
_SHAPES = {
    "array": "a list",
    "object": "a mapping",
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
}


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    return "empty" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _choice(known: Sequence[str]) -> str:
    return f" (known: {', '.join(known)})" if known else ""
