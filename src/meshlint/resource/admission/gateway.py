"""Gateways (`ValidateGateway`), and what Sidecars share with them: hosts with namespaces, protocols, TLS of servers."""

from ...source.document import Path
from .complaint import Complaint, Complaints, told
from .decode import Message
from .meta import Meta
from .syntax import bad_host, bad_port, is_dns_label, is_ip, is_partial_wildcard

HTTP = frozenset(["http", "http2", "http_proxy", "grpc", "grpc-web"])
TLS = frozenset(["https", "tls"])
TCP = frozenset(["tcp", "mongo", "redis", "mysql"]) | TLS
_PROTOCOLS = HTTP | TCP | {"udp"}
SOCKET = "unix://"

_PASSTHROUGH = ("PASSTHROUGH", "AUTO_PASSTHROUGH")
_TERMINATING = ("SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL")
_FILES = ("serverCertificate", "privateKey", "caCertificates")
_CERTIFICATES = (*_FILES, "tlsCertificates", "credentialName", "credentialNames")


def protocol(port: Message) -> str:
    """The protocol of a port in lower case; "" for one that Istio does not know (`protocol.Parse`)."""
    name = str(port.get("protocol", "")).lower()
    return name if name in _PROTOCOLS else ""


def gateway(spec: Message, meta: Meta) -> Complaints:
    of_gateway_api = meta.annotations.get("internal.istio.io/gateway-semantics") == "gateway"
    if not is_dns_label(meta.name) and not of_gateway_api:
        yield Complaint(("metadata", "name"), f"{meta.name!r} is no DNS label")
    if "servers" not in spec:
        yield Complaint(("spec",), "a gateway needs a server")
    names: set[str] = set()
    for index, server in enumerate(spec.get("servers", ())):
        path: Path = ("spec", "servers", index)
        yield from _server(server, path, of_gateway_api)
        if "port" in server:
            name = server["port"].get("name", "")
            if name in names:
                yield Complaint((*path, "port", "name"), f"another server's port is called {name}")
            names.add(name)


def _server(server: Message, path: Path, of_gateway_api: bool) -> Complaints:
    """`validateServer`."""
    if "hosts" not in server:
        yield Complaint(path, "a server needs a host")
    for index, host in enumerate(server.get("hosts", ())):
        yield from _host(host, (*path, "hosts", index), of_gateway_api)
    bind = server.get("bind", "")
    port = list(_port(server.get("port"), bind, path))
    yield from port
    if bind.startswith(SOCKET):
        yield from socket(bind, (*path, "bind"))
        if server.get("port", {}).get("number"):
            yield Complaint((*path, "port", "number"), "the port of a socket must be 0")
    elif bind and not is_ip(bind):
        yield Complaint((*path, "bind"), f"{bind} is no address")
    yield from server_tls(server.get("tls", {}), (*path, "tls"))
    if not port:
        yield from _tls_fits(server, path)


def _host(host: str, path: Path, of_gateway_api: bool) -> Complaints:
    """`agent.ValidateNamespaceSlashWildcardHostname` for gateways."""
    namespace, slash, name = host.partition("/")
    if not slash:
        yield from host_part(host, path)
        return
    if namespace not in ("*", ".") and not is_dns_label(namespace) and not (namespace == "~" and of_gateway_api):
        yield Complaint(path, f"{namespace!r} is none of *, . and a namespace")
    yield from host_part(name, path)


def host_part(host: str, path: Path, *, or_ip: bool = True) -> Complaints:
    """A host with a dot, or `*` (`validateSidecarOrGatewayHostnamePart`)."""
    if host != "*" and "." not in host:
        yield Complaint(path, f"{host!r} is a short name: only full ones are taken")
    if not (or_ip and is_ip(host)):
        yield from told(path, bad_host(host))
    if is_partial_wildcard(host):
        yield Complaint(path, f"the wildcard of {host} must stand for whole labels")


def _port(port: Message | None, bind: str, path: Path) -> Complaints:
    """`validateServerPort`."""
    if port is None:
        yield Complaint(path, "port must be set")
        return
    path = (*path, "port")
    if not protocol(port):
        yield Complaint((*path, "protocol"), f"{port.get('protocol', '')!r} is no protocol that Istio knows")
    if port.get("number") or not bind.startswith(SOCKET):
        yield from told((*path, "number"), bad_port(port.get("number", 0)))
    if port.get("targetPort"):
        yield Complaint((*path, "targetPort"), "targetPort does nothing here")
    if not port.get("name"):
        yield Complaint(path, "a port must have a name")


def socket(bind: str, path: Path) -> Complaints:
    """`ValidateUnixAddress`, of `unix://PATH`."""
    address = bind.removeprefix(SOCKET)
    if not address.startswith("@") and (not address.startswith("/") or address.endswith("/")):
        yield Complaint(path, f"{address!r} is neither an absolute path to a file nor starts with @")


def _tls_fits(server: Message, path: Path) -> Complaints:
    """Whether a server whose port is right has TLS settings that go with its protocol."""
    spoken, tls = protocol(server["port"]), server.get("tls")
    if spoken in TLS and tls is None:
        yield Complaint(path, "a server for HTTPS or TLS needs tls")
    elif spoken not in TLS and tls is not None:
        redirects = tls.get("mode", "PASSTHROUGH") in _PASSTHROUGH and not any(tls.get(name) for name in _FILES)
        if spoken not in HTTP or not redirects:
            yield Complaint((*path, "tls"), "a server that is neither HTTPS nor TLS has no certificates")


def server_tls(tls: Message, path: Path) -> Complaints:
    """`validateTLSOptions`, but for the warnings about ciphers."""
    mode = tls.get("mode", "PASSTHROUGH")
    there = [name for name in _CERTIFICATES if tls.get(name)]
    if mode == "ISTIO_MUTUAL":
        for name in there:
            yield Complaint((*path, name), f"ISTIO_MUTUAL has no {name}")
        return
    if mode in _PASSTHROUGH and (there or tls.get("caCrl")):
        yield Complaint(path, f"{mode} uses no certificates", warns=True)
    of_files = "serverCertificate" in there and "privateKey" in there
    if sum([of_files, *(name in there for name in ("credentialName", "credentialNames", "tlsCertificates"))]) > 1:
        yield Complaint(path, "certificates must come from one source only")
    if mode in _TERMINATING and (tls.get("credentialName") or tls.get("credentialNames")):
        return
    if mode in _TERMINATING:
        yield from _certificates(tls, mode, path)
    if tls.get("caCrl") and (tls.get("credentialName") or mode == "SIMPLE"):
        yield Complaint((*path, "caCrl"), "caCrl is neither for SIMPLE nor for credentials")


def _certificates(tls: Message, mode: str, path: Path) -> Complaints:
    """The files that a server needs which has no credentials."""
    if mode != "SIMPLE" and not tls.get("caCertificates"):
        yield Complaint(path, f"{mode} needs caCertificates, or a credentialName")
    for certificate in tls.get("tlsCertificates", [tls]):
        for name in ("serverCertificate", "privateKey"):
            if not certificate.get(name):
                yield Complaint(path, f"{mode} needs {name}, or a credentialName")
