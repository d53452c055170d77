"""The inbound ports of a sidecar: what each accepts, and which service or Sidecar maps it (semantics §4).

Mirrors `core/listener_inbound.go buildInboundChainConfigs` and `buildInboundPassthroughChains`, `plugin/authn ForPassthrough`,
`core/cluster.go buildInboundClusters` and `findOrCreateService`, `core/httproute.go buildSidecarInboundHTTPRouteConfig`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ....resource.match import ServicePort, parse_protocol
from ....resource.resource import Resource, get
from ...effective import Effective
from ...subjects import MtlsMode
from ..mtls import PeerAuthentications
from .protocols import Listening, is_grpc, listening
from .proxies import Proxy
from .registry import Registry, Service, Serving
from .scope import Scope


class Mapped(NamedTuple):
    """What leads to a port of the pods: a service, or an entry of the Sidecar's `ingress`.

    `port` is the service's, or the entry's. An entry has the service that leads to its port as well, if one does.
    """

    port: ServicePort
    service: Service | None
    ingress: Mapping[str, Any] | None

    @property
    def captured(self) -> bool:
        """Whether it has a part in the one listener that takes all inbound traffic; captureMode NONE is a listener apart."""
        return self.ingress is None or self.ingress.get("captureMode") != "NONE"


class InboundPort(NamedTuple):
    """A port as the server's proxy treats it. `own`: it has filter chains of its own, others are passed on as they come.

    `retried`: requests whose connection is reset before they are sent are repeated twice, towards the application.
    """

    mtls: Effective[MtlsMode]
    protocol: Listening
    retried: bool
    own: bool
    mapped: Mapped | None


def inbound_ports(
    proxy: Proxy, scope: Scope, registry: Registry, policies: PeerAuthentications
) -> Mapping[int | None, InboundPort]:
    """The ports of a sidecar that something names; None stands for every other one."""
    mapped = dict(reversed(list(_mapped(scope.sidecar, registry.served_by(proxy)))))
    named = policies.named_ports(proxy.namespace, proxy.labels)
    found: dict[int | None, InboundPort] = {}
    for number in (None, *sorted({*mapped, *named})):
        behind = mapped.get(number) if number else None
        own = number is not None and (behind is None or behind.captured)
        mtls = policies.of_port(proxy.namespace, proxy.labels, number if own else None)
        read = behind.port if behind and own else None
        protocol = listening(read) if read else Listening.AUTO
        is_retried = protocol is not Listening.TCP and not (read and is_grpc(read))
        found[number] = InboundPort(mtls, protocol, is_retried, own, behind)
    return found


def _mapped(sidecar: Resource | None, served: list[Serving]) -> Iterator[tuple[int, Mapped]]:
    """What leads to each port, that which decides first: the oldest service, but in a Sidecar with `ingress` only its entries."""
    by_number = {serving.number: serving.service for serving in reversed(served)}
    entries = [e for e in sidecar.items("spec", "ingress") if isinstance(e, dict)] if sidecar else []
    for entry in entries:
        number = get(entry, "port", "number")
        if isinstance(number, int):
            port = ServicePort(
                number, get(entry, "port", "name"), parse_protocol(get(entry, "port", "protocol")), number
            )
            yield number, Mapped(port, by_number.get(number), entry)
    for serving in served if not entries else ():
        yield serving.number, Mapped(serving.port, serving.service, None)
