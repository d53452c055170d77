"""The outbound listeners of a sidecar, and what becomes of a connection through them (semantics §2.1, §7.1).

Mirrors `core/listener.go buildSidecarOutboundListeners`, `buildSidecarOutboundListener`, `mergeTCPFilterChains` and
`buildListenerFromEntry`, `core/tls.go buildSidecarOutboundTLSFilterChainOpts` and `buildSidecarOutboundTCPFilterChainOpts`,
`core/networkfilter.go buildOutboundNetworkFilters`. The choice of a filter chain follows Envoy's documentation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from ipaddress import ip_address, ip_network
from typing import Any, NamedTuple

from ....resource.match import ServicePort, host_matches, is_address, matches, parse_protocol
from ....resource.resource import get, required
from ..meshconfig import MeshConfig
from . import protocols
from .http_routes import Target
from .proxies import Proxy
from .registry import UNSPECIFIED, Registry, Resolution, Service
from .reserved import HEALTH_AND_METRICS, captures
from .scope import EgressListener, Scope
from .unknown import Unknown
from .virtual_services import MESH, L4Rule, VirtualService, target


class Chain(NamedTuple):
    """A filter chain: what it takes, and where it sends it. `inspected`: only plaintext that looks like HTTP.

    `routes` names the virtual hosts of an HTTP chain: a port, or the host of the one service it is for. Others have `to`.
    """

    names: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()
    inspected: bool = False
    routes: tuple[str, int] | None = None
    to: tuple[Target, ...] = ()

    @property
    def takes_all(self) -> bool:
        return not self.inspected and not self.subnets and (not self.names or "*" in self.names)

    @property
    def criteria(self) -> tuple[object, ...]:
        """What two chains of a listener may not share."""
        subnets = frozenset(str(ip_network(s, strict=False)) for s in self.subnets if _is_subnet(s))
        return self.inspected, frozenset(self.names) - {"*"}, subnets


class _Kind(Enum):
    """What a listener is for, as istiod resolves conflicts: opaque bytes, HTTP, or both, told apart by the proxy."""

    TCP = 0
    HTTP = 1
    AUTO = 2


class Listener:
    """The listener of an address and port; `0.0.0.0` takes every address."""

    def __init__(self, port: ServicePort, kind: _Kind, chains: Sequence[Chain]) -> None:
        self.protocol = port.protocol
        self.kind = kind
        self.chains = list(chains)
        self.locked = False

    def merge(self, chains: Sequence[Chain]) -> None:
        """Adds the chains whose criteria no other has."""
        for chain in chains:
            if all(chain.criteria != other.criteria for other in self.chains):
                self.chains.append(chain)


class Connection(NamedTuple):
    """What the proxy knows of a new connection: plaintext that looks like HTTP, other plaintext, or TLS with a name."""

    address: str
    http: bool = False
    name: str | None = None


class Outbound:
    """The outbound listeners of one proxy."""

    def __init__(
        self, proxy: Proxy, scope: Scope, registry: Registry, unknown: Unknown, meshconfig: MeshConfig
    ) -> None:
        self._proxy = proxy
        self._scope = scope
        self._registry = registry
        self._unknown = unknown
        self._capture, inbound = captures(meshconfig)
        self._reserved = (self._capture, inbound, *HEALTH_AND_METRICS)
        self._listeners: dict[tuple[str, int], Listener] = {}
        for listener in scope.listeners:
            self._add_all(listener)

    def chain(self, port: int, connection: Connection) -> Chain:
        """The filter chain that gets a connection to a port; none to the port where all connections are turned to."""
        found = self._listeners.get((connection.address, port)) or self._listeners.get((UNSPECIFIED, port))
        rest = Chain(to=(self._unknown.tcp,))
        if found:
            return _chosen(found.chains, connection, rest)
        if port == self._capture:
            return Chain(to=(Target("BlackHoleCluster"),))
        return Chain(routes=self._unknown.table) if connection.http and self._unknown.table else rest

    def route_tables(self) -> list[tuple[str, int]]:
        """The virtual hosts that some listener asks for, each once."""
        named = (chain.routes for listener in self._listeners.values() for chain in listener.chains)
        return list(dict.fromkeys(routes for routes in named if routes))

    def _add_all(self, listener: EgressListener) -> None:
        bind = get(listener.spec, "bind")
        bind = bind if isinstance(bind, str) and bind else ""
        if not bind and get(listener.spec, "captureMode") in ("NONE", 2):
            bind = "127.0.0.1"
        if get(listener.spec, "port") is not None:
            port = _stated_port(listener.spec)
            if not self._is_reserved(bind, port):
                for service in listener.services:
                    self._add(listener, service, port, bind)
            return
        for known in self._listeners.values():
            known.locked = True
        for service in listener.services:
            for port in service.ports:
                if not self._is_reserved(bind, port):
                    self._add_port(listener, service, port, bind)

    def _is_reserved(self, bind: str, port: ServicePort) -> bool:
        """Whether a listener would take the place of one of the proxy's own (`conflictWithReservedListener`)."""
        return port.number in self._reserved and (bind == UNSPECIFIED or (not bind and protocols.is_http(port)))

    def _add_port(self, listener: EgressListener, service: Service, port: ServicePort, bind: str) -> None:
        """One listener, or for a service without an address whose bytes are not HTTP one per endpoint but the own."""
        opaque = protocols.is_tcp(port) or port.protocol is None
        if bind or service.resolution is not Resolution.PASSTHROUGH or service.address != UNSPECIFIED or not opaque:
            self._add(listener, service, port, bind)
            return
        endpoints = self._registry.endpoints_of_port(service, port.number)
        if not service.of_kubernetes and not endpoints and service.selector is None:
            self._add(listener, service, port, bind)
        for endpoint in endpoints:
            if is_address(endpoint.address) and endpoint.address != self._proxy.addresses[0]:
                self._add(listener, service, port, endpoint.address)

    def _add(self, listener: EgressListener, service: Service, port: ServicePort, bind: str) -> None:
        if service.resolution is Resolution.ALIAS or port.protocol == "udp":
            return
        subnets: tuple[str, ...] = ()
        if protocols.is_http(port):
            bind = bind or UNSPECIFIED
        elif not bind and "/" in service.address:
            bind, subnets = UNSPECIFIED, (service.address,)
        else:
            bind = bind or service.address
        key = (bind, port.number)
        known = self._listeners.get(key)
        if known and known.locked:
            return
        kind, chains = self._chains(listener, service, port, bind, subnets)
        if known is None:
            self._listeners[key] = Listener(port, kind, chains)
        elif not _stays(known, kind, port):
            self._resolve(key, known, kind, port, chains)

    def _resolve(
        self, key: tuple[str, int], known: Listener, kind: _Kind, port: ServicePort, chains: Sequence[Chain]
    ) -> None:
        """A conflict: a sniffed listener takes over one for HTTP, all else adds its chains; HTTP and TCP make it sniffed."""
        if kind is _Kind.AUTO and known.kind is _Kind.HTTP:
            self._listeners[key] = Listener(port, kind, chains)
            return
        known.merge(chains)
        if kind is not known.kind:
            known.kind = _Kind.AUTO

    def _chains(
        self, listener: EgressListener, service: Service, port: ServicePort, bind: str, subnets: tuple[str, ...]
    ) -> tuple[_Kind, list[Chain]]:
        wildcard = bind == UNSPECIFIED
        if protocols.is_http(port):
            proxied = port.protocol == "http_proxy"
            chain = Chain(inspected=wildcard and not proxied, routes=(bind if "/" in bind else "", port.number))
            return (_Kind.AUTO if chain.inspected else _Kind.HTTP), [chain]
        named = [v for v in listener.virtual_services if any(host_matches(h, service.host) for h in v.hosts)]
        opaque = list((self._tls if protocols.is_tls(port) else self._tcp)(service, port, bind, subnets, named))
        if protocols.is_tcp(port):
            return _Kind.TCP, opaque
        table = ("", port.number) if wildcard else (service.host, port.number)
        return _Kind.AUTO, [*opaque, Chain(inspected=True, routes=table)]

    def _tls(
        self,
        service: Service,
        port: ServicePort,
        bind: str,
        subnets: tuple[str, ...],
        named: Sequence[VirtualService],
    ) -> Iterator[Chain]:
        """One chain per different condition of the VirtualServices' tls rules, else one for the service."""
        seen: set[tuple[tuple[str, ...], tuple[str, ...]]] = set()
        for match, rule in ((m, r) for v in named for r in v.tls if r.route for m in r.matches):
            if not self._is_for(match, port):
                continue
            names, own = _texts(match.get("sniHosts")), _texts(match.get("destinationSubnets"))
            subnets = own or subnets
            if (names, own) not in seen:
                seen.add((names, own))
                yield Chain(names=names, subnets=subnets, to=l4_targets(rule, port.number, self._scope))
        if not seen:
            address = "" if "/" in service.address else service.address
            by_name = subnets or not address or (address == UNSPECIFIED and bind == UNSPECIFIED)
            dynamic = service.host.startswith("*") and service.resolution is Resolution.DYNAMIC_DNS
            names = (service.host, *service.aliases) if by_name or dynamic else ()
            yield Chain(names=names, subnets=subnets, to=(_own_target(service, port),))

    def _tcp(
        self,
        service: Service,
        port: ServicePort,
        bind: str,
        subnets: tuple[str, ...],
        named: Sequence[VirtualService],
    ) -> Iterator[Chain]:
        """The tcp rules of VirtualServices up to the first that takes every address, else the service's own cluster last."""
        covered = False
        for rule in (r for v in named for r in v.tcp if r.route):
            lists = [_texts(match.get("destinationSubnets")) for match in rule.matches if self._is_for(match, port)]
            if not rule.matches or not all(lists) or (lists and not port.number):
                yield Chain(subnets=subnets, to=l4_targets(rule, port.number, self._scope))
                return
            own = tuple(subnet for listed in lists for subnet in listed)
            if own:
                yield Chain(subnets=own, to=l4_targets(rule, port.number, self._scope))
                covered |= sorted(own) == sorted(subnets)
        if not covered:
            yield Chain(subnets=subnets, to=(_own_target(service, port),))

    def _is_for(self, match: Mapping[str, Any], port: ServicePort) -> bool:
        """The conditions that istiod decides itself: gateway, source, port (`matchTLS`, `matchTCP`)."""
        gateways = match.get("gateways")
        return (
            (not gateways or MESH in gateways)
            and matches(required(match.get("sourceLabels")), self._proxy.labels)
            and match.get("port") in (None, 0, port.number)
            and match.get("sourceNamespace") in (None, "", self._proxy.namespace)
        )


