"""How many endpoints outlier detection may take out, and what clients do then (semantics §3.5, §3.6)."""

from __future__ import annotations

import pytest

from meshlint.mesh.effective import Basis
from meshlint.mesh.istio.ejection import Ejection
from meshlint.mesh.istio.host_policies import HostPolicy
from meshlint.mesh.mesh import Mesh

from .conftest import host_of, line_of, mesh_of

CART = "cart.shop.svc.cluster.local"
SERVICE = "Service shop/cart\nspec: {%s selector: {app: cart}, ports: [{port: 80, name: http}]}\n---\n"
DEPLOYMENT = "Deployment shop/cart\nspec: {replicas: %d, template: {metadata: {labels: {app: cart}}, spec: {}}}\n---\n"
HPA = "HorizontalPodAutoscaler shop/cart\nspec: {scaleTargetRef: {name: cart}, minReplicas: 2, maxReplicas: 30}\n---\n"
RULE = "DestinationRule shop/cart\nspec: {host: %s, trafficPolicy: {%s}}\n---\n"


def rule(detection: str, more: str = "", host: str = CART) -> str:
    return RULE % (host, f"outlierDetection: {{{detection}}}{more and ', '}{more}")


def pool(replicas: int) -> str:
    return SERVICE % "" + DEPLOYMENT % replicas


def only(mesh: Mesh, host: str = CART) -> tuple[HostPolicy, Ejection]:
    ((one, found),) = mesh.host_policies.ejections(host_of(mesh, host))
    assert found.value is not None
    return one, found.value


NUMBERS = {
    "10 % unless stated": (5, "interval: 1s", 0, 5),
    "10 % of ten": (10, "interval: 1s", 1, 9),
    "0 is not stated": (10, "maxEjectionPercent: 0", 1, 9),
    "rounded down": (3, "maxEjectionPercent: 66", 1, 2),
    "up to all": (3, "maxEjectionPercent: 100", 3, 0),
    "no more than all": (3, "maxEjectionPercent: 300", 3, 0),
}


@pytest.mark.parametrize("replicas, detection, ejectable, left", NUMBERS.values(), ids=NUMBERS)
def test_numbers(replicas: int, detection: str, ejectable: int, left: int) -> None:
    _, found = only(mesh_of(pool(replicas) + rule(detection)))
    assert (found.ejectable, found.left) == (ejectable, left)


def test_an_autoscaled_pool_counts_at_its_smallest() -> None:
    _, found = only(mesh_of(pool(9) + HPA + rule("maxEjectionPercent: 50")))
    assert (found.pool, found.ejectable, found.left) == ((2, 30), 1, 1)


@pytest.mark.parametrize("text", [SERVICE % "", pool(0)], ids=["not known", "scaled to zero"])
def test_a_pool_of_which_nothing_is_known_has_no_numbers(text: str) -> None:
    _, found = only(mesh_of(text + rule("maxEjectionPercent: 50")))
    assert (found.pool, found.ejectable, found.left) == (None, None, None)


@pytest.mark.parametrize(("percent", "needed"), [(10, 10), (30, 4), (33, 4), (34, 3), (50, 2), (100, 1)])
def test_the_smallest_pool_that_can_lose_an_endpoint(percent: int, needed: int) -> None:
    assert only(mesh_of(pool(2) + rule(f"maxEjectionPercent: {percent}")))[1].needed == needed


PANICS = {
    "never by default": (pool(4), "maxEjectionPercent: 100", False),
    "before all are gone": (pool(4), "maxEjectionPercent: 100, minHealthPercent: 1", True),
    "when fewer are healthy": (pool(4), "maxEjectionPercent: 75, minHealthPercent: 26", True),
    "not when as many are": (pool(4), "maxEjectionPercent: 75, minHealthPercent: 25", False),
    "of the endpoints there are": (pool(3), "maxEjectionPercent: 90, minHealthPercent: 20", False),
    "a pool that is not known": (SERVICE % "", "maxEjectionPercent: 90, minHealthPercent: 20", True),
}


@pytest.mark.parametrize("text, detection, expected", PANICS.values(), ids=PANICS)
def test_panic(text: str, detection: str, expected: bool) -> None:
    assert only(mesh_of(text + rule(detection)))[1].ends_in_panic is expected


IDLE = {
    "5xx count unless stated": ("interval: 1s", False),
    "switched off": ("consecutive5xxErrors: 0", True),
    "gateway errors, too": ("consecutive5xxErrors: 0, consecutiveGatewayErrors: 0", True),
    "but gateway errors count": ("consecutive5xxErrors: 0, consecutiveGatewayErrors: 5", False),
    "failures to connect count by themselves": ("consecutive5xxErrors: 0, splitExternalLocalOriginErrors: true", False),
    "5xx not known": ("consecutive5xxErrors: '${N}'", False),
}


@pytest.mark.parametrize("detection, expected", IDLE.values(), ids=IDLE)
def test_whether_any_error_counts(detection: str, expected: bool) -> None:
    assert only(mesh_of(pool(4) + rule(detection)))[1].is_idle is expected


@pytest.mark.parametrize("detection", ["maxEjectionPercent: '${N}'", "minHealthPercent: '${N}'"])
def test_a_share_that_is_not_known_says_nothing(detection: str) -> None:
    mesh = mesh_of(pool(4) + rule(detection))
    assert [found.value for _, found in mesh.host_policies.ejections(host_of(mesh, CART))] == [None]


