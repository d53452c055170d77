"""Ports that a proxy itself listens on, for which istiod makes no listener of a service (`model/context.go CanBindToPort`)."""

from __future__ import annotations

from ..meshconfig import MeshConfig

HEALTH_AND_METRICS = (15021, 15090)
"""Ports of every proxy, which tells istiod of them."""


def captures(meshconfig: MeshConfig) -> tuple[int, int]:
    """The ports to which everything is turned that the application sends, and that it is sent."""
    return _port(meshconfig, "proxyListenPort", 15001), _port(meshconfig, "proxyInboundListenPort", 15006)


def _port(meshconfig: MeshConfig, name: str, default: int) -> int:
    number = meshconfig.value(name).value
    return number if isinstance(number, int) else default
