"""What a subset or an entry of portLevelSettings takes from the settings above it (semantics §3.2)."""

from __future__ import annotations

import pytest

from meshlint.mesh.effective import Basis
from meshlint.mesh.istio.overrides import Override, overrides
from meshlint.mesh.mesh import Mesh

from .conftest import created, host_of, line_of, mesh_of

CART = "cart.shop.svc.cluster.local"


def rule(policy: str, subset: str = "", key: str = "shop/cart", more: str = "") -> str:
    text = f"DestinationRule {key}{more}\nspec:\n  host: cart\n  trafficPolicy: {{{policy}}}\n"
    return text + (f"  subsets:\n  - name: v1\n    trafficPolicy: {{{subset}}}\n" if subset else "") + "---\n"


def found(mesh: Mesh, host: str = CART) -> list[Override]:
    return list(overrides(mesh.host_policies, host_of(mesh, host), mesh.meshconfig))


def lost(policy: str, subset: str, mesh: str = "") -> list[str]:
    """The settings that a subset takes from the rule."""
    return [name for override in found(mesh_of(mesh + rule(policy, subset))) for name in override.names]


FIELDS = {
    "a field that is not said again": (
        "connectionPool: {http: {maxRetries: 3}}",
        "connectionPool: {tcp: {maxConnections: 1}}",
        ["http.maxRetries"],
    ),
    "with another value it is said": (
        "connectionPool: {http: {maxRetries: 3}}",
        "connectionPool: {http: {maxRetries: 1}}",
        [],
    ),
    "another block takes nothing": ("outlierDetection: {interval: 1s}", "loadBalancer: {simple: RANDOM}", []),
    "an empty block takes all": ("outlierDetection: {interval: 1s}", "outlierDetection: {}", ["interval"]),
    "a list is one field": (
        "loadBalancer: {localityLbSetting: {failoverPriority: [a, b]}}",
        "loadBalancer: {simple: RANDOM}",
        ["localityLbSetting.failoverPriority"],
    ),
    "zero is no limit": ("connectionPool: {http: {maxRetries: 0}}", "connectionPool: {}", []),
    "the default by name": ("loadBalancer: {simple: LEAST_REQUEST}", "loadBalancer: {warmup: {duration: 1s}}", []),
    "the default in other units": (
        "outlierDetection: {interval: 10000ms, baseEjectionTime: 30.0s}",
        "outlierDetection: {}",
        [],
    ),
    "a timeout of zero is not the default": (
        "connectionPool: {tcp: {idleTimeout: 0s}}",
        "connectionPool: {}",
        ["tcp.idleTimeout"],
    ),
    "a counter that is switched off": (
        "outlierDetection: {consecutive5xxErrors: 0}",
        "outlierDetection: {}",
        ["consecutive5xxErrors"],
    ),
    "locality switched off": (
        "loadBalancer: {localityLbSetting: {enabled: false}}",
        "loadBalancer: {simple: RANDOM}",
        ["localityLbSetting.enabled"],
    ),
    "another algorithm": (
        "loadBalancer: {consistentHash: {useSourceIp: true, maglev: {tableSize: 7}}}",
        "loadBalancer: {simple: RANDOM}",
        [],
    ),
    "another key of a hash, and a table that is lost": (
        "loadBalancer: {consistentHash: {httpCookie: {name: a, ttl: 1s}, maglev: {tableSize: 7}}}",
        "loadBalancer: {consistentHash: {httpHeaderName: b}}",
        ["consistentHash.maglev.tableSize"],
    ),
    "other shares of localities": (
        "loadBalancer: {localityLbSetting: {failover: [{from: a, to: b}]}}",
        "loadBalancer: {localityLbSetting: {distribute: [{from: a, to: {b: 100}}]}}",
        [],
    ),
    "no localities at all": (
        "loadBalancer: {localityLbSetting: {failover: [{from: a, to: b}]}}",
        "loadBalancer: {localityLbSetting: {enabled: false}}",
        [],
    ),
    "localities that say nothing else": (
        "loadBalancer: {localityLbSetting: {failover: [{from: a, to: b}]}}",
        "loadBalancer: {localityLbSetting: {enabled: true}}",
        ["localityLbSetting.failover"],
    ),
    "the caller's version in place of an upgrade": (
        "connectionPool: {http: {h2UpgradePolicy: UPGRADE}}",
        "connectionPool: {http: {useClientProtocol: true}}",
        [],
    ),
    "TLS of another mode": (
        "tls: {mode: SIMPLE, sni: a, caCertificates: b, insecureSkipVerify: true}",
        "tls: {mode: ISTIO_MUTUAL}",
        [],
    ),
    "TLS of a mode that verifies as well": (
        "tls: {mode: MUTUAL, clientCertificate: a, privateKey: b, caCertificates: c, subjectAltNames: [d]}",
        "tls: {mode: SIMPLE}",
        ["caCertificates", "subjectAltNames"],
    ),
    "certificates from a secret": (
        "tls: {mode: MUTUAL, clientCertificate: a, privateKey: b, caCertificates: c, sni: d}",
        "tls: {mode: MUTUAL, credentialName: e}",
        ["sni"],
    ),
    "TLS without a mode is none": ("tls: {mode: SIMPLE, sni: a}", "tls: {sni: b}", ["mode"]),
    "a block that is not known": ("connectionPool: {http: {maxRetries: 3}}", 'connectionPool: "${POOL}"', []),
    "a budget of nothing, and the default": (
        "retryBudget: {percent: 0, minRetryConcurrency: 3}",
        "retryBudget: {budgetInterval: 1s}",
        ["percent"],
    ),
    "a budget": (
        "retryBudget: {percent: 5, minRetryConcurrency: 1}",
        "retryBudget: {percent: 1}",
        ["minRetryConcurrency"],
    ),
}


