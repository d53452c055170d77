"""The verdict on an Istio object: its CustomResourceDefinition, then what istiod's webhook says of it."""

from typing import Any, NamedTuple

from ...source.document import Path, Placeholder
from ..resource import UNSET_NAMESPACE, Resource
from . import structure, webhook
from .complaint import Complaint
from .decode import canonical, message
from .forms import as_text, forms
from .meta import Meta, metadata
from .schema import Schema, schema_of


class Error(NamedTuple):
    """What is wrong, where in the object, and who says so: the CustomResourceDefinition (`crd`) or istiod's `webhook`."""

    path: Path
    text: str
    by: str


class Verdict(NamedTuple):
    """What admission says of an object. Warnings let it pass."""

    errors: tuple[Error, ...] = ()
    warnings: tuple[Error, ...] = ()

    @property
    def rejected(self) -> bool:
        return bool(self.errors)

    @property
    def by(self) -> tuple[str, ...]:
        said = {error.by for error in self.errors}
        return tuple(name for name in ("crd", "webhook") if name in said)


TAKEN = Verdict()
"""The verdict on everything that admission has no objection to, and on what it is not asked about."""


def is_judged(resource: Resource) -> bool:
    """Whether an object is one of Istio's, of a version that is served."""
    return schema_of(resource) is not None


def is_readable(resource: Resource) -> bool:
    """Whether the metadata of an object can be read. Others get no further than the API server's decoder."""
    return isinstance(metadata(as_text(resource.document.data.get("metadata")), None), Meta)


def read(resource: Resource) -> Resource | None:
    """An object that is stored although admission refuses it, as istiod reads it; None where it cannot."""
    schema, data = schema_of(resource), resource.document.data
    if schema is None:
        return None
    schema, spec = schema["properties"]["spec"], data.get("spec")
    if isinstance(message(schema, spec, ()), Complaint):
        return None
    found = resource.document.replaced({**data, "spec": canonical(schema, spec)})
    return Resource(found, resource.key, resource.api_version)


def verdict(resource: Resource, *, literally: bool = False) -> Verdict:
    """What admission says of an object.

    Placeholders are unknown: what is wrong only with what they stand for is not wrong. A null that the API server drops is
    not there. `literally`, both are what is written: placeholders are text, and null is no value of its field.
    """
    schema = schema_of(resource)
    if schema is None:
        return TAKEN
    data = resource.document.data
    written = resource.get("metadata", "namespace")
    is_unknown = resource.namespace == UNSET_NAMESPACE or (isinstance(written, Placeholder) and not literally)
    namespace = None if is_unknown else resource.namespace
    meant = [as_text(data)] if literally else forms(schema, data)
    verdicts = [_verdict(schema, resource.kind, form, namespace) for form in meant]
    return _common(verdicts) if verdicts else TAKEN


def _verdict(schema: Schema, kind: str, data: dict[str, Any], namespace: str | None) -> Verdict:
    meta = metadata(data.get("metadata"), namespace)
    if isinstance(meta, Complaint):
        return Verdict((Error(meta.path, meta.text, "crd"),))
    said = [(complaint, "crd") for complaint in structure.complaints(schema, data)]
    said += [(complaint, "webhook") for complaint in webhook.complaints(kind, schema, data.get("spec"), meta)]
    errors = [Error(complaint.path, complaint.text, by) for complaint, by in said if not complaint.warns]
    warnings = [Error(complaint.path, complaint.text, by) for complaint, by in said if complaint.warns]
    return Verdict(tuple(errors), tuple(warnings))


def _common(verdicts: list[Verdict]) -> Verdict:
    """What several verdicts agree on."""
    first, *others = verdicts
    errors = tuple(error for error in first.errors if all(error in other.errors for other in others))
    warnings = tuple(warning for warning in first.warnings if all(warning in other.warnings for other in others))
    return Verdict(errors, warnings)
