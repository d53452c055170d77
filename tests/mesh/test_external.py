"""Which hosts are outside the mesh (the catalogue's term `external host`)."""

from __future__ import annotations

import pytest

from meshlint.mesh.effective import Basis

from .conftest import line_of, marked, mesh_of

DEFAULT, DECLARED, ASSUMED = Basis.DEFAULT, Basis.DECLARED, Basis.ASSUMED
ENTRY = """
ServiceEntry shop/api
spec:
  hosts:
    - api.example.com # <-
  ports: [{number: 443, name: tls, protocol: TLS}]
"""
WILDCARD = ENTRY.replace("api.example.com", '"*.example.com"')
INSIDE = (
    "VirtualService shop/a\nspec:\n  hosts: [shop.example.com] # <-\n  http: [{route: [{destination: {host: cart}}]}]\n"
)
POD = "Pod shop/cart {labels: {app: cart}}\nspec: {containers: []}\n---\nService shop/cart\nspec: {selector: {app: cart}}\n---\n"
GATEWAY = POD.replace("labels: {app: cart}", "labels: {app: cart, istio: egressgateway}")

HOSTS = {
    "a ServiceEntry": (ENTRY, "api.example.com", True, DECLARED),
    "case and port do not matter": (ENTRY, "API.example.com:443", True, DECLARED),
    "a wildcard of a ServiceEntry": (WILDCARD, "api.example.com", True, DECLARED),
    "a pattern over a ServiceEntry": (ENTRY, "*.example.com", True, DECLARED),
    "another host": (ENTRY.replace(" # <-", ""), "other.org", True, DEFAULT),
    "a ServiceEntry inside the mesh": (
        ENTRY.replace("  ports", "  location: MESH_INTERNAL\n  ports"),
        "api.example.com",
        False,
        DECLARED,
    ),
    "nothing serves it": ("Namespace shop", "api.example.com", True, DEFAULT),
    "a Service of another cluster": ("Namespace shop", "cart.shop.svc.clusterset.local", False, DECLARED),
    "a Service": ("Namespace shop", "cart.shop.svc.cluster.local", False, DECLARED),
    "a short name": ("Namespace shop", "cart", False, DECLARED),
    "name and namespace": ("Namespace shop", "cart.shop", False, DECLARED),
    "name and another top level": ("Namespace shop", "cart.store", True, DEFAULT),
    "svc": ("Namespace shop", "cart.shop.svc", False, DECLARED),
    "all names": ("Namespace shop", "*", False, DECLARED),
    "all of the cluster": ("Namespace shop", "*.cluster.local", False, DECLARED),
    "a route leads inside": (POD + INSIDE, "shop.example.com", False, DECLARED),
    "a route leads inside, whatever a ServiceEntry says": (
        POD + INSIDE + "---\n" + ENTRY.replace("api.", "shop.").replace(" # <-", ""),
        "shop.example.com",
        False,
        DECLARED,
    ),
    "a pattern over a host that leads inside": (POD + INSIDE, "*.example.com", False, DECLARED),
    "a route leads to an egress gateway": (
        GATEWAY + INSIDE.replace(" # <-", "") + "---\n" + ENTRY.replace("api.", "shop."),
        "shop.example.com",
        True,
        DECLARED,
    ),
    "a host of a Gateway": (
        "Gateway shop/g\nspec: {selector: {}, servers: [{hosts: [./shop.example.com], port: {number: 80}}]}",
        "shop.example.com",
        False,
        DECLARED,
    ),
    "a wildcard of a Gateway": (
        "Gateway shop/g\nspec: {selector: {}, servers: [{hosts: ['*.example.com'], port: {number: 80}}]}",
        "shop.example.com",
        False,
        DECLARED,
    ),
    "a Gateway for every host": (
        "Gateway shop/g\nspec: {selector: {}, servers: [{hosts: ['*'], port: {number: 80}}]}",
        "shop.example.com",
        True,
        DEFAULT,
    ),
}


@pytest.mark.parametrize("text, host, external, basis", HOSTS.values(), ids=HOSTS)
def test_external(text: str, host: str, external: bool, basis: Basis) -> None:
    found = mesh_of(text).external.of(host)
    assert (found.value, found.basis) == (external, basis)
    assert line_of(found.origin) == marked(text)


@pytest.mark.parametrize("approved, external", [("api.example.com", True), ("*.example.com", True)])
def test_approved_hosts_are_outside(approved: str, external: bool) -> None:
    found = mesh_of("Namespace shop", approved_egress_hosts=(approved,)).external.of("api.example.com")
    assert (found.value, found.basis) == (external, DECLARED)


def test_the_entries_of_a_host_and_of_a_pattern() -> None:
    external = mesh_of(ENTRY).external
    assert [line_of(declared.location) for declared in external.entries("api.example.com")] == [marked(ENTRY)]
    assert [line_of(declared.location) for declared in external.entries("*.example.com")] == [marked(ENTRY)]
    assert external.entries("other.org") == []


@pytest.mark.parametrize(
    ("location", "host", "inside"),
    [
        ("MESH_INTERNAL", "api.example.com", True),
        ("MESH_EXTERNAL", "api.example.com", False),
        ("MESH_INTERNAL", "other.example.com", False),
        ("MESH_EXTERNAL", "cart.shop.svc.cluster.local", True),
    ],
)
def test_endpoints_inside_the_mesh(location: str, host: str, inside: bool) -> None:
    mesh = mesh_of(ENTRY.replace(" # <-", "").replace("  ports", f"  location: {location}\n  ports"))
    assert mesh.external.is_inside(host) is inside


