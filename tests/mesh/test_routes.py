"""The http routes of VirtualServices: destinations, timeouts, retries and delegates.

Mirrors istiod's `core/route/route.go setTimeout` and `TranslateRoute`, `core/route/retry/retry.go ConvertPolicy`, and
`pilot/pkg/model/virtualservice.go MergeHTTPRoutes`.
"""

from __future__ import annotations

import pytest

from meshlint.finding import Confidence
from meshlint.mesh.effective import UNKNOWN, Basis
from meshlint.mesh.istio.routes import BUILT_IN

from .conftest import assert_decides, line_of, marked, mesh_of, route_of

DEFAULT, DECLARED, ASSUMED = Basis.DEFAULT, Basis.DECLARED, Basis.ASSUMED


def meshconfig(text: str) -> str:
    """A ConfigMap istio with this meshConfig."""
    body = "\n".join("    " + line for line in text.strip().splitlines())
    return f"---\nConfigMap istio-system/istio\ndata:\n  mesh: |\n{body}\n"


def rule(*fields: str, to: str = "cart") -> str:
    """A VirtualService with one http rule; one field a line."""
    lines = "".join(f"      {field}\n" for field in fields)
    return f"VirtualService shop/cart\nspec:\n  hosts: [cart]\n  http:\n    - route: [{{destination: {{host: {to}}}}}]\n{lines}"


TIMEOUTS = {
    "absent: no limit": (rule(), None, DEFAULT),
    "seconds": (rule("timeout: 90s # <-"), 90_000, DECLARED),
    "minutes and fractions": (rule("timeout: 1m1.5s # <-"), 61_500, DECLARED),
    "0s, if stored all the same, is no limit": (rule("timeout: 0s # <-"), None, DECLARED),
    "placeholder": (rule("timeout: ${TIMEOUT} # <-"), UNKNOWN, ASSUMED),
    "not a duration": (rule("timeout: soon # <-"), UNKNOWN, ASSUMED),
}


@pytest.mark.parametrize("text, milliseconds, basis", TIMEOUTS.values(), ids=TIMEOUTS)
def test_timeout(text: str, milliseconds: object, basis: Basis) -> None:
    """`route.go setTimeout`."""
    found = route_of(mesh_of(text), "shop/cart").timeout
    assert (found.value, found.basis) == (milliseconds, basis)
    assert_decides(found, text)


def retried(*fields: str) -> str:
    """A rule with a retries block; one field a line."""
    return rule("retries:", *(f"  {field}" for field in fields))


ATTEMPTS = {
    "absent: Istio's two": (rule(), 2, DEFAULT),
    "empty block switches them off": (rule("retries: {} # <-"), 0, DECLARED),
    "attempts 0": (retried("attempts: 0 # <-"), 0, DECLARED),
    "attempts": (retried("attempts: 5 # <-"), 5, DECLARED),
    "block without attempts, if stored": (rule("retries: {perTryTimeout: 2s} # <-"), 0, DECLARED),
    "placeholder": (retried("attempts: ${N} # <-"), UNKNOWN, ASSUMED),
    "meshConfig's default": (
        rule() + meshconfig("defaultHttpRetryPolicy:\n  attempts: 7 # <-"),
        7,
        DECLARED,
    ),
    "meshConfig switches them off": (
        rule() + meshconfig("defaultHttpRetryPolicy:\n  attempts: 0 # <-"),
        0,
        DECLARED,
    ),
    "an empty default of meshConfig switches them off": (
        rule() + meshconfig("defaultHttpRetryPolicy: {} # <-"),
        0,
        DECLARED,
    ),
    "a route goes before meshConfig": (
        retried("attempts: 3 # <-") + meshconfig("defaultHttpRetryPolicy:\n  attempts: 7"),
        3,
        DECLARED,
    ),
}


@pytest.mark.parametrize("text, attempts, basis", ATTEMPTS.values(), ids=ATTEMPTS)
def test_attempts(text: str, attempts: object, basis: Basis) -> None:
    """`retry.go ConvertPolicy`."""
    found = route_of(mesh_of(text), "shop/cart").retries.attempts
    assert (found.value, found.basis) == (attempts, basis)
    assert_decides(found, text)


