"""Which request headers a caller cannot choose (term `trusted header` of the catalogue)."""

from __future__ import annotations

import pytest

from .conftest import assert_decides, mesh_of, workload_of
from .test_hops import gateway, route, server

HEADER = "x-tenant-id"


def authentication(
    namespace: str, header: str = "X-Tenant-Id", selector: str = "istio: public", mark: str = " # <-"
) -> str:
    chosen = f"selector: {{matchLabels: {{{selector}}}}}, " if selector else ""
    return f"""
RequestAuthentication {namespace}/jwt
spec: {{{chosen}jwtRules: [{{issuer: i, outputClaimToHeaders: [{{header: {header}, claim: tenant}}]}}]}}{mark}
---
"""


def marked(text: str) -> str:
    """A text whose last line but the separator decides."""
    return text.removesuffix("\n---\n") + " # <-\n---\n"


PUBLIC = ", gateways: [edge/public]"
SET = ", headers: {request: {set: {X-TENANT-ID: a}}}"
REMOVE = ", headers: {request: {remove: [x-tenant-id]}}"
ADD = ", headers: {request: {add: {x-tenant-id: a}}}"
WRITES = authentication("edge")
QUIET = authentication("edge", mark="")
TRUSTED = {
    "nobody says anything": ("", False),
    "a RequestAuthentication of the workload": (authentication("ml", selector="app: llama"), True),
    "one of its namespace": (authentication("ml", selector=""), True),
    "one of the mesh": (authentication("istio-system", selector=""), True),
    "one of the mesh that selects it": (authentication("istio-system", selector="app: llama"), True),
    "one for others": (authentication("ml", selector="app: other", mark=""), False),
    "one that writes another header": (authentication("ml", "x-user", "app: llama", mark=""), False),
    "a gateway, and no route of it leads here": (WRITES, True),
    "every route of a gateway is on one that writes it": (WRITES + route("a", "llama", PUBLIC), True),
    "a route of another gateway leads here": (
        gateway("second") + QUIET + marked(route("a", "llama", ", gateways: [edge/second]")),
        False,
    ),
    "a route of both": (
        gateway("second") + QUIET + marked(route("a", "llama", ", gateways: [edge/public, edge/second]")),
        False,
    ),
    "a route of a gateway that is not in the input": (
        QUIET + marked(route("a", "llama", ", gateways: [edge/lost]")),
        False,
    ),
    "a route of another gateway that sets it": (
        gateway("second") + WRITES + route("a", "llama", ", gateways: [edge/second]", SET),
        True,
    ),
    "a gateway whose pods are not in the input": (
        "Gateway edge/hosted\nspec: {selector: {istio: hosted}}\n---\n"
        + authentication("edge", selector="istio: hosted")
        + route("a", "llama", ", gateways: [edge/hosted]"),
        True,
    ),
    "the routes of the mesh set it": (marked(route("a", "llama", rule=SET)), True),
    "the routes of the mesh remove it": (marked(route("a", "llama", rule=REMOVE)), True),
    "adding keeps what the caller sent": (route("a", "llama", rule=ADD), False),
    "one route that does is not enough": (route("a", "llama", rule=SET) + route("b", "llama"), False),
    "a gateway's route that sets it leaves calls in the mesh": (route("a", "llama", PUBLIC, SET), False),
}


@pytest.mark.parametrize("text, trusted", TRUSTED.values(), ids=TRUSTED)
def test_trusted_headers(text: str, trusted: bool) -> None:
    mesh = mesh_of(gateway("public") + server("llama") + text)
    found = mesh.trusted_headers.of(workload_of(mesh, "ml/llama-v1"), HEADER)
    assert found.value is trusted
    assert_decides(found, gateway("public") + server("llama") + text)


def test_a_destination_sets_it_for_itself() -> None:
    both = "{destination: {host: llama}, headers: {request: {set: {x-tenant-id: a}}}}, {destination: {host: other}}"
    routes = f"VirtualService ml/a\nspec: {{hosts: [a], http: [{{route: [{both}]}}]}}\n"
    mesh = mesh_of(server("llama") + server("other") + routes)
    trusted = {
        name: mesh.trusted_headers.of(workload_of(mesh, f"ml/{name}-v1"), HEADER).value for name in ("llama", "other")
    }
    assert trusted == {"llama": True, "other": False}


def test_a_gateway_itself_trusts_what_it_writes() -> None:
    mesh = mesh_of(gateway("public") + gateway("second") + QUIET)
    trusted = {
        name: mesh.trusted_headers.of(workload_of(mesh, f"edge/{name}"), HEADER).value for name in ("public", "second")
    }
    assert trusted == {"public": True, "second": False}


def test_where_no_workload_is_known_a_gateway_that_writes_it_is_enough() -> None:
    assert mesh_of(gateway("public") + QUIET).trusted_headers.at_gateways("X-Tenant-Id").value is True
    assert mesh_of(gateway("public") + QUIET).trusted_headers.at_gateways("x-model").value is False


def test_what_is_attached_to_a_gateway_is_not_for_the_pods_of_its_namespace() -> None:
    attached = """
RequestAuthentication ml/jwt
spec:
  targetRefs: [{kind: Gateway, name: waypoint}]
  jwtRules: [{issuer: i, outputClaimToHeaders: [{header: x-tenant-id, claim: tenant}]}]
"""
    mesh = mesh_of(server("llama") + attached)
    assert mesh.trusted_headers.of(workload_of(mesh, "ml/llama-v1"), HEADER).value is False
