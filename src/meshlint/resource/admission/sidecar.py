"""Sidecars (`ValidateSidecar`)."""

from ...source.document import Path
from .common import destination, selector
from .complaint import Complaint, Complaints, told
from .decode import Message
from .destinationrule import connection_pool
from .gateway import SOCKET, TLS, host_part, protocol, server_tls, socket
from .meta import Meta
from .syntax import bad_fqdn, bad_port, integer, is_dns_label, is_ip, split_host_port

_LOCAL = ("", "127.0.0.1", "0.0.0.0", "::1", "::")
_NOT_FOR_INGRESS = ("subjectAltNames", "httpsRedirect", "credentialName", "credentialNames", "tlsCertificates")


def sidecar(spec: Message, meta: Meta) -> Complaints:
    yield from selector(spec, "workloadSelector", "labels", ("spec",))
    if not spec.keys() & {"egress", "ingress", "outboundTrafficPolicy", "inboundConnectionPool"}:
        yield Complaint(("spec",), "a Sidecar must set something")
    ports: set[int] = set()
    for index, listener in enumerate(spec.get("ingress", ())):
        path: Path = ("spec", "ingress", index)
        yield from _ingress(listener, path)
        if "port" in listener:
            yield from _twice(listener["port"].get("number", 0), ports, path)
    if "inboundConnectionPool" in spec:
        yield from connection_pool(spec["inboundConnectionPool"], ("spec", "inboundConnectionPool"))
    yield from _egress_listeners(spec.get("egress", []), ("spec", "egress"))
    if "outboundTrafficPolicy" in spec:
        yield from _outbound(spec["outboundTrafficPolicy"], ("spec", "outboundTrafficPolicy"))


def _twice(port: int, ports: set[int], path: Path) -> Complaints:
    if port in ports:
        yield Complaint((*path, "port"), f"another listener has the port {port}")
    ports.add(port)


def _ingress(listener: Message, path: Path) -> Complaints:
    if "port" not in listener:
        yield Complaint(path, "port must be set")
        return
    yield from _port(listener["port"], (*path, "port"))
    yield from told((*path, "port", "number"), bad_port(listener["port"].get("number", 0)))
    yield from _bind(listener, path)
    if listener.get("defaultEndpoint"):
        yield from _endpoint(listener["defaultEndpoint"], (*path, "defaultEndpoint"))
    if "tls" in listener:
        yield from _ingress_tls(listener, (*path, "tls"))
    if "connectionPool" in listener:
        yield from connection_pool(listener["connectionPool"], (*path, "connectionPool"))


def _port(port: Message, path: Path) -> Complaints:
    if port.get("targetPort"):
        yield Complaint((*path, "targetPort"), "targetPort does nothing here")
    if port.get("name") and not is_dns_label(port["name"]):
        yield Complaint((*path, "name"), f"{port['name']!r} is no name of a port")
    if port.get("protocol") and not protocol(port):
        yield Complaint((*path, "protocol"), f"{port['protocol']!r} is no protocol that Istio knows")


def _bind(listener: Message, path: Path) -> Complaints:
    if listener.get("bind") and not is_ip(listener["bind"]):
        yield Complaint((*path, "bind"), f"{listener['bind']} is no address")


def _endpoint(endpoint: str, path: Path) -> Complaints:
    if endpoint.startswith(SOCKET):
        yield from socket(endpoint, path)
        return
    host, port = split_host_port(endpoint) or ("", "")
    number = integer(port)
    if host not in _LOCAL or number is None or bad_port(number):
        yield Complaint(
            path, "must be the proxy's own host and a port (127.0.0.1:80, 0.0.0.0:80, [::1]:80, :80), or a socket"
        )


def _ingress_tls(listener: Message, path: Path) -> Complaints:
    tls = listener["tls"]
    for name in _NOT_FOR_INGRESS:
        if tls.get(name):
            yield Complaint((*path, name), f"{name} is not for Sidecars")
    if tls.get("mode") in ("ISTIO_MUTUAL", "AUTO_PASSTHROUGH"):
        yield Complaint((*path, "mode"), f"mode {tls['mode']} is not for Sidecars")
    if protocol(listener["port"]) not in TLS:
        yield Complaint(path, "tls is for the protocols HTTPS and TLS")
    yield from server_tls(tls, path)


def _egress_listeners(listeners: list[Message], path: Path) -> Complaints:
    ports: set[int] = set()
    sockets: set[str] = set()
    for index, listener in enumerate(listeners):
        at = (*path, index)
        if "port" not in listener and index != len(listeners) - 1:
            yield Complaint(at, "only the last listener may be without a port")
        elif "port" in listener:
            yield from _egress(listener, at)
            number, bind = listener["port"].get("number", 0), listener.get("bind", "")
            if number:
                yield from _twice(number, ports, at)
            elif bind in sockets:
                yield Complaint((*at, "bind"), f"another listener has the socket {bind}")
            else:
                sockets.add(bind)
        if "hosts" not in listener:
            yield Complaint(at, "an egress listener needs a host")
        for number, host in enumerate(listener.get("hosts", ())):
            yield from _host(host, (*at, "hosts", number))


def _egress(listener: Message, path: Path) -> Complaints:
    """`validateSidecarEgressPortBindAndCaptureMode`."""
    port, bind = listener["port"], listener.get("bind", "")
    yield from _port(port, (*path, "port"))
    if port.get("number"):
        yield from told((*path, "port", "number"), bad_port(port["number"]))
        yield from _bind(listener, path)
        return
    if bind.startswith(SOCKET):
        yield from socket(bind, (*path, "bind"))
    else:
        yield Complaint((*path, "bind"), "a listener whose port is 0 must be bound to a socket")
    if listener.get("captureMode", "DEFAULT") not in ("DEFAULT", "NONE"):
        yield Complaint((*path, "captureMode"), "captureMode of a socket must be DEFAULT or NONE")


def _host(host: str, path: Path) -> Complaints:
    """`agent.ValidateNamespaceSlashWildcardHostname` for Sidecars; `~` before the namespace excludes."""
    namespace, slash, name = host.partition("/")
    if not namespace or not name:
        yield Complaint(path, f"{host!r} is not of the form NAMESPACE/HOST")
    if slash:
        namespace = namespace.removeprefix("~")
        if namespace not in ("", "*", ".") and not is_dns_label(namespace):
            yield Complaint(path, f"{namespace!r} is none of *, . and a namespace")
        yield from host_part(name, path, or_ip=False)


def _outbound(policy: Message, path: Path) -> Complaints:
    """`validateSidecarOutboundTrafficPolicy`."""
    if "egressProxy" in policy:
        proxy, at = policy["egressProxy"], (*path, "egressProxy")
        if policy.get("mode") != "ALLOW_ANY":
            yield Complaint(at, "egressProxy needs mode ALLOW_ANY")
            return
        yield from told((*at, "host"), bad_fqdn(proxy.get("host", "")))
        if "port" not in proxy:
            yield Complaint(at, "port must be set")
            return
        yield from destination(proxy, at)
