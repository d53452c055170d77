"""ServiceEntries, WorkloadEntries and WorkloadGroups (`ValidateServiceEntry`, `ValidateWorkloadEntry`, `ValidateWorkloadGroup`)."""

from ...source.document import Path
from .common import export_to, labels, not_negative, one_of, selector
from .complaint import Complaint, Complaints, told
from .decode import Message
from .gateway import HTTP, SOCKET, TLS, protocol, socket
from .meta import Meta
from .syntax import bad_fqdn, bad_host, bad_port, bad_subnet, is_dns_label, is_ip, is_partial_wildcard

_DYNAMIC = ("http", "http2", "grpc", "tls")
_ADDRESSED = ("NONE", "STATIC")
_ALLOCATED = "networking.istio.io/enable-autoallocate-ip"


def service_entry(spec: Message, meta: Meta) -> Complaints:
    path: Path = ("spec",)
    resolution = spec.get("resolution", "NONE")
    yield from selector(spec, "workloadSelector", "labels", path)
    if "workloadSelector" in spec and "endpoints" in spec:
        yield Complaint((*path, "endpoints"), "only one of workloadSelector and endpoints may be set")
    yield from _hosts(spec, resolution, (*path, "hosts"))
    for index, address in enumerate(spec.get("addresses", ())):
        at = (*path, "addresses", index)
        yield from told(at, bad_subnet(address))
        if "/" in address and resolution not in _ADDRESSED:
            yield Complaint(at, "address ranges need resolution NONE or STATIC")
    yield from _ports(spec.get("ports", []), (*path, "ports"))
    if "addresses" not in spec and (resolution == "NONE" or meta.labels.get(_ALLOCATED, "").lower() == "false"):
        yield from _addressless(spec, (*path, "ports"))
    yield from _resolved(spec, meta, resolution, path)
    if resolution != "NONE" and len(spec.get("hosts", ())) > 1:
        yield from _told_apart(spec, (*path, "ports"))
    yield from export_to(spec, meta.namespace, path, to_none=True)


def _hosts(spec: Message, resolution: str, path: Path) -> Complaints:
    if "hosts" not in spec:
        yield Complaint(path, "a ServiceEntry needs a host")
    for index, host in enumerate(spec.get("hosts", ())):
        yield from told((*path, index), "* is no host" if host == "*" else bad_host(host))
        if is_partial_wildcard(host) and resolution != "DYNAMIC_DNS":
            yield Complaint((*path, index), f"the wildcard of {host} should stand for whole labels", warns=True)


def _addressless(spec: Message, path: Path) -> Complaints:
    for index, port in enumerate(spec.get("ports", ())):
        if port.get("protocol", "") in ("", "TCP"):
            yield Complaint((*path, index), "a TCP port needs addresses, which this host is not given", warns=True)


def _ports(ports: list[Message], path: Path) -> Complaints:
    seen: set[tuple[str, str | int]] = set()
    for index, port in enumerate(ports):
        at, name, number = (*path, index), port.get("name", ""), port.get("number", 0)
        for key in (("name", name), ("number", number)):
            if key in seen:
                yield Complaint((*at, key[0]), f"another port has the {key[0]} {key[1]}")
            seen.add(key)
        if not is_dns_label(name):
            yield Complaint((*at, "name"), f"{name!r} is no name of a port")
        if port.get("protocol") and not protocol(port):
            yield Complaint((*at, "protocol"), f"{port['protocol']!r} is no protocol that Istio knows")
        yield from told((*at, "number"), bad_port(number))
        if port.get("targetPort"):
            yield from told((*at, "targetPort"), bad_port(port["targetPort"]))


def _resolved(spec: Message, meta: Meta, resolution: str, path: Path) -> Complaints:
    """What the resolution asks of the rest."""
    names = {port.get("name", "") for port in spec.get("ports", ())}
    if resolution == "NONE" and "workloadSelector" in spec:
        yield Complaint((*path, "workloadSelector"), "resolution NONE has no workloads", warns=True)
    if resolution == "NONE" and "endpoints" in spec:
        yield Complaint((*path, "endpoints"), "resolution NONE has no endpoints")
    elif resolution == "STATIC":
        for index, endpoint in enumerate(spec.get("endpoints", ())):
            yield from _endpoint(endpoint, (*path, "endpoints", index), names)
    elif resolution in ("DNS", "DNS_ROUND_ROBIN"):
        yield from _dns(spec, resolution, names, path)
    elif resolution == "DYNAMIC_DNS":
        yield from _dynamic_dns(spec, meta, path)
    elif resolution != "NONE":
        yield Complaint((*path, "resolution"), f"{resolution} is no resolution")


