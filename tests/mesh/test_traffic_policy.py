"""The traffic policy of a port and subset, block by block.

The values are put to the real istiod in tests/fixtures/istiod/destinations; here are the places and the reasons.
"""

from __future__ import annotations

import pytest

from meshlint.mesh.effective import UNKNOWN, Basis, Effective
from meshlint.mesh.istio.xds.balancing import algorithm, locality_setting, warmup
from meshlint.mesh.istio.xds.limits import Pool, outlier
from meshlint.mesh.istio.xds.traffic_policy import (
    Block,
    TrafficPolicy,
    tls_of_endpoints,
    traffic_policy,
)

from .conftest import line_of, mesh_of

CART = "cart.shop.svc.cluster.local"
RULE = """\
DestinationRule shop/cart
spec:
  host: cart
"""
MESH_DEFAULT = """\
---
ConfigMap istio-system/istio
data:
  mesh: |
    defaultTrafficPolicy:
      outlierDetection: {consecutive5xxErrors: 9}
"""


def policy_of(text: str, port: int | None = 80, subset: str = "", **settings: object) -> TrafficPolicy:
    mesh = mesh_of(text, **settings)
    merged = mesh.destination_rules.for_client("shop", CART).value
    return traffic_policy(merged, port, subset, mesh.meshconfig)


def lines(block: Effective[Block | None]) -> list[str]:
    """The source lines of the reasons of a block."""
    return [line for reason in block.because for line in line_of(reason.location)]


TOP = """\
  trafficPolicy:
    connectionPool: {http: {maxRetries: 1}}
    tls: {mode: SIMPLE}
    retryBudget: {percent: 5}
    portLevelSettings:
    - port: {number: 8080}
      connectionPool: {http: {maxRetries: 2}}
"""
SUBSETS = """\
  subsets:
  - name: v1
    trafficPolicy:
      outlierDetection: {interval: 1s}
  - name: v2
    trafficPolicy:
      portLevelSettings:
      - port: {number: 80}
        tls: {mode: DISABLE}
"""


def test_a_block_of_the_rule_counts_where_nothing_replaces_it() -> None:
    policy = policy_of(RULE + TOP + SUBSETS, subset="v1")
    assert lines(policy.connection_pool) == ["connectionPool: {http: {maxRetries: 1}}"]
    assert lines(policy.outlier_detection) == ["outlierDetection: {interval: 1s}"]
    assert [reason.text for reason in policy.outlier_detection.because] == ["subset v1 has outlierDetection"]


def test_settings_of_a_port_take_the_others_away() -> None:
    policy = policy_of(RULE + TOP, port=8080)
    assert lines(policy.connection_pool) == [
        "connectionPool: {http: {maxRetries: 1}}",
        "connectionPool: {http: {maxRetries: 2}}",
    ]
    assert policy.tls.value is None
    assert lines(policy.tls) == ["tls: {mode: SIMPLE}", "- port: {number: 8080}"]
    assert policy.tls.because[-1].text == "portLevelSettings of port 8080 have no tls, and inherit none"
    assert policy.retry_budget.value is None


def test_a_subset_with_settings_of_a_port_keeps_what_those_cannot_have() -> None:
    policy = policy_of(RULE + TOP + SUBSETS, subset="v2")
    assert policy.connection_pool.value is None
    assert lines(policy.retry_budget) == ["retryBudget: {percent: 5}"]
    assert lines(policy.tls) == ["tls: {mode: SIMPLE}", "tls: {mode: DISABLE}"]


def test_the_mesh_fills_a_gap_that_settings_of_a_port_leave_but_not_a_subsets() -> None:
    whole = policy_of(RULE + TOP + SUBSETS + MESH_DEFAULT, port=8080).outlier_detection
    assert line_of(whole.origin) == ["outlierDetection: {consecutive5xxErrors: 9}"]
    assert policy_of(RULE + TOP + SUBSETS + MESH_DEFAULT, subset="v2").outlier_detection.value is None