@pytest.mark.parametrize("policy, subset, names", FIELDS.values(), ids=FIELDS)
def test_what_a_block_of_a_subset_takes(policy: str, subset: str, names: list[str]) -> None:
    assert lost(policy, subset) == names


def test_the_connect_timeout_goes_back_to_that_of_the_mesh() -> None:
    config = "ConfigMap istio-system/istio\ndata: {mesh: 'connectTimeout: 3s'}\n---\n"
    policy, subset = "connectionPool: {tcp: {connectTimeout: %s}}", "connectionPool: {}"
    assert lost(policy % "10s", subset) == []
    assert lost(policy % "10s", subset, config) == ["tcp.connectTimeout"]
    assert lost(policy % "3s", subset, config) == []


SETTINGS = "{port: {number: 80}%s}"
TOP = "outlierDetection: {interval: 1s}, connectionPool: {http: {maxRetries: 3}}, retryBudget: {percent: 5}"


def entries(mesh: Mesh) -> dict[str, list[str]]:
    """The first line of each override with what it takes."""
    return {line_of(one.location)[0].lstrip("- "): one.names for one in found(mesh)}


def test_an_entry_for_a_port_takes_every_block_that_it_does_not_say() -> None:
    """`retryBudget` can only be lost."""
    mesh = mesh_of(rule(f"{TOP}, portLevelSettings: [{SETTINGS % ', outlierDetection: {baseEjectionTime: 1s}'}]"))
    (override,) = found(mesh)
    assert override.block == ""
    assert override.names == ["connectionPool", "outlierDetection.interval", "retryBudget"]
    assert override.owners == ["the rule's own trafficPolicy"]
    assert [str(part) for part in override.parts] == [f"port 80 of {CART}"]
    assert override.restored == []


def test_an_entry_of_a_subset_takes_from_the_rule_and_from_the_subset_and_leaves_the_budget_of_the_rule() -> None:
    mesh = mesh_of(rule(TOP, f"tls: {{mode: SIMPLE}}, portLevelSettings: [{SETTINGS % ''}]"))
    (override,) = found(mesh)
    assert override.names == ["connectionPool", "outlierDetection", "tls"]
    assert override.owners == ["the rule's own trafficPolicy", "the subset's own trafficPolicy"]
    assert [str(part) for part in override.parts] == [f"port 80 of subset v1 of {CART}"]


def test_what_a_subset_says_again_is_not_lost_to_the_entry_of_the_rule() -> None:
    """The rule's entry for port 80 leaves everything out; subset v1 has its own limit on retries there."""
    top = f"connectionPool: {{http: {{maxRetries: 3, http2MaxRequests: 9}}}}, portLevelSettings: [{SETTINGS % ''}]"
    mesh = mesh_of(rule(top, "connectionPool: {http: {maxRetries: 1}}") + ROUTE)
    by_place = {override.location.path[-1]: override.names for override in found(mesh)}
    assert by_place == {"connectionPool": ["http.http2MaxRequests"], 0: ["connectionPool.http.http2MaxRequests"]}


ROUTE = """
VirtualService shop/cart
spec: {hosts: [cart], http: [{route: [{destination: {host: cart, subset: v1}}]}]}
---
"""


def test_only_what_calls_may_reach_counts() -> None:
    elsewhere = ROUTE.replace("v1", "v2")
    policy, subset = "connectionPool: {http: {maxRetries: 3}}", "connectionPool: {}"
    assert found(mesh_of(rule(policy, subset) + elsewhere)) == []
    assert [o.names for o in found(mesh_of(rule(policy, subset) + ROUTE))] == [["http.maxRetries"]]


