"""What the outside reaches, and through what: every call of a way with what decides about it."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from meshlint.finding import Confidence
from meshlint.mesh.istio.authorization.entrances import Hop, verdict_of
from meshlint.mesh.mesh import Mesh

from .conftest import line_of, mesh_of, workload_of

BASE = """\
Namespace edge {labels: {istio-injection: enabled}}
---
Namespace shop {labels: {istio-injection: enabled}}
---
PeerAuthentication istio-system/default
spec: {mtls: {mode: STRICT}}
---
Pod edge/gateway {labels: {istio: ingress}, annotations: {inject.istio.io/templates: gateway}}
spec: {containers: [{name: istio-proxy, image: auto}]}
---
Gateway edge/public
spec:
  selector: {istio: ingress}
  servers:
    - port: {number: 443, name: https, protocol: HTTPS}
      hosts: ["*.example.com"]
      tls: {mode: SIMPLE, credentialName: c}
---
VirtualService shop/web
spec:
  hosts: [shop.example.com]
  gateways: [edge/public]
  http:
    - match: [{uri: {prefix: /v1/}}]
      route:
        - destination: {host: web}
---
"""


def app(name: str, ports: str = "[{name: http, containerPort: 8080}]", more: str = "") -> str:
    return f"""\
Pod shop/{name} {{labels: {{app: {name}{more}}}}}
spec:
  serviceAccountName: {name}
  containers: [{{name: c, image: x, ports: {ports}}}]
---
Service shop/{name}
spec: {{selector: {{app: {name}}}, ports: [{{name: http, port: 80, targetPort: 8080}}]}}
---
"""


def policy(name: str, rules: str, action: str = "ALLOW", namespace: str = "shop", selector: str = "") -> str:
    return f"""\
AuthorizationPolicy {namespace}/{name}
spec:
  selector: {{matchLabels: {{{selector or f"app: {name}"}}}}}
  action: {action}
  rules:
    - {rules}
