"""One value against what a policy says of it: what fits, and the nearest thing that does not."""

from __future__ import annotations

import pytest

from meshlint.mesh.istio.authorization import matching
from meshlint.mesh.istio.authorization.calls import Normalization
from meshlint.mesh.istio.authorization.matching import Pattern
from meshlint.mesh.istio.authorization.paths import normalized
from meshlint.mesh.istio.authorization.trust_domains import TrustDomains

WEB = "spiffe://cluster.local/ns/shop/sa/web"


@pytest.mark.parametrize(
    ("pattern", "fits", "does_not"),
    [
        pytest.param(matching.text("a"), ["a"], ["A", "ab", ""], id="text"),
        pytest.param(matching.text("a*"), ["a", "ab/c"], ["ba"], id="prefix"),
        pytest.param(matching.text("*a"), ["a", "b/a"], ["ab"], id="suffix"),
        pytest.param(matching.text("*"), ["a", "a\nb"], [""], id="any text but the empty one"),
        pytest.param(matching.text("a*b"), ["a*b"], ["axb"], id="a star in the middle is a star"),
        pytest.param(matching.text("*a*"), ["xa*"], ["xab"], id="of two stars the first one counts"),
        pytest.param(matching.text("**"), ["x*", "*"], ["x"], id="and the other is a star"),
        pytest.param(matching.text(""), [""], ["a"], id="empty"),
        pytest.param(matching.header("*"), ["", "a"], [], id="a header that is there"),
        pytest.param(matching.host("LLM:*"), ["llm:80", "LLM:"], ["llm"], id="a host in any case"),
        pytest.param(matching.path("/a/*"), ["/a/", "/a/b/c"], ["/a"], id="a path"),
        pytest.param(matching.path("/a/{*}"), ["/a/b"], ["/a/", "/a/b/c", '/a/"'], id="one segment"),
        pytest.param(matching.path("/a/{**}"), ["/a/", "/a/b/c"], ["/a"], id="any number of segments"),
        pytest.param(matching.path("/{*}/b/{**}"), ["/a/b/", "/a/b/c/d"], ["/b/c", "/a/c/b"], id="both"),
        pytest.param(matching.principal("cluster.local/ns/shop/sa/web"), [WEB], [WEB + "x"], id="principal"),
        pytest.param(matching.principal("*/web"), [WEB], ["spiffe://d/ns/a/sa/web2"], id="the end of a principal"),
        pytest.param(matching.principal("*"), [WEB], [""], id="any principal"),
        pytest.param(matching.namespace("sh*"), [WEB], ["spiffe://d/ns/ash/sa/web"], id="namespaces that begin"),
        pytest.param(matching.namespace("s*p"), [WEB], ["spiffe://d/ns/shops/sa/web"], id="a star in a namespace"),
        pytest.param(matching.account("web", "shop"), [WEB], ["spiffe://d/ns/ops/sa/web"], id="an account of the policy's namespace"),
        pytest.param(matching.account("ops/web", "shop"), ["spiffe://d/ns/ops/sa/web"], [WEB], id="of another one"),
        pytest.param(matching.trust_domain("cluster.*"), [WEB], ["spiffe://clusterxlocal/ns/a/sa/b"], id="trust domain"),
        pytest.param(matching.trust_domain("*"), [WEB], [], id="any trust domain"),
    ],
)  # fmt: skip
def test_a_pattern(pattern: Pattern, fits: list[str], does_not: list[str]) -> None:
    assert [value for value in fits if not pattern.matches(value)] == []
    assert [value for value in does_not if pattern.matches(value)] == []


@pytest.mark.parametrize(
    ("value", "issuer", "subject"),
    [
        ("https://i/u", "https://i", "u"),
        ("https://i/*", "https://i", "anybody"),
        ("*/u", "https://else", "u"),
        ("*", "https://else", "anybody"),
        ("https://i*", "https:/", "i-anybody"),
        ("u*", "users", "anybody"),
    ],
)
def test_a_request_principal_is_an_issuer_and_a_subject(value: str, issuer: str, subject: str) -> None:
    issuers, subjects = matching.issuer_and_subject(value)
    assert (issuers.matches(issuer), subjects.matches(subject)) == (True, True)
    assert not (issuers.matches("") and subjects.matches(""))


@pytest.mark.parametrize(
    ("value", "inside", "outside"),
    [
        ("10.1.2.3", "10.1.2.3", "10.1.2.4"),
        ("10.1.2.3/8", "10.200.0.1", "11.0.0.1"),
        ("2001:db8::/32", "2001:db8::1", "10.0.0.1"),
        ("0.0.0.0/0", "8.8.8.8", "::1"),
    ],
)
def test_a_block_of_addresses(value: str, inside: str, outside: str) -> None:
    block = matching.block(value)
    assert block is not None
    assert (block.matches(inside), block.matches(outside)) == (True, False)


@pytest.mark.parametrize("value", ["", "10.1", "10.0.0.1/33", "10.0.0.0/08", "10.0.0.0/255.0.0.0", "010.0.0.1", "all"])
def test_what_is_no_block(value: str) -> None:
    assert matching.block(value) is None


@pytest.mark.parametrize(
    ("path", "none", "base", "merged", "decoded"),
    [
        ("/a?x#y", "/a", "/a", "/a", "/a"),
        ("/a/../b", "/a/../b", "/b", "/b", "/b"),
        ("/a/..", "/a/..", "/", "/", "/"),
        ("/a/./", "/a/./", "/a/", "/a/", "/a/"),
        ("/../../a", "/../../a", "/a", "/a", "/a"),
        ("//a///b", "//a///b", "//a///b", "/a/b", "/a/b"),
        ("/a%2Fb", "/a%2Fb", "/a%2Fb", "/a%2Fb", "/a/b"),
        ("/%61%2e%2D%20", "/%61%2e%2D%20", "/a.-%20", "/a.-%20", "/a.-%20"),
        ("/a\\b", "/a\\b", "/a/b", "/a/b", "/a/b"),
        ("/x%5c..%2fa", "/x%5c..%2fa", "/x%5c..%2fa", "/x%5c..%2fa", "/a"),
    ],
)
def test_paths_are_normalized(path: str, none: str, base: str, merged: str, decoded: str) -> None:
    assert [normalized(path, mode) for mode in Normalization] == [none, base, merged, decoded]


DOMAINS = TrustDomains(("own", "old.net"))


@pytest.mark.parametrize(
    ("principal", "means"),
    [
        ("own/ns/a/sa/b", ["own/ns/a/sa/b", "old.net/ns/a/sa/b"]),
        ("old.net/ns/a/sa/b", ["own/ns/a/sa/b", "old.net/ns/a/sa/b"]),
        ("cluster.local/ns/a/sa/b", ["own/ns/a/sa/b", "old.net/ns/a/sa/b"]),
        ("other/ns/a/sa/b", ["other/ns/a/sa/b"]),
        ("*/ns/a/sa/b", ["*/ns/a/sa/b"]),
        ("*.net/ns/a/sa/b", ["own/ns/a/sa/b", "*.net/ns/a/sa/b"]),
        ("own/ns/a", ["own/ns/a"]),
        ("*", ["*"]),
    ],
)
def test_trust_domains_stand_for_each_other(principal: str, means: list[str]) -> None:
    assert DOMAINS.of_principal(principal) == means


@pytest.mark.parametrize(("value", "means"), [("old.net", ["own", "old.net"]), ("other", ["other"]), ("*", ["*"])])
def test_conditions_on_trust_domains(value: str, means: list[str]) -> None:
    assert DOMAINS.of_trust_domain(value) == means
