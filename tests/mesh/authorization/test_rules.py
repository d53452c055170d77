"""Rules of AuthorizationPolicies as istiod reads them: conditions, what it cannot read, and what a filter loses."""

from __future__ import annotations

import pytest

from meshlint.mesh.istio.authorization.calls import Kind
from meshlint.mesh.istio.authorization.rules import Rule, rules
from meshlint.mesh.istio.authorization.trust_domains import TrustDomains
from meshlint.resource.kinds import AUTHORIZATION_POLICY

from ..conftest import line_of, mesh_of


def read(text: str, *domains: str) -> list[Rule]:
    mesh = mesh_of(f"AuthorizationPolicy shop/p\nspec:\n  rules:\n{text}")
    (policy,) = mesh.inventory.all(AUTHORIZATION_POLICY)
    return list(rules(policy, TrustDomains(domains or ("cluster.local",))))


@pytest.mark.parametrize(
    ("key", "kind", "name"),
    [
        ("source.ip", Kind.ADDRESS, ""),
        ("remote.ip", Kind.FORWARDED, ""),
        ("source.namespace", Kind.IDENTITY, ""),
        ("source.principal", Kind.IDENTITY, ""),
        ("source.serviceAccount", Kind.IDENTITY, ""),
        ("source.trustDomain", Kind.IDENTITY, ""),
        ("request.auth.principal", Kind.TOKEN, ("iss",)),
        ("request.auth.audiences", Kind.CLAIM, ("aud",)),
        ("request.auth.presenter", Kind.CLAIM, ("azp",)),
        ("request.auth.claims[a]", Kind.CLAIM, ("a",)),
        ("request.auth.claims[a][b]", Kind.CLAIM, ("a", "b")),
        ("request.auth.claims[a[b]]", Kind.CLAIM, ("a[b]",)),
        ("request.auth.claims", Kind.CLAIM, ()),
        ("request.headers[X-A]", Kind.HEADER, "x-a"),
        ("request.headers[Host]", Kind.HOST, ""),
        ("request.headers[:method]", Kind.METHOD, ""),
        ("destination.ip", Kind.OWN_ADDRESS, ""),
        ("destination.port", Kind.PORT, ""),
        ("connection.sni", Kind.SNI, ""),
        ("experimental.envoy.filters.a.b[c]", Kind.METADATA, "a.b[c]"),
    ],
)
def test_the_keys_of_when(key: str, kind: Kind, name: object) -> None:
    value = {Kind.ADDRESS: "10.0.0.1", Kind.FORWARDED: "10.0.0.1", Kind.OWN_ADDRESS: "10.0.0.1", Kind.PORT: "80"}
    (rule,) = read(f"  - when: [{{key: '{key}', values: ['{value.get(kind, 'i/s')}']}}]")
    ((condition,)) = rule.when
    (one,) = condition.values
    assert (condition.field, condition.kind) == (key, kind)
    assert one.tests is not None and (one.tests[0].attribute.kind, one.tests[0].attribute.name) == (kind, name)


@pytest.mark.parametrize("key", ["source.user", "request.header[a]", "", "destination.user"])
def test_a_rule_with_a_key_that_nobody_knows_is_left_out(key: str) -> None:
    assert [rule.position for rule in read(f"  - when: [{{key: '{key}', values: [a]}}]\n  - {{}}")] == [1]


@pytest.mark.parametrize(
    "part",
    [
        "from: [{source: {ipBlocks: [nowhere]}}]",
        "from: [{source: {notRemoteIpBlocks: [10.0.0.0/33]}}]",
        "to: [{operation: {ports: [http]}}]",
        "to: [{operation: {ports: ['65536']}}]",
        "when: [{key: 'request.headers[a', values: [b]}]",
        "when: [{key: 'request.auth.claims[a', values: [b]}]",
        "when: [{key: 'experimental.envoy.filters.a', values: [b]}]",
    ],
)
def test_what_cannot_be_read_makes_an_allow_rule_vanish_and_any_other_wider(part: str) -> None:
    (rule,) = read(f"  - {part}")
    assert rule.in_filter(http=True, narrow=True) is None
    wider = rule.in_filter(http=True, narrow=False)
    assert wider is not None
    assert [value for condition in wider.conditions for value in (*condition.values, *condition.excluded)] == []


def test_without_http_only_other_conditions_are_left() -> None:
    (rule,) = read("  - from: [{source: {namespaces: [a]}}]\n    to: [{operation: {paths: [/a], ports: ['80']}}]")
    assert rule.in_filter(http=False, narrow=True) is None
    wider = rule.in_filter(http=False, narrow=False)
    assert wider is not None and [c.field for c in wider.conditions] == ["namespaces", "ports"]
    assert rule.in_filter(http=True, narrow=True) is rule


def test_a_value_knows_its_line() -> None:
    (rule,) = read(
        "  - from:\n    - source:\n        notPrincipals:\n        - td/ns/a/sa/b\n        - x/ns/a/sa/b", "td", "old"
    )
    (condition,) = rule.conditions
    assert (condition.field, condition.values) == ("principals", ())
    assert [(value.text, line_of(value.location)) for value in condition.excluded] == [
        ("td/ns/a/sa/b", ["- td/ns/a/sa/b"]),
        ("td/ns/a/sa/b", ["- td/ns/a/sa/b"]),
        ("x/ns/a/sa/b", ["- x/ns/a/sa/b"]),
    ]


def test_rules_that_another_tool_fills_in_are_one_that_may_be_any() -> None:
    mesh = mesh_of("AuthorizationPolicy shop/p\nspec: {rules: '${RULES}'}")
    (policy,) = mesh.inventory.all(AUTHORIZATION_POLICY)
    (rule,) = rules(policy, TrustDomains(("cluster.local",)))
    assert [condition.field for condition in rule.conditions] == ["rules"]
