"""What workloads refuse whoever calls, and by which policies: every request, or all that a route sends."""

from __future__ import annotations

import pytest

from meshlint.mesh.istio.authorization.refusals import Refusal
from meshlint.mesh.mesh import Mesh

from .conftest import mesh_of, route_of, workload_of

STRICT = "PeerAuthentication istio-system/default\nspec: {mtls: {mode: STRICT}}\n---\n"
LLM = (
    "Namespace ai {labels: {istio-injection: enabled}}\n---\n"
    "Pod ai/llm {labels: {app: llm}}\nspec: {containers: [{name: c, ports: [{containerPort: 8000}]}]}\n---\n"
)


def service(port: str = "http") -> str:
    return f"Service ai/llm\nspec:\n  selector: {{app: llm}}\n  ports: [{{name: {port}, port: 80, targetPort: 8000}}]\n---\n"


def policy(name: str, *rules: str, action: str = "ALLOW") -> str:
    listed = "".join(f"\n    - {rule}" for rule in rules)
    return f"AuthorizationPolicy ai/{name}\nspec:\n  action: {action}\n  rules:{listed or ' []'}\n---\n"


CHAT = "{from: [{source: {principals: [cluster.local/ns/web/sa/chat]}}]}"
TOKEN = "{from: [{source: {requestPrincipals: ['*']}}]}"
TOKENS = "RequestAuthentication ai/t\nspec: {jwtRules: [{issuer: 'https://i.example'}]}\n---\n"


def refusal_of(text: str) -> Refusal | None:
    mesh = mesh_of(STRICT + LLM + text)
    return mesh.refusals.of(workload_of(mesh, "ai/llm"))


REFUSED = {
    "nothing is allowed": (service() + policy("a"), False, ["a"], []),
    "hosts of others": (service() + policy("a", "{to: [{operation: {hosts: [x.com, '*.y.com']}}]}"), False, ["a"], []),
    "all are denied": (service() + policy("d", "{}", action="DENY"), True, [], ["d"]),
    "the allowed are denied": (
        service() + policy("a", CHAT) + policy("d", "{from: [{source: {namespaces: [web]}}]}", action="DENY"),
        True,
        ["a"],
        ["d"],
    ),
    "who is not denied is not allowed": (
        service() + policy("a", CHAT) + policy("d", "{from: [{source: {notNamespaces: [rag]}}]}", action="DENY"),
        True,
        ["a"],
        ["d"],
    ),
    "a token that nobody checks": (service() + policy("a", TOKEN), False, ["a"], []),
    "an identity of two places": (
        service() + policy("a", "{from: [{source: {principals: [cluster.local/ns/a/sa/b], namespaces: [c]}}]}"),
        False,
        ["a"],
        [],
    ),
    "another port": (service() + policy("a", "{to: [{operation: {ports: ['80']}}]}"), False, ["a"], []),
    "paths where there is no HTTP": (
        service("tcp") + policy("a", "{to: [{operation: {paths: [/v1/*]}}]}"),
        False,
        ["a"],
        [],
    ),
    "an identity without mTLS": (
        service()
        + policy("a", CHAT)
        + "PeerAuthentication ai/plain\nspec: {selector: {matchLabels: {app: llm}}, mtls: {mode: DISABLE}}\n---\n",
        False,
        ["a"],
        [],
    ),
}


@pytest.mark.parametrize("text, by_denial, allowing, denials", REFUSED.values(), ids=REFUSED)
def test_everything_is_refused(text: str, by_denial: bool, allowing: list[str], denials: list[str]) -> None:
    found = refusal_of(text)
    assert found is not None
    assert found.by_denial is by_denial
    assert [policy.resource.name for policy in found.allowing] == allowing
    assert [rule.policy.name for rule in found.denials] == denials


