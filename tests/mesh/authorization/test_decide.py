"""What becomes of a call, why, and on which line the reason stands."""

from __future__ import annotations

from typing import Any

import pytest

from meshlint.mesh.effective import Basis
from meshlint.mesh.istio.authorization.calls import Caller, Identity, Request
from meshlint.mesh.istio.authorization.decide import Outcome, decide, verdict

from ..conftest import assert_decides, mesh_of, port_of

LLM = """
Namespace shop {labels: {istio-injection: enabled}}
---
Deployment shop/llm
spec:
  template:
    metadata: {labels: {app: llm}}
    spec: {containers: [{name: c, image: llm, ports: [{containerPort: 8080}, {containerPort: 9000}, {containerPort: 7000}]}]}
---
Service shop/llm
spec: {selector: {app: llm}, ports: [{name: http, port: 8080}, {name: tcp, port: 9000}, {name: any, port: 7000}]}
"""
WEB, JOB = Identity("shop", "web"), Identity("ops", "job")
GET = Request("GET", "/a", "llm")
FROM_WEB = Caller(WEB)
ADMIN = {"iss": "https://i", "sub": "u", "role": "admin"}


def policy(spec: str, name: str = "shop/p", kind: str = "AuthorizationPolicy") -> str:
    return f"---\n{kind} {name}\nspec:\n{spec}\n"


def rules(*listed: str, action: str = "ALLOW") -> str:
    return policy(f"  action: {action}\n  rules: # {action}\n" + "".join(f"  - {rule}\n" for rule in listed))


def outcome(text: str, caller: Caller = FROM_WEB, request: Request = GET, port: int = 8080) -> Outcome:
    mesh = mesh_of(LLM + text)
    return decide(mesh.guard(port_of(mesh, "shop/llm", port)), caller, request)


ALLOWED = "AuthorizationPolicy shop/p allows it"
DENIED = "AuthorizationPolicy shop/p denies it"
LIMITED = "no rule of AuthorizationPolicy shop/p allows it"
STRICT = policy("  mtls: {mode: STRICT} # <-", "shop/default", "PeerAuthentication")
DISABLE = policy("  mtls: {mode: DISABLE}", "shop/default", "PeerAuthentication")
TOKENS = policy("  jwtRules:\n  - issuer: https://i # <-", "shop/tokens", "RequestAuthentication")
QUIET = TOKENS.replace(" # <-", "")

DECIDED = {
    "nothing limits it": ("", {}, "allow", "rbac", "no ALLOW policy applies, so what no DENY policy matches is allowed"),
    "an ALLOW rule": (rules("from: [{source: {namespaces: [shop]}}] # <-"), {}, "allow", "rbac", ALLOWED),
    "no ALLOW rule": (
        policy("  action: ALLOW\n  rules: # <-\n  - from: [{source: {namespaces: [ops]}}]"), {}, "deny", "rbac", LIMITED,
    ),
    "a DENY rule before the ALLOW rule": (
        rules("{}") + policy("  action: DENY\n  rules:\n  - to: [{operation: {methods: [GET]}}] # <-", "shop/refuse"),
        {}, "deny", "rbac", "AuthorizationPolicy shop/refuse denies it",
    ),
    "the second rule": (
        rules("to: [{operation: {paths: [/b]}}]", "to: [{operation: {paths: [/a]}}] # <-", action="DENY"),
        {}, "deny", "rbac", DENIED,
    ),
    "plaintext to a STRICT port, before any policy": (
        STRICT + rules("{}"), {"caller": Caller(None)}, "deny", "mtls", "the port takes mTLS only, and the caller has no certificate",
    ),
    "an identity that the port does not ask for": (
        DISABLE + rules("from: [{source: {principals: ['*']}}] # <-", action="DENY"), {}, "allow", "rbac",
        "no ALLOW policy applies, so what no DENY policy matches is allowed",
    ),
    "no policy without an identity": (
        policy("  rules: # <-\n  - from: [{source: {serviceAccounts: [web]}}]"), {"caller": Caller(None)}, "deny", "rbac", LIMITED,
    ),
    "a negated field fits who has nothing": (
        rules("from: [{source: {notPrincipals: ['*']}}] # <-", action="DENY"), {"caller": Caller(None)}, "deny", "rbac", DENIED,
    ),
    "a token of nobody": (
        TOKENS + rules("{}"), {"caller": Caller(None, {"iss": "https://j"})}, "deny", "jwt",
        "RequestAuthentication shop/tokens takes no token of issuer https://j",
    ),
    "a claim": (
        QUIET + rules("when: [{key: 'request.auth.claims[role]', values: [admin]}] # <-"), {"caller": Caller(None, ADMIN)},
        "allow", "rbac", ALLOWED,
    ),
    "a claim that nothing checks": (
        policy("  rules: # <-\n  - when: [{key: 'request.auth.claims[role]', values: [admin]}]"),
        {"caller": Caller(None, ADMIN)}, "deny", "rbac", LIMITED,
    ),
    "an ALLOW rule about HTTP is gone on a TCP port": (
        policy("  rules: # <-\n  - to: [{operation: {paths: [/a]}}]"), {"port": 9000, "request": Request(tcp=True)}, "deny", "rbac",
        f"{LIMITED}: without HTTP there is nothing that its paths could fit",
    ),
    "a DENY rule about HTTP is wider on a TCP port": (
        rules("to: [{operation: {paths: [/b]}}] # <-", action="DENY"), {"port": 9000, "request": Request(tcp=True)},
        "deny", "rbac", DENIED,
    ),
    "what is sniffed is HTTP if it looks like it": (
        rules("to: [{operation: {paths: [/b]}}]", action="DENY"), {"port": 7000}, "allow", "rbac",
        "no ALLOW policy applies, so what no DENY policy matches is allowed",
    ),
    "a header of any case": (
        rules("when: [{key: 'request.headers[X-Tenant]', values: [a]}] # <-"),
        {"request": GET._replace(headers={"x-tenant": "a"})}, "allow", "rbac", ALLOWED,
    ),
    "the path as the proxy reads it": (
        rules("to: [{operation: {paths: [/a]}}] # <-", action="DENY"), {"request": GET._replace(path="/x/../a?q")}, "deny", "rbac", DENIED,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "call", "found", "layer", "why"), DECIDED.values(), ids=DECIDED)
