"""What a gateway workload does with a connection: its filter chains, and the virtual hosts behind them (semantics §8).

Mirrors `core/gateway.go buildGatewayListeners`, `buildGatewayTCPBasedFilterChains`, `createGatewayTCPFilterChainOpts`,
`buildGatewayHTTPRouteConfig` and `collapseDuplicateRoutes`, `core/route/route.go SortVHostRoutes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ....resource.match import host_matches, more_specific, subset_of
from ....resource.resource import each
from ..meshconfig import MeshConfig
from .gateways import AUTO_PASSTHROUGH, Merged, Place, Server, taken_hosts
from .http_routes import Context, HttpRoute, Target, routes
from .listeners import l4_targets
from .protocols import is_http
from .proxies import Proxy
from .registry import Registry, Service
from .scope import Scope
from .virtual_services import VirtualService, VirtualServices


class GatewayHost(NamedTuple):
    """The routes for some Host headers. `https_only`: plaintext requests are redirected."""

    domains: tuple[str, ...]
    https_only: bool
    routes: tuple[HttpRoute, ...]


class GatewayChain(NamedTuple):
    """Connections to a port that are handled alike: those that name one of `names`, or all.

    `mode` is the mode of the TLS that ends here, "" where none does. Requests are read where `hosts` is not None; other
    bytes go `to` clusters. `servers` are the servers it is made of.
    """

    number: int
    names: tuple[str, ...]
    mode: str
    hosts: tuple[GatewayHost, ...] | None
    to: tuple[Target, ...]
    servers: tuple[Server, ...]


class GatewayListeners:
    """The listeners of one gateway workload."""

    def __init__(
        self,
        proxy: Proxy,
        merged: Merged,
        scope: Scope,
        registry: Registry,
        virtual_services: VirtualServices,
        meshconfig: MeshConfig,
        domain: str,
    ) -> None:
        self._proxy = proxy
        self._merged = merged
        self._scope = scope
        self._registry = registry
        self._virtual_services = virtual_services
        self._context = Context(scope, proxy.labels, 0, frozenset(), meshconfig, domain, scope.by_host.get)
        self._bound: dict[str, _Bound] = {}
        self._names: dict[int, dict[str, str]] = {}

    def chains(self) -> list[GatewayChain]:
        """The filter chains, listener by listener; nothing listens on port 0."""
        listeners: dict[tuple[int, str], list[GatewayChain]] = {}
        for place in self._merged.places:
            if place.number:
                listeners.setdefault((place.number, place.bind or "0.0.0.0"), []).extend(self._chains(place))
        return [chain for chains in listeners.values() for chain in chains]

    def _chains(self, place: Place) -> Iterator[GatewayChain]:
        servers = self._merged.servers[place]
        if is_http(servers[0].port):
            hosts = self._virtual_hosts(self._merged.table_at[place])
            yield GatewayChain(place.number, (), "", hosts, (), tuple(servers))
            return
        for server in servers:
            if server.passes_through:
                yield from self._automatic(server) if server.mode == AUTO_PASSTHROUGH else self._by_name(server)
            elif server.is_http and server.tls is not None:
                hosts = self._virtual_hosts(server.table)
                yield GatewayChain(place.number, _names(server), server.mode, hosts, (), (server,))
            elif to := self._tcp(server):
                mode = server.mode if server.tls is not None else ""
                yield GatewayChain(place.number, _names(server), mode, None, to, (server,))

    def _tcp(self, server: Server) -> tuple[Target, ...]:
        """Where opaque bytes go: the first tcp rule that is for the server (`buildGatewayNetworkFiltersFromTCPRoutes`)."""
        for virtual_service in self._for(server):
            for rule in virtual_service.tcp:
                is_for = not rule.matches or any(_is_for(match, server) for match in rule.matches)
                if is_for and rule.route:
                    return l4_targets(rule, server.port.number, self._scope)
        return ()

    def _by_name(self, server: Server) -> Iterator[GatewayChain]:
        """TLS that is passed on by its server name: one chain per match of a tls rule, unless one of its names is taken."""
        number = server.number
        for virtual_service in self._for(server):
            for rule in virtual_service.tls:
                for match in rule.matches if rule.route else ():
                    names = [str(name) for name in each(match, "sniHosts")]
                    known = self._names.setdefault(number, {})
                    if _is_for(match, server) and not taken_hosts(names, server.bind, known):
                        to = l4_targets(rule, server.port.number, self._scope)
                        yield GatewayChain(number, tuple(names), "", None, to, (server,))

    def _automatic(self, server: Server) -> Iterator[GatewayChain]:
        """TLS that names a cluster of the mesh, for those whose host a server's covers (`builtAutoPassthroughFilterChains`)."""
        for service in self._scope.services:
            if service.external or not any(subset_of(service.host, name) for name in _names(server)):
                continue
            rule = self._scope.destination_rule(service.host, self._proxy.labels)
            subsets = ["", *(name for name, _, _ in rule.subsets)] if rule else [""]
            for port in service.ports:
                for subset in subsets if port.protocol != "udp" else ():
                    cluster = f"outbound_.{port.number}_.{subset}_.{service.host}"
                    yield GatewayChain(server.number, (cluster,), "", None, (Target(cluster),), (server,))

    def _for(self, server: Server) -> Iterable[VirtualService]:
        """The VirtualServices bound to a server's Gateway that have a host in common with it."""
        bound = self._bound_to(server).meeting(server.hosts)
        return (v for v in bound if any(host_matches(*pair) for pair in _pairs(server, v)))

    def _bound_to(self, server: Server) -> _Bound:
        known = self._bound.get(server.gateway_name)
        if known is None:
            found = self._virtual_services.of_gateway(self._proxy.namespace, server.gateway_name)
            known = self._bound[server.gateway_name] = _Bound(found)
        return known

    def _virtual_hosts(self, table: str) -> tuple[GatewayHost, ...]:
        """The virtual hosts of a set of servers; every host of a server that redirects has one, even without routes."""
        hosts: dict[str, _Host] = {}
        built: dict[tuple[str, int], list[HttpRoute]] = {}
        for server in self._merged.tables.get(table, ()):
            for virtual_service in self._bound_to(server).meeting(server.hosts):
                meeting = _intersection(server, virtual_service)
                key = (server.gateway_name, id(virtual_service))
                found = built.get(key) or (self._routes(virtual_service, server) if meeting else [])
                if not found:
                    continue
                built[key] = found
                for name in map(str.lower, meeting):
                    host = hosts.setdefault(name, _Host())
                    host.routes += found
                    host.https_only |= server.redirects
            for name in map(str.lower, server.hosts) if server.redirects else ():
                hosts.setdefault(name, _Host()).https_only = True
        return tuple(_collapsed(hosts)) or (GatewayHost(("*",), False, ()),)

    def _routes(self, virtual_service: VirtualService, server: Server) -> list[HttpRoute]:
        def service(host: str) -> Service | None:
            """The service of a destination: that of the VirtualService's namespace first (`buildNameToServiceMapForHTTPRoutes`)."""
            near = self._registry.by_host.get(host, {}).get(virtual_service.resource.namespace)
            is_visible = near is not None and self._registry.sees(self._proxy.namespace, near)
            return near if is_visible else self._scope.by_host.get(host)

        context = self._context._replace(
            listener_port=server.port.number,
            gateways=frozenset({server.gateway_name}),
            service=service,
            is_tls=server.tls is not None,
        )
        return routes(virtual_service, context)