POOL = (
    "connectionPool: {tcp: {maxConnections: 9, connectTimeout: 3s, idleTimeout: 9s, maxConnectionDuration: 1h}, "
    "http: {http1MaxPendingRequests: 9, http2MaxRequests: 9, maxRetries: 3, maxRequestsPerConnection: 9, "
    "idleTimeout: 9s, h2UpgradePolicy: UPGRADE, maxConcurrentStreams: 9}}"
)
PORTS = {
    "requests": ("{name: http, port: 80}", POOL, ["connectionPool"]),
    "bytes": (
        "{name: tcp, port: 80}",
        POOL,
        [
            "connectionPool.tcp.maxConnections",
            "connectionPool.tcp.connectTimeout",
            "connectionPool.http.http1MaxPendingRequests",
        ],
    ),
    "a budget for bytes": ("{name: tls, port: 80}", "retryBudget: {percent: 5}", []),
    "a limit for requests alone, of bytes": ("{name: tcp, port: 80}", "connectionPool: {http: {maxRetries: 3}}", []),
    "a version that sidecars leave to the caller": (
        "{name: serve, port: 80}",
        "connectionPool: {http: {h2UpgradePolicy: UPGRADE, maxRetries: 3}}",
        ["connectionPool.http.maxRetries"],
    ),
    "a hash of headers, of bytes": (
        "{name: tcp, port: 80}",
        "loadBalancer: {consistentHash: {httpHeaderName: x, minimumRingSize: 9}}",
        [],
    ),
    "a hash of addresses, of bytes": (
        "{name: tcp, port: 80}",
        "loadBalancer: {consistentHash: {useSourceIp: true}}",
        ["loadBalancer"],
    ),
    "a tunnel, which is the listener's": ("{name: tcp, port: 80}", "tunnel: {targetHost: a, targetPort: 1}", []),
    "a protocol before the bytes": ("{name: tcp, port: 80}", "proxyProtocol: {version: V2}", ["proxyProtocol"]),
}


@pytest.mark.parametrize("port, policy, names", PORTS.values(), ids=PORTS)
def test_only_what_changes_calls_to_a_port_is_lost(port: str, policy: str, names: list[str]) -> None:
    """A tcp_proxy knows connections only, and has its times from the rule's top level (`dump` of the real istiod)."""
    service = f"Service shop/cart\nspec: {{ports: [{port}]}}\n---\n"
    mesh = mesh_of(service + rule(f"{policy}, portLevelSettings: [{SETTINGS % ''}]"))
    assert [name for override in found(mesh) for name in override.names] == names


def test_gateways_upgrade_calls_to_a_port_without_a_protocol() -> None:
    service = "Service shop/cart\nspec: {ports: [{name: serve, port: 80}]}\n---\n"
    route = ROUTE.replace("{hosts", "{gateways: [edge], hosts").replace(", subset: v1", "")
    policy = f"connectionPool: {{http: {{h2UpgradePolicy: UPGRADE}}}}, portLevelSettings: [{SETTINGS % ''}]"
    assert found(mesh_of(service + rule(policy))) == []
    assert [one.names for one in found(mesh_of(service + rule(policy) + route))] == [["connectionPool"]]


def test_a_budget_that_nothing_reads_yet_cannot_be_lost() -> None:
    text = rule(f"retryBudget: {{percent: 5}}, portLevelSettings: [{SETTINGS % ''}]")
    assert [one.names for one in found(mesh_of(text, istio_version=(1, 27)))] == [["retryBudget"]]
    assert found(mesh_of(text, istio_version=(1, 26))) == []


def test_what_it_would_take_to_say_them_again() -> None:
    """What is missing is written once, however many settings are in it."""
    top = "connectionPool: {tcp: {maxConnections: 1, connectTimeout: 3s}, http: {maxRetries: 3}}"
    (override,) = found(mesh_of(rule(top, "connectionPool: {http: {http2MaxRequests: 9}}")))
    written = {".".join(map(str, place.path[5:])): value for place, value in override.restored}
    assert written == {"tcp": {"maxConnections": 1, "connectTimeout": "3s"}, "http.maxRetries": 3}


def test_what_a_rule_takes_from_itself_does_not_rest_on_who_wins() -> None:
    mine = rule("connectionPool: {http: {maxRetries: 3}}", "connectionPool: {}")
    other = rule("connectionPool: {tcp: {maxConnections: 1}}", key="shop/other")
    (override,) = found(mesh_of(mine + other))
    assert (override.names, override.ground.basis) == (["http.maxRetries"], Basis.DECLARED)


def test_what_is_taken_from_another_rule_rests_on_that_it_is_merged() -> None:
    subsets = "DestinationRule shop/versions\nspec: {host: cart, subsets: [{name: v1, trafficPolicy: {connectionPool: {}}}]}\n---\n"
    one = rule("connectionPool: {http: {maxRetries: 3}}", key="shop/one")
    other = rule("outlierDetection: {interval: 1s}", key="shop/other")
    (alone,) = found(mesh_of(one + subsets))
    assert (alone.owners, alone.ground.basis) == (["the trafficPolicy of DestinationRule shop/one"], Basis.DECLARED)
    (tied,) = found(mesh_of(one + other + subsets))
    assert (tied.owners, tied.ground.basis) == (["the trafficPolicy of DestinationRule shop/one"], Basis.TIE)


def test_a_policy_that_lost_the_merge_has_nothing_to_lose() -> None:
    old = rule("outlierDetection: {interval: 1s}", key="shop/old", more=f" {created(1)}")
    new = rule("connectionPool: {http: {maxRetries: 3}}", "connectionPool: {}", "shop/new", f" {created(2)}")
    assert found(mesh_of(old + new)) == []
