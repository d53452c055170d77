"""Which workloads face tenants, and which are internal (terms `tenant-facing workload` and `internal workload`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property

from ..config import Selector, Settings
from ..resource.inventory import Inventory
from ..resource.kinds import GATEWAY, GRPC_ROUTE, HTTP_ROUTE, INGRESS
from ..resource.resource import Resource, each, get
from ..resource.workload import PodTemplate
from ..source.document import Location
from .effective import Effective, Reason
from .inference import named, selects
from .subjects import DataPlane, Route, Workload
from .workloads import Workloads

EXPOSURE = "meshlint.io/exposure"
"""Label of a workload that states its exposure: tenant-facing or internal."""

_INTERNAL_NAMES = (
    *("qdrant", "milvus", "weaviate", "chroma", "pgvector", "redis-vector", "opensearch-knn", "vespa", "vector-db"),
    *("vectordb", "vectorstore", "vector-store", "retriever", "reranker", "embedder", "embeddings", "index", "ingest"),
    "feature-store",
)
_NAME_LABELS = ("app", "name", "app.kubernetes.io/name", "app.kubernetes.io/component")
_INTERNAL_TOKENS = tuple(tuple(name.split("-")) for name in _INTERNAL_NAMES)


class Exposure:
    """What the routes of gateways, Ingresses and Services of the input, and the user, say of each workload."""

    def __init__(self, inventory: Inventory, settings: Settings, workloads: Workloads, routes: Sequence[Route]) -> None:
        self._workloads = workloads
        self._inventory = inventory
        self._settings = settings
        self._exposed = {
            **route_backends(inventory),
            **ingress_backends(inventory),
        }
        self._routed = _routed(workloads, routes)

    def tenant_facing(self, workload: Workload) -> Effective[bool]:
        stated = self.stated(workload)
        if stated:
            return Effective(stated.value == "tenant-facing", stated.because)
        if workload.pod and workload.data_plane.value is not DataPlane.GATEWAY:
            if id(workload) in self._routed:
                return Effective(True, (Reason("a route from outside leads to it", self._routed[id(workload)]),))
            for service in self._inventory.services_of(workload.pod):
                where = self._exposed.get((service.namespace, service.name))
                if where:
                    return Effective(True, (Reason(f"a route from outside leads to {service}", where),))
                if service.get("spec", "type") in ("LoadBalancer", "NodePort"):
                    return Effective(True, (Reason(f"{service} is open to the outside", service.at("spec", "type")),))
        return Effective(False, (Reason(f"nothing in the input exposes {workload}"),))

    def internal(self, workload: Workload) -> Effective[bool]:
        stated = self.stated(workload)
        if stated:
            return Effective(stated.value == "internal", stated.because)
        facing = self.tenant_facing(workload)
        if facing.value or workload.data_plane.value is DataPlane.GATEWAY:
            return Effective(False, facing.because)
        if workload.inference:
            return Effective(True, workload.inference.because)
        names = (workload.name, *(workload.labels.get(label, "") for label in _NAME_LABELS))
        text = named(names, workload.pod, _INTERNAL_TOKENS)
        if text:
            return Effective(True, (Reason(f"the name {text} is that of a store or an internal service"),))
        return Effective(False, (Reason(f"nothing says that {workload} is internal"),))

    def faces_tenants(self, namespace: str) -> bool:
        """Whether a namespace holds a tenant-facing workload."""
        return bool(self.facing.get(namespace))

    @cached_property
    def facing(self) -> Mapping[str, Sequence[tuple[Workload, Effective[bool]]]]:
        """The tenant-facing workloads by namespace, each with what makes it one."""
        found: dict[str, list[tuple[Workload, Effective[bool]]]] = defaultdict(list)
        for workload in self._workloads.all:
            facing = self.tenant_facing(workload)
            if facing.value:
                found[workload.namespace].append((workload, facing))
        return found

    def running_as(self, pod: PodTemplate) -> Sequence[tuple[Workload, Effective[bool]]]:
        """The tenant-facing workloads that run as the service account of a pod, each with what makes it one."""
        return self._facing_accounts.get((pod.namespace, pod.account), ())

    def strangers_to(
        self, workload: Workload, namespaces: Collection[str] | None
    ) -> Iterator[tuple[Workload, Effective[bool]]]:
        """The tenant-facing workloads in the mesh that run as another service account than a workload, of these namespaces
        or (None) of all."""
        for namespace in self.facing if namespaces is None else namespaces:
            for client, why in self.facing.get(namespace, ()):
                if client.in_mesh.value and (client.namespace, client.account) != (
                    workload.namespace,
                    workload.account,
                ):
                    yield client, why

    @cached_property
    def _facing_accounts(self) -> Mapping[tuple[str, str], Sequence[tuple[Workload, Effective[bool]]]]:
        found: dict[tuple[str, str], list[tuple[Workload, Effective[bool]]]] = defaultdict(list)
        for entry in (entry for entries in self.facing.values() for entry in entries):
            if entry[0].pod:
                found[entry[0].namespace, entry[0].pod.account].append(entry)
        return found

    def matters(self, workload: Workload) -> Effective[bool]:
        """Whether a workload serves a model, whoever may call it, or is internal."""
        if workload.inference and workload.data_plane.value is not DataPlane.GATEWAY:
            return Effective(True, workload.inference.because)
        return self.internal(workload)

    def stated(self, workload: Workload) -> Effective[str] | None:
        """What the user says of a workload: tenant-facing or internal."""
        if EXPOSURE in workload.labels:
            path = (*workload.pod.path, "metadata", "labels", EXPOSURE) if workload.pod else ("metadata",)
            where = workload.resource.at(*path)
            return Effective(workload.labels[EXPOSURE], (Reason(f"{EXPOSURE} states it", where),))
        for word, selectors in (("tenant-facing", self._settings.tenant_facing), ("internal", self._settings.internal)):
            if any(_fits(selector, workload) for selector in selectors):
                return Effective(word, (Reason(f"setting {word} states it", self._settings.places.get(word)),))
        return None


def _fits(selector: Selector, workload: Workload) -> bool:
    return selects(selector, workload.namespace, workload.name, workload.labels)


def _routed(workloads: Workloads, routes: Sequence[Route]) -> dict[int, Location]:
    """The workloads, by id, that routes of gateways lead to, each with the first place that says so."""
    led = (destination for route in routes if route.gateway for destination in route.destinations)
    found: dict[int, Location] = {}
    for destination in led:
        for workload in workloads.behind(destination.host):
            found.setdefault(id(workload), destination.location)
    return found


def ingress_backends(inventory: Inventory) -> dict[tuple[str, str], Location]:
    """Services (namespace, name) that an Ingress leads to, with the first place that says so."""
    found: dict[tuple[str, str], Location] = {}
    for ingress in inventory.all(INGRESS):
        for backend, where in _backends(ingress):
            name = get(backend, "service", "name")
            if isinstance(name, str):
                found.setdefault((ingress.namespace, name), where)
    return found


def route_backends(inventory: Inventory) -> dict[tuple[str, str], Location]:
    """Services (namespace, name) that routes of the Gateway API lead to from Gateways but waypoints, with the first place."""
    found: dict[tuple[str, str], Location] = {}
    for route in (route for kind in (HTTP_ROUTE, GRPC_ROUTE) for route in inventory.all(kind)):
        if any(_is_edge(parent, route, inventory) for parent in route.items("spec", "parentRefs")):
            for i, rule in enumerate(route.items("spec", "rules")):
                for j, backend in enumerate(each(rule, "backendRefs")):
                    if get(backend, "kind") in (None, "Service"):
                        owner, name = get(backend, "namespace") or route.namespace, get(backend, "name")
                        found.setdefault(
                            (str(owner), str(name)), route.at("spec", "rules", i, "backendRefs", j, "name")
                        )
    return found


def _is_edge(parent: object, route: Resource, inventory: Inventory) -> bool:
    """Whether what a route is attached to is a Gateway, and no waypoint as far as the input tells."""
    if get(parent, "kind") not in (None, GATEWAY.kind):
        return False
    gateway = inventory.find(GATEWAY, get(parent, "namespace") or route.namespace, str(get(parent, "name")))
    return not gateway or gateway.get("spec", "gatewayClassName") != "istio-waypoint"


def _backends(ingress: Resource) -> list[tuple[object, Location]]:
    found: list[tuple[object, Location]] = [
        (ingress.get("spec", "defaultBackend"), ingress.at("spec", "defaultBackend"))
    ]
    for i, rule in enumerate(ingress.items("spec", "rules")):
        for j, path in enumerate(each(rule, "http", "paths")):
            found.append((get(path, "backend"), ingress.at("spec", "rules", i, "http", "paths", j, "backend")))
    return found