CONDITIONS = {
    "absent": (rule(), BUILT_IN, DEFAULT),
    "attempts alone keep the built-in ones": (retried("attempts: 3"), BUILT_IN, DEFAULT),
    "attempts alone keep the built-in ones under meshConfig's default": (
        retried("attempts: 3") + meshconfig("defaultHttpRetryPolicy: {attempts: 2, retryOn: 5xx}"),
        BUILT_IN,
        DEFAULT,
    ),
    "empty text": (retried("attempts: 3", 'retryOn: ""'), BUILT_IN, DEFAULT),
    "words": (retried("attempts: 3", "retryOn: 5xx,reset # <-"), ("5xx", "reset"), DECLARED),
    "spaces are trimmed at run time": (retried("attempts: 3", "retryOn: 5xx, reset # <-"), ("5xx", "reset"), DECLARED),
    "codes": (retried("attempts: 3", "retryOn: gateway-error,429 # <-"), ("gateway-error", "429"), DECLARED),
    "a code as a number, which the API server refuses": (
        retried("attempts: 3", "retryOn: 503 # <-"),
        ("503",),
        DECLARED,
    ),
    "placeholder": (retried("attempts: 3", "retryOn: ${ON} # <-"), UNKNOWN, ASSUMED),
    "meshConfig's": (
        rule() + meshconfig("defaultHttpRetryPolicy:\n  attempts: 2\n  retryOn: 5xx # <-"),
        ("5xx",),
        DECLARED,
    ),
    "meshConfig's without words": (rule() + meshconfig("defaultHttpRetryPolicy: {attempts: 2}"), BUILT_IN, DEFAULT),
}


@pytest.mark.parametrize("text, words, basis", CONDITIONS.values(), ids=CONDITIONS)
def test_conditions(text: str, words: object, basis: Basis) -> None:
    """`retry.go parseRetryOn`."""
    found = route_of(mesh_of(text), "shop/cart").retries.conditions
    assert (found.value, found.basis) == (words, basis)
    assert_decides(found, text)


def test_the_built_in_conditions_are_istiod_s() -> None:
    """`retry.go newRetryPolicy`, as the real istiod writes them."""
    assert BUILT_IN == ("connect-failure", "refused-stream", "unavailable", "cancelled", "retriable-status-codes")


@pytest.mark.parametrize("version, has_503", [((1, 22), True), ((1, 23), True), ((1, 24), False), ((1, 32), False)])
def test_503_left_the_built_in_conditions_in_1_24(version: tuple[int, int], has_503: bool) -> None:
    """Flag EXCLUDE_UNSAFE_503_FROM_DEFAULT_RETRY."""
    words = route_of(mesh_of(rule(), istio_version=version), "shop/cart").retries.conditions.value
    assert words == ((*BUILT_IN, "503") if has_503 else BUILT_IN)


PER_TRY = {
    "absent": (rule(), None, DEFAULT),
    "given": (retried("attempts: 2", "perTryTimeout: 2.5s # <-"), 2_500, DECLARED),
    "meshConfig's": (
        rule() + meshconfig("defaultHttpRetryPolicy:\n  attempts: 1\n  perTryTimeout: 3s # <-"),
        3_000,
        DECLARED,
    ),
    "not known": (retried("attempts: 2", "perTryTimeout: ${T} # <-"), UNKNOWN, ASSUMED),
}


@pytest.mark.parametrize("text, milliseconds, basis", PER_TRY.values(), ids=PER_TRY)
def test_per_try_timeout(text: str, milliseconds: object, basis: Basis) -> None:
    found = route_of(mesh_of(text), "shop/cart").retries.per_try_timeout
    assert (found.value, found.basis) == (milliseconds, basis)
    assert_decides(found, text)


BLOCKS = {
    "absent": (rule(), False),
    "given": (rule("retries: {attempts: 2} # <-"), True),
    "meshConfig's": (rule() + meshconfig("defaultHttpRetryPolicy: {attempts: 2} # <-"), True),
}


@pytest.mark.parametrize("text, written", BLOCKS.values(), ids=BLOCKS)
def test_block(text: str, written: bool) -> None:
    """The place of the whole policy: the route's block, or the field of meshConfig that stands in for it."""
    found = route_of(mesh_of(text), "shop/cart").retries.block
    assert found.value is written
    assert_decides(found, text)


