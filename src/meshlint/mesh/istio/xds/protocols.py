"""What istiod takes the protocol of a service port for (`pkg/config/protocol/instance.go`); None is found out by the proxy."""

from __future__ import annotations

from enum import Enum

from ....resource.match import ServicePort

_HTTP = frozenset({"http", "http2", "http_proxy", "grpc", "grpc-web"})
_TCP = frozenset({"tcp", "https", "tls", "mongo", "redis", "mysql"})
_NAMES = {"grpc-web": "GRPC-Web", "mongo": "Mongo", "redis": "Redis", "mysql": "MySQL", None: "auto"}


def is_http(port: ServicePort) -> bool:
    return port.protocol in _HTTP


def is_http_or_sniffed(port: ServicePort) -> bool:
    return port.protocol is None or port.protocol in _HTTP


def is_tcp(port: ServicePort) -> bool:
    """Whether its bytes are forwarded unread; TLS is one of these."""
    return port.protocol in _TCP


def is_tls(port: ServicePort) -> bool:
    return port.protocol in ("https", "tls")


def is_http2(port: ServicePort) -> bool:
    return port.protocol in ("http2", "grpc", "grpc-web")


def name(port: ServicePort) -> str:
    """istiod's name of the protocol."""
    return _NAMES.get(port.protocol) or str(port.protocol).upper()


def is_grpc(port: ServicePort) -> bool:
    return port.protocol in ("grpc", "grpc-web")


class Listening(Enum):
    """How the bytes that arrive at a port are read (`networking.ModelProtocolToListenerProtocol`)."""

    HTTP = "HTTP"
    TCP = "TCP"
    AUTO = "AUTO"


def listening(protocol: str | None) -> Listening:
    if protocol is None:
        return Listening.AUTO
    return Listening.HTTP if protocol in _HTTP else Listening.TCP
