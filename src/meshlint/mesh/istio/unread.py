"""Settings for HTTP of a connection pool that change no call: no proxy reads requests where the pool is in force.

Mirrors `core/cluster_traffic_policy.go applyConnectionPool` and `core/cluster_builder.go setUpstreamProtocol`: they are set on
every cluster, but what is sent to a TCP or TLS port passes Envoy's tcp_proxy, which knows connections only, and for a port
that they sniff sidecars and waypoints keep the HTTP version of the caller (semantics §3.4).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ...resource.match import ServicePort
from ...resource.resource import get
from ...source.document import Location
from ..effective import Basis, Reason
from ..subjects import Host
from .host_policies import HostPolicies, HostPolicy
from .meshconfig import MeshConfig
from .xds.limits import Pool
from .xds.protocols import is_tcp, name
from .xds.traffic_policy import Block, TrafficPolicy

UPGRADE = "h2UpgradePolicy"
_ONE_VERSION = ("SIMPLE", "MUTUAL")
"""The TLS modes in which the proxy offers the HTTP version that it is to speak, by ALPN."""

Pools = Mapping[Location, Sequence[tuple[HostPolicy, TrafficPolicy]]]


class Unread(NamedTuple):
    """Fields of connectionPool.http that change no call, for all that calls to `parts`, which are of one host, show: `ports`.

    `tls` are the tls blocks beside them. `unless`: what else may have the pool, that is not in the input. `by_gateways`:
    gateways, which do not sniff, do upgrade their calls to HTTP/2.
    """

    pool: Block
    fields: tuple[str, ...]
    parts: tuple[HostPolicy, ...]
    ports: tuple[Reason, ...]
    tls: tuple[Block, ...]
    unless: Reason | None
    by_gateways: bool

    @property
    def why(self) -> list[str]:
        """What proxies do with calls to such ports."""
        forwarded = [is_tcp(port) for one in self.parts for port in _tcp_ports(one)]
        unread = ["proxies forward the bytes unread"] if any(forwarded) else []
        return unread + ([] if all(forwarded) else ["sidecars keep the HTTP version of the caller"])

    @property
    def offers(self) -> Block | None:
        """The tls block by which h2UpgradePolicy does something after all: the proxy offers nothing but h2."""
        is_idle = UPGRADE not in self.fields or not any(is_tcp(port) for one in self.parts for port in one.ports)
        return None if is_idle else next((tls for tls in self.tls if tls.get("mode") in _ONE_VERSION), None)


class UnreadSettings:
    """Finds them in the DestinationRules of a mesh."""

    def __init__(self, policies: HostPolicies, hosts: Sequence[Host], meshconfig: MeshConfig) -> None:
        self._policies = policies
        self._meshconfig = meshconfig
        self._everywhere = _by_pool(one for host in hosts for one in policies.of(host))
        self._known: dict[Location, tuple[str, ...]] = {}

    def of(self, host: Host) -> Iterator[Unread]:
        """What changes no call to a host, nor to another one with the same pool."""
        for location, found in _by_pool(self._policies.of(host)).items():
            fields = self._fields(location)
            if fields:
                parts = {(one.port, one.subset): one for one, _ in found}
                ports = {port.number: port for one in parts.values() for port in _tcp_ports(one)}
                places = self._policies.places(host.name)
                yield Unread(
                    Block(get(location.document.data, *location.path), location),
                    fields,
                    tuple(parts.values()),
                    tuple(Reason(_port(port), places.get(port.number)) for port in ports.values()),
                    tuple({tls.location: tls for _, policy in found if (tls := policy.tls.value)}.values()),
                    _others(location, host.name),
                    UPGRADE in fields
                    and self._policies.is_behind_gateway(host.name)
                    and any(port.protocol is None for port in ports.values()),
                )

    def _fields(self, location: Location) -> tuple[str, ...]:
        if location not in self._known:
            found = self._everywhere[location]
            stated = _stated(found[0][1], self._meshconfig)
            idle = [field for field in stated if not any(self._acts(field, one) for one, _ in found)]
            self._known[location] = tuple(idle)
        return self._known[location]

    def _acts(self, field: str, one: HostPolicy) -> bool:
        ports = _tcp_ports(one)
        return not ports or any(self._acts_on(field, one, port) for port in ports)

    def _acts_on(self, field: str, one: HostPolicy, port: ServicePort) -> bool:
        """Whether a field may change what sidecars send to a port."""
        return self._policies.reads_requests(one, port) and (field != UPGRADE or port.protocol is not None)


def _tcp_ports(one: HostPolicy) -> list[ServicePort]:
    return [port for port in one.ports if port.protocol != "udp"]


def _by_pool(parts: Iterable[HostPolicy]) -> Pools:
    """Ports and subsets by the connectionPool of a DestinationRule that is in force for them, or may be."""
    found: dict[Location, list[tuple[HostPolicy, TrafficPolicy]]] = defaultdict(list)
    for one in parts:
        for policy in one.policy.outcomes:
            block = policy.value.connection_pool.value if policy.value else None
            if policy.value and block and "trafficPolicy" in block.location.path:
                found[block.location].append((one, policy.value))
    return found


def _stated(policy: TrafficPolicy, meshconfig: MeshConfig) -> Iterator[str]:
    """The fields that ask for something of HTTP. Envoy's tcp_proxy queues by http1MaxPendingRequests as well."""
    limits = Pool(policy, meshconfig)
    if limits.h2_upgrade.value == "UPGRADE":
        yield UPGRADE
    counts = {
        "http2MaxRequests": limits.max_requests,
        "maxRetries": limits.max_retries,
        "maxRequestsPerConnection": limits.max_requests_per_connection,
    }
    yield from (field for field, limit in counts.items() if isinstance(limit.value, int))


def _port(port: ServicePort) -> str:
    return f"port {port.number} {f'is {name(port)}' if is_tcp(port) else 'names no protocol'}"


def _others(location: Location, host: str) -> Reason | None:
    """That a rule is for more hosts than the input has."""
    written = get(location.document.data, "spec", "host")
    if not str(written).startswith("*") or written == host:
        return None
    return Reason(f"no other host of {written} is in the input", None, Basis.DEFAULT)