def test_two_mesh_configurations_that_differ_make_the_default_uncertain() -> None:
    text = (
        rule()
        + meshconfig("defaultHttpRetryPolicy: {attempts: 5}")
        + meshconfig("{}").replace("istio-system/istio", "istio-system/istio-canary")
    )
    attempts = route_of(mesh_of(text), "shop/cart").retries.attempts
    assert [candidate.value for candidate in attempts.candidates] == [5, 2]
    assert attempts.basis.confidence is Confidence.LOW


# ---- destinations ----------------------------------------------------------------------------------------------------

DESTINATIONS = {
    "short name: the namespace of the object": ("[{destination: {host: cart}}]", ["cart.shop.svc.cluster.local"]),
    "name.namespace is taken as it is": ("[{destination: {host: cart.bank}}]", ["cart.bank"]),
    "full name": (
        "[{destination: {host: cart.bank.svc.cluster.local}}]",
        ["cart.bank.svc.cluster.local"],
    ),
    "weight 0 gets nothing": (
        "[{destination: {host: a}, weight: 100}, {destination: {host: b}, weight: 0}]",
        ["a.shop.svc.cluster.local"],
    ),
    "no weight beside another is weight 0": (
        "[{destination: {host: a}, weight: 100}, {destination: {host: b}}]",
        ["a.shop.svc.cluster.local"],
    ),
    "the weight of a single destination is ignored": (
        "[{destination: {host: a}, weight: 0}]",
        ["a.shop.svc.cluster.local"],
    ),
    "several": (
        "[{destination: {host: a}, weight: 60}, {destination: {host: b}, weight: 40}]",
        ["a.shop.svc.cluster.local", "b.shop.svc.cluster.local"],
    ),
}


@pytest.mark.parametrize("entries, hosts", DESTINATIONS.values(), ids=DESTINATIONS)
def test_destinations(entries: str, hosts: list[str]) -> None:
    """`model/config.go ResolveShortnameToFQDN`, `route.go` weights."""
    text = f"VirtualService shop/cart\nspec: {{hosts: [cart], http: [{{route: {entries}}}]}}"
    assert [d.host for d in route_of(mesh_of(text), "shop/cart").destinations] == hosts


def test_a_destination_has_its_port_subset_and_place() -> None:
    text = """
VirtualService shop/cart
spec:
  hosts: [cart]
  http:
    - route:
        - destination: {host: cart, port: {number: 8080}, subset: v2} # <-
"""
    (found,) = route_of(mesh_of(text), "shop/cart").destinations
    assert (found.port, found.subset, found.location.pointer) == (8080, "v2", "spec.http[0].route[0].destination.host")
    assert line_of(found.location) == marked(text)


@pytest.mark.parametrize("action", ["redirect: {uri: /new}", "directResponse: {status: 404}"])
def test_a_rule_may_be_answered_by_the_proxy(action: str) -> None:
    text = f"VirtualService shop/cart\nspec: {{hosts: [cart], http: [{{{action}}}]}}"
    route = route_of(mesh_of(text), "shop/cart")
    assert route.answered_by_proxy
    assert route.destinations == ()


BINDINGS = {
    "no gateways": ("", "", (True, False)),
    "mesh": ("gateways: [mesh],", "", (True, False)),
    "a gateway": ("gateways: [edge],", "", (False, True)),
    "both": ("gateways: [edge, mesh],", "", (True, True)),
    "a rule of one gateway alone": ("gateways: [edge, mesh],", "match: [{gateways: [edge]}],", (False, True)),
    "a rule of the mesh alone": ("gateways: [edge, mesh],", "match: [{gateways: [mesh]}],", (True, False)),
    "a rule of both by two matches": (
        "gateways: [edge, mesh],",
        "match: [{gateways: [mesh]}, {gateways: [edge]}],",
        (True, True),
    ),
}


@pytest.mark.parametrize("gateways, match, expected", BINDINGS.values(), ids=BINDINGS)
def test_who_gets_a_rule(gateways: str, match: str, expected: tuple[bool, bool]) -> None:
    """`route.go sourceMatchHTTP`: gateways of a match narrow those of the VirtualService."""
    text = f"VirtualService shop/cart\nspec: {{hosts: [cart], {gateways} http: [{{{match} route: []}}]}}"
    route = route_of(mesh_of(text), "shop/cart")
    assert (route.mesh, route.gateway) == expected


# ---- delegates -------------------------------------------------------------------------------------------------------

