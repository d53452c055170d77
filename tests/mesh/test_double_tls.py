"""Where proxies encrypt what applications encrypt already.

Mirrors istiod's `core/cluster_tls.go buildUpstreamClusterTLSContext`; which rule a client gets is the matter of
test_destinations, what it says of a port and subset that of test_traffic_policy.
"""

from __future__ import annotations

import pytest

from meshlint.mesh.effective import Basis

from .conftest import created, line_of, marked, mesh_of

POD = "Pod shop/cart {labels: {sidecar.istio.io/inject: 'true'}}\nspec: {containers: []}\n---\n"
ENTRY = "ServiceEntry shop/e\nspec: {hosts: [%s], ports: [{number: 443, name: a, protocol: %s}, {number: 80, name: b, protocol: HTTP}]}\n---\n"
TLS = POD + ENTRY % ("a.org", "TLS")


def rule(policy: str, host: str = "a.org", name: str = "shop/d", meta: str = "", more: str = "") -> str:
    return f"DestinationRule {name}{meta and ' ' + meta}\nspec:\n  host: '{host}'\n{more}{policy}---\n"


def top(mode: str = "SIMPLE", more: str = "", mark: str = " # <-") -> str:
    return f"  trafficPolicy:\n    tls:\n{more}      mode: {mode}{mark}\n"


def level(number: int, block: str = "tls", mark: str = " # <-") -> str:
    return (
        f"    portLevelSettings:\n      - port: {{number: {number}}}\n        {block}:\n          mode: SIMPLE{mark}\n"
    )


SUBSET = "  subsets:\n    - name: v1\n      trafficPolicy:\n        tls:\n          mode: MUTUAL # <-\n"
ROUTE = "VirtualService shop/v\nspec: {hosts: [a.org], %shttp: [{route: [{destination: {host: a.org, port: {number: %s}}}]}]}\n---\n"
FOUND = {
    "TLS": TLS + rule(top()),
    "HTTPS": POD + ENTRY % ("a.org", "https") + rule(top("MUTUAL")),
    "mTLS of the mesh": TLS + rule(top("ISTIO_MUTUAL")),
    "switched off": TLS + rule(top("DISABLE", mark="")),
    "an HTTP port alone": POD + ENTRY % ("a.org", "HTTP") + rule(top(mark="")),
    "inside the mesh": TLS.replace("spec: {hosts", "spec: {location: MESH_INTERNAL, hosts") + rule(top(mark="")),
    "a rule without TLS": TLS + rule("  trafficPolicy: {connectionPool: {tcp: {maxConnections: 1}}}\n"),
    "the port": TLS + rule(top("DISABLE", mark="") + level(443)),
    "another port": TLS + rule("  trafficPolicy:\n" + level(80, mark="")),
    "the port has settings without TLS": TLS + rule(top(mark="") + level(443, "loadBalancer", "")),
    "a subset": TLS + rule(SUBSET),
    "a subset and the rest": TLS + rule(top() + SUBSET),
    "a wildcard": TLS + rule(top(), "*.org"),
    "a wildcard beside a rule of the host": TLS
    + rule(top(mark=""), "*.org")
    + rule(top("DISABLE", mark=""), name="shop/x"),
    "a host that the wildcard of an entry covers": POD + ENTRY % ("'*.org'", "TLS") + rule(top(mark="")),
    "another host": TLS + rule(top(mark=""), "b.org"),
    "a rule that clients do not see": TLS + rule(top(mark=""), more="  exportTo: [nobody]\n"),
    "an entry that clients do not see": TLS.replace("spec: {hosts", "spec: {exportTo: [nobody], hosts")
    + rule(top(mark="")),
    "a credential that sidecars do not read": TLS + rule(top("MUTUAL", "      credentialName: c\n", "")),
    "a credential that they read": TLS + rule(top("MUTUAL", "      credentialName: configmap://c\n")),
    "a rule for some clients": TLS
    + rule(top(), more="  exportTo: ['.']\n  workloadSelector: {matchLabels: {app: a}}\n"),
    "a route of sidecars leads there": TLS + rule(top(mark="")) + ROUTE % ("", 443),
    "a route leads to another port": TLS + rule(top()) + ROUTE % ("", 80),
    "a route of gateways leads there": TLS + rule(top()) + ROUTE % ("gateways: [g], ", 443),
    "clients in ambient have no sidecar": TLS.replace(
        "sidecar.istio.io/inject: 'true'", "istio.io/dataplane-mode: ambient"
    )
    + rule(top(mark="")),
    "nothing is known to run there": (ENTRY % ("a.org", "TLS")) + rule(top()),
    "nothing is known to run there, and a gateway leads there": (ENTRY % ("a.org", "TLS"))
    + rule(top(mark=""))
    + ROUTE % ("gateways: [g], ", 443),
}


@pytest.mark.parametrize("text", FOUND.values(), ids=FOUND)
def test_double_tls(text: str) -> None:
    mesh = mesh_of(text)
    found = [one for host in mesh.hosts for one in mesh.double_encryption.of(host)]
    assert [line for one in found for line in line_of(one.block.at("mode"))] == marked(text)


@pytest.mark.parametrize(
    ("own", "others", "bases"),
    [("", "", [Basis.TIE]), (created(1), created(2), [Basis.DECLARED]), (created(2), created(1), [])],
)
def test_a_tie_weakens_it_and_age_decides_it(own: str, others: str, bases: list[Basis]) -> None:
    limits = rule("  trafficPolicy: {connectionPool: {tcp: {maxConnections: 1}}}\n", name="shop/limits", meta=others)
    mesh = mesh_of(TLS + rule(top(), name="shop/encrypts", meta=own) + limits)
    assert [one.ground.basis for host in mesh.hosts for one in mesh.double_encryption.of(host)] == bases
