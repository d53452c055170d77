"""How far the rules of policies limit who may call: the condition that does it, its place, and who passes."""

from __future__ import annotations

import pytest

from meshlint.mesh.istio.authorization.callers import (
    Width,
    accounts,
    asks_for_nothing,
    chosen,
    limit,
    opens_only,
    ports_of,
    words,
)
from meshlint.mesh.istio.authorization.rules import Rule

from .conftest import line_of, mesh_of


def rule(text: str, action: str = "ALLOW") -> Rule:
    lines = text.strip("\n").splitlines()
    body = "\n".join(f"    {'- ' if i == 0 else '  '}{line}" for i, line in enumerate(lines))
    mesh = mesh_of(f"AuthorizationPolicy ai/p\nspec:\n  action: {action}\n  rules:\n{body}\n")
    (resource,) = (r for r in mesh.inventory.resources if r.kind == "AuthorizationPolicy")
    return mesh.authorization.policy(resource).rules[0]


def source(field: str, *values: str) -> str:
    return f"from:\n- source:\n    {field}: [{', '.join(map(repr, values))}] # <-"


WIDTHS = {
    "an account": (source("principals", "cluster.local/ns/web/sa/chat"), Width.ACCOUNT),
    "an account of any domain": (source("principals", "*/ns/web/sa/chat"), Width.ACCOUNT),
    "a service account": (source("serviceAccounts", "web/chat"), Width.ACCOUNT),
    "a token": (source("requestPrincipals", "*"), Width.TOKEN),
    "a namespace": (source("namespaces", "web"), Width.NAMESPACE),
    "some namespaces": (source("namespaces", "w*b"), Width.WILDCARD),
    "accounts of a namespace": (source("principals", "cluster.local/ns/web/*"), Width.WILDCARD),
    "an account and many": (source("principals", "cluster.local/ns/a/sa/b", "cluster.local/ns/*"), Width.WILDCARD),
    "a trust domain": (source("trustDomains", "cluster.local"), Width.TRUST_DOMAIN),
    "addresses": (source("ipBlocks", "10.0.0.0/8"), Width.ADDRESS),
    "forwarded addresses": (source("remoteIpBlocks", "10.0.0.0/8"), Width.ADDRESS),
    "every address": (source("ipBlocks", "0.0.0.0/0"), Width.EVERYBODY),
    "all but one": (source("notNamespaces", "batch"), Width.NEGATIVE),
    "every identity": (source("principals", "*"), Width.EVERY_IDENTITY),
    "every namespace": (source("namespaces", "*"), Width.EVERY_IDENTITY),
    "nothing": ("{} # <-", Width.EVERYBODY),
    "a path": ("to: [{operation: {paths: [/a]}}] # <-", Width.EVERYBODY),
    "a header": ("when: [{key: 'request.headers[x-a]', values: [b]}] # <-", Width.EVERYBODY),
    "a condition": ("when:\n- {key: source.namespace, values: [web]} # <-", Width.NAMESPACE),
    "a claim": ("when:\n- {key: 'request.auth.claims[group]', values: [a]} # <-", Width.TOKEN),
    "the narrower of two": (
        "from:\n- source:\n    namespaces: [web]\n    principals: [cluster.local/ns/web/sa/chat] # <-",
        Width.ACCOUNT,
    ),
    "the wider of two sources": (
        "from:\n- source:\n    principals: [cluster.local/ns/web/sa/chat]\n- source:\n    namespaces: [rag] # <-",
        Width.NAMESPACE,
    ),
}


@pytest.mark.parametrize("text, width", WIDTHS.values(), ids=WIDTHS)
def test_limit(text: str, width: Width) -> None:
    found = limit(rule(text))
    assert found.width is width
    marks = [line.removesuffix(" # <-").lstrip("- ").strip() for line in text.splitlines() if line.endswith("# <-")]
    assert [line.lstrip("- ") for line in line_of(found.location)] == marks