def test_a_decision(text: str, call: dict[str, Any], found: str, layer: str, why: str) -> None:
    result = outcome(text, **call)
    assert (result.value.verdict.value, result.value.layer.value, result.because[-1].text) == (found, layer, why)
    assert verdict(result) is result.value.verdict
    if "# <-" in text and "no ALLOW policy applies" not in why:
        assert_decides(result, text)


def test_all_rules_that_decide_are_told() -> None:
    result = outcome(rules("{}", "from: [{source: {namespaces: [ops]}}]", "to: [{operation: {methods: [GET]}}]"))
    assert [str(rule) for rule in result.value.rules] == [
        "rule 0 of AuthorizationPolicy shop/p",
        "rule 2 of AuthorizationPolicy shop/p",
    ]
    assert [policy.name for policy in result.value.policies] == ["p"]


UNKNOWN = {
    "the method": (rules("to: [{operation: {methods: [GET]}}]"), {"request": Request(path="/a")}, "the method is not known"),
    "the address": (
        rules("from: [{source: {ipBlocks: [10.0.0.0/8]}}]", action="DENY"), {}, "the caller's address is not known",
    ),
    "an external authorizer": (
        policy("  action: CUSTOM\n  provider: {name: x}\n  rules: [{}]"), {}, "external authorizer x decides about it",
    ),
    "what another tool fills in": (
        rules("from: [{source: {namespaces: ['${NS}']}}]"), {}, "${NS} is not known here",
    ),
    "an action that another tool fills in": (
        policy("  action: ${ACTION}\n  rules: [{}]"), {}, "action of AuthorizationPolicy shop/p is ${ACTION}, which is not known here",
    ),
    "the server name of TLS": (
        rules("when: [{key: connection.sni, values: [a]}]"), {}, "the server name of the TLS handshake is not known",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "call", "lacking"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_the_input_cannot_tell(text: str, call: dict[str, Any], lacking: str) -> None:
    result = outcome(text, **call)
    assert result.value.verdict.value == "unknown"
    assert (result.because[0].text, result.because[0].basis) == (lacking, Basis.ASSUMED)
    assert result.value.rules


def test_what_is_not_known_does_not_matter_where_something_else_decides() -> None:
    text = rules("from: [{source: {ipBlocks: [10.0.0.0/8]}}]", "{}", action="DENY")
    assert outcome(text).value.verdict.value == "deny"
    assert outcome(rules("to: [{operation: {methods: [GET]}}]", "{}"), request=Request()).value.verdict.value == "allow"


def test_a_tie_of_modes_has_both_outcomes() -> None:
    modes = STRICT + policy("  mtls: {mode: PERMISSIVE}", "shop/other", "PeerAuthentication")
    result = outcome(modes, Caller(None))
    assert {(each.value.verdict.value, each.value.layer.value) for each in result.outcomes} == {
        ("deny", "mtls"),
        ("allow", "rbac"),
    }
    assert verdict(result).value == "unknown"
    assert verdict(outcome(modes, Caller(WEB))).value == "allow"


def test_policies_take_a_proxy_for_granted_that_the_input_does_not_show() -> None:
    alone = LLM.partition("---\n")[2]
    mesh = mesh_of(alone + rules("from: [{source: {namespaces: [ops]}}]"))
    guard = mesh.guard(port_of(mesh, "shop/llm", 8080))
    assert [verdict(decide(guard, Caller(who), GET)).value for who in (JOB, WEB)] == ["allow", "deny"]


@pytest.mark.parametrize(
    ("annotation", "reason"),
    [
        ('sidecar.istio.io/inject: "false"', "no proxy stands before the port, so no policy is enforced"),
        (
            'traffic.sidecar.istio.io/excludeInboundPorts: "8080"',
            "annotations keep the proxy out of the way of this port, so no policy is enforced",
        ),
    ],
)
def test_without_a_proxy_nothing_is_enforced(annotation: str, reason: str) -> None:
    text = LLM.replace("{labels: {app: llm}}", f"{{labels: {{app: llm}}, annotations: {{{annotation}}}}}")
    mesh = mesh_of(text + rules(action="ALLOW"))
    result = decide(mesh.guard(port_of(mesh, "shop/llm", 8080)), Caller(None), GET)
    assert (result.value.verdict.value, result.value.layer.value, result.because[-1].text) == ("allow", "none", reason)