ROOT = """
VirtualService edge/root
spec:
  hosts: [shop.example.com]
  http:
    - match: [{uri: {prefix: /cart}}]
      delegate: {name: cart, namespace: shop}
"""


def delegate(*fields: str) -> str:
    lines = "".join(f"      {field}\n" for field in fields)
    return f"---\nVirtualService shop/cart\nspec:\n  http:\n    - route: [{{destination: {{host: cart}}}}]\n{lines}"


def test_a_delegate_s_rule_acts_for_the_hosts_of_its_root() -> None:
    (route,) = mesh_of(ROOT + delegate()).routes
    assert (str(route), route.hosts) == ("shop/cart http[0]", ("shop.example.com",))
    assert [d.host for d in route.destinations] == ["cart.shop.svc.cluster.local"]
    assert [match for match, _ in route.matches] == [{"uri": {"prefix": "/cart"}}]


FIELDS = {
    "the delegate's own timeout": ("      timeout: 10s\n", ("timeout: 20s # <-",), 20_000),
    "the root fills the gap": ("      timeout: 10s # <-\n", (), 10_000),
    "nobody's": ("", (), None),
}


@pytest.mark.parametrize("root, own, milliseconds", FIELDS.values(), ids=FIELDS)
def test_timeout_of_a_delegate(root: str, own: tuple[str, ...], milliseconds: int | None) -> None:
    """`virtualservice.go MergeHTTPRoute`: the delegate's value wins, the root's fills gaps."""
    text = ROOT + root + delegate(*own)
    (route,) = mesh_of(text).routes
    assert route.timeout.value == milliseconds
    assert_decides(route.timeout, text)


def test_a_delegate_s_empty_retries_win() -> None:
    text = ROOT + "      retries: {attempts: 5}\n" + delegate("retries: {} # <-")
    (route,) = mesh_of(text).routes
    assert route.retries.attempts.value == 0
    assert_decides(route.retries.attempts, text)


def test_a_delegate_is_looked_for_in_the_namespace_of_its_root() -> None:
    text = ROOT.replace(", namespace: shop", "") + delegate("timeout: 20s").replace("shop/cart", "edge/cart")
    (route,) = mesh_of(text).routes
    assert (str(route), route.timeout.value) == ("edge/cart http[0]", 20_000)
    assert [d.host for d in route.destinations] == ["cart.edge.svc.cluster.local"]


def test_two_roots_may_share_a_delegate() -> None:
    second = ROOT.replace("edge/root", "edge/second").replace("shop.example.com", "b.example.com")
    routes = mesh_of(ROOT + "      timeout: 1s\n" + delegate() + "---\n" + second + "      timeout: 2s\n").routes
    assert [(route.hosts, route.timeout.value) for route in routes] == [
        (("shop.example.com",), 1_000),
        (("b.example.com",), 2_000),
    ]


LEADS_NOWHERE = [
    pytest.param("", id="not in the input"),
    pytest.param(delegate().replace("  http:", "  hosts: [cart]\n  http:"), id="has hosts of its own"),
    pytest.param(delegate().replace("  http:", "  exportTo: [.]\n  http:"), id="not exported to its root"),
    pytest.param(delegate("match: [{uri: {prefix: /other}}]"), id="contradicts the root's match"),
]


@pytest.mark.parametrize("text", LEADS_NOWHERE)
def test_a_delegation_that_leads_nowhere(text: str) -> None:
    """`virtualservice_controller.go mergeVirtualServices`, `virtualservice.go hasConflict`: the rule is dropped."""
    routes = [r for r in mesh_of(ROOT + text).routes if "shop.example.com" in r.hosts]
    assert [destination for route in routes for destination in route.destinations] == []


def test_an_intersected_match_has_the_conditions_of_both() -> None:
    """`virtualservice.go mergeHTTPMatchRequest`."""
    text = ROOT + delegate("match: [{uri: {prefix: /cart/v1}, headers: {x-a: {exact: b}}}]")
    (route,) = mesh_of(text.replace("{uri: {prefix: /cart}}", "{method: {exact: GET}, uri: {prefix: /cart}}")).routes
    ((match, _),) = route.matches
    assert match == {"uri": {"prefix": "/cart/v1"}, "headers": {"x-a": {"exact": "b"}}, "method": {"exact": "GET"}}
