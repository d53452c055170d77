"""What the webhook asks of an object's metadata."""

from collections.abc import Callable, Mapping
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
    if not isinstance(written, dict | None):
        return Complaint(("metadata",), "must be a mapping")
    found = {name: value for name, value in (written or {}).items() if value is not None}
    for name, value in found.items():
        if name in _FIELDS and not _FIELDS[name].fits(value):
            return Complaint(("metadata", name), f"must be {_FIELDS[name].expected}")
    labels, annotations = (
        {key: text or "" for key, text in found.get(name, {}).items()} for name in ("labels", "annotations")
    )
    return Meta(found.get("name", ""), namespace, labels, annotations)


class _Field(NamedTuple):
    """What a field of the metadata has to be."""

    expected: str
    fits: Callable[[Any], bool]


def _are(kind: Any) -> Callable[[Any], bool]:
    return lambda values: isinstance(values, list) and all(isinstance(value, kind) for value in values)


_TEXT = _Field("a string: quote it", lambda value: isinstance(value, str))
_TIME = _Field("a time like 2030-01-31T10:00:00Z", lambda value: isinstance(value, str) and is_date_time(value))
_NUMBER = _Field("a whole number", lambda value: isinstance(value, int) and not isinstance(value, bool))
_STRINGS = _Field(
    "a mapping of strings: quote them",
    lambda value: isinstance(value, dict) and all(isinstance(text, str | None) for text in value.values()),
)
_FIELDS = {
    **dict.fromkeys(("name", "generateName", "namespace", "uid", "resourceVersion", "selfLink"), _TEXT),
    **dict.fromkeys(("creationTimestamp", "deletionTimestamp"), _TIME),
    **dict.fromkeys(("generation", "deletionGracePeriodSeconds"), _NUMBER),
    **dict.fromkeys(("labels", "annotations"), _STRINGS),
    **dict.fromkeys(("ownerReferences", "managedFields"), _Field("a list of mappings", _are(dict | None))),
    "finalizers": _Field("a list of strings", _are(str | None)),
}
