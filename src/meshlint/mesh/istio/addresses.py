"""The hosts by which callers address a workload."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...resource.inventory import Inventory
from ...resource.kinds import SERVICE, SERVICE_ENTRY
from ...resource.match import Selecting, resolve
from ...resource.resource import Resource, required
from ..exposure import ingress_backends, route_backends
from ..subjects import Route, Workload
from .entries import hosts_of
from .hops import Hops


class Addresses:
    """Finds the names of workloads: of their Services, and of the routes that lead to them."""

    def __init__(self, inventory: Inventory, hops: Hops, domain: str) -> None:
        self._inventory = inventory
        self._hops = hops
        self._domain = domain
        self._selecting = Selecting(inventory.all(SERVICE), lambda service: required(service.get("spec", "selector")))
        self._entries = Selecting(inventory.all(SERVICE_ENTRY), _selector)
        self._outside = {*ingress_backends(inventory), *route_backends(inventory)}

    def of(self, workload: Workload) -> tuple[str, ...]:
        """The hosts that its callers send, in lower case and without a port; none where they may be any.

        `pod.` stands for the names of single pods, which headless Services give them.
        """
        services = list(self._services(workload))
        routes = [arrival.route for arrival in self._hops.arrivals(workload)]
        names = [name for route in routes for name in hosts_sent(route, self._domain) or ("*",)]
        entries = self._entries.of(workload.namespace, workload.labels)
        names += [host for entry in entries for host, _ in hosts_of(entry)]
        if any("*" in name for name in names) or any(map(self._is_outside, services)):
            return ()
        named = [(service.name, service.namespace) for service in services]
        if workload.implied and workload.name != "*" and not services:
            named = [(workload.name, workload.namespace)]
        names += [form for name, namespace in named for form in forms(name, namespace, self._domain)]
        headless = [service for service in services if service.get("spec", "clusterIP") == "None"]
        names += [f"pod.{form}" for s in headless for form in forms(s.name, s.namespace, self._domain)]
        return tuple(dict.fromkeys(names))

    def _services(self, workload: Workload) -> Sequence[Resource]:
        if workload.pod:
            return self._inventory.services_of(workload.pod)
        return self._selecting.of(workload.namespace, workload.labels)

    def _is_outside(self, service: Resource) -> bool:
        """Whether something else than the mesh sends requests to a Service, for whatever hosts."""
        kind = service.get("spec", "type")
        return kind in ("LoadBalancer", "NodePort") or (service.namespace, service.name) in self._outside


def _selector(entry: Resource) -> Mapping[str, str]:
    return required(entry.get("spec", "workloadSelector", "labels"))


def forms(name: str, namespace: str, domain: str) -> tuple[str, ...]:
    """The names of a Service."""
    return name, f"{name}.{namespace}", f"{name}.{namespace}.svc", f"{name}.{namespace}.svc.{domain}"


def hosts_sent(route: Route, domain: str) -> tuple[str, ...]:
    """The hosts of the requests that a route passes on, in lower case; none where they may be any."""
    authority = route.rewrite[0].get("authority") if route.rewrite else None
    if authority is not None:
        return (authority.lower(),) if isinstance(authority, str) else ()
    found: dict[str, None] = {}
    for host in route.root.items("spec", "hosts"):
        if not isinstance(host, str) or "*" in host:
            return ()
        found[host.lower()] = None
        if route.mesh and resolve(host, route.root.namespace, domain).endswith(f".svc.{domain}"):
            name, namespace = resolve(host, route.root.namespace, domain).split(".")[:2]
            found.update(dict.fromkeys(forms(name, namespace, domain)))
    return tuple(found)