class _Host:
    """A virtual host that is being put together."""

    def __init__(self) -> None:
        self.routes: list[HttpRoute] = []
        self.https_only = False


class _Bound:
    """The VirtualServices bound to a Gateway, in order."""

    def __init__(self, bound: Sequence[VirtualService]) -> None:
        self._bound = bound
        self._named: dict[str, list[int]] = {}
        self._wildcards: list[int] = []
        for position, virtual_service in enumerate(bound):
            for host in virtual_service.hosts:
                at = self._wildcards if host.startswith("*") else self._named.setdefault(host, [])
                at.append(position)

    def meeting(self, hosts: Iterable[str]) -> Sequence[VirtualService]:
        """Those that may have one of a server's hosts: all of them where it has a wildcard."""
        names = [host.rpartition("/")[2] for host in hosts]
        if any(name.startswith("*") for name in names):
            return self._bound
        found = {*self._wildcards, *(position for name in names for position in self._named.get(name, ()))}
        return [self._bound[position] for position in sorted(found)]


def _names(server: Server) -> tuple[str, ...]:
    """The server names that lead to a server with TLS."""
    return tuple(sorted({host.rpartition("/")[2] for host in server.hosts})) if server.tls is not None else ()


def _hosts_for(server: Server, namespace: str) -> list[str]:
    """The hosts of a server that are for VirtualServices of a namespace (`NamesForNamespace`)."""
    parts = (host.rpartition("/") for host in server.hosts)
    return [name for owner, _, name in parts if owner in ("", namespace)]


def _pairs(server: Server, virtual_service: VirtualService) -> Iterator[tuple[str, str]]:
    for own in _hosts_for(server, virtual_service.resource.namespace):
        for host in virtual_service.hosts:
            yield own, host


def _intersection(server: Server, virtual_service: VirtualService) -> list[str]:
    """The narrower of every two hosts that meet (`Names.Intersection`)."""
    found: dict[str, None] = {}
    for own, host in _pairs(server, virtual_service):
        if subset_of(own, host):
            found[own] = None
        elif subset_of(host, own):
            found[host] = None
    return list(found)


def _is_for(match: Mapping[str, Any], server: Server) -> bool:
    """What istiod decides itself: port and gateway (`l4SingleMatch`)."""
    gateways = match.get("gateways")
    return match.get("port") in (None, 0, server.port.number) and (not gateways or server.gateway_name in gateways)


def _collapsed(hosts: Mapping[str, _Host]) -> Iterator[GatewayHost]:
    """Hosts with the very same routes together; a route that nothing gets past goes last."""
    groups: list[tuple[_Host, list[str]]] = []
    known: dict[tuple[int, ...], tuple[_Host, list[str]]] = {}
    for name in sorted(hosts, key=more_specific):
        host = hosts[name]
        key = tuple(map(id, host.routes))
        if key in known and known[key][0].https_only == host.https_only:
            known[key][1].append(name)
        else:
            known[key] = (host, [name])
            groups.append(known[key])
    for host, domains in groups:
        ordered = sorted(host.routes, key=lambda route: route.match.is_catch_all)
        yield GatewayHost(tuple(domains), host.https_only, tuple(ordered))