---
"""


def admits(*accounts: str, more: str = "") -> str:
    named = ", ".join(f"cluster.local/ns/{a.replace('/', '/sa/')}" for a in accounts)
    return f"{{from: [{{source: {{principals: [{named}]}}}}]{more}}}"


WEB, API, QDRANT = app("web"), app("api"), app("qdrant")
CHAIN = (
    BASE
    + WEB
    + API
    + QDRANT
    + policy("web", admits("edge/default"))
    + policy("api", admits("shop/web"))
    + policy("qdrant", admits("shop/api", more=", to: [{operation: {paths: [/search]}}]"))
)


def way(mesh: Mesh, name: str) -> tuple[Hop, ...]:
    found = mesh.outside.way(workload_of(mesh, name))
    assert found is not None, f"{name} is not reached"
    return found


def calls(hops: tuple[Hop, ...]) -> list[str]:
    return [f"{hop.caller} > {hop.server}{f':{hop.port}' if hop.port else ''} {hop.verdict.value}" for hop in hops]


def reached(mesh: Mesh) -> dict[str, list[str]]:
    ways = {str(w): mesh.outside.way(w) for w in mesh.workloads.all}
    return {name: calls(hops) for name, hops in ways.items() if hops}


def test_a_way_leads_from_the_gateway_through_every_workload_that_may_call_the_next() -> None:
    mesh = mesh_of(CHAIN)
    hops = way(mesh, "shop/qdrant")
    assert calls(hops) == [
        "outside > edge/gateway allow",
        "edge/gateway > shop/web:8080 allow",
        "shop/web > shop/api:8080 allow",
        "shop/api > shop/qdrant:8080 allow",
    ]
    assert [reason.text for reason in hops[0].by] == ["Gateway edge/public takes requests for shop.example.com"]
    assert line_of(hops[0].by[0].location) == ["- port: {number: 443, name: https, protocol: HTTPS}"]
    assert line_of(hops[1].by[0].location) == ["- destination: {host: web}"]
    assert [line_of(hop.outcome.origin) for hop in hops[1:]] == [
        [f"- {admits('edge/default')}"],
        [f"- {admits('shop/web')}"],
        [f"- {admits('shop/api', more=', to: [{operation: {paths: [/search]}}]')}"],
    ]
    assert [policy.name for policy in hops[3].outcome.value.policies] == ["qdrant"]
    assert hops[3].answer.requests[0].parts == (("path", ("/search",)),)


def test_without_policies_all_is_reached_in_one_step_from_the_first_workload() -> None:
    found = reached(mesh_of(BASE + WEB + API + QDRANT))
    assert found["shop/api"] == [
        "outside > edge/gateway allow",
        "edge/gateway > shop/web:8080 allow",
        "shop/web > shop/api:8080 allow",
    ]
    assert found["shop/qdrant"][-1] == "shop/web > shop/qdrant:8080 allow"


def test_no_policy_is_a_reason_of_medium_confidence_and_of_high_where_the_input_is_all() -> None:
    for world, confidence in (("open", Confidence.MEDIUM), ("closed", Confidence.HIGH)):
        mesh = mesh_of(BASE + WEB + QDRANT, world=world)
        hops = way(mesh, "shop/qdrant")
        assert hops[-1].outcome.because[-1].text.startswith("no ALLOW policy applies")
        assert mesh.outside.confidence(hops) is confidence


NOT_REACHED = {
    "the server admits another account": CHAIN.replace("sa/api]", "sa/other]"),
    "the server admits paths of health checks alone": CHAIN.replace("paths: [/search]", "paths: [/healthz]"),
    "a call on the way is refused": CHAIN.replace("sa/web]", "sa/other]"),
    "the gateway refuses": CHAIN + policy("edge", "{}", "DENY", "edge", "istio: ingress"),
    "the gateway takes other paths": CHAIN
    + policy("edge", "{to: [{operation: {paths: [/v2/*]}}]}", "ALLOW", "edge", "istio: ingress"),
    "the server behind the route takes other paths": CHAIN.replace(
        f"- {admits('edge/default')}", f"- {admits('edge/default', more=', to: [{operation: {paths: [/v2/*]}}]')}"
    ),
    "no server has the host": CHAIN.replace('hosts: ["*.example.com"]', "hosts: [other.org]"),
    "a server is for another namespace": CHAIN.replace('hosts: ["*.example.com"]', 'hosts: ["bank/*.example.com"]'),
    "the server only redirects": CHAIN.replace("tls: {mode: SIMPLE, credentialName: c}", "tls: {httpsRedirect: true}"),
    "a DENY names the caller": CHAIN + policy("refuse", admits("shop/api"), "DENY", selector="app: qdrant"),
    "only its metrics port is open": CHAIN.replace(
        QDRANT, app("qdrant", "[{name: http, containerPort: 8080}, {name: metrics, containerPort: 9090}]")
    ).replace("paths: [/search]", 'ports: ["9090"]'),
}


@pytest.mark.parametrize("text", NOT_REACHED.values(), ids=NOT_REACHED)
def test_not_reached(text: str) -> None:
    assert "shop/qdrant" not in reached(mesh_of(text))


def test_the_refused_way_in_is_known() -> None:
    mesh = mesh_of(CHAIN.replace("sa/default]", "sa/other]"))
    refused = mesh.outside.refused(workload_of(mesh, "shop/web"))
    assert refused is not None and calls(refused) == [
        "outside > edge/gateway allow",
        "edge/gateway > shop/web:8080 deny",
    ]
    assert refused[1].outcome.because[-1].text == "no rule of AuthorizationPolicy shop/web allows it"
    assert mesh.outside.refused(workload_of(mesh, "shop/qdrant")) is None


PLAIN = "Namespace old\n---\nPod old/db {labels: {app: db}}\nspec: {containers: [{name: c, image: x}]}\n---\n"
PLAINTEXT = BASE + PLAIN + WEB + QDRANT + policy("web", admits("edge/default"))


@pytest.mark.parametrize("mode, open_", [("PERMISSIVE", True), ("STRICT", False)])
def test_a_workload_without_proxy_calls_in_plaintext(mode: str, open_: bool) -> None:
    """The policy of the server refuses everybody with an identity, and STRICT whoever has none."""
    off = "{labels: {app: db, sidecar.istio.io/inject: 'false'}}"
    text = (
        PLAINTEXT + policy("refuse", "{from: [{source: {principals: ['*']}}]}", "DENY", selector="app: qdrant")
    ).replace("{labels: {app: db}}", off)
    text = text.replace("mode: STRICT", f"mode: {mode}")
    found = reached(mesh_of(text))
    assert found["old/db"][-1] == "shop/web > old/db allow"
    assert ("shop/qdrant" in found) is open_
    if open_:
        assert found["shop/qdrant"][-1] == "old/db > shop/qdrant:8080 allow"


def test_whether_a_workload_can_leave_its_proxy_aside_is_not_known() -> None:
    deny = policy("refuse", "{from: [{source: {namespaces: [shop]}}]}", "DENY", selector="app: qdrant")
    mesh = mesh_of((BASE + WEB + QDRANT + deny).replace("mode: STRICT", "mode: PERMISSIVE"))
    hops = way(mesh, "shop/qdrant")
    assert calls(hops)[-1] == "shop/web > shop/qdrant:8080 unknown"
    assert "past its proxy" in hops[-1].outcome.because[0].text
    assert mesh.outside.confidence(hops) is Confidence.LOW


def test_a_call_that_hangs_on_what_the_input_lacks_is_a_perhaps() -> None:
    unsure = CHAIN.replace(
        f"- {admits('shop/api', more=', to: [{operation: {paths: [/search]}}]')}",
        "- {from: [{source: {ipBlocks: [10.0.0.0/8]}}]}",
    )
    mesh = mesh_of(unsure)
    hops = way(mesh, "shop/qdrant")
    assert calls(hops) == [*calls(way(mesh, "shop/web")), "shop/web > shop/qdrant:8080 unknown"]
    assert mesh.outside.confidence(hops) is Confidence.LOW


def test_an_open_way_goes_before_a_shorter_one_that_may_be_open() -> None:
    both = CHAIN + policy("perhaps", "{from: [{source: {ipBlocks: [10.0.0.0/8]}}]}", selector="app: qdrant")
    assert calls(way(mesh_of(both), "shop/qdrant"))[-1] == "shop/api > shop/qdrant:8080 allow"


def test_strict_refuses_what_a_load_balancer_passes_on_and_permissive_does_not() -> None:
    text = BASE + QDRANT.replace("spec: {selector", "spec: {type: LoadBalancer, selector")
    strict = mesh_of(text)
    refused = strict.outside.refused(workload_of(strict, "shop/qdrant"))
    assert refused is not None and calls(refused) == ["outside > shop/qdrant:8080 deny"]
    assert line_of(refused[0].outcome.origin) == ["spec: {mtls: {mode: STRICT}}"]
    permissive = mesh_of(text.replace("mode: STRICT", "mode: PERMISSIVE"))
    assert reached(permissive)["shop/qdrant"] == ["outside > shop/qdrant:8080 allow"]


def test_as_whom_an_ingress_calls_is_not_known() -> None:
    ingress = "Ingress shop/i\nspec: {defaultBackend: {service: {name: qdrant}}}\n---\n"
    assert reached(mesh_of(BASE + QDRANT + ingress))["shop/qdrant"] == ["outside > shop/qdrant:8080 unknown"]
    permissive = (BASE + QDRANT + ingress).replace("mode: STRICT", "mode: PERMISSIVE")
    assert reached(mesh_of(permissive))["shop/qdrant"] == ["outside > shop/qdrant:8080 allow"]


def test_what_a_gateway_of_the_gateway_api_lets_in_is_not_worked_out() -> None:
    route = """\
