"""Which routes lead to a workload, and which proxies come before it."""

from __future__ import annotations

import pytest

from meshlint.mesh.mesh import Mesh

from .conftest import mesh_of, workload_of


def gateway(name: str, namespace: str = "edge") -> str:
    return f"""
Pod {namespace}/{name} {{labels: {{istio: {name}, role: proxy}}, annotations: {{inject.istio.io/templates: gateway}}}}
spec: {{containers: []}}
---
Gateway edge/{name}
spec: {{selector: {{istio: {name}}}}}
---
"""


def server(name: str, version: str = "v1", namespace: str = "ml") -> str:
    return f"""
Pod {namespace}/{name}-{version} {{labels: {{app: {name}, version: {version}}}}}
spec: {{containers: []}}
---
Service {namespace}/{name}
spec: {{selector: {{app: {name}}}, ports: [{{port: 80}}]}}
---
"""


def route(name: str, host: str, spec: str = "", rule: str = "", destination: str = "") -> str:
    to = f"{{destination: {{host: {host}{destination}}}}}"
    return f"""
VirtualService ml/{name}
spec: {{hosts: [{name}.example.com]{spec}, http: [{{route: [{to}]{rule}}}]}}
---
"""


def before(mesh: Mesh, name: str) -> list[str]:
    return [str(hop) for hop in mesh.hops.before(workload_of(mesh, name))]


def arrivals(mesh: Mesh, name: str) -> list[str]:
    return [arrival.route.resource.name for arrival in mesh.hops.arrivals(workload_of(mesh, name))]


PUBLIC = ", gateways: [edge/public]"
BEFORE = {
    "no route": ("", []),
    "a route of a gateway": (route("a", "llama", PUBLIC), ["edge/public"]),
    "pods of a Gateway in another namespace": (
        gateway("far", "elsewhere") + route("a", "llama", ", gateways: [edge/far]"),
        ["elsewhere/far"],
    ),
    "a Gateway in the VirtualService's namespace": (
        "Gateway ml/own\nspec: {selector: {istio: public}}\n---\n" + route("a", "llama", ", gateways: [own]"),
        ["edge/public"],
    ),
    "a Gateway that is not in the input": (route("a", "llama", ", gateways: [edge/other]"), []),
    "a route of the mesh alone": (route("a", "llama"), []),
    "a match that narrows the gateways": (
        gateway("second")
        + route("a", "llama", ", gateways: [edge/public, edge/second]", ", match: [{gateways: [edge/second]}]"),
        ["edge/second"],
    ),
    "a caller that a match names": (
        server("router") + route("a", "llama", rule=", match: [{sourceLabels: {app: router}}]"),
        ["ml/router-v1"],
    ),
    "callers of another namespace than the match names": (
        server("router") + route("a", "llama", rule=", match: [{sourceLabels: {app: router}, sourceNamespace: rag}]"),
        [],
    ),
    "labels of the caller do not count at a gateway": (
        server("router") + route("a", "llama", PUBLIC, ", match: [{sourceLabels: {app: router}}]"),
        ["edge/public"],
    ),
    "a chain": (
        server("router")
        + route("a", "router", PUBLIC)
        + route("b", "llama", rule=", match: [{sourceLabels: {app: router}}]"),
        ["ml/router-v1", "edge/public"],
    ),
    "two that call each other": (
        server("router")
        + route("a", "router", rule=", match: [{sourceLabels: {app: llama}}]")
        + route("b", "llama", rule=", match: [{sourceLabels: {app: router}}]"),
        ["ml/router-v1"],
    ),
    "a selector that takes other pods, too": (
        "Gateway edge/all\nspec: {selector: {role: proxy}}\n---\n"
        "Pod edge/no-gateway {labels: {role: proxy}}\nspec: {containers: []}\n---\n"
        + route("a", "llama", ", gateways: [edge/all]"),
        ["edge/public"],
    ),
}


@pytest.mark.parametrize("text, expected", BEFORE.values(), ids=BEFORE)
def test_before(text: str, expected: list[str]) -> None:
    assert before(mesh_of(gateway("public") + server("llama") + text), "ml/llama-v1") == expected