WORDS = {
    "namespaces": (source("namespaces", "a", "b"), "ALLOW", "namespaces a, b", "every workload of a, b"),
    "all but": (source("notNamespaces", "a"), "ALLOW", "not namespaces a", "every workload but those of a"),
    "a DENY of all but": (source("notNamespaces", "a"), "DENY", "a DENY of not namespaces a", "every workload of a"),
    "a DENY": (source("namespaces", "a"), "DENY", "a DENY of namespaces a", "every workload but those of a"),
    "addresses": (source("ipBlocks", "10.0.0.0/8"), "ALLOW", "ipBlocks 10.0.0.0/8", "whatever calls from 10.0.0.0/8"),
    "everybody with a certificate": (source("principals", "*"), "ALLOW", "principals *", "every workload of the mesh"),
}


@pytest.mark.parametrize("text, action, limited, scope", WORDS.values(), ids=WORDS)
def test_words(text: str, action: str, limited: str, scope: str) -> None:
    found = limit(rule(text, action))
    assert (str(found), found.scope) == (f"its only limit on callers is {limited}", scope)


def test_nothing_limits() -> None:
    found = limit(rule("to: [{operation: {paths: [/a]}}]"))
    assert (str(found), found.scope) == ("nothing limits its callers", "every workload of the mesh")


NOTHING = {
    "{}": True,
    "from: [{source: {namespaces: [a]}}]": True,
    "to: [{operation: {paths: ['*']}}]": True,
    "to: [{operation: {paths: ['/*']}}]": False,
    "to: [{operation: {paths: ['*'], notMethods: [GET]}}]": False,
    "to: [{operation: {methods: [GET]}}, {operation: {hosts: ['*']}}]": True,
    "when: [{key: 'request.headers[x]', values: ['*']}]": True,
    "when: [{key: 'request.headers[x]', values: [a]}]": False,
    "when: [{key: source.namespace, values: [a]}]": True,
}


@pytest.mark.parametrize("text, nothing", NOTHING.items())
def test_asks_for_nothing(text: str, nothing: bool) -> None:
    assert asks_for_nothing(rule(text)) is nothing


OPENS = {
    "paths: [/health, /healthz]": True,
    "paths: [/health/deep]": True,
    "paths: ['/health/*']": True,
    "paths: [/metrics]": False,
    "paths: [/health, /v1/models]": False,
    "paths: ['*']": False,
    "notPaths: [/v1]": False,
    "ports: ['9090']": True,
    "ports: ['9090', '8000']": False,
    "paths: [/v1], ports: ['9090']": True,
}


@pytest.mark.parametrize("operation, opens", OPENS.items())
def test_opens_only(operation: str, opens: bool) -> None:
    assert opens_only(rule(f"to: [{{operation: {{{operation}}}}}]"), ("/health*",), {9090}) is opens


def test_of_unknown_ports_any_may_be_for_metrics() -> None:
    assert opens_only(rule("to: [{operation: {ports: ['9090']}}]"), (), None)
    assert not opens_only(rule("{}"), ("/*",), None)


CHOSEN = {
    "when: [{key: 'request.headers[x-tenant]', values: [a]}]": ["request.headers[x-tenant] a"],
    "when: [{key: 'request.headers[x-tenant]', notValues: [a]}]": [],
    "when: [{key: 'request.headers[x-api-key]', values: [s3cret]}]": [],
    "when: [{key: 'request.headers[x-api-key]', values: ['s3*']}]": ["request.headers[x-api-key] s3*"],
    "when: [{key: 'request.headers[:path]', values: [/a]}]": [],
    "to: [{operation: {hosts: [a.example.com]}}]": ["hosts a.example.com"],
    "to: [{operation: {hosts: ['*']}}]": [],
    "to: [{operation: {paths: [/a], methods: [GET]}}]": [],
}


@pytest.mark.parametrize("text, conditions", CHOSEN.items())
def test_chosen_by_the_caller(text: str, conditions: list[str]) -> None:
    assert [words(condition) for condition in chosen(rule(text))] == conditions


def test_accounts_and_ports() -> None:
    named = rule("from:\n- source: {principals: [cluster.local/ns/web/sa/chat, '*/ns/rag/sa/x', '*']}")
    own = rule("from:\n- source: {serviceAccounts: [job, ops/cron]}\nto: [{operation: {ports: ['80', '8000']}}]")
    assert [str(identity) for identity in accounts(named)] == ["web/chat", "rag/x"]
    assert [str(identity) for identity in accounts(own)] == ["ai/job", "ops/cron"]
    assert list(ports_of(own)) == [80, 8000]
