"""The whole effective policy of a mesh as neutral JSON: what istiod makes of it, client by client (`schemas/facts.schema.json`).

Times are milliseconds; null = not set, no limit, or Envoy's own default. A value that depends on the client is a list of
groups `{clients, value}`: clients with equal values share one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from .istio.xds.istiod import Istiod
from .istio.xds.proxies import Proxy

Groups = list[dict[str, Any]]


def facts(name: str, istiod: Istiod) -> dict[str, Any]:
    """The facts of one mesh."""
    clients = [proxy for proxy in istiod.proxies if proxy.proxied]
    sidecars = [proxy for proxy in clients if proxy.is_sidecar]
    return {
        "mesh": name,
        "workloads": {proxy.key: _workload(proxy) for proxy in istiod.proxies},
        "visible": _grouped((proxy.key, _visible(istiod, proxy)) for proxy in sidecars),
    }


def _workload(proxy: Proxy) -> dict[str, Any]:
    kind = "gateway" if proxy.is_gateway else "sidecar" if proxy.is_sidecar else "none"
    return {"proxy": kind, "identity": f"{proxy.namespace}/{proxy.account}", "locality": proxy.locality}


def _visible(istiod: Istiod, proxy: Proxy) -> Mapping[str, str]:
    return {service.host: service.namespace for service in istiod.scope(proxy).services}


def _grouped(values: Iterable[tuple[str, Any]]) -> Groups:
    """Clients whose values are equal together, sorted by the first of each group."""
    groups: dict[str, dict[str, Any]] = {}
    for client, value in values:
        group = groups.setdefault(json.dumps(value, sort_keys=True), {"clients": [], "value": value})
        group["clients"].append(client)
    for group in groups.values():
        group["clients"].sort()
    return sorted(groups.values(), key=lambda group: str(group["clients"][0]))
