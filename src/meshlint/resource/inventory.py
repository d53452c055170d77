"""Every object of one mesh, and every index the model looks them up by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from .kinds import NAMESPACE, SERVICE, GroupKind
from .match import matches
from .resource import Key, Resource
from .workload import PodTemplate, pod_templates

NAME_LABEL = "kubernetes.io/metadata.name"
"""Label that the API server puts on every namespace."""


class Supplied(NamedTuple):
    """The namespaces that have workloads, and those that have Services, in any variant of an input."""

    workloads: frozenset[str]
    services: frozenset[str]


def supplied(resources: Iterable[Resource]) -> Supplied:
    workloads, services = set(), set()
    for resource in resources:
        if resource.group_kind == SERVICE:
            services.add(resource.namespace)
        elif next(pod_templates(resource), None):
            workloads.add(resource.namespace)
    return Supplied(frozenset(workloads), frozenset(services))


class Inventory:
    """The objects of one mesh, read-only. All sequences are in input order: by file, then by place in it.

    `whole` is of the input that the mesh is a variant of.
    """

    def __init__(self, resources: Iterable[Resource], whole: Supplied | None = None) -> None:
        self.resources = tuple(resources)
        self._whole = whole
        self._by_kind: dict[GroupKind, list[Resource]] = defaultdict(list)
        self._by_namespace: dict[tuple[GroupKind, str], list[Resource]] = defaultdict(list)
        self._by_key: dict[Key, Resource] = {}
        for resource in self.resources:
            kind = resource.group_kind
            self._by_kind[kind].append(resource)
            self._by_namespace[kind, resource.key.namespace].append(resource)
            self._by_key[resource.key] = resource

    def all(self, kind: GroupKind) -> Sequence[Resource]:
        return self._by_kind.get(kind, ())

    def in_namespace(self, kind: GroupKind, namespace: str) -> Sequence[Resource]:
        return self._by_namespace.get((kind, namespace), ())

    def find(self, kind: GroupKind, namespace: str, name: str) -> Resource | None:
        """The object of a name; `namespace` is "" for kinds that have none."""
        return self._by_key.get(Key(kind.group, kind.kind, namespace, name))

    @cached_property
    def namespaces(self) -> tuple[str, ...]:
        """Every namespace that an object is in or that is declared, by name."""
        declared = {namespace.name for namespace in self.all(NAMESPACE)}
        return tuple(sorted((declared | self._first_in.keys()) - {""}))

    def first_in(self, namespace: str) -> Resource:
        """The first object in a namespace. Raises KeyError where there is none."""
        return self._first_in[namespace]

    def namespace_labels(self, namespace: str) -> Mapping[str, str] | None:
        """The labels of a namespace; None where the input does not declare it."""
        known = self.find(NAMESPACE, "", namespace)
        return {**known.labels, NAME_LABEL: namespace} if known else None

    @cached_property
    def supplied(self) -> Supplied:
        """Where the input has workloads and Services, be it in another variant."""
        return self._whole or supplied(self.resources)

    @cached_property
    def pods(self) -> tuple[PodTemplate, ...]:
        return tuple(pod for resource in self.resources for pod in pod_templates(resource))

    def pods_in(self, namespace: str) -> Sequence[PodTemplate]:
        return self._pods_by_namespace.get(namespace, ())

    def selecting(self, namespace: str | None, labels: Mapping[str, str]) -> Sequence[PodTemplate]:
        """The pods of a namespace, or of all, that carry all these labels."""
        if not labels:
            return self.pods if namespace is None else self.pods_in(namespace)
        index = self._pods_by_label
        fewest = min((index.get((namespace, *pair), ()) for pair in labels.items()), key=len)
        return [pod for pod in fewest if matches(labels, pod.labels)]

    def services_of(self, pod: PodTemplate) -> Sequence[Resource]:
        """The Services of the pod's namespace whose selector takes it."""
        return self._services_by_pod.get(id(pod), ())

    @cached_property
    def _first_in(self) -> Mapping[str, Resource]:
        found: dict[str, Resource] = {}
        for resource in self.resources:
            found.setdefault(resource.namespace, resource)
        return found

    @cached_property
    def _pods_by_namespace(self) -> Mapping[str, Sequence[PodTemplate]]:
        found: dict[str, list[PodTemplate]] = defaultdict(list)
        for pod in self.pods:
            found[pod.namespace].append(pod)
        return found

    @cached_property
    def _pods_by_label(self) -> Mapping[tuple[str | None, str, str], Sequence[PodTemplate]]:
        """Pods by namespace (None = any), label and value."""
        found: dict[tuple[str | None, str, str], list[PodTemplate]] = defaultdict(list)
        for pod in self.pods:
            for label, value in pod.labels.items():
                found[pod.namespace, label, value].append(pod)
                found[None, label, value].append(pod)
        return found

    @cached_property
    def _services_by_pod(self) -> Mapping[int, Sequence[Resource]]:
        found: dict[int, list[Resource]] = defaultdict(list)
        for service in self.all(SERVICE):
            selector = service.mapping("spec", "selector")
            if selector and all(isinstance(value, str) for value in selector.values()):
                for pod in self.selecting(service.namespace, selector):
                    found[id(pod)].append(service)
        return found
