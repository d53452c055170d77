import re
from collections.abc import Iterator, Sequence
from typing import Any

from meshlint.mesh.mesh import Mesh
from meshlint.resource.resource import Resource, get
from meshlint.rule.rule import Problem
from meshlint.source.change import Put
from meshlint.source.document import Path

TEMPLATES_SINCE = (1, 22)
SOURCE_FIELDS = ("principals", "notPrincipals", "requestPrincipals", "notRequestPrincipals")
OPERATION_FIELDS = ("hosts", "notHosts", "methods", "notMethods", "paths", "notPaths")
SEGMENTS = re.compile(r"(?:/(?:\*|[A-Za-z0-9._~-]+))+")
NO_PATTERNS = ("source.namespace", "source.ip", "remote.ip", "destination.ip", "destination.port")

CONSEQUENCES = {
    ("ALLOW", False): "are refused",
    ("ALLOW", True): "are not excepted, and are admitted",
    ("DENY", False): "are never denied",
    ("DENY", True): "are not excepted, and are denied",
}

OTHER = {False: "are left out of it", True: "are not excepted from it"}


def check(policy: Resource, mesh: Mesh) -> Iterator[Problem]:
    action = str(policy.get("spec", "action") or "ALLOW")
    for path, value in _values(policy):
        field = str(path[-2])
        is_path = field.lower().endswith("paths")
        works = not _is_literal(value) or (is_path and _is_template(value, mesh))
        if works or _is_covered(value, policy.items(*path[:-1])):
            continue
        excepted = field.startswith("not")
        template = _template(value, mesh) if is_path else None
        yield Problem(
            policy.at(*path),
            fix=[Put(policy.at(*path), template)] if template else (),
            value=value,
            meant=f"the requests that {policy.get(*path[:-2], 'key') or field} is meant for",
            consequence=CONSEQUENCES.get((action, excepted), OTHER[excepted]),
        )


def _is_literal(value: str) -> bool:
    """A `*` works as the whole value, or once as the first or the last character."""
    return "*" in (value[1:] if value.startswith("*") else value[:-1])


def _is_covered(value: str, values: Sequence[Any]) -> bool:
    """Whether another value of the list takes all that this one is meant for: its text before or after the asterisks."""
    head, tail = value.partition("*")[0], value.rpartition("*")[2]
    return any(
        head.startswith(other[:-1]) if other.endswith("*") else other.startswith("*") and tail.endswith(other[1:])
        for other in values
        if isinstance(other, str) and not _is_literal(other)
    )


def _is_template(value: str, mesh: Mesh) -> bool:
    return mesh.istio_version >= TEMPLATES_SINCE and ("{*}" in value or "{**}" in value)


def _template(value: str, mesh: Mesh) -> str | None:
    """The template that a path was meant to be: it has no `*` but whole segments, and none at its end (semantics §5.4)."""
    if mesh.istio_version < TEMPLATES_SINCE or not SEGMENTS.fullmatch(value) or value.endswith("*"):
        return None
    return value.replace("*", "{*}")


def _values(policy: Resource) -> Iterator[tuple[Path, str]]:
    for index in range(len(policy.items("spec", "rules"))):
        rule: Path = ("spec", "rules", index)
        for i in range(len(policy.items(*rule, "from"))):
            yield from _items(policy, (*rule, "from", i, "source"), SOURCE_FIELDS)
        for i in range(len(policy.items(*rule, "to"))):
            yield from _items(policy, (*rule, "to", i, "operation"), OPERATION_FIELDS)
        for i, condition in enumerate(policy.items(*rule, "when")):
            if get(condition, "key") not in NO_PATTERNS:
                yield from _items(policy, (*rule, "when", i), ("values", "notValues"))


def _items(policy: Resource, path: Path, fields: tuple[str, ...]) -> Iterator[tuple[Path, str]]:
    for field in fields:
        for index, value in enumerate(policy.items(*path, field)):
            if isinstance(value, str):
                yield (*path, field, index), value