def test_the_mesh_has_defaults_since_1_31() -> None:
    old = policy_of(RULE + TOP + MESH_DEFAULT, istio_version=(1, 30)).outlier_detection
    assert old.value is None
    assert old.because[-1].text == "DestinationRule shop/cart has no outlierDetection"


def test_without_a_rule_nothing_is_known_to_be_set() -> None:
    assert policy_of("Namespace shop").tls.basis is Basis.DEFAULT
    assert traffic_policy(None, 80).tls.value is None


def test_endpoints_fall_back_to_the_tls_of_the_rule() -> None:
    mesh = mesh_of(RULE + TOP + SUBSETS)
    merged = mesh.destination_rules.for_client("shop", CART).value
    of_port, of_subset = tls_of_endpoints(merged, 8080, ""), tls_of_endpoints(merged, 8080, "v1")
    assert of_port and of_subset
    assert line_of(of_port.location) == line_of(of_subset.location) == ["tls: {mode: SIMPLE}"]
    assert tls_of_endpoints(merged, 80, "v3") is None


LIMITS = """\
  trafficPolicy:
    connectionPool:
      tcp: {maxConnections: 7, idleTimeout: 5s}
      http:
        maxRetries: 0
        http2MaxRequests: ${LIMIT}
"""


def test_limits_say_where_they_stand() -> None:
    mesh = mesh_of(RULE + LIMITS)
    limits = Pool(policy_of(RULE + LIMITS), mesh.meshconfig)
    assert (limits.max_connections.value, limits.idle_timeout.value, limits.connect_timeout.value) == (7, 5000, 10_000)
    assert limits.max_retries.value is None
    assert line_of(limits.max_retries.origin) == ["maxRetries: 0"]
    assert limits.max_retries.because[-1].text == "0 is read as not set"
    assert limits.max_requests.value is UNKNOWN
    assert limits.max_requests.basis is Basis.ASSUMED
    assert limits.connect_timeout.basis is Basis.DEFAULT


BUDGETS = {(1, 26): None, (1, 29): UNKNOWN, (1, 32): 20.0}


@pytest.mark.parametrize("version, percent", BUDGETS.items())
def test_a_retry_budget_without_percent(version: tuple[int, int], percent: object) -> None:
    text = RULE + "  trafficPolicy: {retryBudget: {minRetryConcurrency: 2}}\n"
    mesh = mesh_of(text, istio_version=version)
    budget = Pool(policy_of(text, istio_version=version), mesh.meshconfig).retry_budget.value
    assert (budget and budget.percent.value) == percent
    assert budget is None or budget.min_concurrency.value == 2


def test_outlier_detection_counts_local_errors_only_apart() -> None:
    text = RULE + "  trafficPolicy: {outlierDetection: {consecutiveLocalOriginFailures: 3, consecutive5xxErrors: 0}}\n"
    found = outlier(policy_of(text).outlier_detection)
    assert found
    assert (found.consecutive_5xx.value, found.consecutive_local_origin.value) == (0, None)
    assert outlier(policy_of(RULE).outlier_detection) is None


BALANCING = """\
  trafficPolicy:
    loadBalancer:
      simple: RANDOM
      warmup: {duration: 30s}
      localityLbSetting:
        failover: [{from: a, to: b}]
"""


def test_balancing_says_where_it_stands() -> None:
    mesh = mesh_of(RULE + BALANCING)
    block = policy_of(RULE + BALANCING).load_balancer
    nothing: Effective[str | None] = Effective(None)
    assert algorithm(block).value == "RANDOM"
    assert warmup(block, mesh.meshconfig).because[-1].text == "RANDOM has no warmup"
    setting = locality_setting(block, nothing, mesh.meshconfig)
    assert setting.value and setting.value.failover == (("a", "b"),)
    assert line_of(setting.origin) == ["localityLbSetting:"]