def test_what_a_serviceentry_declares_under_a_name_of_the_cluster_is_outside_the_mesh_unless_it_says_otherwise() -> (
    None
):
    name = "cart.shop.svc.cluster.local"
    entry = ENTRY.replace("api.example.com # <-", name)
    assert mesh_of(entry).external.is_inside(name) is False
    assert mesh_of(entry.replace("  ports", "  location: MESH_INTERNAL\n  ports")).external.is_inside(name) is True


ROUTE = "VirtualService shop/r\nspec:\n  hosts: [cart]\n  http:\n    - %s: %s\n---\n"
OPENED: dict[str, tuple[str, list[tuple[str, Basis]]]] = {
    "a ServiceEntry": (ENTRY, [("api.example.com", DECLARED)]),
    "a ServiceEntry inside the mesh": (
        ENTRY.replace(" # <-", "").replace("  ports", "  location: MESH_INTERNAL\n  ports"),
        [],
    ),
    "a ServiceEntry for nobody": (ENTRY.replace(" # <-", "").replace("  ports", "  exportTo: ['~']\n  ports"), []),
    "a ServiceEntry beside the application": (
        ENTRY.replace(" # <-", "").replace("  ports", "  endpoints: [{address: 127.0.0.1}]\n  ports"),
        [],
    ),
    "a ServiceEntry with a name of the cluster": (
        ENTRY.replace("api.example.com # <-", "cart.shop.svc.cluster.local"),
        [],
    ),
    "a destination": (
        ROUTE % ("route", "[{destination: {host: API.example.com}}] # <-"),
        [("API.example.com", DEFAULT)],
    ),
    "a destination of the cluster": (ROUTE % ("route", "[{destination: {host: cart}}]"), []),
    "a destination inside the mesh": (
        ROUTE % ("route", "[{destination: {host: api.example.com}}]")
        + ENTRY.replace(" # <-", "").replace("  ports", "  location: MESH_INTERNAL\n  ports"),
        [],
    ),
    "one twice": (
        ROUTE % ("route", "[{destination: {host: a.org}}, {destination: {host: a.org}}] # <-"),
        [("a.org", DEFAULT)],
    ),
    "a mirror": (ROUTE % ("mirror", "{host: a.org} # <-"), [("a.org", DEFAULT)]),
    "mirrors": (ROUTE % ("mirrors", "[{destination: {host: a.org}}] # <-"), [("a.org", DEFAULT)]),
    "a destination that a Gateway serves": (
        ROUTE % ("route", "[{destination: {host: api.example.com}}]")
        + "Gateway edge/g\nspec: {selector: {}, servers: [{hosts: ['*.example.com'], port: {number: 80}}]}",
        [],
    ),
    "an authority": (ROUTE % ("rewrite", "{authority: 'a.org:443'} # <-"), [("a.org", DEFAULT)]),
    "tls": (
        "VirtualService shop/r\nspec:\n  hosts: [a.org]\n  tls:\n    - route: [{destination: {host: a.org}}] # <-\n",
        [("a.org", DEFAULT)],
    ),
}


@pytest.mark.parametrize("text, expected", OPENED.values(), ids=OPENED)
def test_opened(text: str, expected: list[tuple[str, Basis]]) -> None:
    mesh = mesh_of(text)
    found = mesh.external.opened(mesh.inventory.resources[0])
    assert [(named.host, named.external.basis) for named in found] == expected
    assert [line for named in found for line in line_of(named.location)] == marked(text)


def test_a_destination_that_nothing_of_the_whole_mesh_declares_leads_nowhere() -> None:
    mesh = mesh_of(ROUTE % ("route", "[{destination: {host: a.org}}]"), world="closed")
    assert mesh.external.opened(mesh.inventory.resources[0]) == []


POLICY = "AuthorizationPolicy shop/p\nspec: {rules: [{to: [{operation: {hosts: [%s]}}]}]}\n---\n"
GATEWAYS = "Gateway edge/g\nspec: {selector: {}, servers: [{hosts: ['%s'], port: {number: 80}}]}\n---\n"
OUTWARD = {
    "nothing tells which names are served": (POLICY % "a.org", "open", [ASSUMED]),
    "every name is served": (GATEWAYS % "*" + POLICY % "a.org", "open", [ASSUMED]),
    "other names are served": (GATEWAYS % "*.example.com" + POLICY % "a.org", "open", [DEFAULT]),
    "an Ingress serves another name": (
        "Ingress edge/i\nspec: {rules: [{host: b.org}]}\n---\n" + POLICY % "a.org",
        "open",
        [DEFAULT],
    ),
    "nothing serves names in the whole mesh": (POLICY % "a.org", "closed", [DEFAULT]),
    "a provider of models": (POLICY % "api.openai.com", "open", [DEFAULT]),
    "beside a provider of models": (POLICY % "a.org, api.openai.com", "open", [DEFAULT, DEFAULT]),
    "beside a host of a ServiceEntry": (POLICY % "a.org, api.example.com" + ENTRY, "open", [DEFAULT, DECLARED]),
}


@pytest.mark.parametrize("text, world, expected", OUTWARD.values(), ids=OUTWARD)
def test_a_host_of_a_policy_may_be_the_name_of_the_workloads(text: str, world: str, expected: list[Basis]) -> None:
    mesh = mesh_of(text, world=world)
    (policy,) = [r for r in mesh.inventory.resources if r.kind == "AuthorizationPolicy"]
    assert [[named.external.basis for named in rule] for rule in mesh.external.outward(policy)] == [expected]
