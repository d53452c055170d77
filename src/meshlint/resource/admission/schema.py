"""The schemas of Istio's kinds, which `scripts/schemas` writes from its CustomResourceDefinitions."""

import json
import os.path
from functools import cache
from typing import Any

from ...assets import folder
from ..resource import Resource

Schema = dict[str, Any]

GROUPS = frozenset({"networking.istio.io", "security.istio.io", "telemetry.istio.io", "extensions.istio.io"})


def schema_of(resource: Resource) -> Schema | None:
    """The schema of an object; None where its kind is not Istio's, or its version is not served."""
    group, _, version = resource.api_version.rpartition("/")
    schema = _read(resource.kind) if group in GROUPS else None
    return schema if schema and schema["x-group"] == group and version in schema["x-versions"] else None


@cache
def _read(kind: str) -> Schema | None:
    file = os.path.join(folder("schemas"), "istio", f"{kind.lower()}.json")
    if not kind.isalpha() or not os.path.isfile(file):
        return None
    with open(file, encoding="utf-8") as text:
        schema: Schema = json.load(text)
    definitions = schema.pop("$defs", {})
    for part in [*definitions.values(), schema]:
        _refer(part, definitions)
    return schema


def _refer(part: Schema, definitions: dict[str, Schema]) -> None:
    """Puts the definitions themselves in the place of the references to them."""
    for fields in (part.get("properties", {}), part):
        for key, inner in fields.items():
            if not isinstance(inner, dict) or key == "properties":
                continue
            if "$ref" in inner:
                fields[key] = definitions[inner["$ref"].removeprefix("#/$defs/")]
            else:
                _refer(inner, definitions)
