"""What one proxy sees of the mesh: the services, VirtualServices and DestinationRules in its scope (semantics §1.5 to §1.7).

Mirrors `model/sidecar.go convertIstioListenerToWrapper`, `selectServices`, `collectImportedServices`, `appendSidecarServices`
and `DefaultSidecarScopeForGateway`, `model/virtualservice.go SelectVirtualServices`, `push_context.go doGetSidecarScope`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ....resource.inventory import Inventory
from ....resource.kinds import SIDECAR
from ....resource.match import ServicePort, host_matches, matches, subset_of
from ....resource.resource import Resource, each, get, required
from ..destinations import DestinationRules, Merged, most_specific
from ..meshconfig import MeshConfig
from ..order import creation
from .proxies import Proxy
from .registry import Registry, Service
from .virtual_services import MESH, VirtualService, VirtualServices

_EVERYTHING: Mapping[str, Any] = {"hosts": ["*/*"]}

_UNIFIED = (1, 24)
"""Since this version a client without a Sidecar has the view of one with a Sidecar that imports everything."""

_BEST_NAMESPACE = (1, 30)
"""Up to this version a destination of a VirtualService was the service of the first namespace by name that is visible."""


class EgressListener(NamedTuple):
    """An egress listener of a Sidecar, or the one that imports everything: `spec` is as written.

    `most_specific` has the VirtualService with the most specific host for each imported service that one names.
    """

    spec: Mapping[str, Any]
    services: tuple[Service, ...]
    virtual_services: tuple[VirtualService, ...]
    most_specific: Mapping[str, VirtualService]

    @property
    def port(self) -> int | None:
        number = get(self.spec, "port", "number")
        return number if isinstance(number, int) else None


class Scope:
    """The view of the proxies of a namespace that share a Sidecar, or have none. Gateways see what is exported to them."""

    def __init__(
        self,
        namespace: str,
        sidecar: Resource | None,
        listeners: tuple[EgressListener, ...],
        services: Sequence[Service],
        rules: DestinationRules,
    ) -> None:
        self.namespace = namespace
        self.sidecar = sidecar
        self.listeners = listeners
        self.services = services
        self.by_host = {service.host: service for service in services}
        self._rules = rules

    def destination_rule(self, host: str, labels: Mapping[str, str] | None) -> Merged | None:
        """The merged DestinationRule of a service in scope, for a client with these labels.

        `labels` None = for the server's own inbound clusters, where rules with a workloadSelector do not count
        (`SidecarScope.DestinationRule`).
        """
        service = self.by_host.get(host)
        if service is None:
            return None
        everybody = None
        for entry in self._rules.entries(self.namespace, host, service.namespace):
            if not entry.selects:
                everybody = entry
            elif labels is not None and entry.rules[0].namespace == self.namespace and matches(entry.labels, labels):
                return entry
        return everybody

    def egress_listener(self, port: int) -> EgressListener | None:
        """The listener that serves a port: the first for that port, or without one (`GetEgressListenerForRDS`)."""
        return next((listener for listener in self.listeners if listener.port in (None, port)), None)


class Scopes:
    """The scopes of a mesh."""

    def __init__(
        self,
        inventory: Inventory,
        registry: Registry,
        virtual_services: VirtualServices,
        rules: DestinationRules,
        proxies: Iterable[Proxy],
        meshconfig: MeshConfig,
        domain: str,
    ) -> None:
        self._version = meshconfig.istio_version
        self._leaves_out = meshconfig.sidecars_leave_hosts_out
        self._registry = registry
        self._virtual_services = virtual_services
        self._rules = rules
        self._domain = domain
        self._sidecars: dict[str, list[Resource]] = defaultdict(list)
        for sidecar in sorted(inventory.all(SIDECAR), key=lambda s: (not _selects(s), creation(s))):
            self._sidecars[sidecar.namespace].append(sidecar)
        in_root = self._sidecars.get(meshconfig.root_namespace, ())
        self._root = next((s for s in in_root if not _selects(s)), None)
        self._known: dict[tuple[str, bool, bool, int], Scope] = {}
        self._unlimited: dict[str, str] = {}
        for proxy in proxies:
            if proxy.is_sidecar and self._sidecar(proxy) is None:
                self._unlimited.setdefault(proxy.namespace, proxy.key)

    def of(self, proxy: Proxy) -> Scope:
        """The scope of a proxy: that of its Sidecar; gateways have none."""
        sidecar = None if proxy.is_gateway else self._sidecar(proxy)
        alone = proxy.is_gateway and self._unlimited.get(proxy.namespace, proxy.key) >= proxy.key
        which = (proxy.namespace, proxy.is_gateway, alone, id(sidecar))
        if which not in self._known:
            self._known[which] = (
                self._of_gateways(proxy.namespace) if alone else self._of_sidecars(proxy.namespace, sidecar)
            )
        return self._known[which]

    def _sidecar(self, proxy: Proxy) -> Resource | None:
        """One that selects the proxy, else one of its namespace, else of the root namespace."""
        own = (s for s in self._sidecars.get(proxy.namespace, ()) if matches(_labels(s), proxy.labels))
        return next(own, self._root)

    def _of_gateways(self, namespace: str) -> Scope:
        """For a gateway that connects before any sidecar without a Sidecar does, whose scope it would share (here by name)."""
        return Scope(namespace, None, (), self._union(namespace), self._rules)

    def _without_sidecar(self, namespace: str) -> Scope:
        """What a client without a Sidecar saw before 1.24: nothing but age and kind chose among services of a host
        (`DefaultSidecarScopeForNamespace`).
        """
        services, bound = self._union(namespace), self._bound(namespace)
        listener = EgressListener(_EVERYTHING, services, bound, _most_specific(services, bound))
        return Scope(namespace, None, (listener,), services, self._rules)

    def _union(self, namespace: str) -> tuple[Service, ...]:
        services = _Union()
        for service in self._registry.exported_to(namespace):
            services.add(service)
        return services.all()

    def _bound(self, namespace: str) -> tuple[VirtualService, ...]:
        """The VirtualServices of sidecars that a namespace sees, each once."""
        return tuple({id(v): v for v in self._virtual_services.of_gateway(namespace, MESH)}.values())

    def _of_sidecars(self, namespace: str, sidecar: Resource | None) -> Scope:
        if sidecar is None and self._version < _UNIFIED:
            return self._without_sidecar(namespace)
        stated = [spec for spec in sidecar.items("spec", "egress") if isinstance(spec, dict)] if sidecar else []
        listeners = tuple(self._listener(namespace, spec) for spec in (stated or (_EVERYTHING,)))
        services = _Union()
        for listener in listeners:
            for service in listener.services:
                services.add(service)
            for virtual_service in listener.virtual_services:
                for service in self._destinations(namespace, listener, virtual_service):
                    services.add(service)
        return Scope(namespace, sidecar, listeners, services.all(), self._rules)

    def _listener(self, namespace: str, spec: Mapping[str, Any]) -> EgressListener:
        imports = _Imports(namespace, each(spec, "hosts"), self._leaves_out)
        seen = self._registry.exported_to(namespace)
        if imports.exact and self._version >= (1, 31):
            seen = self._exactly(namespace, imports)
        imported = _imported(imports, seen, _port_to_match(spec))
        services = _one_namespace_each(namespace, imported, self._version >= _UNIFIED)
        virtual_services = tuple(v for v in self._bound(namespace) if imports.takes_virtual_service(v))
        return EgressListener(spec, services, virtual_services, _most_specific(services, virtual_services))

    def _exactly(self, namespace: str, imports: _Imports) -> list[Service]:
        """The services of a list of exact hosts: one of each host and namespace (`servicesForExactHosts`)."""
        found = []
        for owner, host in imports.named():
            service = self._registry.by_host.get(host, {}).get(owner)
            if service and self._registry.sees(namespace, service):
                found.append(service)
        return sorted(found, key=lambda service: service.age)

    def _destinations(
        self, namespace: str, listener: EgressListener, virtual_service: VirtualService
    ) -> Iterator[Service]:
        """The services that a VirtualService leads to, as far as their ports are meant (`collectImportedServices`)."""
        named: dict[str, set[int]] = defaultdict(set)
        client = namespace if self._version >= _UNIFIED else None
        for host, port in virtual_service.destinations(client, self._domain):
            named[host].add(port)
        for host, ports in named.items():
            service = self._best(namespace, self._registry.by_host.get(host, {}))
            if service:
                wanted = _port_to_match(listener.spec)
                found = _of_port(service, wanted) if wanted else _of_ports(service, ports)
                if found:
                    yield found

    def _best(self, namespace: str, by_namespace: Mapping[str, Service]) -> Service | None:
        """The service of a host in the own namespace, else a visible one of Kubernetes, else the oldest visible one."""
        if namespace in by_namespace:
            return by_namespace[namespace]
        visible = [s for s in by_namespace.values() if self._registry.sees(namespace, s)]
        if self._version < _BEST_NAMESPACE:
            return min(visible, key=lambda s: s.namespace, default=None)
        return min(visible, key=lambda s: (not s.of_kubernetes, s.age), default=None)


class _Imports:
    """The hosts of an egress listener, by namespace: `*` for all, `.` is the own one; one that begins with `~` is left out
    (`leaves_out`), or of no namespace.
    """

    def __init__(self, namespace: str, hosts: Iterable[Any], leaves_out: bool) -> None:
        self._taken: dict[str, list[str]] = defaultdict(list)
        self._left_out: dict[str, list[str]] = defaultdict(list)
        self.exact = True
        for text in hosts:
            owner, slash, name = str(text).partition("/")
            if not slash or "/" in name:
                continue
            excluded = leaves_out and owner.startswith("~")
            owner = (owner[1:] or "*") if excluded else owner
            owner = namespace if owner == "." else owner
            if excluded:
                self._left_out[owner].append(name)
                continue
            self._taken[owner].append(name)
            self.exact &= not name.startswith("*") and owner != "*"

    def named(self) -> Iterator[tuple[str, str]]:
        return ((owner, name) for owner, names in self._taken.items() for name in dict.fromkeys(names))

    def taking(self, owner: str, host: str) -> Sequence[str] | None:
        """The hosts among which a service of a namespace is found: those of the namespace, else those of all; None = nowhere."""
        if self._excludes(owner, host):
            return None
        lists = (self._taken.get(place, ()) for place in (owner, "*"))
        return next((names for names in lists if _covered(host, names)), None)

    def takes_virtual_service(self, virtual_service: VirtualService) -> bool:
        """Whether one of its hosts meets an imported one, in either direction."""
        owner = virtual_service.resource.namespace
        names = [*self._taken.get(owner, ()), *self._taken.get("*", ())]
        hosts = [host for host in virtual_service.hosts if not self._excludes(owner, host)]
        return any(host_matches(host, name) for host in hosts for name in names)

    def _excludes(self, owner: str, host: str) -> bool:
        return any(subset_of(host, name) for place in (owner, "*") for name in self._left_out.get(place, ()))


class _Union:
    """Services by host, each once: the first, but one of Kubernetes before a ServiceEntry; ports of the same one add up."""

    def __init__(self) -> None:
        self._by_host: dict[str, Service] = {}

    def add(self, service: Service) -> None:
        known = self._by_host.get(service.host)
        if known is None or (service.of_kubernetes and not known.of_kubernetes):
            self._by_host[service.host] = service
        elif (
            known.of_kubernetes == service.of_kubernetes and known.ports != service.ports and _mergeable(known, service)
        ):
            numbers = {port.number for port in known.ports}
            more = tuple(port for port in service.ports if port.number not in numbers)
            self._by_host[service.host] = known._replace(ports=(*known.ports, *more))

    def all(self) -> tuple[Service, ...]:
        return tuple(self._by_host.values())


def _mergeable(one: Service, other: Service) -> bool:
    return (
        one.namespace == other.namespace
        and one.resolution == other.resolution
        and one.resource.labels == other.resource.labels
        and (one.selector or {}) == (other.selector or {})
        and one.export_to == other.export_to
    )


def _imported(imports: _Imports, seen: Iterable[Service], port: int | None) -> Iterator[Service]:
    for service in seen:
        names = imports.taking(service.namespace, service.host)
        found = _of_port(service, port) if port else service
        if names is not None and found:
            yield (
                found._replace(aliases=tuple(a for a in found.aliases if _covered(a, names)))
                if found.aliases
                else found
            )


def _covered(host: str, names: Iterable[str]) -> bool:
    return any(subset_of(host, name) for name in names)


def _one_namespace_each(namespace: str, imported: Iterable[Service], by_kind: bool) -> tuple[Service, ...]:
    """Of a host in several namespaces those of one: the own, else the first with a Service of Kubernetes (`by_kind`), else
    the first.
    """
    found = list(imported)
    chosen: dict[str, Service] = {}
    for service in found:
        known = chosen.get(service.host)
        own = service.namespace == namespace
        kubernetes = by_kind and known is not None and not known.of_kubernetes and service.of_kubernetes
        if known is None or own or (kubernetes and known.namespace != namespace):
            chosen[service.host] = service
    return tuple(s for s in found if chosen[s.host].namespace == s.namespace)


def _most_specific(services: Iterable[Service], bound: Sequence[VirtualService]) -> Mapping[str, VirtualService]:
    by_host: dict[str, VirtualService] = {}
    for virtual_service in bound:
        for host in virtual_service.hosts:
            by_host.setdefault(host, virtual_service)
    found = {service.host: most_specific(service.host, by_host) for service in services}
    return {host: by_host[name] for host, name in found.items() if name is not None}


def _port_to_match(spec: Mapping[str, Any]) -> int | None:
    """The port of an egress listener, which limits its services to those that have it; not that of an HTTP proxy."""
    number, protocol = get(spec, "port", "number"), str(get(spec, "port", "protocol")).lower()
    return number if isinstance(number, int) and number and protocol != "http_proxy" else None


def _of_port(service: Service, number: int) -> Service | None:
    port = next((port for port in service.ports if port.number == number), None)
    if port is None:
        return None
    return service if len(service.ports) == 1 else service._replace(ports=(port,))


def _of_ports(service: Service, numbers: set[int]) -> Service | None:
    """A service with the ports that a VirtualService names; 0 = some destination names none, which means all."""
    if 0 in numbers:
        return service
    found: tuple[ServicePort, ...] = tuple(port for port in service.ports if port.number in numbers)
    if len(found) == len(service.ports):
        return service
    return service._replace(ports=found) if found else None


def _selects(sidecar: Resource) -> bool:
    return sidecar.get("spec", "workloadSelector") is not None


def _labels(sidecar: Resource) -> Mapping[str, Any]:
    return required(sidecar.get("spec", "workloadSelector", "labels"))
