"""The traffic policies of a host: which ports and subsets have one of their own, who leads there, and for whom."""

from __future__ import annotations

import pytest

from meshlint.mesh.effective import Basis, Effective
from meshlint.mesh.istio.host_policies import HostPolicy, names
from meshlint.mesh.istio.xds.traffic_policy import TrafficPolicy
from meshlint.mesh.mesh import Mesh

from .conftest import created, host_of, line_of, mesh_of

CART = "cart.shop.svc.cluster.local"
SERVICE = """\
Service shop/cart
spec: {ports: [{port: 80, name: http}, {port: 9000, name: tcp}]}
---
"""
RULE = """\
DestinationRule shop/cart
spec:
  host: cart
  trafficPolicy:
    outlierDetection: {interval: 1s}
    portLevelSettings:
    - port: {number: 9000}
      outlierDetection: {interval: 2s}
  subsets:
  - name: v1
    labels: {version: v1}
  - name: v2
    labels: {version: v2}
    trafficPolicy:
      outlierDetection: {interval: 3s}
      portLevelSettings:
      - port: {number: 7000}
        outlierDetection: {interval: 4s}
"""


def of(mesh: Mesh, name: str = CART) -> list[HostPolicy]:
    return list(mesh.host_policies.of(host_of(mesh, name)))


def detection(policy: Effective[TrafficPolicy | None]) -> str | None:
    """The line of the outlier detection in force; None = there is none."""
    found = policy.value.outlier_detection if policy.value else None
    return line_of(found.origin)[0].removeprefix("outlierDetection: ") if found and found.value else None


def detections(policies: list[HostPolicy]) -> dict[str, str | None]:
    return {str(one): detection(one.policy) for one in policies}


def test_each_subset_and_each_port_with_settings_has_a_policy() -> None:
    assert detections(of(mesh_of(RULE))) == {
        CART: "{interval: 1s}",
        f"port 9000 of {CART}": "{interval: 2s}",
        f"subset v1 of {CART}": "{interval: 1s}",
        f"port 9000 of subset v1 of {CART}": "{interval: 2s}",
        f"subset v2 of {CART}": "{interval: 3s}",
        f"port 9000 of subset v2 of {CART}": "{interval: 3s}",
        f"port 7000 of subset v2 of {CART}": "{interval: 4s}",
    }


def test_a_port_that_the_service_does_not_have_has_none() -> None:
    found = {str(one): [port.number for port in one.ports] for one in of(mesh_of(SERVICE + RULE))}
    assert found[CART] == [80]
    assert found[f"port 9000 of {CART}"] == [9000]
    assert f"port 7000 of subset v2 of {CART}" not in found


def test_where_every_port_has_settings_there_is_no_policy_for_the_others() -> None:
    entry = """\
ServiceEntry shop/api
spec: {hosts: [api.example.com], ports: [{number: 443, name: tls, protocol: TLS}]}
---
DestinationRule shop/api
spec:
  host: api.example.com
  trafficPolicy: {portLevelSettings: [{port: {number: 443}, outlierDetection: {interval: 1s}}]}
"""
    found = of(mesh_of(entry), "api.example.com")
    assert [(one.port, one.service and one.service.kind) for one in found] == [(443, "ServiceEntry")]


def route(destination: str, gateways: str = "") -> str:
    return f"""
---
VirtualService shop/cart
spec:
  hosts: [cart]
  {gateways}
  http: [{{route: [{{destination: {{host: cart{destination}}}}}]}}]
"""


USES = {
    "nothing routes it": ("", {"": "yes", "v1": "maybe"}),
    "a route names no subset": (route(""), {"": "yes", "v1": "no"}),
    "a route names the subset": (route(", subset: v1"), {"": "no", "v1": "yes"}),
    "another subset": (route(", subset: v2"), {"": "no", "v1": "no"}),
    "only gateways are routed": (route(", subset: v1", "gateways: [edge]"), {"": "maybe", "v1": "yes"}),
}


@pytest.mark.parametrize("routes, uses", USES.values(), ids=USES)
def test_whether_routes_lead_there(routes: str, uses: dict[str, str]) -> None:
    found = of(mesh_of(SERVICE + RULE + routes))
    assert {one.subset: one.use.value for one in found if one.port is None and one.subset != "v2"} == uses