PASSES = {
    "no policy": service(),
    "an account": service() + policy("a", CHAT),
    "its own name": service() + policy("a", "{to: [{operation: {hosts: [llm.ai.svc.cluster.local]}}]}"),
    "its own name with a port": service() + policy("a", "{to: [{operation: {hosts: ['llm:80']}}]}"),
    "a host that is not known to be no name of it": policy("a", "{to: [{operation: {hosts: [x.com]}}]}"),
    "a pod of a headless Service": (
        service().replace("spec:", "spec:\n  clusterIP: None")
        + policy("a", "{to: [{operation: {hosts: [llm-0.llm.ai.svc.cluster.local]}}]}")
    ),
    "a header": service() + policy("a", "{when: [{key: 'request.headers[x]', values: [y]}]}"),
    "a token that is checked": service() + TOKENS + policy("a", TOKEN),
    "a DENY of one path": service() + policy("d", "{to: [{operation: {paths: [/admin]}}]}", action="DENY"),
    "a DENY of others": service()
    + policy("a", CHAT)
    + policy("d", "{from: [{source: {notNamespaces: [web]}}]}", action="DENY"),
    "an address that may be": service() + policy("a", "{from: [{source: {ipBlocks: [10.0.0.0/8]}}]}"),
    "no proxy": service() + policy("a") + "Namespace ai {labels: {istio-injection: disabled}}\n",
    "a second rule": service() + policy("a", TOKEN, CHAT),
}


@pytest.mark.parametrize("text", PASSES.values(), ids=PASSES)
def test_something_passes(text: str) -> None:
    assert refusal_of(text) is None


def routed(match: str, rules: str, more: str = "") -> Mesh:
    route = (
        f"VirtualService ai/r\nspec:\n  hosts: [llm]\n  http:\n    - match: [{{{match}}}]{more}\n"
        "      route: [{destination: {host: llm}}]\n---\n"
    )
    return mesh_of(STRICT + LLM + service() + policy("a", rules) + route)


CHATTING = "{from: [{source: {principals: [cluster.local/ns/web/sa/chat]}}], to: [{operation: {%s}}]}"
ROUTED = {
    "another path": ("uri: {exact: /v1/completions}", "paths: [/v1/chat/*]", "", True),
    "the path": ("uri: {exact: /v1/chat/completions}", "paths: [/v1/chat/*]", "", False),
    "a path below the prefix": ("uri: {prefix: /v1/}", "paths: [/v1/chat/completions]", "", False),
    "a prefix beside it": ("uri: {prefix: /v2/}", "paths: ['/v1/*', /v2]", "", True),
    "a path that ends right": ("uri: {prefix: /v2/}", "paths: ['*/generate']", "", False),
    "a template": ("uri: {exact: /v2/models/a/infer}", "paths: ['/v2/models/{*}/infer']", "", False),
    "a template of one segment": ("uri: {exact: /v2/models/a/b/infer}", "paths: ['/v2/models/{*}/infer']", "", True),
    "a literal asterisk": ("uri: {exact: /v2/models/a/infer}", "paths: ['/v2/models/*/infer']", "", True),
    "another method": ("uri: {exact: /a}, method: {exact: GET}", "methods: [POST]", "", True),
    "any method": ("uri: {exact: /a}", "methods: [POST]", "", False),
    "another host": ("uri: {exact: /a}", "hosts: [llm.ai]", "\n      rewrite: {authority: x.com}", True),
    "the host": ("uri: {exact: /a}", "hosts: [llm.ai]", "", False),
    "a written host": ("uri: {exact: /a}", "hosts: [x.com]", "\n      rewrite: {authority: x.com}", False),
    "a written path": ("uri: {prefix: /llm/}", "paths: [/v1/*]", "\n      rewrite: {uri: /v1/}", False),
    "a path that is written away": ("uri: {prefix: /v1/}", "paths: [/v1/*]", "\n      rewrite: {uri: /}", False),
    "an expression": ("uri: {regex: /v1/.*}", "paths: [/v2/*]", "", False),
}


@pytest.mark.parametrize("match, operation, more, refused", ROUTED.values(), ids=ROUTED)
def test_what_a_route_sends(match: str, operation: str, more: str, refused: bool) -> None:
    mesh = routed(match, CHATTING % operation, more)
    route = route_of(mesh, "ai/r")
    found = mesh.refusals.of_route(route, route.matches[0][0], route.destinations[0])
    assert [str(refusal.workload) for refusal in found] == (["ai/llm"] if refused else [])


def test_what_refuses_everything_refuses_no_route_in_particular() -> None:
    mesh = routed("uri: {exact: /a}", "{to: [{operation: {ports: ['80']}}]}")
    route = route_of(mesh, "ai/r")
    assert mesh.refusals.of(workload_of(mesh, "ai/llm"))
    assert mesh.refusals.of_route(route, route.matches[0][0], route.destinations[0]) == ()