HTTPRoute shop/qdrant
spec: {parentRefs: [{name: public, namespace: edge}], rules: [{backendRefs: [{name: qdrant, port: 80}]}]}
---
"""
    hops = way(mesh_of(BASE + QDRANT + route), "shop/qdrant")
    assert calls(hops) == ["outside > shop/qdrant:8080 unknown"]
    assert line_of(hops[0].by[0].location) == [route.splitlines()[1]]


def test_what_the_user_says_faces_tenants_is_an_entrance() -> None:
    text = BASE + app("qdrant", more=", meshlint.io/exposure: tenant-facing")
    hops = way(mesh_of(text), "shop/qdrant")
    assert calls(hops) == ["outside > shop/qdrant allow"]
    assert hops[0].outcome.because[0].text == "meshlint.io/exposure states it"
    (stated,) = line_of(hops[0].outcome.origin)
    assert stated.startswith("metadata: {name: qdrant,")


def test_a_gateway_that_is_not_in_the_input_is_a_perhaps() -> None:
    text = CHAIN.replace("gateways: [edge/public]", "gateways: [edge/other]")
    hops = way(mesh_of(text), "shop/web")
    assert calls(hops) == ["outside > Gateway edge/other unknown", "Gateway edge/other > shop/web:8080 unknown"]


def test_a_server_that_asks_for_a_certificate_is_a_perhaps() -> None:
    mesh = mesh_of(CHAIN.replace("mode: SIMPLE", "mode: MUTUAL"))
    hops = way(mesh, "shop/web")
    assert calls(hops)[0] == "outside > edge/gateway unknown"
    assert "asks for a certificate" in hops[0].outcome.because[0].text


def test_a_tenant_with_a_token_gets_in() -> None:
    token = """\
