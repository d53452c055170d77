"""The servers of a gateway workload: which Gateways select it, and how their servers share its ports (semantics §8).

Mirrors `model/push_context.go initGateways` and `mergeGateways`, `model/gateway.go mergeGateways`, `resolvePorts`,
`gatewayRDSRouteName`, `sanitizeServerHostNamespace` and `CheckDuplicates`, `pkg/config/gateway/gateway.go`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ....resource.inventory import Inventory
from ....resource.kinds import ISTIO_GATEWAY
from ....resource.match import ServicePort, matches, parse_protocol
from ....resource.resource import Resource, each, get, required
from ..order import creation
from . import protocols
from .proxies import Proxy
from .registry import Serving

PASSTHROUGH, AUTO_PASSTHROUGH = "PASSTHROUGH", "AUTO_PASSTHROUGH"
_UNTRANSLATED = "experimental.istio.io/disable-gateway-port-translation"


class Server(NamedTuple):
    """A server of a Gateway. `port` is as written, `number` is the port of the pods that is listened on.

    `hosts` as istiod keeps them: `namespace/host` where one is named or meant by `.`, else the host alone.
    """

    gateway: Resource
    position: int
    spec: Mapping[str, Any]
    port: ServicePort
    number: int
    hosts: tuple[str, ...]

    @property
    def gateway_name(self) -> str:
        return f"{self.gateway.namespace}/{self.gateway.name}"

    @property
    def bind(self) -> str:
        return str(self.spec.get("bind") or "")

    @property
    def tls(self) -> Mapping[str, Any] | None:
        tls = self.spec.get("tls")
        return tls if isinstance(tls, dict) else None

    @property
    def mode(self) -> str:
        """The mode of its TLS; PASSTHROUGH where the block names none."""
        return str(get(self.tls, "mode") or PASSTHROUGH)

    @property
    def redirects(self) -> bool:
        """Whether plaintext requests are told to come back with HTTPS."""
        return get(self.tls, "httpsRedirect") is True

    @property
    def passes_through(self) -> bool:
        return self.tls is not None and self.mode in (PASSTHROUGH, AUTO_PASSTHROUGH)

    @property
    def is_http(self) -> bool:
        """Whether requests are read here: HTTP, or HTTPS whose TLS ends here."""
        return protocols.is_http(self.port) or (self.port.protocol == "https" and not self.passes_through)

    @property
    def is_tls(self) -> bool:
        """Whether connections are TLS; the block of an HTTP server only redirects."""
        return self.tls is not None and not protocols.is_http(self.port)

    @property
    def place(self) -> Place:
        return Place(self.number, str(get(self.spec, "port", "protocol")), self.bind)

    @property
    def table(self) -> str:
        """Name of the routes it has, which HTTP servers of a port share; "" for one that has none."""
        bind = f".{self.bind}" if self.bind else ""
        if protocols.is_http(self.port):
            return f"http.{self.number}{bind}"
        if self.is_http:
            owner = f"{self.gateway.name}.{self.gateway.namespace}"
            return f"https.{self.port.number}.{self.port.name}.{owner}{bind}"
        return ""


class Place(NamedTuple):
    """Where servers may share a listener: a port of the pods, a protocol as written, an address ("" = every one)."""

    number: int
    protocol: str
    bind: str


class Dropped(NamedTuple):
    """A server that istiod leaves out, and why."""

    server: Server
    why: str


class Gateways:
    """All Gateways of a mesh, oldest first."""

    def __init__(self, inventory: Inventory) -> None:
        self._all = sorted(inventory.all(ISTIO_GATEWAY), key=creation)

    def servers(self, proxy: Proxy, served: Sequence[Serving]) -> Merged:
        """The servers of the Gateways that select a proxy, whatever namespace they are in; an empty selector selects all."""
        found = Merged()
        for gateway in self._all:
            if matches(required(gateway.get("spec", "selector")), proxy.labels):
                for server in _servers(gateway, served):
                    found.add(server)
        return found


class Merged:
    """The servers of one proxy. `places` in the order they were opened, `tables` has the servers of each set of routes."""

    def __init__(self) -> None:
        self.places: list[Place] = []
        self.servers: dict[Place, list[Server]] = {}
        self.tables: dict[str, list[Server]] = {}
        self.table_at: dict[Place, str] = {}
        self.dropped: list[Dropped] = []
        self._plaintext: dict[int, Place] = {}
        self._numbers: set[int] = set()
        self._tls_hosts: dict[int, dict[str, str]] = defaultdict(dict)

    def add(self, server: Server) -> None:
        """Adds a server if it can share its port with those that are there."""
        number = server.number
        if server.tls is not None:
            taken = taken_hosts(server.hosts, server.bind, self._tls_hosts[number])
            if taken:
                self._drop(server, f"{', '.join(taken)} on port {number} is another server's")
                return
        current = self._plaintext.get(number)
        if number not in self._numbers:
            self._numbers.add(number)
            self._open(server)
        elif current:
            self._add_beside(current, server)
        elif not server.is_tls:
            self._open(server)
        else:
            self._add_tls(server)

    def _open(self, server: Server) -> None:
        place = server.place
        if not server.is_tls:
            self._plaintext[place.number] = place
        if server.is_http:
            self.tables[server.table] = [server]
        self.servers[place] = [server]
        self.table_at[place] = server.table
        self.places.append(place)

    def _add_beside(self, plaintext: Place, server: Server) -> None:
        """On a port with plaintext: only HTTP joins HTTP at an address, at another one everything is a listener of its own."""
        place = server.place
        if plaintext.bind != place.bind and place not in self.servers:
            self._open(server)
            return
        if plaintext.bind == place.bind:
            is_http = protocols.is_http(server.port._replace(protocol=parse_protocol(plaintext.protocol)))
            if not is_http or not protocols.is_http(server.port):
                self._drop(server, f"port {place.number} already serves {plaintext.protocol} in plaintext")
                return
            place = plaintext
        else:
            self.table_at[place] = server.table
        self.servers[place].append(server)
        self.tables.setdefault(server.table, []).append(server)

    def _add_tls(self, server: Server) -> None:
        """On a port that is all TLS: servers are told apart by their names."""
        place = server.place
        if server.is_http:
            if server.table in self.tables:
                self._drop(server, f"another server of its Gateway has port name {server.port.name}")
                return
            self.tables[server.table] = [server]
        if place not in self.servers:
            self.servers[place] = []
            self.places.append(place)
        self.servers[place].append(server)

    def _drop(self, server: Server, why: str) -> None:
        self.dropped.append(Dropped(server, why))


def taken_hosts(hosts: Sequence[str], bind: str, known: dict[str, str]) -> list[str]:
    """The hosts that are known at an address; when none is, all become known."""
    taken = [host for host in hosts if known.get(host) == bind]
    if not taken:
        known.update(dict.fromkeys(hosts, bind))
    return taken


def _servers(gateway: Resource, served: Sequence[Serving]) -> Iterator[Server]:
    for position, spec in enumerate(gateway.items("spec", "servers")):
        number = get(spec, "port", "number")
        if isinstance(number, int):
            protocol = parse_protocol(get(spec, "port", "protocol"))
            port = ServicePort(number, get(spec, "port", "name"), protocol, number)
            listened = _listened(number, served)
            yield Server(gateway, position, spec, port, listened, _hosts(each(spec, "hosts"), gateway.namespace))


def _listened(number: int, served: Sequence[Serving]) -> int:
    """The target port of the oldest Service with such a port, else the port itself."""
    for serving in served:
        if serving.port.number == number and _UNTRANSLATED not in serving.service.resource.labels:
            return serving.number
    return number


def _hosts(hosts: Sequence[Any], namespace: str) -> tuple[str, ...]:
    return ("*",) if "*/*" in hosts else tuple(_host(str(text), namespace) for text in hosts)


def _host(text: str, namespace: str) -> str:
    owner, slash, host = text.partition("/")
    if not slash:
        return text
    return host if owner == "*" else f"{namespace if owner == '.' else owner}/{host}"
