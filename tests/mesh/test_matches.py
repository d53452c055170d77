"""What requests a match takes, without running a regular expression."""

from __future__ import annotations

from typing import Any

import pytest

from meshlint.mesh.istio.matches import covers, described, may_get, may_take, takes, takes_everything
from meshlint.source.document import Placeholder

from .conftest import mesh_of

Match = dict[str, Any]


def prefix(path: str, **more: Any) -> Match:
    return {"uri": {"prefix": path}, **more}


def exact(path: str, **more: Any) -> Match:
    return {"uri": {"exact": path}, **more}


def regex(text: str, **more: Any) -> Match:
    return {"uri": {"regex": text}, **more}


HEADER = {"headers": {"x-team": {"exact": "search"}}}

EVERYTHING = [
    ({}, True),
    ({"uri": {}}, True),
    (prefix("/"), True),
    (prefix("", ignoreUriCase=True), True),
    (regex(".*"), True),
    (regex("^/(.*)$"), True),
    (regex("(/.*)?"), True),
    (regex("/v1/.*"), False),
    (prefix("/v1"), False),
    (exact("/"), False),
    ({"uri": Placeholder("${URI}")}, False),
    (prefix(Placeholder("${PATH}")), False),  # type: ignore[arg-type]
    (HEADER, False),
    ({"withoutHeaders": {"x-team": {}}}, False),
    ({"queryParams": {"q": {"exact": "1"}}}, False),
    ({"method": {"exact": "GET"}}, False),
    ({"authority": {"prefix": "cart"}}, False),
    ({"scheme": {"exact": "https"}}, False),
    ({"sourceLabels": {"app": "web"}, "sourceNamespace": "shop", "port": 80, "gateways": ["mesh"]}, True),
]


@pytest.mark.parametrize("match, everything", EVERYTHING, ids=[str(match) for match, _ in EVERYTHING])
def test_what_takes_everything(match: Match, everything: bool) -> None:
    """`route.go IsCatchAllRoute`, and what comes to the same; conditions on callers are none on requests."""
    assert takes_everything(match) is everything


COVERED = [
    ({}, exact("/a", **HEADER), True),
    (prefix("/a"), prefix("/a/b"), True),
    (prefix("/a"), exact("/ab"), True),
    (prefix("/a/"), exact("/a"), False),
    (prefix("/a"), {}, False),
    (prefix("/a"), regex("/a/.*"), False),
    (exact("/a"), exact("/a"), True),
    (exact("/a"), prefix("/a"), False),
    (regex("/a/[0-9]+"), regex("/a/[0-9]+"), True),
    (regex("/a/[0-9]+"), exact("/a/1"), False),
    (regex(".*"), regex("/a/[0-9]+"), True),
    (prefix("/A", ignoreUriCase=True), prefix("/a/b"), True),
    (prefix("/a"), prefix("/a/b", ignoreUriCase=True), False),
    (prefix("/"), prefix("/a", ignoreUriCase=True), True),
    (prefix("/a", **HEADER), exact("/a"), False),
    (prefix("/a", **HEADER), exact("/a", **HEADER), True),
    (prefix("/a", **HEADER), exact("/a", headers={"x-team": {"exact": "other"}}), False),
    ({"method": {"exact": "GET"}}, exact("/a", method={"exact": "GET"}), True),
    ({"method": {"exact": "GET"}}, exact("/a"), False),
    ({"port": 80}, exact("/a", port=80), True),
    ({"port": 80}, exact("/a", port=81), False),
    ({"sourceLabels": {"app": "web"}}, {"sourceLabels": {"app": "web", "tier": "1"}}, True),
    ({"sourceLabels": {"app": "web", "tier": "1"}}, {"sourceLabels": {"app": "web"}}, False),
    ({"gateways": ["mesh", "edge"]}, {"gateways": ["edge"]}, True),
    ({"gateways": ["edge"]}, {"gateways": ["mesh", "edge"]}, False),
    ({"gateways": ["edge"]}, {}, False),
    ({}, {"gateways": ["edge"]}, True),
    (prefix(Placeholder("${PATH}")), prefix(Placeholder("${PATH}")), False),  # type: ignore[arg-type]
]


@pytest.mark.parametrize("one, other, covered", COVERED, ids=[f"{one} {other}" for one, other, _ in COVERED])
def test_whether_one_match_takes_all_that_another_takes(one: Match, other: Match, covered: bool) -> None:
    assert covers(one, other) is covered


MAY_TAKE = [
    ({}, "/a", True),
    (prefix("/a"), "/a/b", True),
    (prefix("/a"), "/b", False),
    (exact("/a"), "/a", True),
    (exact("/a"), "/a/b", False),
    (exact("/A", ignoreUriCase=True), "/a", True),
    (regex("/b"), "/a", True),
    (prefix("/a", **HEADER), "/a", True),
    ({"uri": Placeholder("${URI}")}, "/a", True),
]


@pytest.mark.parametrize("match, path, maybe", MAY_TAKE, ids=[f"{match} {path}" for match, path, _ in MAY_TAKE])
def test_whether_a_match_may_take_a_path(match: Match, path: str, maybe: bool) -> None:
    """A regular expression may take any; what is asked for besides may be there."""
    assert may_take(match, path) is maybe


DESCRIBED = [
    (prefix("/v1/chat"), "/v1/chat"),
    (exact("/v1/models", method={"exact": "GET"}), "GET /v1/models"),
    (regex("/v[12]/.*"), "/v[12]/.*"),
    (HEADER, "header x-team"),
    ({"method": {"regex": "GET|HEAD"}, "queryParams": {"q": {"exact": "1"}}}, "method GET|HEAD with query parameter q"),
    ({"withoutHeaders": {"x-team": {}}}, "no header x-team"),
    ({"port": 8001}, "port 8001"),
    ({}, "/"),
]


@pytest.mark.parametrize("match, words", DESCRIBED, ids=[words for _, words in DESCRIBED])
def test_a_match_in_words(match: Match, words: str) -> None:
    assert described(match) == words


ROUTES = """
VirtualService shop/cart
spec:
  hosts: [cart]
  http:
    - match: [{uri: {prefix: /a}, method: {exact: GET}}, {uri: {exact: /b}}]
      route: [{destination: {host: cart}}]
    - match: [{uri: {exact: /old}}]
      redirect: {uri: /new}
    - match: [{uri: {prefix: /team}}]
      delegate: {name: of-another-team}
    - route: [{destination: {host: cart}}]
"""


def test_what_a_route_takes_and_may_get() -> None:
    """A rule whose delegate is not in the input takes nothing for sure, and may get what it matches."""
    routes = mesh_of(ROUTES).routes
    for path, sure, maybe in [
        ("/a/1", [False, False, False, True], [True, False, False, True]),
        ("/b", [True, False, False, True], [True, False, False, True]),
        ("/old", [False, True, False, True], [False, True, False, True]),
        ("/team/1", [False, False, False, True], [False, False, True, True]),
    ]:
        assert [takes(route, exact(path)) for route in routes] == sure, path
        assert [may_get(route, path) for route in routes] == maybe, path
