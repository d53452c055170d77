"""Selectors, hosts, ports, durations and names, each as Kubernetes or istiod takes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from meshlint.resource.match import (
    LabelSelector,
    Names,
    Selecting,
    ServicePort,
    duration_ms,
    duration_ns,
    host_matches,
    is_below_a_millisecond,
    matches,
    more_specific,
    name_tokens,
    protocol,
    resolve,
    service_ports,
    split_service_host,
    subset_of,
)
from meshlint.resource.resource import Resource, required
from meshlint.source.document import Placeholder

LABELS = {"app": "cart", "tier": "web"}


@pytest.mark.parametrize(
    ("required", "expected"),
    [({}, True), ({"app": "cart"}, True), ({"app": "cart", "tier": "db"}, False), ({"version": "v1"}, False)],
)
def test_labels(required: dict[str, str], expected: bool) -> None:
    assert matches(required, LABELS) is expected


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ({}, True),
        ({"matchLabels": {"app": "cart"}}, True),
        ({"matchLabels": {"app": "other"}}, False),
        ({"matchLabels": {"app": Placeholder("${APP}")}}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["web", "db"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "In", "values": ["db"]}]}, False),
        ({"matchExpressions": [{"key": "zone", "operator": "In", "values": ["a"]}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["web"]}]}, False),
        ({"matchExpressions": [{"key": "zone", "operator": "NotIn", "values": ["a"]}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "Exists"}]}, True),
        ({"matchExpressions": [{"key": "zone", "operator": "Exists"}]}, False),
        ({"matchExpressions": [{"key": "zone", "operator": "DoesNotExist"}]}, True),
        ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "Has"}]}, False),
        ({"matchExpressions": [{"key": "tier", "operator": "In", "values": Placeholder("${TIERS}")}]}, False),
        ({"matchExpressions": ["tier"]}, False),
        ({"matchLabels": {"app": "cart"}, "matchExpressions": [{"key": "zone", "operator": "Exists"}]}, False),
    ],
)
def test_label_selector(selector: dict[str, Any], expected: bool) -> None:
    assert LabelSelector(selector).matches(LABELS) is expected


SELECTORS = """\
{"tier": "web"}
{"app": "other"}
{"app": "cart", "tier": "web"}
{}
{"app": "cart", "tier": "db"}
{"app": "cart"}
"""


def test_selecting(objects: Callable[[dict[str, str]], list[Resource]]) -> None:
    services = [
        f"{{apiVersion: v1, kind: Service, metadata: {{name: s{line}, namespace: {namespace}}}, spec: {{selector: {selector}}}}}"
        for namespace in ("shop", "bank")
        for line, selector in enumerate(SELECTORS.splitlines(), 1)
    ]
    found = Selecting(
        objects({"a.yaml": "\n---\n".join(services)}), lambda service: required(service.get("spec", "selector"))
    )
    assert [(s.namespace, s.name) for s in found.of("shop", LABELS)] == [("shop", "s1"), ("shop", "s3"), ("shop", "s6")]
    assert found.of("shop", {}) == []
    assert found.of("zoo", LABELS) == []


@pytest.mark.parametrize(
    ("name", "host"),
    [
        ("reviews", "reviews.shop.svc.cluster.local"),
        ("Reviews", "Reviews.shop.svc.cluster.local"),
        ("reviews.prod", "reviews.prod"),
        ("reviews.prod.svc", "reviews.prod.svc"),
        ("reviews.prod.svc.cluster.local", "reviews.prod.svc.cluster.local"),
        ("API.Example.com", "API.Example.com"),
        ("*", "*"),
        ("*.example.com", "*.example.com"),
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("", ""),
    ],
)
def test_resolve(name: str, host: str) -> None:
    """`pilot/pkg/model/config.go ResolveShortnameToFQDN`: the case stays."""
    assert resolve(name, "shop", "cluster.local") == host


@pytest.mark.parametrize(
    ("host", "service"),
    [
        ("reviews.shop.svc.cluster.local", ("reviews", "shop")),
        ("reviews.(unset).svc.cluster.local", ("reviews", "(unset)")),
        ("reviews.shop", None),
        ("reviews.shop.svc", None),
        ("pod-0.reviews.shop.svc.cluster.local", None),
        ("shop.svc.cluster.local", None),
        ("*.shop.svc.cluster.local", None),
        ("reviews.shop.svc.other.domain", None),
        ("example.com", None),
    ],
)
def test_split_service_host(host: str, service: tuple[str, str] | None) -> None:
    assert split_service_host(host, "cluster.local") == service


@pytest.mark.parametrize(
    ("host", "pattern", "subset", "overlap"),
    [
        ("foo.com", "foo.com", True, True),
        ("foo.com", "bar.com", False, False),
        ("foo.com", "*", True, True),
        ("a.foo.com", "*.foo.com", True, True),
        ("a.b.foo.com", "*.foo.com", True, True),
        ("foo.com", "*.foo.com", False, False),
        ("foo.com", "*foo.com", True, True),
        ("*.foo.com", "a.foo.com", False, True),
        ("*.a.foo.com", "*.foo.com", True, True),
        ("*.foo.com", "*.a.foo.com", False, True),
        ("*.foo.com", "*.bar.com", False, False),
        ("*", "*.foo.com", False, True),
    ],
)
def test_hosts(host: str, pattern: str, subset: bool, overlap: bool) -> None:
    """`pkg/config/host/name.go SubsetOf` and `Matches`."""
    assert subset_of(host, pattern) is subset
    assert host_matches(host, pattern) is overlap
    assert host_matches(pattern, host) is overlap


HOSTS = [
    "a.foo.com",
    "*",
    "*.foo.com",
    "foo.com",
    "*.com",
    "b.foo.com",
    "*.a.foo.com",
    "*foo.com",
    "bar.org",
    "*.bar.org",
]


@pytest.mark.parametrize("host", [*HOSTS, "x.a.foo.com", "*.b.org", "*.o.com", "com", "*.x.bar.org"])
def test_names_are_found_as_if_each_was_looked_at(host: str) -> None:
    names = Names([*HOSTS, "*.com"])
    own = [host] if host in HOSTS else []
    overlapping = [name for name in HOSTS if host_matches(name, host)]
    if not host.startswith("*"):
        overlapping = own + [name for name in overlapping if name != host]
    assert names.meeting(host) == overlapping
    assert names.covering(host) == [name for name in HOSTS if name.startswith("*") and subset_of(host, name)]
    if host.startswith("*"):
        assert names.covered(host) == [name for name in HOSTS if subset_of(name, host)]


def test_more_specific() -> None:
    hosts = ["*", "*.com", "b.com", "*.foo.com", "a.b.com", "a.com", "*.bar.com"]
    assert sorted(hosts, key=more_specific) == ["a.b.com", "a.com", "b.com", "*.bar.com", "*.foo.com", "*.com", "*"]


@pytest.mark.parametrize(
    ("app_protocol", "name", "expected"),
    [
        (None, "http", "http"),
        (None, "http-metrics", "http"),
        (None, "HTTP2-api", "http2"),
        (None, "grpc-web", "grpc-web"),
        (None, "grpc-web-api", "grpc-web"),
        (None, "grpc-api", "grpc"),
        (None, "https-api", "https"),
        (None, "tls", "tls"),
        (None, "mongo-main", "mongo"),
        (None, "httpapi", None),
        (None, "web", None),
        (None, None, None),
        ("grpc", "http", "grpc"),
        ("custom", "http", None),
        ("", "http", None),
        ("kubernetes.io/h2c", "tcp", "http2"),
        ("kubernetes.io/ws", None, "http"),
        ("kubernetes.io/wss", None, "https"),
    ],
)
def test_protocol(app_protocol: str | None, name: str | None, expected: str | None) -> None:
    """`pkg/config/kube/conversion.go ConvertProtocol`."""
    assert protocol(app_protocol, name) == expected


def test_service_ports(one: Callable[[str], Resource]) -> None:
    service = one("""
        apiVersion: v1
        kind: Service
        metadata: {name: cart}
        spec:
          ports:
          - {name: http, port: 80, targetPort: 8080}
          - {name: grpc-api, port: 90, targetPort: api}
          - {port: 3306}
          - {port: 53, protocol: UDP, name: http}
          - {name: later, port: 70, targetPort: "${PORT}"}
          - {name: unknown, port: "${PORT}"}
          - nonsense
        """)
    assert list(service_ports(service)) == [
        ServicePort(80, "http", "http", 8080, "TCP", 0),
        ServicePort(90, "grpc-api", "grpc", "api", "TCP", 1),
        ServicePort(3306, None, "tcp", 3306, "TCP", 2),
        ServicePort(53, "http", "udp", 53, "UDP", 3),
        ServicePort(70, "later", None, "${PORT}", "TCP", 4),
    ]


@pytest.mark.parametrize(
    ("value", "milliseconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("5s", 5_000),
        ("1.5s", 1_500),
        (".5s", 500),
        ("1.s", 1_000),
        ("1m30s", 90_000),
        ("1h", 3_600_000),
        ("100ms", 100),
        ("0.1s", 100),
        ("1500us", 2),
        ("1500µs", 2),
        ("1ns", 1),
        ("1h0m0.001s", 3_600_001),
        ("", None),
        ("5", None),
        ("s", None),
        (".s", None),
        ("5 s", None),
        ("5s ", None),
        ("5d", None),
        ("-5s", None),
        (5, None),
        (None, None),
        (True, None),
        (Placeholder("${TIMEOUT}"), None),
    ],
)
def test_duration_ms(value: Any, milliseconds: int | None) -> None:
    """Go's time.ParseDuration."""
    assert duration_ms(value) == milliseconds


