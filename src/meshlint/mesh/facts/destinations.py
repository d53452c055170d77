"""Clusters as facts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..effective import UNKNOWN, Effective
from ..istio.xds.clusters import Cluster
from ..istio.xds.endpoints import Group, parts
from ..istio.xds.istiod import Istiod
from ..istio.xds.limits import Outlier, Pool
from ..istio.xds.proxies import Proxy
from ..istio.xds.upstream_tls import Tls
from .values import value


def destinations(istiod: Istiod, clients: Iterable[Proxy]) -> Iterator[tuple[str, Sequence[str], Any]]:
    """Key `host|port|subset`, clients and value of every cluster."""
    known: dict[int, dict[str, Any]] = {}
    for alike in istiod.alike(clients):
        for cluster in istiod.clusters.of(alike[0], istiod.scope(alike[0])):
            if id(cluster) not in known:
                known[id(cluster)] = _cluster(cluster)
            key = f"{cluster.service.host}|{cluster.port.number}|{cluster.subset}"
            for proxies, groups in istiod.clusters.endpoints(cluster, alike):
                yield key, [proxy.key for proxy in proxies], known[id(cluster)] | {"endpoints": _endpoints(groups)}


def pool(found: Pool, http: Any) -> dict[str, Any]:
    """A pool and the HTTP version that is spoken; streams are limited only where HTTP/2 is settled."""
    budget = found.retry_budget.value
    return {
        "max_connections": value(found.max_connections),
        "http1_max_pending": value(found.max_pending),
        "http2_max_requests": value(found.max_requests),
        "max_retries": value(found.max_retries),
        "max_requests_per_connection": value(found.max_requests_per_connection),
        "max_concurrent_streams": value(found.max_concurrent_streams) if http == "http2" else None,
        "connect_timeout_ms": value(found.connect_timeout),
        "idle_timeout_ms": value(found.idle_timeout),
        "max_connection_duration_ms": value(found.max_connection_duration),
        "retry_budget": (
            {"percent": value(budget.percent), "min_concurrency": value(budget.min_concurrency)} if budget else None
        ),
        "http": http,
        "tcp_keepalive_probes": value(found.keepalive_probes),
    }


def _cluster(cluster: Cluster) -> dict[str, Any]:
    settings = cluster.settings
    return {
        "type": cluster.type,
        "tls": _tls(cluster.tls),
        "pool": pool(settings.pool, value(cluster.http)),
        "outlier": _outlier(settings.outlier, cluster.near) if settings.outlier else None,
        "lb": {
            "policy": cluster.balancing if isinstance(cluster.balancing, str) else value(settings.algorithm),
            "locality_weighted": cluster.weighted,
            "warmup_ms": value(settings.warmup) if cluster.balancing == settings.algorithm.value else None,
        },
        "destination_rules": sorted(f"{rule.namespace}/{rule.name}" for rule in cluster.rule.rules)
        if cluster.rule
        else [],
    }


def _tls(found: Effective[Any]) -> Any:
    tls = found.value
    if not isinstance(tls, Tls):
        return value(found)
    return tls._asdict() | {"sans": list(tls.sans), "alpn": list(tls.alpn)}


def _outlier(found: Outlier, near: bool) -> dict[str, Any]:
    """Outlier detection; a count that is set is enforced fully, or not at all when it is 0."""
    return {
        "consecutive_5xx": value(found.consecutive_5xx),
        "enforcing_consecutive_5xx": _enforced(found.consecutive_5xx),
        "consecutive_gateway": value(found.consecutive_gateway),
        "enforcing_consecutive_gateway": _enforced(found.consecutive_gateway),
        "consecutive_local_origin": value(found.consecutive_local_origin),
        "split_local_origin": found.split_local_origin.value is True,
        "interval_ms": value(found.interval),
        "base_ejection_ms": value(found.base_ejection),
        "max_ejection_percent": value(found.max_ejection_percent),
        "panic_percent": 0 if near else value(found.min_health_percent) or 0,
    }


def _enforced(count: Effective[Any]) -> Any:
    if count.value is UNKNOWN:
        return value(count)
    return None if count.value is None else 100 if count.value else 0


def _endpoints(groups: Iterable[Group]) -> list[dict[str, Any]]:
    found = [
        {
            "locality": "/".join(parts(group.locality)).rstrip("/"),
            "priority": group.priority,
            "weight": group.weight,
            "mtls": sum(backend.mtls for backend in group.backends),
            "plain": sum(not backend.mtls for backend in group.backends),
        }
        for group in groups
    ]
    return sorted(found, key=lambda group: (group["priority"], json.dumps(group, separators=(",", ":"))))
