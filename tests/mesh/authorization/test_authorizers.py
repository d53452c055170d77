"""External authorizers: which istiod can use, and what it does with the others."""

from __future__ import annotations

import pytest

from meshlint.mesh.effective import Basis
from meshlint.mesh.istio.authorization.authorizers import Authorizers
from meshlint.mesh.istio.authorization.calls import Caller, Request
from meshlint.mesh.istio.authorization.decide import Verdict, decide
from meshlint.mesh.istio.authorization.filters import Layer

from ..conftest import mesh_of, port_of

SERVER = """
Namespace shop {labels: {istio-injection: enabled}}
---
Deployment shop/llm
spec:
  template:
    metadata: {labels: {app: llm}}
    spec: {containers: [{name: c, image: llm, ports: [{containerPort: 8080}, {containerPort: 9000}]}]}
---
Service shop/llm
spec: {selector: {app: llm}, ports: [{name: http, port: 8080}, {name: tcp, port: 9000}]}
---
Service shop/authz
spec: {ports: [{name: grpc, port: 9000}]}
---
ServiceEntry shop/outside
spec: {hosts: [authz.example], ports: [{number: 80, name: http}]}
---
ServiceEntry ops/outside
spec: {hosts: [authz.example], ports: [{number: 80, name: http}]}
---
"""
POLICY = """
---
AuthorizationPolicy shop/ask
spec: {action: CUSTOM, provider: {name: p}, rules: [{to: [{operation: {ports: ["8080"]}}]}]}
"""


def settings(*providers: str) -> str:
    listed = "\n".join(f"      - {provider}" for provider in providers)
    return f"ConfigMap istio-system/istio\ndata:\n  mesh: |\n    extensionProviders:\n{listed}\n---\n"


def http(more: str = "", service: str = "shop/authz.shop.svc.cluster.local", name: str = "p") -> str:
    return f"{{name: {name}, envoyExtAuthzHttp: {{service: {service}, port: 80{more}}}}}"


GRPC = "{name: p, envoyExtAuthzGrpc: {service: authz.shop.svc.cluster.local, port: 9000}}"


@pytest.mark.parametrize(
    ("providers", "usable", "why"),
    [
        ([http()], True, "external authorizer p is asked"),
        ([GRPC], True, "external authorizer p is asked"),
        ([http(", port: 0"), GRPC], True, "external authorizer p is asked"),
        ([GRPC, "{name: p, zipkin: {service: z, port: 1}}"], False, "no external authorizer p is defined in the mesh settings"),
        ([http(name="q")], False, "no external authorizer p is defined in the mesh settings"),
        ([http(service="authz.example")], False, "authz.example of provider p is in several namespaces"),
        ([http(service="ops/authz.example")], True, "external authorizer p is asked"),
        ([http(service="nowhere")], None, "nowhere of provider p is no service of the input"),
        ([http(", pathPrefix: x")], False, "provider p has a pathPrefix that does not begin with /"),
        ([http(", statusOnError: '418'")], False, "provider p has statusOnError 418, which is none that Envoy knows"),
        ([http(", statusOnError: '403', pathPrefix: /x")], True, "external authorizer p is asked"),
        (
            [http(", headersToUpstreamOnAllow: ['*']")],
            False,
            "provider p has * in headersToUpstreamOnAllow, where it must stand for a part of a name",
        ),
    ],
)  # fmt: skip
def test_whether_istiod_can_use_it(providers: list[str], usable: bool | None, why: str) -> None:
    mesh = mesh_of(settings(*providers) + SERVER)
    found = Authorizers(mesh.inventory, mesh.meshconfig, "cluster.local", closed=False).of("p")
    assert (found.usable, found.because.text) == (usable, why)
    assert found.because.location is not None and found.because.location.file == "mesh.yaml"


def test_a_name_that_is_no_label_of_dns() -> None:
    mesh = mesh_of(settings(http(name="my.authz")) + SERVER)
    found = Authorizers(mesh.inventory, mesh.meshconfig, "cluster.local", closed=False).of("my.authz")
    assert (found.usable, found.because.text) == (False, "provider my.authz has a name that is no DNS label")


@pytest.mark.parametrize(("name", "usable"), [("p", None), ("q", False)])
def test_where_mesh_settings_differ_it_is_known_if_they_agree(name: str, usable: bool | None) -> None:
    operator = "IstioOperator istio-system/{}\nspec: {{meshConfig: {}}}\n---\n"
    given = operator.format("a", f"{{extensionProviders: [{http()}]}}") + operator.format("b", "{trustDomain: b}")
    mesh = mesh_of(given + SERVER)
    found = Authorizers(mesh.inventory, mesh.meshconfig, "cluster.local", closed=False).of(name)
    text = "no external authorizer q is defined in the mesh settings"
    assert (found.usable, found.because.text) == (
        usable,
        text if name == "q" else "the mesh configurations of the input differ",
    )


@pytest.mark.parametrize(("closed", "usable"), [(False, None), (True, False)])
def test_without_mesh_settings_it_may_be_anywhere(closed: bool, usable: bool | None) -> None:
    mesh = mesh_of(SERVER)
    found = Authorizers(mesh.inventory, mesh.meshconfig, "cluster.local", closed=closed).of("p")
    assert found.usable is usable
    assert found.because.basis is (Basis.DEFAULT if closed else Basis.ASSUMED)


@pytest.mark.parametrize(
    ("provider", "port", "authorized", "verdict", "layer"),
    [
        (http(), 8080, True, Verdict.ALLOW, Layer.RBAC),
        (http(), 8080, False, Verdict.DENY, Layer.CUSTOM),
        (http(), 8080, None, Verdict.UNKNOWN, Layer.CUSTOM),
        (http(), 9000, None, Verdict.ALLOW, Layer.RBAC),
        (http(", port: 0"), 8080, True, Verdict.DENY, Layer.CUSTOM),
    ],
)
def test_what_it_decides(provider: str, port: int, authorized: bool | None, verdict: Verdict, layer: Layer) -> None:
    mesh = mesh_of(settings(provider) + SERVER + POLICY)
    guard = mesh.guard(port_of(mesh, "shop/llm", port))
    decision = decide(guard, Caller(None), Request("GET", "/", "llm", authorized=authorized)).value
    assert (decision.verdict, decision.layer) == (verdict, layer)


def test_several_are_refused_before_they_are_asked() -> None:
    other = "\n---\nAuthorizationPolicy shop/other\nspec: {action: CUSTOM, provider: {name: q}, rules: [{}]}"
    mesh = mesh_of(settings(http(), http(name="q")) + SERVER + POLICY + other)
    outcome = decide(mesh.guard(port_of(mesh, "shop/llm", 9000)), Caller(None), Request(tcp=True, authorized=True))
    assert (outcome.value.verdict, outcome.value.layer) == (Verdict.DENY, Layer.CUSTOM)
    assert [reason.text for reason in outcome.because] == [
        "a workload with several external authorizers (p, q) asks none and refuses",
        "AuthorizationPolicy shop/other denies it",
    ]
