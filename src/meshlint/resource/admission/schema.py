"""The schemas of Istio's kinds, which `scripts/schemas` writes from its CustomResourceDefinitions."""

import json
import os.path
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from ...assets import folder
from ..kinds import ISTIO_GROUPS, GroupKind
from ..resource import Resource

Schema = dict[str, Any]
Fields = dict[str, tuple[str, Schema]]

_NEWER_THAN_ISTIOD = frozenset({"backendUtilization", "ecdhCurves", "presence", "transportSocket"})
"""Fields of the CustomResourceDefinitions that istiod's own API has not yet."""

_PROTO_NAMES = {"consecutive5xxErrors": "consecutive_5xx_errors", "targetRef": "targetRef", "targetRefs": "targetRefs"}
"""Names that do not follow from those in JSON."""


def schema_of(resource: Resource) -> Schema | None:
    """The schema of an object; None where its kind is not Istio's, or its version is not served."""
    group, _, version = resource.api_version.rpartition("/")
    schema = _read(resource.kind) if group in ISTIO_GROUPS else {}
    is_its_own = (schema.get("x-group"), schema.get("x-kind")) == (group, resource.kind)
    return schema if is_its_own and version in schema["x-versions"] else None


def versions(kind: GroupKind) -> Sequence[str]:
    """The versions in which the API server serves a kind of Istio's, the newest first; none of other kinds."""
    schema = _read(kind.kind) if kind.group in ISTIO_GROUPS else {}
    return schema["x-versions"] if (schema.get("x-group"), schema.get("x-kind")) == kind else ()


@cache
def mesh_settings() -> Schema:
    """The fields of istiod's mesh settings: `istio.mesh.v1alpha1.MeshConfig` of istio.io/api b943409, enums in the order of
    their numbers. Of what meshlint does not look into, and of messages of one kind each, the fields are left out.
    """
    return _loaded(os.path.join(folder("schemas"), "meshconfig.json"))


@cache
def _read(kind: str) -> Schema:
    file = os.path.join(folder("schemas"), "istio", f"{kind.lower()}.json")
    return _loaded(file) if kind.isalpha() and os.path.isfile(file) else {}


def _loaded(file: str) -> Schema:
    with open(file, encoding="utf-8") as text:
        schema: Schema = json.load(text)
    definitions = schema.pop("$defs", {})
    for part in [*definitions.values(), schema]:
        _refer(part, definitions)
    return schema


def fields(schema: Schema) -> Fields:
    """The fields of a mapping by the names under which istiod reads them: `maxConnections` and `max_connections`."""
    if "x-fields" not in schema:
        schema["x-fields"] = {
            key: (name, field)
            for name, field in schema["properties"].items()
            if "_" not in name and name not in _NEWER_THAN_ISTIOD
            for key in (name, _PROTO_NAMES.get(name) or re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name))
        }
    found: Fields = schema["x-fields"]
    return found


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