def retries(mesh: Mesh) -> dict[str, list[str | None]]:
    """The routes with retries to each port and subset; None = calls that no route takes."""
    found = {str(one): list(mesh.host_policies.retries(one)) for one in of(mesh)}
    return {name: [route and str(route) for route, _ in known] for name, known in found.items() if known}


def test_the_retries_of_requests_to_a_host() -> None:
    """Port 9000 is TCP: who calls it directly is not retried."""
    assert retries(mesh_of(SERVICE + RULE)) == {CART: [None]}
    routed = route(", subset: v1, port: {number: 80}")
    assert retries(mesh_of(SERVICE + RULE + routed)) == {f"subset v1 of {CART}": ["shop/cart http[0]"]}
    never = routed.replace("http: [{", "http: [{retries: {attempts: 0}, ")
    assert retries(mesh_of(SERVICE + RULE + never)) == {}
    gateways = route(", port: {number: 80}", "gateways: [edge]")
    assert retries(mesh_of(SERVICE + RULE + gateways)) == {CART: ["shop/cart http[0]", None]}


def test_a_route_to_the_port_that_was_called_does_not_lead_to_one_that_is_tcp() -> None:
    mesh = mesh_of(SERVICE + RULE + route(""))
    assert retries(mesh) == {CART: ["shop/cart http[0]"]}
    assert [str(one) for one in mesh.host_policies.for_route(mesh.routes[0], "shop")] == [CART]


def test_no_direct_call_is_retried_where_the_mesh_says_so() -> None:
    config = "ConfigMap istio-system/istio\ndata: {mesh: 'defaultHttpRetryPolicy: {attempts: 0}'}\n---\n"
    assert retries(mesh_of(config + SERVICE + RULE)) == {}


def test_the_policies_of_a_route() -> None:
    """Clients in web have a rule of their own."""
    own = f"---\nDestinationRule web/cart\nspec: {{host: {CART}, subsets: [{{name: v1}}]}}\n"
    mesh = mesh_of(SERVICE + RULE + route(", subset: v1, port: {number: 9000}") + own)
    for client, line in (("shop", "{interval: 2s}"), ("web", None)):
        (one,) = mesh.host_policies.for_route(mesh.routes[0], client)
        assert (one.subset, detection(one.policy)) == ("v1", line)


def test_the_policy_of_a_route_is_for_the_ports_to_which_it_leads() -> None:
    several = SERVICE.replace("name: http}", "name: http}, {port: 81, name: http-admin}")
    mesh = mesh_of(several + RULE + route(", port: {number: 80}"))
    assert names(mesh.host_policies.for_route(mesh.routes[0], "shop")) == [f"port 80 of {CART}"]


def test_names_leave_out_the_parts_of_what_they_name() -> None:
    found = {(one.port, one.subset): one for one in of(mesh_of(RULE))}
    assert names(list(found.values())) == [CART]
    assert names([found[9000, ""], found[9000, "v1"], found[None, "v2"]]) == [
        f"port 9000 of {CART}",
        f"subset v2 of {CART}",
    ]


def test_names_say_which_ports_are_left_where_others_have_settings_of_their_own() -> None:
    found = {(one.port, one.subset): one for one in of(mesh_of(SERVICE + RULE))}
    assert names([found[None, ""]]) == [f"port 80 of {CART}"]
    assert names([found[None, ""], found[9000, ""]]) == [CART]
    unknown = {(one.port, one.subset): one for one in of(mesh_of(RULE))}
    assert names([unknown[None, "v1"]]) == [f"other ports of subset v1 of {CART}"]
    assert names([found[9000, ""]]) == [f"port 9000 of {CART}"]


def test_a_route_to_a_port_leads_to_the_policy_for_that_port() -> None:
    found = of(mesh_of(SERVICE + RULE + route(", port: {number: 9000}")))
    assert {one.port: one.use.value for one in found if not one.subset} == {None: "no", 9000: "yes"}


