"""A call of a sidecar's application to a service port, followed through its own listeners."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ....resource.match import ServicePort
from ..meshconfig import MeshConfig
from . import protocols
from .http_routes import Context, HttpRoute, Target
from .listeners import Connection, Outbound
from .proxies import Proxy
from .registry import UNSPECIFIED, Registry, Service
from .scope import Scope
from .unknown import Unknown
from .virtual_hosts import VirtualHost, bracketed, chosen, of_service, virtual_hosts
from .virtual_services import MESH

NOBODY = "203.0.113.1"
"""An address that nothing of the mesh has."""


class Call(NamedTuple):
    """What becomes of a call. `http` are the routes of its virtual host, None = it is not parsed as HTTP, () = all get 404.

    `tcp` is where an opaque connection goes, on TLS ports one in plaintext; `tls` one whose server name is the host.
    """

    protocol: str
    http: tuple[HttpRoute, ...] | None
    tcp: tuple[Target, ...]
    tls: tuple[Target, ...]


class Calls:
    """The calls of one sidecar."""

    def __init__(
        self,
        proxy: Proxy,
        scope: Scope,
        registry: Registry,
        meshconfig: MeshConfig,
        unknown: Unknown,
        domain: str,
    ) -> None:
        self._proxy = proxy
        self.scope = scope
        self._registry = registry
        self.unknown = unknown
        self._outbound = Outbound(proxy, scope, registry, unknown, meshconfig)
        self._context = Context(scope, proxy.labels, 0, frozenset({MESH}), meshconfig, domain, lambda _: None)
        self._by_port: dict[int, list[VirtualHost]] = {}

    def to_services(self) -> Iterator[tuple[str, int, Call]]:
        """Host, port and outcome for every TCP port of every service in scope that can be called at all."""
        for service in self.scope.services:
            for port in service.ports:
                call = self._call(service, port) if port.protocol != "udp" else None
                if call:
                    yield service.host, port.number, call

    def to_others(self) -> Iterator[tuple[str, int, Call]]:
        """The hosts that VirtualServices alone make."""
        for table in self._outbound.route_tables():
            for host in self._virtual_hosts(table):
                if host.host not in self.scope.by_host:
                    yield bracketed(host.host), host.port, Call("HTTP", host.routes, (), ())

    def has_http_listener(self) -> bool:
        """Whether some port carries HTTP of several hosts, where an unknown Host may be met."""
        return any(not host for host, _ in self._outbound.route_tables())

    def _call(self, service: Service, port: ServicePort) -> Call | None:
        address = service.address if service.address != UNSPECIFIED else self._endpoint(service)
        if address is None:
            return None
        name = service.host.replace("*", "x", 1)
        http: tuple[HttpRoute, ...] | None = None
        tcp: tuple[Target, ...] = ()
        tls: tuple[Target, ...] = ()
        if protocols.is_http_or_sniffed(port):
            chain = self._outbound.chain(port.number, Connection(address, http=True))
            if chain.routes:
                host = chosen(self._table(chain.routes), name)
                http = host.routes if host else ()
            else:
                tcp = chain.to
        if not protocols.is_http(port):
            tcp = self._outbound.chain(port.number, Connection(address)).to
        if protocols.is_tls(port):
            tls = self._outbound.chain(port.number, Connection(address, name=name)).to
        return Call(protocols.name(port), http, tcp, tls)

    def _endpoint(self, service: Service) -> str | None:
        """Where a service without an address is called: at a pod other than the own, None = there is only that one."""
        if service.external:
            return NOBODY
        own = False
        for pod in self._registry.pods_behind(service):
            for address in pod.addresses:
                if address != self._proxy.addresses[0]:
                    return address
                own = True
        return None if own else NOBODY

    def _table(self, table: tuple[str, int]) -> list[VirtualHost]:
        """The virtual hosts of a listener; one that several services share also has what takes every other Host."""
        return self._virtual_hosts(table) + ([] if table[0] not in ("", "*") else [self.unknown.virtual_host])

    def _virtual_hosts(self, table: tuple[str, int]) -> list[VirtualHost]:
        service, port = table
        if service == "*":
            return []
        listener = self.scope.egress_listener(port)
        if listener is None:
            return []
        if port not in self._by_port:
            proxied = str((listener.spec.get("port") or {}).get("protocol")).lower() == "http_proxy"
            context = self._context._replace(listener_port=0 if proxied else port)
            self._by_port[port] = virtual_hosts(listener, context)
        found = self._by_port[port]
        return of_service(found, service, port) if service else found
