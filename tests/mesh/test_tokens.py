"""Whether policies ask for tokens, and for whom these were made."""

from __future__ import annotations

import pytest

from meshlint.mesh.istio.authorization.tokens import is_issuer, requires_token, tells_for_whom

from .conftest import mesh_of


def policy(rules: str, action: str = "ALLOW", name: str = "p") -> str:
    return f"AuthorizationPolicy edge/{name}\nspec: {{action: {action}, rules: [{rules}]}}\n---\n"


TOKEN = "{from: [{source: {requestPrincipals: ['*']}}]}"
NONE = "from: [{source: {notRequestPrincipals: ['*']}}]"
REQUIRES = {
    "nothing": ("", (), False),
    "an ALLOW": (policy(TOKEN), (), True),
    "a claim": (policy("{when: [{key: 'request.auth.claims[g]', values: [a]}]}"), (), True),
    "a DENY": (policy(f"{{{NONE}}}", "DENY"), (), True),
    "a DENY of others": (policy("{to: [{operation: {paths: [/a]}}]}", "DENY"), (), False),
    "an authorizer": (policy("{}", "CUSTOM"), (), True),
    "a second source without": (
        policy("{from: [{source: {requestPrincipals: ['*']}}, {source: {ipBlocks: [10.0.0.0/8]}}]}"),
        (),
        False,
    ),
    "a second rule without": (policy(f"{TOKEN}, {{to: [{{operation: {{methods: [GET]}}}}]}}"), (), False),
    "open paths": (policy(f"{TOKEN}, {{to: [{{operation: {{paths: [/docs/*]}}}}]}}"), (), True),
    "all paths": (policy(f"{TOKEN}, {{to: [{{operation: {{paths: ['/*']}}}}]}}"), (), False),
    "callers of the mesh": (policy(f"{TOKEN}, {{from: [{{source: {{namespaces: [a]}}}}]}}"), (), True),
    "a lock": (policy(""), (), True),
    "a host": (policy(f"{{{NONE}, to: [{{operation: {{hosts: [a.com]}}}}]}}", "DENY"), ("a.com",), True),
    "another host": (policy(f"{{{NONE}, to: [{{operation: {{hosts: [a.com]}}}}]}}", "DENY"), ("b.com",), False),
    "one of two": (policy(f"{{{NONE}, to: [{{operation: {{hosts: [a.com]}}}}]}}", "DENY"), ("a.com", "b.com"), False),
    "all but a host": (policy(f"{{{NONE}, to: [{{operation: {{notHosts: [a.com]}}}}]}}", "DENY"), ("a.com",), False),
    "each by its own": (
        policy(f"{{{NONE}, to: [{{operation: {{hosts: ['*.com']}}}}]}}", "DENY")
        + policy("{to: [{operation: {hosts: [b.org]}}]}", "CUSTOM", "c"),
        ("a.com", "b.org"),
        True,
    ),
    "a host that nothing allows": (
        policy("{from: [{source: {requestPrincipals: ['*']}}], to: [{operation: {hosts: [a.com]}}]}"),
        ("b.com",),
        True,
    ),
}


@pytest.mark.parametrize("text, hosts, requires", REQUIRES.values(), ids=REQUIRES)
def test_requires_token(text: str, hosts: tuple[str, ...], requires: bool) -> None:
    applied = mesh_of(f"Namespace edge\n---\n{text}").authorization.applied("edge", {})
    assert requires_token(applied, hosts, gateway=True) is requires


def test_within_the_mesh_callers_have_identities() -> None:
    mesh = mesh_of(policy(f"{TOKEN}, {{from: [{{source: {{namespaces: [a]}}}}]}}"))
    assert not requires_token(mesh.authorization.applied("edge", {}), (), gateway=False)


FOR_WHOM = {
    "{key: request.auth.audiences, values: [llm]}": True,
    "{key: request.auth.presenter, values: [app]}": True,
    "{key: 'request.auth.claims[azp]', values: [app]}": True,
    "{key: 'request.auth.claims[hd]', notValues: [x.com]}": True,
    "{key: 'request.auth.claims[groups]', values: [llm]}": False,
    "{key: 'request.auth.claims[app][aud]', values: [llm]}": False,
    "{key: request.auth.principal, values: [i/s]}": False,
}


@pytest.mark.parametrize("condition, tells", FOR_WHOM.items())
def test_for_whom(condition: str, tells: bool) -> None:
    applied = mesh_of(policy(f"{{when: [{condition}]}}")).authorization.applied("edge", {})
    assert [tells_for_whom(rule, "i") for policy in applied.policies for rule in policy.rules] == [tells]


OF_AN_ISSUER = {
    "{from: [{source: {requestPrincipals: ['*']}}], when: [AUD]}": True,
    "{from: [{source: {requestPrincipals: [j/*, i/*]}}], when: [AUD]}": True,
    "{from: [{source: {requestPrincipals: [j/*]}}, {source: {namespaces: [a]}}], when: [AUD]}": True,
    "{from: [{source: {requestPrincipals: [j/*]}}], when: [AUD]}": False,
    "{when: [AUD, {key: 'request.auth.claims[iss]', values: [j]}]}": False,
    "{when: [AUD, {key: request.auth.principal, values: [i/s]}]}": True,
}


@pytest.mark.parametrize("rule, tells", OF_AN_ISSUER.items())
def test_for_whom_the_tokens_of_one_issuer_are(rule: str, tells: bool) -> None:
    text = policy(rule.replace("AUD", "{key: request.auth.audiences, values: [llm]}"))
    applied = mesh_of(text).authorization.applied("edge", {})
    assert [tells_for_whom(one, "i") for found in applied.policies for one in found.rules] == [tells]


ISSUERS = {
    "https://accounts.google.com": True,
    "accounts.google.com": True,
    "https://accounts.google.com/": True,
    "https://accounts.google.com.evil.com": False,
    "https://acme.auth0.com/": True,
    "https://securetoken.google.com/p": False,
    "https://login.microsoftonline.com/common/v2.0": False,
    "https://login.microsoftonline.com/6f3b2c1a/v2.0": True,
    "": False,
}


@pytest.mark.parametrize("issuer, known", ISSUERS.items())
def test_issuers(issuer: str, known: bool) -> None:
    listed = ["https://accounts.google.com", "*.auth0.com", "login.microsoftonline.com/*"]
    assert is_issuer(issuer, listed) is known
