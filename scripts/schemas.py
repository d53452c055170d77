"""Writes one JSON Schema per kind from CustomResourceDefinitions: what Kubernetes checks, and no prose.

A CEL rule becomes the word that `meshlint.resource.admission.cel` has a predicate for. A rule, keyword or shape that is
not known here stops the program: the words below are to be looked at whenever Istio's definitions change.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

KEPT = ("additionalProperties", "enum", "maxItems", "maxLength", "maxProperties", "maximum", "minItems", "minLength")
KEPT += ("minProperties", "minimum", "pattern", "required", "x-kubernetes-preserve-unknown-fields")
HANDLED = (
    "allOf",
    "anyOf",
    "format",
    "items",
    "not",
    "nullable",
    "oneOf",
    "properties",
    "type",
    "x-kubernetes-validations",
)
HANDLED += ("x-kubernetes-int-or-string", "x-kubernetes-list-map-keys", "x-kubernetes-list-type")
DROPPED = ("description",)
EVERY_OBJECT: dict[str, Any] = {"apiVersion": {}, "kind": {}, "metadata": {}}
WORTH_SHARING = 60
"""Characters from which a part that occurs twice is written once."""

RULES = {
    "f06f0dac": "any address network",
    "d7cb5162": "at-least-1ms",
    "75ecac6b": "at-most-one credentialName credentialNames",
    "5070c289": "at-most-one jwks jwksUri jwks_uri",
    "d32908c9": "at-most-one selector targetRef targetRefs",
    "c8882000": "at-most-one selector targetRefs",
    "40b9d607": "at-most-one tlsCertificates credentialNames",
    "a962996a": "at-most-one tlsCertificates credentialNames",
    "a8842dc6": "at-most-one workloadSelector endpoints",
    "075a666f": "at-most-one workloadSelector targetRefs",
    "79da068a": "cidr-needs-none-or-static",
    "f3c63709": "empty",
    "0330a726": "exactly-one wasm lua",
    "806ad816": "host-variable-has-no-value",
    "c3498f03": "http-url",
    "36fd20cf": "keys-are-port-names",
    "fa70cd69": "keys-are-port-numbers",
    "6abff510": "keys-not-empty",
    "684ea172": "keys-without-wildcard",
    "adcefba4": "module-url",
    "f23c5def": "module-url",
    "f0913be1": "none-has-no-endpoints",
    "822ba249": "not-just-wildcard",
    "981ae261": "port-modes-need-selector",
    "b8606f37": "port-number",
    "cf1218b8": "port-numbers-differ",
    "6751983d": "probe-scheme",
    "3a855636": "remove-has-no-value",
    "16f45e8d": "round-robin-has-one-endpoint",
    "7bbd56e4": "service-accounts-alone",
    "f071e1de": "socket-is-absolute",
    "6877d2f7": "socket-is-no-folder",
    "0bfd77db": "socket-without-ports",
    "90ae4ec0": "upsert-has-value",
    "ddd1bdb4": "waypoint-goes-with-its-context",
    "88d0af73": "without-wildcard",
}
"""The word for each CEL rule, by the first digits of the SHA-1 of its text without spaces."""


def main(definitions: str, output: str) -> None:
    text = Path(definitions).read_bytes()
    files = {f"{kind.lower()}.json": written(schema) for kind, schema in schemas(text)}
    sums = {name: digest(content) for name, content in sorted(files.items())}
    files["source.json"] = written(
        {"definitions": digest(text), "generator": digest(Path(__file__).read_bytes()), "files": sums}
    )
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.json"):
        old.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)


def schemas(definitions: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """The schema of each kind; all its versions must have the same one."""
    for definition in yaml.load_all(definitions, Loader=yaml.CSafeLoader):
        spec = definition["spec"]
        versions = [version for version in spec["versions"] if version["served"]]
        first, *others = [version["schema"]["openAPIV3Schema"] for version in versions]
        if any(other != first for other in others):
            raise SystemExit(f"{spec['names']['kind']}: the versions differ")
        root = converted(first, spec["names"]["kind"])
        root["properties"] |= EVERY_OBJECT
        names = {
            "x-group": spec["group"],
            "x-kind": spec["names"]["kind"],
            "x-versions": sorted(version["name"] for version in versions),
        }
        yield (
            spec["names"]["kind"],
            {"$schema": "https://json-schema.org/draft/2020-12/schema", **names, **shared(root)},
        )


def converted(node: dict[str, Any], path: str) -> dict[str, Any]:
    """A node of a structural schema as JSON Schema, whose mappings know no other fields than those named."""
    if unknown := set(node) - {*KEPT, *HANDLED, *DROPPED}:
        raise SystemExit(f"{path}: {', '.join(sorted(unknown))} is not known")
    found: dict[str, Any] = {key: node[key] for key in KEPT if key in node}
    found |= typed(node)
    for key in ("oneOf", "anyOf", "allOf"):
        if key in node and not node.get("x-kubernetes-int-or-string"):
            found[key] = [converted(part, path) for part in node[key]]
    for key in ("not", "items", "additionalProperties"):
        if key in node:
            found[key] = converted(node[key], f"{path}.{key}")
    if "properties" in node:
        found["properties"] = {name: converted(part, f"{path}.{name}") for name, part in node["properties"].items()}
        if "x-kubernetes-preserve-unknown-fields" not in node:
            found["additionalProperties"] = False
    if "x-kubernetes-list-map-keys" in node:
        (found["x-unique"],) = node["x-kubernetes-list-map-keys"]
    if rules := node.get("x-kubernetes-validations"):
        found["x-rules"] = sorted(word(rule["rule"], path) for rule in rules)
    return found


def typed(node: dict[str, Any]) -> dict[str, Any]:
    """The type of a node, with the format that tells integers apart, and the bounds that the format stands for."""
    kind = node.get("type")
    if node.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    found: dict[str, Any] = {"type": [kind, "null"] if node.get("nullable") else kind} if kind else {}
    if kind == "integer" and "format" not in node:
        return found | {"format": "uint32" if "maximum" in node else "uint64"}
    return found | ({"format": node["format"]} if "format" in node else {})


def word(rule: str, path: str) -> str:
    number = hashlib.sha1("".join(rule.split()).encode()).hexdigest()[:8]
    if number not in RULES:
        raise SystemExit(f"{path}: the CEL rule {number} is not known: {rule}")
    return RULES[number]


def shared(root: dict[str, Any]) -> dict[str, Any]:
    """The same schema with what occurs twice under `$defs`, named after the field it was found at first."""
    counts: Counter[str] = Counter()
    names: dict[str, str] = {}
    for name, part in parts(root, "root"):
        text = compact(part)
        counts[text] += 1
        if counts[text] == 2 and len(text) >= WORTH_SHARING:
            taken = sum(other.rstrip("0123456789") == name for other in names.values())
            names[text] = f"{name}{taken + 1}" if taken else name
    definitions = {name: json.loads(text) for text, name in names.items()}
    for part in [root, *definitions.values()]:
        refer(part, names)
    used = compact([root, definitions])
    kept = {name: part for name, part in sorted(definitions.items()) if f'"#/$defs/{name}"' in used}
    return root | ({"$defs": kept} if kept else {})


def parts(node: dict[str, Any], name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The parts of a schema that stand for a value, with the field each is for."""
    for key, part in children(node):
        called = name if key is None else key
        yield called, part
        yield from parts(part, called)


def children(node: dict[str, Any]) -> Iterator[tuple[str | None, dict[str, Any]]]:
    yield from node.get("properties", {}).items()
    for key in ("items", "additionalProperties"):
        if isinstance(node.get(key), dict):
            yield None, node[key]


def refer(node: dict[str, Any], names: dict[str, str]) -> None:
    """Puts a reference in the place of every part that has a name."""
    places = [node.get("properties", {}), node]
    for place in places:
        for key, part in list(place.items()):
            if (place is node and key not in ("items", "additionalProperties")) or not isinstance(part, dict):
                continue
            name = names.get(compact(part))
            if name:
                place[key] = {"$ref": f"#/$defs/{name}"}
            else:
                refer(part, names)


def compact(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def written(value: Any) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    main(*sys.argv[1:])
