"""VirtualServices (`ValidateVirtualService`), but for their HTTP routes. Unreachable routes are not looked for here."""

from ...source.document import Path
from ..match import host_matches, subset_of
from .common import export_to, labels
from .complaint import Complaint, Complaints, told
from .decode import Message
from .httproute import destinations, gateway_names, http_route
from .meta import Meta
from .syntax import bad_gateway_host, bad_host, bad_port, bad_subnet, is_claim_header, is_ip


def virtual_service(spec: Message, meta: Meta) -> Complaints:
    path: Path = ("spec",)
    of_gateway_api = meta.annotations.get("internal.istio.io/route-semantics") == "gateway"
    yield from gateway_names(spec.get("gateways", []), (*path, "gateways"), of_gateway_api=of_gateway_api)
    yield from _hosts(spec, (*path, "hosts"))
    if not spec.get("hosts"):
        for name in ("gateways", "tls", "tcp"):
            if name in spec:
                yield Complaint((*path, name), f"a VirtualService without hosts is a delegate, which has no {name}")
    if not spec.keys() & {"http", "tls", "tcp"}:
        yield Complaint(path, "one of http, tls and tcp must be set")
    for index, route in enumerate(spec.get("http", ())):
        at = (*path, "http", index)
        yield from http_route(route, at, delegate="hosts" not in spec, of_gateway_api=of_gateway_api)
        if not _is_for_gateways_only(spec):
            yield from _claims(route, at)
    for index, route in enumerate(spec.get("tls", ())):
        yield from _tls_route(route, spec, (*path, "tls", index))
        yield from destinations(route, (*path, "tls", index), of_gateway_api=of_gateway_api)
    for index, route in enumerate(spec.get("tcp", ())):
        yield from _tcp_route(route, (*path, "tcp", index))
        yield from destinations(route, (*path, "tcp", index), of_gateway_api=of_gateway_api)
    yield from export_to(spec, meta.namespace, path)


def _is_for_gateways_only(spec: Message) -> bool:
    return "gateways" in spec and "mesh" not in spec["gateways"]


def _hosts(spec: Message, path: Path) -> Complaints:
    hosts: list[str] = spec.get("hosts", [])
    to_gateways = _is_for_gateways_only(spec)
    has_sni = any("sniHosts" in match for route in spec.get("tls", ()) for match in route.get("match", ()))
    valid = True
    for index, host in enumerate(hosts):
        wrong = bad_gateway_host(host, has_sni) if to_gateways else bad_host(host)
        if host == "*" and not to_gateways:
            wrong = "* is only for gateways"
        if wrong and not is_ip(host):
            valid = False
            yield Complaint((*path, index), wrong)
    if valid:
        yield from _twice(hosts, path)


def _twice(hosts: list[str], path: Path) -> Complaints:
    """Hosts that a host before them covers, or the other way round."""
    before: set[str] = set()
    wildcards: list[str] = []
    for index, host in enumerate(hosts):
        near = before if host.startswith("*") else wildcards
        other = host if host in before else next((other for other in near if host_matches(other, host)), None)
        if other is not None:
            yield Complaint((*path, index), f"{host} and {other} overlap")
        before.add(host)
        wildcards += [host] if host.startswith("*") else []


def _claims(route: Message, path: Path) -> Complaints:
    for index, match in enumerate(route.get("match", ())):
        for name in ("headers", "withoutHeaders"):
            for header in match.get(name, ()):
                if is_claim_header(header):
                    yield Complaint((*path, "match", index, name, header), "routing by claims is only for gateways")


def _tls_route(route: Message, spec: Message, path: Path) -> Complaints:
    if "match" not in route:
        yield Complaint(path, "a TLS route needs a match")
    if "route" not in route:
        yield Complaint(path, "a TLS route needs a destination")
    for index, match in enumerate(route.get("match", ())):
        at = (*path, "match", index)
        if "sniHosts" not in match:
            yield Complaint(at, "a match of a TLS route needs sniHosts")
        for number, host in enumerate(match.get("sniHosts", ())):
            yield from _sni_host(host, spec, (*at, "sniHosts", number))
        yield from _match(match, at)


def _sni_host(host: str, spec: Message, path: Path) -> Complaints:
    """`validateSniHost`, to which a VirtualService without gateways is one for gateways only."""
    wrong = bad_host(host) if "mesh" in spec.get("gateways", ()) else bad_gateway_host(host, True)
    if wrong and is_ip(host):
        yield Complaint(path, "most clients send no address as SNI", warns=True)
    elif wrong:
        yield Complaint(path, wrong)
    elif not any(subset_of(host, other) for other in spec.get("hosts", ())):
        yield Complaint(path, f"{host} is not among the hosts of the VirtualService")


def _tcp_route(route: Message, path: Path) -> Complaints:
    if "route" not in route:
        yield Complaint(path, "a TCP route needs a destination")
    for index, match in enumerate(route.get("match", ())):
        yield from _match(match, (*path, "match", index))


def _match(match: Message, path: Path) -> Complaints:
    """What matches of TLS and TCP routes have in common."""
    for index, subnet in enumerate(match.get("destinationSubnets", ())):
        yield from told((*path, "destinationSubnets", index), bad_subnet(subnet))
    if match.get("port"):
        yield from told((*path, "port"), bad_port(match["port"]))
    yield from labels(match.get("sourceLabels", {}), (*path, "sourceLabels"))
    yield from gateway_names(match.get("gateways", []), (*path, "gateways"))
