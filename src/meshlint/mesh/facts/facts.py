"""All facts of one mesh: what istiod makes of it, client by client.

Times are milliseconds; null = not set, no limit, or Envoy's own default. A value that depends on the client is a list of
groups `{clients, value}`: clients with equal values share one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ...resource.inventory import Inventory
from ..istio.xds.calls import Calls
from ..istio.xds.istiod import Istiod
from ..istio.xds.proxies import Proxy
from ..mesh import Mesh
from . import routes
from .access import access
from .admission import Admission
from .destinations import destinations
from .gateways import servers
from .patches import Patched
from .ports import ports
from .values import by_key, grouped


def facts(name: str, mesh: Mesh, *, keep_rejected: bool = False) -> dict[str, Any]:
    """The facts of one mesh, without the objects that admission refuses unless they are to be kept."""
    admission = Admission(mesh.inventory.resources)
    stored = Mesh(Inventory(admission.stored(keep_rejected)), mesh.settings, stored=True)
    return {"mesh": name, "admission": admission.facts(), **_of_istiod(stored.istiod)}


def _of_istiod(istiod: Istiod) -> dict[str, Any]:
    clients = [proxy for proxy in istiod.proxies if proxy.proxied]
    sidecars = [proxy for proxy in clients if proxy.is_sidecar]
    calls = [(_keys(alike), istiod.calls(alike[0])) for alike in istiod.alike(sidecars)]
    patched = Patched(istiod, clients)
    return {
        "workloads": {proxy.key: _workload(proxy) for proxy in istiod.proxies},
        "ports": {proxy.key: patched.ports(proxy.key, ports(proxy, istiod)) for proxy in sidecars},
        "visible": grouped((clients, _visible(found)) for clients, found in calls),
        "egress": grouped(part for clients, found in calls for part in patched.egress(clients, _egress(found))),
        "routes": by_key(patched.routes(_routes(calls))),
        "destinations": by_key(patched.destinations(destinations(istiod, clients))),
        "gateways": {
            proxy.key: patched.servers(proxy.key, servers(istiod.gateway(proxy)))
            for proxy in clients
            if proxy.is_gateway
        },
        "access": list(access(istiod)),
    }


def _workload(proxy: Proxy) -> dict[str, Any]:
    kind = "gateway" if proxy.is_gateway else "sidecar" if proxy.is_sidecar else "none"
    return {"proxy": kind, "identity": f"{proxy.namespace}/{proxy.account}", "locality": proxy.locality}


def _keys(alike: Sequence[Proxy]) -> list[str]:
    return [proxy.key for proxy in alike]


def _visible(calls: Calls) -> Mapping[str, str]:
    return {service.host: service.namespace for service in calls.scope.services}


def _egress(calls: Calls) -> dict[str, Any]:
    unknown = calls.unknown
    to = unknown.tcp
    tcp = f"{to.host}:{to.port}" if to.port else to.host.removesuffix("Cluster")
    http = unknown.http.to[0].host.removesuffix("Cluster") if unknown.http.to else str(unknown.http.direct_response)
    mode = {"Passthrough": "ALLOW_ANY", "BlackHole": "REGISTRY_ONLY"}.get(tcp, "OTHER")
    return {"mode": mode, "http": http if calls.has_http_listener() else None, "tcp": tcp}


def _routes(calls: Iterable[tuple[Sequence[str], Calls]]) -> Iterator[tuple[str, Sequence[str], Any]]:
    for clients, found in calls:
        for host, port, call in (*found.to_services(), *found.to_others()):
            yield f"{host}:{port}", clients, routes.call(call)
