"""Where requests of sidecars match no route of a VirtualService."""

from __future__ import annotations

import pytest

from .conftest import mesh_of


def gaps(http: str, more: str = "") -> list[str]:
    """The conditions under which the VirtualService `cart` leaves requests without a route."""
    rules = "".join(f"    {line}\n" for line in http.strip().splitlines())
    mesh = mesh_of(f"VirtualService shop/cart\nspec:\n  hosts: [cart]\n  http:\n{rules}{more}")
    (host,) = [host for host in mesh.hosts if host.name == CART]
    return [str(gap) for gap in mesh.unmatched.gaps(host.claims[0].resource, host.name)]


CART = "cart.shop.svc.cluster.local"
TO_CART = "route: [{destination: {host: cart}}]"

GAPS = {
    "a rule without match": ([f"- {TO_CART}"], []),
    "paths alone": ([f"- {{match: [{{uri: {{prefix: /a}}}}], {TO_CART}}}"], [""]),
    "the prefix / at last": (
        [f"- {{match: [{{uri: {{prefix: /a}}}}, {{uri: {{prefix: /}}}}], {TO_CART}}}"],
        [],
    ),
    "a header beside it": (
        [f"- {{match: [{{uri: {{prefix: /}}, headers: {{x-a: {{exact: b}}}}}}], {TO_CART}}}"],
        [""],
    ),
    "all for one port": (
        [f"- {{match: [{{port: 8001}}], {TO_CART}}}", f"- {{match: [{{uri: {{prefix: /a}}}}], {TO_CART}}}"],
        [""],
    ),
    "all for everybody, a path for one port": (
        [f"- {{match: [{{port: 8001, uri: {{prefix: /a}}}}], {TO_CART}}}", f"- {TO_CART}"],
        [],
    ),
    "a path for one port, nothing for the others": (
        [f"- {{match: [{{port: 8001, uri: {{prefix: /a}}}}], {TO_CART}}}"],
        ["on port 8001"],
    ),
    "all for some callers, a path for others": (
        [
            f"- {{match: [{{sourceLabels: {{app: web}}}}], {TO_CART}}}",
            f"- {{match: [{{sourceLabels: {{app: job}}, uri: {{prefix: /a}}}}], {TO_CART}}}",
            f"- {{match: [{{sourceNamespace: bank, uri: {{prefix: /a}}}}], {TO_CART}}}",
        ],
        ["from callers with app=job", "from namespace bank"],
    ),
    "a path for callers of whom some get all": (
        [
            f"- {{match: [{{sourceLabels: {{app: web, tier: one}}, uri: {{prefix: /a}}}}], {TO_CART}}}",
            f"- {{match: [{{sourceLabels: {{app: web}}}}], {TO_CART}}}",
        ],
        [],
    ),
    "only redirects": (["- {match: [{uri: {exact: /a}}], redirect: {uri: /b}}"], []),
    "an answer of the proxy": (["- {match: [{uri: {exact: /a}}], directResponse: {status: 404}}"], [""]),
    "all for a delegate that is not in the input": (["- {delegate: {name: other}}"], []),
    "a path for a delegate that is not in the input": (
        ["- {match: [{uri: {prefix: /a}}], delegate: {name: other}}"],
        [""],
    ),
}


@pytest.mark.parametrize("http, expected", GAPS.values(), ids=GAPS)
def test_gaps(http: list[str], expected: list[str]) -> None:
    """`route.go BuildHTTPRoutesForVirtualService`, `sourceMatchHTTP`: nothing is appended."""
    assert gaps("\n".join(http)) == expected


@pytest.mark.parametrize(
    "ports, expected",
    [
        ("[{name: http, port: 8001}]", []),
        ("[{name: http, port: 8001}, {name: tcp, port: 9000}]", []),
        (
            "[{name: http, port: 8001}, {name: grpc, port: 8002}, {name: api, port: 8003}]",
            ["on port 8002", "on port 8003"],
        ),
        ("[{name: http, port: 8002}]", [""]),
    ],
)
def test_a_catch_all_for_every_port_of_the_service_leaves_no_gap(ports: str, expected: list[str]) -> None:
    http = f"- {{match: [{{uri: {{prefix: /a}}}}], {TO_CART}}}\n- {{match: [{{port: 8001}}], {TO_CART}}}"
    assert gaps(http, f"---\nService shop/cart\nspec: {{ports: {ports}}}\n") == expected


