"""The objects in documents: what is one, what it is called, and which of them the model reads."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from ..source.document import Document, SourceFile
from .kinds import ACCESS_REQUESTS, HELM_VALUES, ISTIO_OPERATOR, GroupKind, is_cluster_scoped, is_known
from .resource import UNSET_NAMESPACE, Key, Resource, get

UNNAMED = "(unnamed)"
"""Name of an IstioOperator without one, which istioctl accepts."""

NamespaceOf = Callable[[SourceFile], str | None]
"""The namespace of a file's objects that name none, where anything says it."""


class Objects(NamedTuple):
    """The objects that were found, and the number of documents and list items that are nothing the model reads."""

    resources: tuple[Resource, ...]
    ignored: int


def resources(documents: Iterable[Document], namespace_of: NamespaceOf) -> Objects:
    """The objects of documents in their order, those in a `kind: List` each by itself."""
    found: list[Resource] = []
    ignored = 0
    for document in documents:
        for part in unwrapped(document):
            resource = _resource(part, namespace_of)
            if resource:
                found.append(resource)
            else:
                ignored += 1
    return Objects(tuple(found), ignored)


def unwrapped(document: Document) -> Iterator[Document]:
    """A document, or each item of a `kind: List` as one."""
    data = document.data
    if isinstance(data, dict) and isinstance(data.get("items"), list) and str(data.get("kind")).endswith("List"):
        for index in range(len(data["items"])):
            yield from unwrapped(document.within("items", index))
    else:
        yield document


def _resource(document: Document, namespace_of: NamespaceOf) -> Resource | None:
    data = document.data
    if not isinstance(data, dict):
        return None
    api_version, name = data.get("apiVersion"), data.get("kind")
    if not isinstance(api_version, str) or not isinstance(name, str):
        return _helm_values(document)
    kind = GroupKind(api_version.rpartition("/")[0], name)
    called = _name(kind, document)
    if called is None or not is_known(kind):
        return None
    namespace = "" if is_cluster_scoped(kind) else _namespace(document, namespace_of)
    return Resource(document, Key(*kind, namespace, called), api_version)


def _name(kind: GroupKind, document: Document) -> str | None:
    metadata = document.data.get("metadata")
    name = _written(metadata, "name") or _written(metadata, "generateName")
    if kind == ACCESS_REQUESTS:
        return f"{document.file.name}:{document.line}"
    if name:
        return name
    return UNNAMED if kind == ISTIO_OPERATOR else None


def _namespace(document: Document, namespace_of: NamespaceOf) -> str:
    written = _written(document.data.get("metadata"), "namespace")
    return written or namespace_of(document.file) or UNSET_NAMESPACE


def _written(metadata: Any, key: str) -> str:
    """A value as text, whatever YAML makes of it (`n` is false): that it has to be a string is for admission to say."""
    value = get(metadata, key)
    return "" if value is None else str(value)


def _helm_values(document: Document) -> Resource | None:
    """Values of the istiod chart, which are no object: of the chart itself, or of one that has it as a part."""
    if "apiVersion" in document.data or "kind" in document.data:
        return None
    for base in ((), ("istiod",)):
        if isinstance(get(document.data, *base, "meshConfig"), dict):
            name = document.file.name.rpartition("/")[2]
            return Resource(document, Key(*HELM_VALUES, "", name), "")
    return None