ROUTE = (
    "VirtualService shop/cart\nspec: {hosts: [%s], gateways: [%s], http: [{route: [{destination: {host: cart}}]}]}\n"
)
HEADLESS = {
    "sidecars call the address they are given": (SERVICE % "clusterIP: None,", []),
    "gateways choose": (SERVICE % "clusterIP: None," + ROUTE % ("a.com", "edge"), [CART]),
    "any other Service": (SERVICE % "", [CART]),
}


@pytest.mark.parametrize("text, expected", HEADLESS.values(), ids=HEADLESS)
def test_a_headless_service_ejects_nothing(text: str, expected: list[str]) -> None:
    """`convertResolution`: ORIGINAL_DST for sidecars, EDS for gateways."""
    mesh = mesh_of(text.rstrip("-\n") + "\n---\n" + rule("interval: 1s"))
    assert [str(one) for one, _ in mesh.host_policies.ejections(host_of(mesh, CART))] == expected


def test_another_name_of_a_host_has_no_policy() -> None:
    mesh = mesh_of("Service shop/cart\nspec: {type: ExternalName, externalName: a.com}\n---\n" + rule("interval: 1s"))
    assert list(mesh.host_policies.of(host_of(mesh, CART))) == []


def locality(setting: str) -> str:
    return f"loadBalancer: {{localityLbSetting: {{{setting}}}}}"


FAILOVER = "failover: [{from: r1, to: r2}]"
SHARES = "distribute: [{from: r1/*, to: {r1/*: 80, r2/*: 20}}]"
TO_ONE = "distribute: [{from: r1/*, to: {r1/*: 100}}]"
MESH = "ConfigMap istio-system/istio\ndata:\n  mesh: |\n    localityLbSetting: {%s}\n---\n"
SAME_ZONE = SERVICE % "trafficDistribution: PreferClose," + DEPLOYMENT % 4

ELSEWHERE = {
    "nothing said": (pool(4) + rule("interval: 1s"), False),
    "failover": (pool(4) + rule("interval: 1s", locality(FAILOVER)), True),
    "failover, switched off": (pool(4) + rule("interval: 1s", locality(f"enabled: false, {FAILOVER}")), False),
    "priority": (pool(4) + rule("interval: 1s", locality("failoverPriority: [version]")), True),
    "shares of two localities": (pool(4) + rule("interval: 1s", locality(SHARES)), True),
    "shares of one": (pool(4) + rule("interval: 1s", locality(TO_ONE)), False),
    "the mesh's failover": (MESH % FAILOVER + pool(4) + rule("interval: 1s"), True),
    "the Service's": (SAME_ZONE + rule("interval: 1s"), True),
}


@pytest.mark.parametrize("text, expected", ELSEWHERE.values(), ids=ELSEWHERE)
def test_whether_calls_have_another_place_to_go(text: str, expected: bool) -> None:
    mesh = mesh_of(text)
    one, found = only(mesh)
    assert mesh.host_policies.has_elsewhere(one, found.policy) is expected


NEAR = {
    "nothing said": (pool(4) + rule("interval: 1s"), True),
    "a pool that is not known": (SERVICE % "" + rule("interval: 1s"), True),
    "a single endpoint": (pool(1) + rule("interval: 1s"), False),
    "one that may become more": (
        pool(1) + HPA.replace("minReplicas: 2", "minReplicas: 1") + rule("interval: 1s"),
        True,
    ),
    "a setting": (pool(4) + rule("interval: 1s", locality("enabled: false")), False),
    "one that is not known": (pool(4) + rule("interval: 1s", "loadBalancer: '${LB}'"), False),
    "other balancing": (pool(4) + rule("interval: 1s", "loadBalancer: {simple: ROUND_ROBIN}"), True),
    "the Service's": (SAME_ZONE + rule("interval: 1s"), False),
    "the mesh's shares": (MESH % SHARES + pool(4) + rule("interval: 1s"), False),
    "the mesh's failover": (MESH % FAILOVER + pool(4) + rule("interval: 1s"), True),
    "off in the mesh": (MESH % "enabled: false" + pool(4) + rule("interval: 1s"), False),
}


@pytest.mark.parametrize("text, expected", NEAR.values(), ids=NEAR)
def test_whether_outlier_detection_alone_prefers_near_endpoints(text: str, expected: bool) -> None:
    mesh = mesh_of(text)
    one, found = only(mesh)
    assert mesh.host_policies.prefers_near(one, found.policy) is expected


@pytest.mark.parametrize(("text", "basis"), [("", Basis.DEFAULT), (MESH % "", Basis.DECLARED)])
def test_the_default_of_the_mesh_is_certain_where_its_settings_are_given(text: str, basis: Basis) -> None:
    mesh = mesh_of(text + pool(4) + rule("interval: 1s"))
    one, found = only(mesh)
    assert mesh.host_policies.locality(one, found.policy).basis is basis


def test_the_failover_of_a_policy_is_that_of_its_rule() -> None:
    mesh = mesh_of(MESH % FAILOVER + pool(4) + rule("interval: 1s", locality(FAILOVER)))
    one, found = only(mesh)
    setting = mesh.host_policies.failover(one, found.policy)
    assert setting is not None
    assert line_of(setting.location)[0].startswith("spec: {host:")


def test_the_failover_of_the_mesh_is_not_that_of_a_rule() -> None:
    mesh = mesh_of(MESH % FAILOVER + pool(4) + rule("interval: 1s"))
    one, found = only(mesh)
    assert mesh.host_policies.failover(one, found.policy) is None