@pytest.mark.parametrize(
    ("value", "nanoseconds"),
    [
        ("1ns", 1),
        ("-1.5s", -1_500_000_000),
        ("+0", 0),
        ("1μs", 1_000),
        ("9223372036854775807ns", 2**63 - 1),
        ("9223372036854775808ns", None),
        ("--1s", None),
        ("-", None),
        ("٣s", None),
        ("0" * 1000 + "s", None),
    ],
)
def test_duration_ns(value: str, nanoseconds: int | None) -> None:
    assert duration_ns(value) == nanoseconds


@pytest.mark.parametrize(
    "value", [0, -1, "0", "0s", "0h0m", "-1s", "-0.5h", "999us", "0.9ms", "999999ns"], ids=lambda value: f"{value!r}"
)
def test_what_istio_refuses_as_a_clock(value: Any) -> None:
    """`agent/validation.go ValidateDuration`; a number is none of its own accord."""
    assert is_below_a_millisecond(value)


@pytest.mark.parametrize(
    "value", ["1ms", "1000us", "0.001s", "1s", 5, "", "-", "-soon", "soon", None, False, Placeholder("${TIMEOUT}")]
)
def test_what_is_a_clock_or_no_duration(value: Any) -> None:
    assert not is_below_a_millisecond(value)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("vLLM-server_2", ("vllm", "server", "2")),
        ("registry.io/org/model:v1.2", ("registry", "io", "org", "model", "v1", "2")),
        ("indexer", ("indexer",)),
        ("--", ()),
        ("", ()),
    ],
)
def test_name_tokens(text: str, tokens: tuple[str, ...]) -> None:
    assert name_tokens(text) == tokens
