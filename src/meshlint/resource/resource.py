"""A Kubernetes object of the input."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from ..finding import ResourceId
from ..source.document import Document, Location, Placeholder
from .kinds import GroupKind

UNSET_NAMESPACE = "(unset)"
"""Namespace of namespaced objects when neither they nor anything around them names one. Equal only to itself."""


class Key(NamedTuple):
    """What makes two objects one to the API server: the API group, not the version."""

    group: str
    kind: str
    namespace: str
    name: str


class Resource:
    """One object: its key, and the document (or the item of a List) that declares it.

    `namespace` is "" for cluster-scoped kinds and `UNSET_NAMESPACE` where nothing says it.
    """

    __slots__ = ("api_version", "document", "key")

    def __init__(self, document: Document, key: Key, api_version: str) -> None:
        self.document = document
        self.key = key
        self.api_version = api_version

    @property
    def group_kind(self) -> GroupKind:
        return GroupKind(self.key.group, self.key.kind)

    @property
    def kind(self) -> str:
        return self.key.kind

    @property
    def namespace(self) -> str:
        return self.key.namespace

    @property
    def name(self) -> str:
        return self.key.name

    @property
    def id(self) -> ResourceId:
        return ResourceId(self.api_version, self.key.kind, self.key.namespace, self.key.name)

    def get(self, *path: str | int) -> Any:
        """The value at a path, or None where any step of it is missing or of another shape."""
        return get(self.document.data, *path)

    def mapping(self, *path: str | int) -> Mapping[str, Any]:
        """The mapping at a path; empty where there is none."""
        value = get(self.document.data, *path)
        return value if isinstance(value, dict) else {}

    def items(self, *path: str | int) -> list[Any]:
        """The list at a path; empty where there is none."""
        value = get(self.document.data, *path)
        return value if isinstance(value, list) else []

    def at(self, *path: str | int) -> Location:
        return self.document.at(*path)

    @property
    def labels(self) -> Mapping[str, str]:
        return strings(self.get("metadata", "labels"))

    @property
    def annotations(self) -> Mapping[str, str]:
        return strings(self.get("metadata", "annotations"))

    @property
    def created(self) -> str | None:
        """`metadata.creationTimestamp` in UTC (RFC 3339, so it compares as text), which only manifests from a cluster have."""
        stamp = self.get("metadata", "creationTimestamp")
        if not isinstance(stamp, str) or not stamp:
            return None
        return stamp if stamp.endswith("Z") else _in_utc(stamp)

    def __str__(self) -> str:
        return str(self.id)

    def __repr__(self) -> str:
        return f"<{self.id}>"


def _in_utc(stamp: str) -> str:
    try:
        return datetime.fromisoformat(stamp).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except ValueError:
        return stamp


def get(data: Any, *path: str | int) -> Any:
    """The value at a path of plain data, or None."""
    for step in path:
        if type(data) is dict:
            data = data.get(step)
        elif type(data) is list and isinstance(step, int) and step < len(data):
            data = data[step]
        else:
            return None
    return data


def strings(value: Any) -> Mapping[str, str]:
    """The entries of a string map whose values are known strings; empty where there is no map."""
    return {k: v for k, v in value.items() if isinstance(v, str)} if isinstance(value, dict) else {}


def required(value: Any) -> Mapping[str, Any]:
    """What a selector by labels requires; a value that is not known, or no string, fits no label."""
    if not isinstance(value, dict):
        return {}
    return {key: v if isinstance(v, str | Placeholder) else Placeholder(str(v)) for key, v in value.items()}


def each(data: Any, *path: str | int) -> list[Any]:
    """The list at a path of plain data; empty where there is none."""
    value = get(data, *path)
    return value if isinstance(value, list) else []
