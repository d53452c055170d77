"""Settings for HTTP on ports where no proxy reads requests (semantics §3.4)."""

from __future__ import annotations

import pytest

from meshlint.mesh.istio.unread import Unread
from meshlint.mesh.mesh import Mesh

from .conftest import host_of, mesh_of

CART = "cart.shop.svc.cluster.local"
RULE = "DestinationRule shop/cart\nspec: {host: %s, trafficPolicy: {%s}}\n---\n"
UPGRADE = "connectionPool: {http: {h2UpgradePolicy: UPGRADE}}"
LIMITS = "connectionPool: {http: {http1MaxPendingRequests: 1, http2MaxRequests: 2, maxRetries: 3, maxRequestsPerConnection: 4}}"


def service(*ports: str, name: str = "cart") -> str:
    """A Service whose ports have these names."""
    listed = ", ".join(f"{{port: {8000 + n}, name: {port}}}" for n, port in enumerate(ports))
    return f"Service shop/{name}\nspec: {{selector: {{app: {name}}}, ports: [{listed}]}}\n---\n"


def found(mesh: Mesh, host: str = CART) -> list[Unread]:
    return list(mesh.unread_settings.of(host_of(mesh, host)))


def fields(text: str, host: str = CART) -> list[str]:
    return [field for unread in found(mesh_of(text), host) for field in unread.fields]


PORTS = {
    "tcp": (["tcp"], True),
    "tls": (["tls"], True),
    "https": (["https-web"], True),
    "a database": (["mongo"], True),
    "not said": (["serve"], True),
    "tcp and not said": (["tcp", "serve"], True),
    "http": (["http"], False),
    "grpc": (["grpc"], False),
    "one of two": (["tcp", "http-web"], False),
}


@pytest.mark.parametrize("ports, idle", PORTS.values(), ids=PORTS)
def test_where_an_upgrade_does_nothing(ports: list[str], idle: bool) -> None:
    assert fields(service(*ports) + RULE % ("cart", UPGRADE)) == ["h2UpgradePolicy"] * idle


def test_limits_on_requests_do_nothing_on_tcp_ports() -> None:
    """The queue has TCP connections, too; on a port that is sniffed requests are read."""
    assert fields(service("tcp") + RULE % ("cart", LIMITS)) == [
        "http2MaxRequests",
        "maxRetries",
        "maxRequestsPerConnection",
    ]
    assert fields(service("serve") + RULE % ("cart", LIMITS)) == []


@pytest.mark.parametrize("field", ["h2UpgradePolicy: DO_NOT_UPGRADE", "maxRetries: 0", 'maxRetries: "${N}"'])
def test_what_asks_for_nothing_is_no_loss(field: str) -> None:
    assert fields(service("tcp") + RULE % ("cart", f"connectionPool: {{http: {{{field}}}}}")) == []


def test_nothing_is_said_of_ports_that_are_not_known() -> None:
    assert fields(RULE % ("cart", UPGRADE)) == []
    assert fields(service().replace("ports: []", "ports: [{port: 53, protocol: UDP}]") + RULE % ("cart", UPGRADE)) == []


def route(destination: str, bound: str = "mesh") -> str:
    return (
        f"VirtualService shop/cart\nspec: {{hosts: [cart], gateways: [{bound}], "
        f"http: [{{route: [{{destination: {{{destination}}}}}]}}]}}\n---\n"
    )


ROUTES = {
    "to the port": ("host: cart, port: {number: 8000}", "mesh", False),
    "to another port": ("host: cart, port: {number: 9999}", "mesh", True),
    "to the port that was called, which is another": ("host: cart", "mesh", True),
    "to the only port, by a gateway": ("host: cart", "edge/public", False),
}


@pytest.mark.parametrize("destination, bound, idle", ROUTES.values(), ids=ROUTES)
def test_a_tls_port_to_which_an_http_route_leads_has_requests(destination: str, bound: str, idle: bool) -> None:
    text = service("tls") + route(destination, bound) + RULE % ("cart", UPGRADE)
    assert fields(text) == ["h2UpgradePolicy"] * idle


def test_gateways_upgrade_what_they_send_to_a_port_that_sidecars_sniff() -> None:
    for bound, by_gateways in (("mesh", False), ("edge/public", True)):
        (unread,) = found(mesh_of(service("serve") + route("host: cart", bound) + RULE % ("cart", UPGRADE)))
        assert unread.by_gateways is by_gateways
        assert unread.why == ["sidecars keep the HTTP version of the caller"]


TLS = {
    "none": ("", "tls", None),
    "simple": (", tls: {mode: SIMPLE}", "tls", "SIMPLE"),
    "mutual": (", tls: {mode: MUTUAL}", "tcp", "MUTUAL"),
    "that of the mesh": (", tls: {mode: ISTIO_MUTUAL}", "tcp", None),
    "where the version stays open": (", tls: {mode: SIMPLE}", "serve", None),
}


@pytest.mark.parametrize("tls, port, mode", TLS.values(), ids=TLS)
def test_beside_tls_an_upgrade_decides_what_alpn_offers(tls: str, port: str, mode: str | None) -> None:
    (unread,) = found(mesh_of(service(port) + RULE % ("cart", UPGRADE + tls)))
    assert (unread.offers and unread.offers.get("mode")) == mode


def test_a_pool_is_judged_by_all_that_have_it() -> None:
    """The rule is for two hosts: one field acts on one of them, the other on neither."""
    wide = RULE % ('"*.shop.svc.cluster.local"', LIMITS)
    assert fields(service("tcp") + service("http", name="web") + wide) == []
    both = wide + service("tcp") + service("tls", name="queue")
    (unread,) = found(mesh_of(both))
    assert unread.unless is not None
    assert unread.unless.text == "no other host of *.shop.svc.cluster.local is in the input"


def test_the_settings_of_a_port_are_its_own() -> None:
    policy = f"{UPGRADE}, portLevelSettings: [{{port: {{number: 8001}}, {LIMITS}}}]"
    (unread,) = found(mesh_of(service("http", "tcp") + RULE % ("cart", policy)))
    assert unread.fields == ("http2MaxRequests", "maxRetries", "maxRequestsPerConnection")
    assert [reason.text for reason in unread.ports] == ["port 8001 is TCP"]


def test_settings_of_the_mesh_are_for_other_hosts_as_well() -> None:
    config = f"ConfigMap istio-system/istio\ndata: {{mesh: 'defaultTrafficPolicy: {{{LIMITS}}}'}}\n---\n"
    assert fields(config + service("tcp")) == []
