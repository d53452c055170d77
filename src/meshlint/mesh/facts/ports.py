"""Inbound ports as facts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...resource.resource import each, get
from ..effective import Basis, Effective
from ..istio.xds.inbound import InboundPort
from ..istio.xds.istiod import Istiod
from ..istio.xds.proxies import Proxy
from ..subjects import MtlsMode
from .destinations import pool

_RETRIES = {
    "attempts": 2,
    "on": ["reset-before-request"],
    "codes": [],
    "per_try_timeout_ms": 0,
    "other_hosts": False,
    "other_localities": False,
    "backoff_ms": None,
}


def ports(proxy: Proxy, istiod: Istiod) -> dict[str, Any]:
    """The ports of a sidecar that a container declares, a Service targets or the proxy knows by number, and `*`."""
    inbound = istiod.inbound(proxy)
    rest = inbound[None]
    own = {number for number, port in inbound.items() if number and port.own}
    declared = {number for number, _, transport in _declared(proxy) if transport != "UDP"}
    numbers = sorted(own | declared | set(_targeted(proxy, istiod)))
    return {str(n): _port(inbound.get(n, rest)) for n in numbers} | {"*": _port(rest)}


def _port(port: InboundPort) -> dict[str, Any]:
    return {
        "mtls": _mtls(port.mtls),
        "protocol": port.protocol.value,
        "pool": pool(*port.limits) if port.limits else None,
        "retries": _RETRIES if port.retried else None,
    }


def _mtls(mode: Effective[MtlsMode]) -> Any:
    decided = mode.because[-1]
    return {"unknown": decided.text} if decided.basis is Basis.ASSUMED else mode.value.value


def _declared(proxy: Proxy) -> Iterator[tuple[int, str | None, str]]:
    """The ports of the containers: number, name and transport."""
    for container in each(proxy.pod.spec, "containers"):
        for port in each(container, "ports"):
            number = get(port, "containerPort")
            if isinstance(number, int):
                yield number, get(port, "name"), get(port, "protocol") or "TCP"


def _targeted(proxy: Proxy, istiod: Istiod) -> Iterator[int]:
    names = {name: number for number, name, _ in reversed(list(_declared(proxy)))}
    for service in istiod.registry.selecting(proxy):
        for port in service.ports:
            number = port.target if isinstance(port.target, int) else names.get(port.target)
            if number and port.transport != "UDP":
                yield number
