"""Which policies apply to which pods (`ListAuthorizationPolicies`, `ShouldAttachPolicy`)."""

from __future__ import annotations

import pytest

from meshlint.mesh.istio.authorization.policies import Action, Applied

from ..conftest import mesh_of

POLICIES = """
AuthorizationPolicy shop/all
spec: {}
---
AuthorizationPolicy shop/llm
spec: {action: DENY, selector: {matchLabels: {app: llm}}, rules: [{}]}
---
AuthorizationPolicy shop/empty
spec: {action: AUDIT, selector: {matchLabels: {}}, rules: [{}]}
---
AuthorizationPolicy istio-system/root
spec: {action: DENY, rules: [{}]}
---
AuthorizationPolicy istio-system/root-llm
spec: {action: DENY, selector: {matchLabels: {app: llm}}, rules: [{}]}
---
AuthorizationPolicy ops/elsewhere
spec: {}
---
AuthorizationPolicy shop/dry {annotations: {istio.io/dry-run: "true"}}
spec: {}
---
AuthorizationPolicy shop/not-dry {annotations: {istio.io/dry-run: "yes"}}
spec: {action: CUSTOM, provider: {name: p}, rules: [{}]}
---
AuthorizationPolicy shop/gateway
spec: {targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}]}
---
AuthorizationPolicy shop/service
spec: {targetRefs: [{group: "", kind: Service, name: llm}]}
---
RequestAuthentication shop/tokens
spec: {jwtRules: [{issuer: i, audiences: [a]}, {spaceDelimitedClaims: [roles]}]}
"""
LLM, WEB = {"app": "llm"}, {"app": "web"}
GATEWAY = {"gateway.networking.k8s.io/gateway-name": "gw"}


def applied(namespace: str, labels: dict[str, str], text: str = POLICIES) -> Applied:
    return mesh_of(text).authorization.applied(namespace, labels)


@pytest.mark.parametrize(
    ("namespace", "labels", "names"),
    [
        ("shop", LLM, {"all", "llm", "empty", "root", "root-llm", "not-dry"}),
        ("shop", WEB, {"all", "empty", "root", "not-dry"}),
        ("shop", GATEWAY, {"all", "empty", "root", "not-dry", "gateway"}),
        ("ops", LLM, {"elsewhere", "root", "root-llm"}),
        ("ops", GATEWAY, {"elsewhere", "root"}),
        ("istio-system", WEB, {"root"}),
    ],
)
def test_policies_in_force(namespace: str, labels: dict[str, str], names: set[str]) -> None:
    assert {policy.resource.name for policy in applied(namespace, labels).policies} == names


def test_what_is_in_dry_run_is_kept_apart() -> None:
    assert [policy.resource.name for policy in applied("shop", WEB).dry] == ["dry"]


def test_by_action() -> None:
    found = applied("shop", LLM)
    names = {action: [policy.resource.name for policy in found.of(action)] for action in Action}
    assert names == {
        Action.ALLOW: ["all"],
        Action.DENY: ["root-llm", "root", "llm"],
        Action.AUDIT: ["empty"],
        Action.CUSTOM: ["not-dry"],
    }


def test_another_root_namespace() -> None:
    mesh = """
ConfigMap istio-system/istio
data: {mesh: "rootNamespace: ops"}
---
"""
    names = {policy.resource.name for policy in applied("shop", WEB, mesh + POLICIES).policies}
    assert names == {"all", "empty", "not-dry", "elsewhere"}


def test_tokens() -> None:
    tokens = [(token.issuer, token.audiences, token.spaced) for token in applied("shop", WEB).tokens]
    assert tokens == [("i", ("a",), {"scope", "permission"}), ("", (), {"scope", "permission", "roles"})]
    assert applied("ops", WEB).tokens == ()


def test_pods_with_the_same_policies_share_what_is_made_of_them() -> None:
    authorization = mesh_of(POLICIES).authorization
    assert authorization.applied("shop", WEB) is authorization.applied("shop", {"app": "other"})


@pytest.mark.parametrize(
    ("spec", "doubt"),
    [
        ("{action: '${ACTION}', rules: [{}]}", "action of AuthorizationPolicy shop/p is ${ACTION}, which is not known here"),
        (
            "{selector: {matchLabels: {app: '${APP}'}}}",
            "AuthorizationPolicy shop/p selects pods by app: ${APP}, which is not known here",
        ),
    ],
)  # fmt: skip
def test_what_another_tool_fills_in(spec: str, doubt: str) -> None:
    (policy,) = applied("shop", WEB, f"AuthorizationPolicy shop/p\nspec: {spec}").policies
    assert [reason.text for reason in policy.doubt] == [doubt]


def test_a_label_that_pods_do_not_have_is_known_to_select_none() -> None:
    assert (
        applied("shop", {}, "AuthorizationPolicy shop/p\nspec: {selector: {matchLabels: {app: '${APP}'}}}").policies
        == ()
    )