def l4_targets(rule: L4Rule, listener_port: int, scope: Scope) -> tuple[Target, ...]:
    """The clusters a tcp or tls rule leads to, with their weights (`buildOutboundNetworkFilters`)."""
    alone = len(rule.route) == 1
    return tuple(
        _target(destination, listener_port, scope)._replace(weight=100 if alone else weight)
        for destination, weight in rule.route
        if alone or weight
    )


def _target(destination: Mapping[str, Any], listener_port: int, scope: Scope) -> Target:
    """The cluster of a destination: the port of its one-port service where it names none, else the listener's."""
    host, port = target(destination)
    service = scope.by_host.get(host)
    if not port:
        port = service.ports[0].number if service and len(service.ports) == 1 else listener_port
    host = service.alias_of or host if service else host
    return Target(host, port, str(destination.get("subset") or ""))


def _own_target(service: Service, port: ServicePort) -> Target:
    number = service.ports[0].number if len(service.ports) == 1 else port.number
    return Target(service.host, number)


def _stated_port(spec: Mapping[str, Any]) -> ServicePort:
    number, stated = get(spec, "port", "number"), str(get(spec, "port", "protocol") or "").lower()
    number = number if isinstance(number, int) else 0
    return ServicePort(number, get(spec, "port", "name"), parse_protocol(stated), number)