RequestAuthentication edge/jwt
spec:
  selector: {matchLabels: {istio: ingress}}
  jwtRules: [{issuer: https://i.example, jwksUri: https://i.example/keys}]
---
"""
    needs = policy(
        "edge", "{from: [{source: {requestPrincipals: ['*']}}]}", namespace="edge", selector="istio: ingress"
    )
    hops = way(mesh_of(CHAIN + token + needs), "shop/web")
    assert calls(hops)[0] == "outside > edge/gateway allow"
    assert hops[0].answer.callers[0].parts == (("caller", ("token with iss https://i.example, sub *",)),)
    assert "shop/web" not in reached(mesh_of(CHAIN + needs)), "without RequestAuthentication no token counts"


INNER = """\
Pod shop/inner {labels: {istio: inner}, annotations: {inject.istio.io/templates: gateway}}
spec: {serviceAccountName: inner, containers: [{name: istio-proxy, image: auto}]}
---
Service shop/inner
spec: {selector: {istio: inner}, ports: [{name: http, port: 80}]}
---
Gateway shop/inner
spec:
  selector: {istio: inner}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
---
VirtualService shop/inner
spec:
  hosts: [shop.example.com]
  gateways: [shop/inner]
  http: [{route: [{destination: {host: qdrant}}]}]
---
"""


def test_a_way_leads_through_a_gateway_behind_a_gateway() -> None:
    text = BASE.replace("destination: {host: web}", "destination: {host: inner}") + INNER + QDRANT
    assert reached(mesh_of(text))["shop/qdrant"] == [
        "outside > edge/gateway allow",
        "edge/gateway > shop/inner allow",
        "shop/inner > shop/qdrant:8080 allow",
    ]


def test_of_several_shortest_ways_it_is_the_one_of_the_first_name_whatever_the_order_of_the_input() -> None:
    others = app("web-b") + app("web-a")
    routes = "".join(
        BASE.split("---\n")[-2].replace("shop/web", f"shop/{name}").replace("host: web", f"host: {name}") + "---\n"
        for name in ("web-b", "web-a")
    )
    documents = (BASE + others + routes + QDRANT).removesuffix("---\n").split("---\n")
    gone = [d for d in documents if not d.startswith("VirtualService shop/web\n")]
    for order in (range(len(gone)), reversed(range(len(gone)))):
        found = reached(mesh_of("---\n".join(gone[i] for i in order)))
        assert found["shop/qdrant"][-1] == "shop/web-a > shop/qdrant:8080 allow"
        assert list(found["shop/web-b"]) == ["outside > edge/gateway allow", "edge/gateway > shop/web-b:8080 allow"]


NAMES = ("web", "api", "qdrant", "job")
ACCOUNTS = [f"shop/{name}" for name in NAMES] + ["edge/default"]
sources = st.one_of(
    st.lists(st.sampled_from(ACCOUNTS), min_size=1, max_size=2).map(lambda some: admits(*some)),
    st.sampled_from(
        [
            "{from: [{source: {namespaces: [shop]}}]}",
            "{from: [{source: {notNamespaces: [edge]}}]}",
            "{}",
            "{from: [{source: {principals: ['*/sa/web', 'cluster.local/ns/edge/*']}}]}",
            "{to: [{operation: {paths: [/v1/a, /x*]}}]}",
            "{from: [{source: {ipBlocks: [10.0.0.0/8]}}]}",
        ]
    ),
)
policies = st.lists(st.tuples(st.sampled_from(NAMES), sources), max_size=6)
MODES = st.sampled_from(["STRICT", "PERMISSIVE"])


def written(some: list[tuple[str, str]], action: str) -> str:
    return "".join(policy(f"{action.lower()}-{i}", r, action, selector=f"app: {n}") for i, (n, r) in enumerate(some))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(policies, policies, MODES, st.randoms(use_true_random=False))
def test_a_denial_never_adds_to_what_is_reached_and_order_does_not_matter(
    allowed: list[tuple[str, str]], denied: list[tuple[str, str]], mode: str, random: Random
) -> None:
    base = (BASE + "".join(map(app, NAMES)) + written(allowed, "ALLOW")).replace("mode: STRICT", f"mode: {mode}")
    text = base + written(denied, "DENY")
    documents = text.removesuffix("---\n").split("---\n")
    found = mesh_of("---\n".join(documents))
    random.shuffle(documents)
    assert reached(mesh_of("---\n".join(documents))) == reached(found)
    before = mesh_of(base)
    assert reached(found).keys() <= reached(before).keys()
    for name in reached(found):
        if verdict_of(way(found, name)).value == "allow":
            assert verdict_of(way(before, name)).value == "allow"
