"""Where a sidecar sends what it does not know (semantics §7.1).

Mirrors `core/httproute.go buildCatchAllVirtualHost` and `core/listener_builder.go buildOutboundCatchAllNetworkFiltersOnly`.
"""

from __future__ import annotations

from typing import NamedTuple

from ....resource.resource import Resource, get
from ...effective import Effective
from ..egress import DYNAMIC, OPEN, of_mesh, of_sidecars
from ..meshconfig import MeshConfig
from ..routes import no_timeout
from .http_routes import EVERYTHING, HttpRoute, Target
from .virtual_hosts import VirtualHost
from .virtual_services import target


class Unknown(NamedTuple):
    """The outbound policy of a proxy as it acts: `tcp` for bytes, `http` for a Host that no virtual host takes.

    `table` names the virtual hosts of HTTP calls that reach no listener, if there are any.
    """

    mode: Effective[str]
    tcp: Target
    http: HttpRoute
    table: tuple[str, int] | None

    @property
    def virtual_host(self) -> VirtualHost:
        return VirtualHost("*", 0, ("*",), (self.http,))


def unknown(sidecar: Resource | None, meshconfig: MeshConfig) -> Unknown:
    """What becomes of unknown destinations under a Sidecar, or under the mesh's own policy."""
    mode = of_sidecars([sidecar] if sidecar else [], of_mesh(meshconfig))
    if mode.value not in OPEN:
        answer = HttpRoute(EVERYTHING, (), None, None, direct_response=502)
        return Unknown(mode, Target("BlackHoleCluster"), answer, None)
    opened = _egress_proxy(sidecar) or Target("PassthroughCluster")
    http = Target("AllowAnyDynamicDNSCluster") if mode.value == DYNAMIC else opened
    table = ("*", 0) if mode.value == DYNAMIC else None
    return Unknown(mode, opened, HttpRoute(EVERYTHING, (http,), no_timeout(), None), table)


def _egress_proxy(sidecar: Resource | None) -> Target | None:
    """The destination that a Sidecar sends unknown traffic to; its host is taken as written."""
    stated = get(sidecar.get("spec", "outboundTrafficPolicy"), "egressProxy") if sidecar else None
    if not isinstance(stated, dict):
        return None
    host, port = target(stated)
    return Target(host, port, str(stated.get("subset") or ""))