def _stays(known: Listener, kind: _Kind, port: ServicePort) -> bool:
    """Whether a listener stays as it is: it already serves HTTP, or it is on a port where nothing may be looked into."""
    if protocols.is_http(port) and known.kind is not _Kind.TCP:
        return True
    if port.protocol is None and known.kind is _Kind.AUTO:
        return True
    strict = ("mongo", "mysql")
    return port.protocol != known.protocol and (port.protocol in strict or known.protocol in strict)


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(v for v in value if isinstance(v, str)) if isinstance(value, list) else ()


def _is_subnet(text: str) -> bool:
    """Whether a subnet limits anything: `0.0.0.0` does not."""
    try:
        return str(ip_network(text, strict=False).network_address) != UNSPECIFIED or "/" not in text
    except ValueError:
        return False


def _chosen(chains: Sequence[Chain], connection: Connection, fallback: Chain) -> Chain:
    """As Envoy chooses: subnet, server name, transport and application protocol, the most specific of each, without going back."""
    matching = [chain for chain in chains if not chain.takes_all]
    default = next((chain for chain in reversed(chains) if chain.takes_all), fallback)
    if not matching:
        return default
    for score in (_by_subnet, _by_name, _by_transport, _by_protocol):
        best = max((score(chain, connection) for chain in matching), default=-1)
        matching = [chain for chain in matching if score(chain, connection) == best >= 0]
    return matching[0] if matching else default


def _by_subnet(chain: Chain, connection: Connection) -> int:
    subnets = [ip_network(s, strict=False) for s in chain.subnets if _is_subnet(s)]
    if not subnets:
        return 0
    if not is_address(connection.address):
        return -1
    address = ip_address(connection.address)
    return max((1 + s.prefixlen for s in subnets if address in s), default=-1)


def _by_name(chain: Chain, connection: Connection) -> int:
    if not chain.names or "*" in chain.names:
        return 0
    asked = (connection.name or "").lower()
    exact = any(name.lower() == asked for name in chain.names) and bool(asked)
    suffixes = [len(n) for n in chain.names if n.startswith("*.") and asked.endswith(n[1:].lower())]
    return 100_000 if exact else max(suffixes, default=-1)


def _by_transport(chain: Chain, connection: Connection) -> int:
    return 0 if not chain.inspected else 1 if connection.name is None else -1


def _by_protocol(chain: Chain, connection: Connection) -> int:
    return 0 if not chain.inspected else 1 if connection.http else -1
