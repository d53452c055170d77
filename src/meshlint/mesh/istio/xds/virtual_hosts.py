"""The virtual hosts of a sidecar: which routes a call gets by its Host header (semantics §2.1, §2.3).

Mirrors `core/httproute.go BuildSidecarOutboundVirtualHosts`, `generateVirtualHostDomains`, `dedupeDomains` and
`buildCatchAllVirtualHost`, `core/route/route.go BuildSidecarVirtualHostWrapper` and `separateVSHostsAndServices`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ....resource.match import host_matches
from .http_routes import Context, HttpRoute, default_route, routes
from .protocols import is_http_or_sniffed
from .registry import UNSPECIFIED, Resolution, Service
from .scope import EgressListener
from .virtual_services import VirtualService


class VirtualHost(NamedTuple):
    """The routes for some Host headers. `host` and `port` make its name."""

    host: str
    port: int
    domains: tuple[str, ...]
    routes: tuple[HttpRoute, ...]


class _Wrapper(NamedTuple):
    """Routes with the hosts and services they are for."""

    port: int
    hosts: tuple[str, ...]
    services: tuple[Service, ...]
    routes: tuple[HttpRoute, ...]


def virtual_hosts(listener: EgressListener, context: Context) -> list[VirtualHost]:
    """What a client gets on one listener port; 0 = an HTTP proxy or socket, which takes every port."""
    services = _on_port(listener.services, context.listener_port)
    bound: Sequence[VirtualService] = listener.virtual_services
    if context.listener_port != 80:
        bound = [v for v in bound if _names_one(v, services)]
    context = context._replace(service=services.get)
    wrappers = list(_wrappers(listener, bound, services, context))
    claimed = {service.host for wrapper in wrappers for service in wrapper.services}
    for host in sorted(services.keys() - claimed):
        service = services[host]
        for port in service.ports if service.resolution is not Resolution.ALIAS else ():
            if is_http_or_sniffed(port):
                found = (default_route(service, port.number, context),)
                wrappers.append(_Wrapper(port.number, (), (service,), found))
    hosts = list(_Hosts(context, wrappers).all())
    if context.listener_port:
        return [host for host in hosts if host.port == context.listener_port]
    return [host for host in map(_with_port, hosts) if host.domains]


def of_service(hosts: Iterable[VirtualHost], service: str, port: int) -> list[VirtualHost]:
    """The virtual hosts of a listener that is one service's own: its own, for every Host (`getVirtualHostsForSniffedServicePort`)."""
    found = [host for host in hosts if service in host.domains or f"{service}:{port}" in host.domains]
    return [found[0]._replace(domains=("*",))] if len(found) == 1 else found


def chosen(hosts: Iterable[VirtualHost], authority: str) -> VirtualHost | None:
    """The virtual host for a Host header without a port, as Envoy chooses: exact, longest `*suffix`, longest `prefix*`, `*`."""
    authority = authority.lower()
    best, score = None, -1
    for host in hosts:
        for domain in host.domains:
            found = _score(domain.lower(), authority)
            if found > score:
                best, score = host, found
    return best


def _score(domain: str, authority: str) -> int:
    if domain == authority:
        return 1_000_000
    if domain == "*":
        return 0
    if domain.startswith("*") and authority.endswith(domain[1:]) and len(authority) >= len(domain):
        return 1000 + len(domain)
    return len(domain) if domain.endswith("*") and authority.startswith(domain[:-1]) else -1


def _on_port(services: Iterable[Service], port: int) -> dict[str, Service]:
    """The services of a listener by host, each with the one port that is served; with all where no port is meant."""
    found = {}
    for service in services:
        if not port:
            found[service.host] = service
        elif own := service.port(port):
            found[service.host.lower()] = service._replace(host=service.host.lower(), ports=(own,))
    return found


def _names_one(virtual_service: VirtualService, services: Mapping[str, Service]) -> bool:
    """Whether one of its hosts is a service here; elsewhere than on port 80 istiod leaves the others out."""
    wildcards = [host for host in services if host.startswith("*")]
    for host in map(str.lower, virtual_service.hosts):
        among: Iterable[str] = services if host.startswith("*") else wildcards
        if host in services or any(host_matches(host, other) for other in among):
            return True
    return False