def test_http_rules_leave_calls_to_tcp_ports_alone() -> None:
    """Semantics §2.1. A tcp rule takes them."""

    def uses(routes: str) -> dict[int | None, str]:
        return {one.port: one.use.value for one in of(mesh_of(SERVICE + RULE + routes)) if not one.subset}

    routes = route(", subset: v1, port: {number: 80}")
    assert uses(routes) == {None: "no", 9000: "yes"}
    tcp = "  tcp: [{route: [{destination: {host: cart, subset: v1}}]}]\n"
    assert uses(routes + tcp) == {None: "no", 9000: "no"}


def test_tcp_routes_lead_there_too() -> None:
    tcp = """
---
VirtualService shop/cart
spec:
  hosts: [cart]
  tcp: [{route: [{destination: {host: cart, subset: v1, port: {number: 9000}}}]}]
"""
    led = [str(one) for one in of(mesh_of(SERVICE + RULE + tcp)) if one.destinations]
    assert led == [f"port 9000 of subset v1 of {CART}"]


def test_a_wildcard_stands_for_the_hosts_it_covers() -> None:
    wildcard, pattern = rule("shop/all", 1, host="'*.shop.svc.cluster.local'"), "*.shop.svc.cluster.local"
    mesh = mesh_of(SERVICE + wildcard)
    assert detections(of(mesh)) == {CART: "{interval: 1s}"}
    assert of(mesh, pattern) == []
    assert detections(of(mesh_of(wildcard), pattern)) == {pattern: "{interval: 1s}"}


def rule(key: str, seconds: int, field: str = "", meta: str = "", host: str = CART) -> str:
    return f"""
---
DestinationRule {key}{meta}
spec:
  host: {host}
  {field}
  trafficPolicy:
    outlierDetection: {{interval: {seconds}s}}
"""


CLIENTS = {
    "all alike": (rule("shop/a", 1), ["1"]),
    "a namespace with a rule of its own": (rule("shop/a", 1) + rule("bank/b", 2), ["1", "2"]),
    "a private rule": (rule("shop/a", 1, "exportTo: [.]"), ["1", None]),
    "one for another namespace only": (rule("shop/a", 1, "exportTo: [bank]"), [None, "1"]),
    "the root namespace's": (rule("istio-system/a", 1), ["1"]),
    "workloads that a selector takes": (
        rule("shop/a", 1, meta=" " + created(1)) + rule("shop/b", 2, "workloadSelector: {matchLabels: {app: web}}"),
        ["1", "2"],
    ),
}


@pytest.mark.parametrize("rules, expected", CLIENTS.values(), ids=CLIENTS)
def test_one_for_each_kind_of_client(rules: str, expected: list[str | None]) -> None:
    found = [detection(one.policy) for one in of(mesh_of(SERVICE + rules))]
    assert found == [seconds and f"{{interval: {seconds}s}}" for seconds in expected]


def test_clients_of_one_namespace() -> None:
    mesh = mesh_of(SERVICE + rule("shop/a", 1) + rule("bank/b", 2))
    host = host_of(mesh, CART)
    found = {client: detections(mesh.host_policies.seen_from(client, host))[CART] for client in ("shop", "bank", "x")}
    assert found == {"shop": "{interval: 1s}", "bank": "{interval: 2s}", "x": "{interval: 1s}"}


def test_the_winners_of_a_tie_are_all_there() -> None:
    (one,) = of(mesh_of(SERVICE + rule("shop/a", 1) + rule("shop/b", 2)))
    both = one.policy.fitting(lambda policy: policy is not None)
    assert [(detection(policy), policy.basis) for policy in both] == [
        ("{interval: 1s}", Basis.DECLARED),
        ("{interval: 2s}", Basis.DECLARED),
    ]
    (second,) = one.policy.fitting(lambda policy: detection(Effective(policy)) == "{interval: 2s}")
    assert (detection(second), second.basis) == ("{interval: 2s}", Basis.TIE)


def test_a_subset_that_only_one_winner_has() -> None:
    """Rules with different exportTo are not merged: who gets the newest alone may have no such subset."""
    newer = "\n---\nDestinationRule shop/b\nspec: {host: cart, exportTo: ['*'], subsets: [{name: v3}]}\n"
    found = next(one for one in of(mesh_of(SERVICE + rule("shop/a", 1) + newer)) if one.subset == "v3")
    assert {candidate.value is None for candidate in found.policy.candidates} == {True, False}