def test_a_rule_for_gateways_takes_nothing_of_sidecars() -> None:
    text = """
VirtualService shop/cart
spec:
  hosts: [cart]
  gateways: [mesh, edge]
  http:
    - match: [{uri: {prefix: /a}}]
      route: [{destination: {host: cart}}]
    - match: [{gateways: [edge]}]
      route: [{destination: {host: cart}}]
"""
    mesh = mesh_of(text)
    assert [str(gap) for gap in mesh.unmatched.gaps(mesh.hosts[0].claims[0].resource, CART)] == [""]


def test_a_delegate_that_contradicts_its_root_takes_nothing() -> None:
    """`virtualservice.go MergeHTTPRoutes` drops it."""
    delegate = """---
VirtualService shop/other
spec:
  http:
    - match: [{uri: {prefix: /b}}]
      route: [{destination: {host: cart}}]
"""
    first = f"- {{match: [{{uri: {{prefix: /x}}}}], {TO_CART}}}"
    assert gaps(f"{first}\n- {{match: [{{uri: {{prefix: /a}}}}], delegate: {{name: other}}}}", delegate) == [""]
    assert gaps(f"{first}\n- {{match: [{{uri: {{prefix: /}}}}], delegate: {{name: other}}}}", delegate) == [""]
    assert gaps(f"{first}\n- {{delegate: {{name: other}}}}", delegate.replace("prefix: /b", "prefix: /")) == []


def test_a_virtual_service_that_nobody_sees_has_no_gap() -> None:
    text = f"VirtualService shop/cart\nspec: {{hosts: [cart], exportTo: ['~'], http: [{{match: [{{uri: {{prefix: /a}}}}], {TO_CART}}}]}}"
    mesh = mesh_of(text)
    assert mesh.unmatched.gaps(mesh.hosts[0].claims[0].resource, CART) == []
    assert not mesh.unmatched.takes_everything(mesh.hosts[0].claims[0].resource, CART)


@pytest.mark.parametrize(
    "http, everything",
    [
        ("[{route: [{destination: {host: cart}}]}]", True),
        ("[{match: [{uri: {prefix: /a}}], route: [{destination: {host: cart}}]}]", False),
        ("[{match: [{uri: {prefix: /a}}], redirect: {uri: /b}}]", False),
        ("[]", False),
    ],
)
def test_what_takes_everything(http: str, everything: bool) -> None:
    mesh = mesh_of(f"VirtualService shop/cart\nspec: {{hosts: [cart], http: {http}}}")
    assert mesh.unmatched.takes_everything(mesh.hosts[0].claims[0].resource, CART) is everything


SERVICE = "Service shop/cart\nspec:\n  ports: [{{name: {}, port: 7000}}]\n"
ENTRY = "ServiceEntry shop/legacy\nspec: {{hosts: [legacy.internal], location: {}}}\n"

ROUTED = {
    "a Service that is not in the input": ("Namespace shop", "cart.shop.svc.cluster.local", True),
    "an HTTP port": (SERVICE.format("http-api"), "cart.shop.svc.cluster.local", True),
    "a gRPC port": (SERVICE.format("grpc"), "cart.shop.svc.cluster.local", True),
    "a port that is found out": (SERVICE.format("api"), "cart.shop.svc.cluster.local", True),
    "a TCP port": (SERVICE.format("tcp"), "cart.shop.svc.cluster.local", False),
    "a TLS port": (SERVICE.format("https"), "cart.shop.svc.cluster.local", False),
    "a pattern of Services": ("Namespace shop", "*.shop.svc.cluster.local", True),
    "a ServiceEntry in the mesh": (ENTRY.format("MESH_INTERNAL"), "legacy.internal", True),
    "a ServiceEntry outside": (ENTRY.format("MESH_EXTERNAL"), "legacy.internal", False),
    "any other host": ("Namespace shop", "api.example.com", False),
}


@pytest.mark.parametrize("text, host, routed", ROUTED.values(), ids=ROUTED)
def test_for_which_hosts_http_routes_act(text: str, host: str, routed: bool) -> None:
    """Semantics §2.1: http rules need a port that is HTTP or sniffed."""
    assert mesh_of(text).unmatched.concerns(host) is routed