def _dns(spec: Message, resolution: str, names: set[str], path: Path) -> Complaints:
    endpoints = spec.get("endpoints", [])
    for index, host in enumerate([] if endpoints else spec.get("hosts", [])):
        yield from told((*path, "hosts", index), bad_fqdn(host))
    if resolution == "DNS_ROUND_ROBIN" and len(endpoints) > 1:
        yield Complaint((*path, "endpoints"), "resolution DNS_ROUND_ROBIN has at most one endpoint")
    for index, endpoint in enumerate(endpoints):
        at = (*path, "endpoints", index)
        address = endpoint.get("address", "")
        if not is_ip(address):
            yield from told((*at, "address"), bad_fqdn(address))
        yield from labels(endpoint.get("labels", {}), (*at, "labels"))
        yield from _endpoint_ports(endpoint, at, names)


def _dynamic_dns(spec: Message, meta: Meta, path: Path) -> Complaints:
    for index, host in enumerate(spec.get("hosts", ())):
        if not host.startswith("*"):
            yield Complaint((*path, "hosts", index), "resolution DYNAMIC_DNS needs hosts with wildcards")
    for name in ("addresses", "endpoints"):
        if name in spec:
            yield Complaint((*path, name), f"resolution DYNAMIC_DNS has no {name}")
    for index, port in enumerate(spec.get("ports", ())):
        if protocol(port) not in _DYNAMIC:
            yield Complaint((*path, "ports", index), "resolution DYNAMIC_DNS is for HTTP, HTTP2, GRPC and TLS")
    location = spec.get("location", "MESH_EXTERNAL")
    if location not in ("MESH_EXTERNAL", "MESH_INTERNAL"):
        yield Complaint((*path, "location"), f"{location} is no location")
    if location == "MESH_INTERNAL" and meta.labels.get("istio.io/use-waypoint", "none").lower() not in ("", "none"):
        yield Complaint((*path, "location"), "resolution DYNAMIC_DNS in the mesh does not go with waypoints")


def _told_apart(spec: Message, path: Path) -> Complaints:
    """Several hosts can only be told apart by protocols that say the host."""
    for index, port in enumerate(spec.get("ports", ())):
        if protocol(port) not in HTTP | TLS:
            yield Complaint((*path, index), "several hosts need ports for HTTP or TLS, which say the host")
            return


def _endpoint(entry: Message, path: Path, service_ports: set[str] | None) -> Complaints:
    """`validateWorkloadEntry`. `service_ports` are the ports of the ServiceEntry it is in, where it has no host names."""
    address = entry.get("address", "")
    if not address and not entry.get("network"):
        yield Complaint(path, "address must be set")
        return
    if not address:
        yield Complaint(path, "without an address it is at the gateway of its network", warns=True)
    is_socket = address.startswith(SOCKET)
    if is_socket:
        yield from socket(address, (*path, "address"))
        if entry.get("ports"):
            yield Complaint((*path, "ports"), "a socket has no ports")
        if service_ports is not None and len(service_ports) != 1:
            yield Complaint(path, "a socket is for one service port")
    elif address and not is_ip(address) and (service_ports is not None or bad_fqdn(address)):
        yield Complaint((*path, "address"), f"{address} is no address" + (" or host" if service_ports is None else ""))
    yield from _endpoint_ports(entry, path, service_ports)
    yield from labels(entry.get("labels", {}), (*path, "labels"))


def _endpoint_ports(entry: Message, path: Path, service_ports: set[str] | None) -> Complaints:
    for name, number in entry.get("ports", {}).items():
        at = (*path, "ports", name)
        if service_ports is not None and name not in service_ports:
            yield Complaint(at, f"the ServiceEntry has no port called {name}")
        if not is_dns_label(name):
            yield Complaint(at, f"{name!r} is no name of a port")
        yield from told(at, bad_port(number))


def workload_entry(spec: Message, meta: Meta) -> Complaints:
    yield from _endpoint(spec, ("spec",), None)


def workload_group(spec: Message, meta: Meta) -> Complaints:
    path: Path = ("spec",)
    if "template" not in spec:
        yield Complaint(path, "template must be set")
    yield from labels(spec.get("metadata", {}).get("labels", {}), (*path, "metadata", "labels"))
    if "probe" in spec:
        yield from _probe(spec["probe"], (*path, "probe"))


def _probe(probe: Message, path: Path) -> Complaints:
    """`validateReadinessProbe`, which does not know gRPC."""
    counts = ("periodSeconds", "initialDelaySeconds", "timeoutSeconds", "successThreshold", "failureThreshold")
    yield from not_negative(probe, counts, path)
    kind = one_of(probe, "httpGet", "tcpSocket", "exec", "grpc")
    method = probe.get(kind, {})
    if kind in ("httpGet", "tcpSocket"):
        yield from told((*path, kind, "port"), bad_port(method.get("port", 0)))
    elif kind != "exec" or "command" not in method:
        yield Complaint(path, "a probe needs httpGet, tcpSocket or a command to exec")
    if kind == "httpGet":
        if method.get("scheme") not in (None, "", "HTTP", "HTTPS"):
            yield Complaint((*path, kind, "scheme"), "scheme must be HTTP or HTTPS")
        for index, header in enumerate(method.get("httpHeaders", ())):
            name = header.get("name", "")
            if not name.replace("-", "a").isalnum() or not name.isascii():
                yield Complaint((*path, kind, "httpHeaders", index), f"{name!r} is no name of a header")
