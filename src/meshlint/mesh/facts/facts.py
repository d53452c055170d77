"""All facts of one mesh: what istiod makes of it, client by client.

Times are milliseconds; null = not set, no limit, or Envoy's own default. A value that depends on the client is a list of
groups `{clients, value}`: clients with equal values share one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from ..istio.xds.calls import Calls
from ..istio.xds.istiod import Istiod
from ..istio.xds.proxies import Proxy
from . import routes
from .ports import ports
from .values import grouped


def facts(name: str, istiod: Istiod) -> dict[str, Any]:
    """The facts of one mesh."""
    clients = [proxy for proxy in istiod.proxies if proxy.proxied]
    sidecars = [proxy for proxy in clients if proxy.is_sidecar]
    calls = {proxy.key: istiod.calls(proxy) for proxy in sidecars}
    return {
        "mesh": name,
        "workloads": {proxy.key: _workload(proxy) for proxy in istiod.proxies},
        "ports": {proxy.key: ports(proxy, istiod) for proxy in sidecars},
        "visible": grouped((proxy.key, _visible(istiod, proxy)) for proxy in sidecars),
        "egress": grouped((client, _egress(found)) for client, found in calls.items()),
        "routes": _by_client(_routes(calls)),
    }


def _workload(proxy: Proxy) -> dict[str, Any]:
    kind = "gateway" if proxy.is_gateway else "sidecar" if proxy.is_sidecar else "none"
    return {"proxy": kind, "identity": f"{proxy.namespace}/{proxy.account}", "locality": proxy.locality}


def _visible(istiod: Istiod, proxy: Proxy) -> Mapping[str, str]:
    return {service.host: service.namespace for service in istiod.scope(proxy).services}


def _egress(calls: Calls) -> dict[str, Any]:
    unknown = calls.unknown
    to = unknown.tcp
    tcp = f"{to.host}:{to.port}" if to.port else to.host.removesuffix("Cluster")
    http = unknown.http.to[0].host.removesuffix("Cluster") if unknown.http.to else str(unknown.http.direct_response)
    mode = {"Passthrough": "ALLOW_ANY", "BlackHole": "REGISTRY_ONLY"}.get(tcp, "OTHER")
    return {"mode": mode, "http": http if calls.has_http_listener() else None, "tcp": tcp}


def _routes(calls: Mapping[str, Calls]) -> Iterator[tuple[str, str, Any]]:
    for client, found in calls.items():
        for host, port, call in (*found.to_services(), *found.to_others()):
            yield f"{host}:{port}", client, routes.call(call)


def _by_client(values: Iterator[tuple[str, str, Any]]) -> dict[str, Any]:
    """Groups by key, of (key, client, value)."""
    found: dict[str, list[tuple[str, Any]]] = defaultdict(list)
    for key, client, value in values:
        found[key].append((client, value))
    return {key: grouped(found[key]) for key in sorted(found)}
