"""The servers of gateway workloads as facts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from ..istio.xds.gateway_listeners import GatewayChain, GatewayHost
from .routes import route, targets

_ENDS_HERE = {"SIMPLE": "SIMPLE", "OPTIONAL_MUTUAL": "SIMPLE", "MUTUAL": "MUTUAL", "ISTIO_MUTUAL": "ISTIO_MUTUAL"}


def servers(chains: Iterable[GatewayChain]) -> list[dict[str, Any]]:
    """The servers of a workload, by port and server names."""
    return sorted((_server(chain) for chain in chains), key=lambda fact: (fact["port"], _text(fact["sni"])))


def _server(chain: GatewayChain) -> dict[str, Any]:
    names = [] if "*" in chain.names else sorted(chain.names)
    fact: dict[str, Any] = {"port": chain.number, "protocol": "TCP", "sni": names, "tls": _mode(chain.mode, names)}
    if chain.hosts is None:
        return fact | {"tcp": targets(chain.to)}
    hosts = sorted(map(_host, chain.hosts), key=lambda host: _text(host["domains"]))
    return fact | {"protocol": "HTTP"} | ({"hosts": hosts} if hosts else {})


def _mode(mode: str, names: list[str]) -> Any:
    if not mode:
        return "PASSTHROUGH" if names else "NONE"
    return _ENDS_HERE.get(mode) or {"unknown": f"the mode of its TLS is {mode}"}


def _host(host: GatewayHost) -> dict[str, Any]:
    https_only = {"https_only": True} if host.https_only else {}
    return {"domains": sorted(host.domains), **https_only, "routes": [route(each) for each in host.routes]}


def _text(names: list[str]) -> str:
    return json.dumps(names, separators=(",", ":"), ensure_ascii=False)