def _wrappers(
    listener: EgressListener, bound: Iterable[VirtualService], services: Mapping[str, Service], context: Context
) -> Iterator[_Wrapper]:
    for virtual_service in bound:
        found = tuple(routes(virtual_service, context))
        if not found:
            continue
        hosts, named = _split(virtual_service, services, listener.most_specific)
        by_port: dict[int, list[Service]] = {}
        for service in named:
            for port in service.ports:
                if is_http_or_sniffed(port):
                    by_port.setdefault(port.number, []).append(service)
        if not by_port and context.listener_port == 80:
            by_port[80] = []
        for number, ones in by_port.items():
            yield _Wrapper(number, tuple(hosts), tuple(ones), found)


def _split(
    virtual_service: VirtualService, services: Mapping[str, Service], most_specific: Mapping[str, VirtualService]
) -> tuple[list[str], list[Service]]:
    """Hosts that are no services here, and the services it is for: a wildcard's are those that no closer host claims."""
    unknown, known = [], []
    for host in virtual_service.hosts:
        if not host.startswith("*"):
            service = services.get(host.lower())
            if service:
                known.append(service)
            else:
                unknown.append(host)
    for host in map(str.lower, virtual_service.hosts):
        if host.startswith("*"):
            covered = [service for name, service in services.items() if host_matches(name, host)]
            known += [service for service in covered if most_specific.get(service.host) is virtual_service]
            unknown += [] if covered else [host]
    return unknown, known


class _Hosts:
    """Builds virtual hosts one after the other: a name is taken once, and so is a domain."""

    def __init__(self, context: Context, wrappers: Sequence[_Wrapper]) -> None:
        self._context = context
        self._wrappers = wrappers
        self._names: set[tuple[str, int]] = set()
        self._domains: set[str] = set()
        self._full_names = {service.host for wrapper in wrappers for service in wrapper.services}

    def all(self) -> Iterator[VirtualHost]:
        for wrapper in self._wrappers:
            for host in map(str.lower, wrapper.hosts):
                yield from self._host(host, wrapper, [bracketed(host)], [])
            for service in wrapper.services:
                yield from self._host(service.host, wrapper, *self._domains_of(service, wrapper.port))

    def _host(self, host: str, wrapper: _Wrapper, domains: list[str], short: list[str]) -> Iterator[VirtualHost]:
        if (host, wrapper.port) in self._names:
            return
        self._names.add((host, wrapper.port))
        free = []
        for domain in domains:
            squatted = domain in short and domain in self._full_names
            if domain.lower() not in self._domains and not squatted:
                free.append(domain)
                self._domains.add(domain.lower())
        if free:
            yield VirtualHost(host, wrapper.port, tuple(free), wrapper.routes)

    def _domains_of(self, service: Service, port: int) -> tuple[list[str], list[str]]:
        """Every Host header that means a service, and which of them are shorter forms of its name."""
        with_port = not self._context.listener_port
        domains: list[str] = []
        short: list[str] = []
        for name in (service.host, *service.aliases):
            own = self._short_names(name)
            domains += [name, *([f"{name}:{port}"] if with_port else []), *own]
            domains += [f"{alternative}:{port}" for alternative in own] if with_port else []
            short += own
        if service.resolution is Resolution.PASSTHROUGH and service.of_kubernetes:
            domains += [f"*.{domain}" for domain in domains]
        if service.address != UNSPECIFIED:
            domains.append(bracketed(service.address))
            domains += [f"{bracketed(service.address)}:{port}"] if with_port else []
        return domains, short

    def _short_names(self, host: str) -> list[str]:
        """`host.`, and of a Service the forms that resolv.conf allows its callers (`GenerateAltVirtualHosts`)."""
        service = host.removesuffix(f".svc.{self._context.domain}")
        if service == host:
            return [f"{host}."]
        name, dot, namespace = service.partition(".")
        if not dot:
            return [f"{host}."]
        near = [name] if namespace == self._context.scope.namespace else []
        return [f"{host}.", *near, service, f"{service}.svc"]


def _with_port(host: VirtualHost) -> VirtualHost:
    """As an HTTP proxy knows it: names without a port mean port 80 (`mergeAllVirtualHosts`)."""
    return host if host.port == 80 else host._replace(domains=tuple(d for d in host.domains if ":" in d))


def bracketed(host: str) -> str:
    """A host as it stands before a port."""
    return f"[{host}]" if ":" in host else host
