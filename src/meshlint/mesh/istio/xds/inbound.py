"""The inbound ports of a sidecar: what each accepts, and which service or Sidecar maps it (semantics §4).

Mirrors `core/listener_inbound.go buildInboundChainConfigs` and `buildInboundPassthroughChains`, `plugin/authn ForPassthrough`,
`core/cluster.go buildInboundClusters` and `findOrCreateService`, `core/cluster_builder.go buildInboundCluster`,
`model/sidecar.go InboundConnectionPoolForPort`, `core/httproute.go buildSidecarInboundHTTPRouteConfig`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ....resource.match import ServicePort, parse_protocol
from ....resource.resource import Resource, get
from ....source.document import Path
from ...effective import Effective, Reason
from ...subjects import MtlsMode
from ..meshconfig import MeshConfig
from ..mtls import PeerAuthentications
from .limits import Pool
from .protocols import Listening, is_grpc, is_http2, listening
from .proxies import Proxy
from .registry import Registry, Service, Serving
from .reserved import captures
from .scope import Scope
from .traffic_policy import Block, traffic_policy


class Mapped(NamedTuple):
    """What leads to a port of the pods: a service, or the entry at an index of the Sidecar's `ingress`.

    `port` is the service's, or the entry's. An entry has the service that leads to its port as well, if one does.
    `captured`: it has a part in the one listener that takes all inbound traffic; with captureMode NONE it is a listener apart,
    and for a port that the proxy itself listens on there is none.
    """

    port: ServicePort
    service: Service | None
    ingress: int | None = None
    captured: bool = True


class Limits(NamedTuple):
    """What the server's proxy itself allows towards the application, and the HTTP version it speaks there.

    `http` is `http1`, `http2`, or `downstream`, the caller's.
    """

    pool: Pool
    http: str


class InboundPort(NamedTuple):
    """A port as the server's proxy treats it. `own`: it has filter chains of its own, others are passed on as they come.

    `retried`: requests whose connection is reset before they are sent are repeated twice, towards the application (since 1.24).
    `limits` are None where nothing maps the port.
    """

    mtls: Effective[MtlsMode]
    protocol: Listening
    retried: bool
    own: bool
    mapped: Mapped | None
    limits: Limits | None


def inbound_ports(
    proxy: Proxy, scope: Scope, registry: Registry, policies: PeerAuthentications, meshconfig: MeshConfig
) -> Mapping[int | None, InboundPort]:
    """The ports of a sidecar that something names; None stands for every other one."""
    mapped = dict(reversed(list(_mapped(scope.sidecar, registry.served_by(proxy), captures(meshconfig)))))
    named = policies.named_ports(proxy.namespace, proxy.labels)
    retries = meshconfig.istio_version >= (1, 24)
    found: dict[int | None, InboundPort] = {}
    for number in (None, *sorted({*mapped, *named})):
        behind = mapped.get(number) if number else None
        own = number is not None and (behind is None or behind.captured)
        mtls = policies.of_port(proxy.namespace, proxy.labels, number if own else None)
        read = behind.port if behind and own else None
        protocol = listening(read.protocol) if read else Listening.AUTO
        is_retried = retries and protocol is not Listening.TCP and not (read and is_grpc(read))
        limits = _limits(behind, scope, meshconfig) if behind else None
        found[number] = InboundPort(mtls, protocol, is_retried, own, behind, limits)
    return found


def _mapped(sidecar: Resource | None, served: list[Serving], reserved: Sequence[int]) -> Iterator[tuple[int, Mapped]]:
    """What leads to each port, that which decides first: the oldest service, but in a Sidecar with `ingress` only its entries."""
    by_number = {serving.number: serving.service for serving in reversed(served)}
    entries = sidecar.items("spec", "ingress") if sidecar else []
    for index, entry in enumerate(entries):
        number = get(entry, "port", "number")
        if isinstance(number, int):
            name, protocol = get(entry, "port", "name"), parse_protocol(get(entry, "port", "protocol"))
            port, captured = ServicePort(number, name, protocol, number), entry.get("captureMode") != "NONE"
            yield number, Mapped(port, by_number.get(number), index, captured)
    for serving in served if not entries else ():
        yield serving.number, Mapped(serving.port, serving.service, captured=serving.number not in reserved)


def _limits(mapped: Mapped, scope: Scope, meshconfig: MeshConfig) -> Limits:
    """Those of the service's DestinationRule as the server sees it, but for a connection pool that its Sidecar states."""
    rule = scope.destination_rule(mapped.service.host, None) if mapped.service else None
    policy = traffic_policy(rule, mapped.port.number, "", meshconfig)
    stated = _stated_pool(mapped, scope.sidecar) if scope.sidecar and meshconfig.istio_version >= (1, 21) else None
    if stated:
        before = policy.connection_pool.because if policy.connection_pool.value else ()
        reason = Reason(f"{scope.sidecar} has its own pool for what comes in", stated.location)
        policy = policy._replace(connection_pool=Effective(stated, (*before, reason)))
    limits = Pool(policy, meshconfig)
    if limits.use_client_protocol.value is True:
        return Limits(limits, "downstream")
    return Limits(
        limits, "http2" if is_http2(mapped.port) else "downstream" if mapped.port.protocol is None else "http1"
    )


def _stated_pool(mapped: Mapped, sidecar: Resource) -> Block | None:
    """The pool of the Sidecar's first entry with one for the port, else its `inboundConnectionPool`; both came with 1.21."""
    paths: list[Path] = [
        ("spec", "ingress", index, "connectionPool")
        for index, entry in enumerate(sidecar.items("spec", "ingress"))
        if get(entry, "port", "number") == mapped.port.number
    ]
    for path in (*paths, ("spec", "inboundConnectionPool")):
        data = sidecar.get(*path)
        if isinstance(data, dict):
            return Block(data, sidecar.at(*path))
    return None
