"""The ports that a proxy itself listens on, for which istiod makes no listener of a service (`model/context.go CanBindToPort`)."""

from __future__ import annotations

from ..meshconfig import MeshConfig

_HEALTH, _METRICS = 15021, 15090


def outbound_capture(meshconfig: MeshConfig) -> int:
    """The port to which everything is turned that the application sends."""
    return _port(meshconfig, "proxyListenPort", 15001)


def reserved(meshconfig: MeshConfig) -> tuple[int, ...]:
    """All of them."""
    inbound = _port(meshconfig, "proxyInboundListenPort", 15006)
    return outbound_capture(meshconfig), inbound, _HEALTH, _METRICS


def _port(meshconfig: MeshConfig, name: str, default: int) -> int:
    number = meshconfig.value(name).value
    return number if isinstance(number, int) else default
