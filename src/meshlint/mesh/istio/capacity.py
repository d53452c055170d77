"""Limits of connection pools that let fewer requests through than the model servers behind them run at once.

A limit is one of each proxy (semantics §3.4). That of a server has the pool of its own DestinationRule as well, unless its
Sidecar states one (`core/cluster_builder.go buildInboundCluster`); those of callers add up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import NamedTuple

from ...resource.match import ServicePort
from ...resource.resource import Resource, get
from ...source.document import Location, Path
from ..backends import BackendsOfHosts, Count
from ..concurrency import concurrency
from ..effective import Basis, Effective, Reason
from ..subjects import Answer, Host, ModelKind, Port, Workload
from ..workloads import Workloads
from .callers import Callers
from .generation import is_beside_traffic
from .host_policies import HostPolicies, HostPolicy
from .meshconfig import MeshConfig
from .order import possible_first
from .visibility import Visibility
from .xds.limits import Pool
from .xds.traffic_policy import Block, TrafficPolicy

_REQUESTS: Path = ("http", "http2MaxRequests")
_CONNECTIONS: Path = ("tcp", "maxConnections")
_PENDING: Path = ("http", "http1MaxPendingRequests")
_NO_OTHERS: Effective[None] = Effective(None, (Reason("no other caller is in the input", None, Basis.DEFAULT),))


class Gate(Enum):
    """Whose proxies hold requests back."""

    SERVERS = "each pod's own"
    CALLERS = "those of all callers together"
    QUEUE = "each caller's own, while it opens a connection"


class Shortfall(NamedTuple):
    """A limit (`field`) of a pool with which proxies let `admitted` requests through where servers run `needed` at once.

    A queue is too short whatever servers run: `needed` is None. `grounds` are what the conclusion rests on.
    """

    gate: Gate
    part: HostPolicy
    pool: Block
    field: Path
    limit: int
    admitted: int
    needed: int | None
    grounds: tuple[Effective[object], ...]

    @property
    def location(self) -> Location:
        return self.pool.at(*self.field)

    @property
    def refuses(self) -> bool:
        """Whether what is over the limit is refused at once, and does not wait for a connection first."""
        return self.field != _CONNECTIONS


class _Load(NamedTuple):
    """What comes together at the proxies of a gate: how many of them there are, and what is needed."""

    gate: Gate
    proxies: int
    needed: int
    grounds: tuple[Effective[object], ...]


class Capacity:
    """Compares what proxies let through to hosts with what model servers run."""

    def __init__(
        self,
        workloads: Workloads,
        backends: BackendsOfHosts,
        policies: HostPolicies,
        callers: Callers,
        ports_of: Callable[[Workload], Sequence[Port]],
        visibility: Visibility,
        meshconfig: MeshConfig,
    ) -> None:
        self._ports_of = ports_of
        self._workloads = workloads
        self._backends = backends
        self._policies = policies
        self._callers = callers
        self._visibility = visibility
        self._meshconfig = meshconfig

    def shortfalls(self, host: Host) -> list[Shortfall]:
        """The lowest limit that falls short of each connection pool for a host."""
        found: dict[Location, Shortfall] = {}
        says = any(concurrency(server.pod) for server in self._workloads.behind(host.name) if server.pod)
        of_servers = (*self._at_servers(host), *self._at_callers(host)) if says else ()
        for one in (*of_servers, *self._in_queues(host)):
            known = found.get(one.pool.location)
            if known is None or one.limit < known.limit:
                found[one.pool.location] = one
        return list(found.values())

    def _at_servers(self, host: Host) -> Iterator[Shortfall]:
        """What a server's own proxy holds back, by the policy of its namespace that is for no subset."""
        for server in self._workloads.behind(host.name):
            runs = concurrency(server.pod) if server.pod and server.has_sidecar else None
            if runs and not self._has_own_pool(server):
                for part in self._policies.seen_from(server.namespace, host):
                    mapped = None if part.subset else self._mapped(server, part)
                    if mapped:
                        grounds = (server.in_mesh, runs, mapped)
                        yield from self._short(part, _Load(Gate.SERVERS, 1, runs.value, grounds))

    def _mapped(self, server: Workload, part: HostPolicy) -> Effective[object] | None:
        """That a server's proxy treats one of its ports as a port of this host: of several Services it takes the oldest."""
        if part.service is None:
            return Effective(True)
        for port in self._ports_of(server) if server.pod else ():
            services = [service for service, _ in port.services]
            leads = any(service is part.service and mapped in part.ports for service, mapped in port.services)
            first = possible_first(services) if leads and port.captured else []
            if any(service is part.service for service in first):
                tie = Reason(
                    "several Services lead to the port, and creation times decide which counts", None, Basis.TIE
                )
                return Effective(True, (tie,) if len(first) > 1 else ())
        return None

    def _at_callers(self, host: Host) -> Iterator[Shortfall]:
        """What all callers hold back together, where the pods of all that are known, and the pool, have known numbers."""
        callers = self._callers.of(host.name) or []
        pods = [self._backends.pods_of(caller) for caller in callers]
        numbers = [count.value.most for count in pods if isinstance(count.value, Count)]
        if not callers or len(numbers) < len(pods) or not all(caller.in_mesh.value for caller in callers):
            return
        views = [self._policies.seen_from(ns, host) for ns in dict.fromkeys(caller.namespace for caller in callers)]
        for part in views[0]:
            runs = self._runs(part) if part.use is Answer.YES else None
            if runs and all(_pools(part) in map(_pools, view) for view in views[1:]):
                grounds: tuple[Effective[object], ...] = (*pods, *(c.in_mesh for c in callers), runs, _NO_OTHERS)
                yield from self._short(part, _Load(Gate.CALLERS, sum(numbers), runs.value, grounds))

    def _in_queues(self, host: Host) -> Iterator[Shortfall]:
        """Queues of one for connections to a model that generates, or may."""
        served = self._workloads.inference_of(host.name)
        if served is None or served.kind not in (ModelKind.GENERATION, ModelKind.UNKNOWN):
            return
        for part in self._policies.of(host):
            if part.use is not Answer.NO and self._request_ports(part) is not None:
                for found in part.policy.fitting(self._queues_one):
                    if found.value and (block := found.value.connection_pool.value):
                        yield Shortfall(Gate.QUEUE, part, block, _PENDING, 1, 1, None, (found,))

    def _queues_one(self, policy: TrafficPolicy | None) -> bool:
        return policy is not None and Pool(policy, self._meshconfig).max_pending.value == 1

    def _short(self, part: HostPolicy, load: _Load) -> Iterator[Shortfall]:
        """The lowest limit that falls short of a load, under each policy that may be in force."""

        def lowest(policy: TrafficPolicy | None) -> tuple[int, Path] | None:
            limits = self._limits(part, policy, load.gate) if policy else ()
            return min(((n, path) for n, path in limits if n * load.proxies < load.needed), default=None)

        for found in part.policy.fitting(lambda policy: lowest(policy) is not None):
            least = lowest(found.value)
            if least and found.value and (block := found.value.connection_pool.value):
                limit, path = least
                grounds = (found, *load.grounds)
                yield Shortfall(load.gate, part, block, path, limit, limit * load.proxies, load.needed, grounds)

    def _limits(self, part: HostPolicy, policy: TrafficPolicy, gate: Gate) -> Iterator[tuple[int, Path]]:
        """What bounds the requests that run at once; with HTTP/1.1, where each has a connection, also connections."""
        ports = self._request_ports(part)
        if ports is None:
            return
        limits = Pool(policy, self._meshconfig)
        if isinstance(limits.max_requests.value, int):
            yield limits.max_requests.value, _REQUESTS
        is_plain = any(port.protocol == "http" for port in ports) and limits.use_client_protocol.value is not True
        is_upgraded = gate is Gate.CALLERS and self._is_upgraded(limits)
        if isinstance(limits.max_connections.value, int) and is_plain and not is_upgraded:
            yield limits.max_connections.value, _CONNECTIONS

    def _is_upgraded(self, limits: Pool) -> bool:
        own = limits.h2_upgrade.value
        return own == "UPGRADE" or (own is None and self._meshconfig.value("h2UpgradePolicy").value == "UPGRADE")

    def _request_ports(self, part: HostPolicy) -> Sequence[ServicePort] | None:
        """The ports that take requests, () where the input has none of the host; None = they are all for other things."""
        found = [p for p in part.ports if self._policies.reads_requests(part, p) and not is_beside_traffic(p.name)]
        return found if found or not part.ports else None

    def _runs(self, part: HostPolicy) -> Effective[int] | None:
        """How many requests the servers of a port and subset run at least; None where one does not say."""
        found = self._policies.backends(part)
        if not isinstance(found.size.value, Count) or found.endpoints:
            return None
        total, because = 0, list(found.size.because)
        for server in found.workloads:
            runs, pods = concurrency(server.pod) if server.pod else None, self._backends.pods_of(server).value
            if runs is None or not isinstance(pods, Count):
                return None
            total += runs.value * pods.least
            because += runs.because
        return Effective(total, tuple(because))

    def _has_own_pool(self, server: Workload) -> bool:
        """Whether the Sidecar of a workload, or one that may be it, has a connection pool for what comes in."""
        return any(_states_pool(sidecar) for sidecar in self._visibility.sidecars(server.namespace, server.labels))


def _states_pool(sidecar: Resource) -> bool:
    entries = (get(entry, "connectionPool") for entry in sidecar.items("spec", "ingress"))
    return any(isinstance(found, dict) for found in (sidecar.get("spec", "inboundConnectionPool"), *entries))


def _pools(part: HostPolicy) -> tuple[object, ...]:
    """A port and subset with the places of the pools that may be in force for it."""
    blocks = [policy.value.connection_pool.value for policy in part.policy.outcomes if policy.value]
    return part.port, part.subset, [block and block.location for block in blocks]