SENDERS = {
    "a route of the mesh": (route("a", "llama"), [], ["ml"]),
    "of a gateway": (route("a", "llama", PUBLIC), ["edge/public"], ["edge"]),
    "of both": (route("a", "llama", ", gateways: [edge/public, mesh]"), ["edge/public"], ["ml", "edge"]),
    "a gateway that is not in the input": (route("a", "llama", ", gateways: [edge/public, edge/x]"), None, ["ml"]),
    "a gateway without pods": (
        "Gateway edge/idle\nspec: {selector: {istio: idle}}\n---\n" + route("a", "llama", ", gateways: [edge/idle]"),
        None,
        ["ml"],
    ),
    "callers that a match names": (
        server("router", namespace="web") + route("a", "llama", rule=", match: [{sourceLabels: {app: router}}]"),
        ["web/router-v1"],
        ["ml", "web"],
    ),
}


@pytest.mark.parametrize("text, senders, clients", SENDERS.values(), ids=SENDERS)
def test_whose_proxies_act_by_a_route(text: str, senders: list[str] | None, clients: list[str]) -> None:
    mesh = mesh_of(gateway("public") + server("llama") + text)
    found = mesh.hops.senders(mesh.routes[0])
    assert (found and [str(workload) for workload in found]) == senders
    assert mesh.hops.clients(mesh.routes[0]) == clients


SUBSET = "DestinationRule ml/llama\nspec: {host: llama, subsets: [{name: new, labels: {version: v2}}]}\n---\n"


@pytest.mark.parametrize(
    ("rules", "subset", "expected"),
    [
        (SUBSET, "new", {"v1": [], "v2": ["a"]}),
        (SUBSET, "other", {"v1": ["a"], "v2": ["a"]}),
        ("", "new", {"v1": ["a"], "v2": ["a"]}),
    ],
    ids=["the pods of the subset", "a subset that no rule has", "no rule in the input"],
)
def test_a_route_to_a_subset_leads_to_its_pods(rules: str, subset: str, expected: dict[str, list[str]]) -> None:
    text = (
        server("llama", "v1") + server("llama", "v2") + rules + route("a", "llama", destination=f", subset: {subset}")
    )
    mesh = mesh_of(text)
    assert {version: arrivals(mesh, f"ml/llama-{version}") for version in ("v1", "v2")} == expected


def test_a_delegate_s_route_comes_through_the_gateways_of_its_root() -> None:
    root = "VirtualService edge/root\nspec: {hosts: [a.io], gateways: [public], http: [{delegate: {name: llama, namespace: ml}}]}\n---\n"
    delegate = "\nVirtualService ml/llama\nspec: {http: [{route: [{destination: {host: llama}}]}]}\n"
    mesh = mesh_of(gateway("public") + server("llama") + root + delegate)
    assert arrivals(mesh, "ml/llama-v1") == ["llama"]
    assert before(mesh, "ml/llama-v1") == ["edge/public"]


ANSWERS = {
    "the longest timeout": ((("a", "30s"), ("b", "1800s"), ("c", "60s")), "b"),
    "no timeout beside one": ((("a", ""), ("b", "30s")), "b"),
    "no timeout at all": ((("a", ""), ("b", "")), "a"),
    "one that is not known": ((("a", "${TIMEOUT}"), ("b", "30s")), "b"),
    "only such": ((("a", "${TIMEOUT}"),), None),
    "no route": ((), None),
}


@pytest.mark.parametrize("routes, expected", ANSWERS.values(), ids=ANSWERS)
def test_longest_answer(routes: tuple[tuple[str, str], ...], expected: str | None) -> None:
    chat = ", match: [{uri: {prefix: /v1/chat/completions}}]"
    timeouts = {name: f', timeout: "{timeout}"' if timeout else "" for name, timeout in routes}
    other = route("other", "llama", rule=", match: [{uri: {prefix: /v1/embeddings}}], timeout: 9999s")
    mesh = mesh_of(
        server("llama") + "".join(route(name, "llama", rule=chat + t) for name, t in timeouts.items()) + other
    )
    found = mesh.hops.longest_answer(workload_of(mesh, "ml/llama-v1"))
    assert (found and found.resource.name) == expected
