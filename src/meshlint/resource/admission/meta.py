"""What the webhook asks of an object's metadata."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from .complaint import Complaint, Complaints
from .syntax import is_date_time

_BOOLEANS = frozenset(["1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"])
_NOT_FOR_USERS = (
    "internal.istio.io/parents",
    "internal.istio.io/parent-namespace",
    "internal.istio.io/webhook-always-reject",
)
_DRY_RUN = "istio.io/dry-run"
_TEXTS = ("name", "generateName", "namespace", "uid", "resourceVersion", "selfLink")
_TIMES = ("creationTimestamp", "deletionTimestamp")


class Meta(NamedTuple):
    """The metadata that matter. `namespace` is None where nothing says it."""

    name: str
    namespace: str | None
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


def annotations(meta: Meta, action: str | None) -> Complaints:
    """`validateMetadata`. Only an AuthorizationPolicy has an `action`."""
    value = meta.annotations.get(_DRY_RUN)
    path = ("metadata", "annotations")
    if value is not None and action not in ("ALLOW", "DENY"):
        yield Complaint((*path, _DRY_RUN), f"{_DRY_RUN} is only for AuthorizationPolicies that ALLOW or DENY")
    elif value is not None and value not in _BOOLEANS:
        yield Complaint((*path, _DRY_RUN), f"{value!r} is neither true nor false")
    for key in _NOT_FOR_USERS:
        if key in meta.annotations:
            yield Complaint((*path, key), f"{key} must not be set")


def metadata(written: Any, namespace: str | None) -> Meta | Complaint:
    """The metadata of an object as Kubernetes reads them, or the first thing that is not as it has to be."""
    found = {} if written is None else written
    if not isinstance(found, dict):
        return Complaint(("metadata",), "must be a mapping")
    for name in _TEXTS:
        if not isinstance(found.get(name), str | None):
            return Complaint(("metadata", name), "must be a string: quote it")
    for name in _TIMES:
        time = found.get(name)
        if time is not None and not (isinstance(time, str) and is_date_time(time)):
            return Complaint(("metadata", name), "must be a point in time like 2030-01-31T10:00:00Z")
    for name in ("labels", "annotations"):
        entries = found.get(name)
        if not isinstance(entries, dict | None):
            return Complaint(("metadata", name), "must be a mapping")
        for key, value in (entries or {}).items():
            if not isinstance(value, str | None):
                return Complaint(("metadata", name, key), "must be a string: quote it")
    labels, annotations = (
        {k: v or "" for k, v in (found.get(name) or {}).items()} for name in ("labels", "annotations")
    )
    return Meta(found.get("name") or "", namespace, labels, annotations)
