"""Limits of connection pools below what model servers run at once, and who is known to call (semantics §3.4)."""

from __future__ import annotations

import pytest

from meshlint.mesh.concurrency import concurrency
from meshlint.mesh.effective import Basis
from meshlint.mesh.istio.capacity import Gate, Shortfall
from meshlint.mesh.mesh import Mesh

from .conftest import created, host_of, mesh_of, workload_of

LLAMA = "llama.ml.svc.cluster.local"


def server(arguments: str = "--max-num-seqs=100", replicas: int = 4, annotations: str = "") -> str:
    return f"""
Deployment ml/llama
spec:
  replicas: {replicas}
  template:
    metadata: {{labels: {{app: llama, sidecar.istio.io/inject: "true"}}, annotations: {{{annotations}}}}}
    spec: {{containers: [{{name: server, image: vllm/vllm-openai, args: ["--model=/m {arguments}"]}}]}}
---
"""


def service(port: str = "http", name: str = "llama", meta: str = "") -> str:
    return f"Service ml/{name}{meta}\nspec: {{selector: {{app: llama}}, ports: [{{port: 80, name: {port}, targetPort: 8000}}]}}\n---\n"


def rule(pool: str, more: str = "", key: str = "ml/llama") -> str:
    return f"DestinationRule {key}\nspec: {{host: llama.ml.svc.cluster.local, trafficPolicy: {{connectionPool: {{{pool}}}}}{more}}}\n---\n"


def caller(key: str, url: str, replicas: int = 1, injected: str = "true") -> str:
    return f"""
Deployment {key}
spec:
  replicas: {replicas}
  template:
    metadata: {{labels: {{sidecar.istio.io/inject: "{injected}"}}}}
    spec: {{containers: [{{name: app, image: app, env: [{{name: LLM, value: "{url}"}}]}}]}}
---
"""


def found(mesh: Mesh, host: str = LLAMA) -> list[Shortfall]:
    return mesh.capacity.shortfalls(host_of(mesh, host))


def short(text: str) -> list[tuple[str, int, int | None]]:
    """The field, what is admitted and what is needed."""
    return [(one.field[-1], one.admitted, one.needed) for one in found(mesh_of(text))]


WORDS = {
    "vLLM": ("--max-num-seqs 64", 64),
    "with an equals sign": ("--max-num-seqs=64", 64),
    "with underscores": ("--max_num_seqs=64", 64),
    "TGI": ("--max-concurrent-requests 64", 64),
    "SGLang": ("--max-running-requests 64", 64),
    "nothing": ("--max-model-len 64", None),
    "a variable": ("--max-num-seqs $(SEQS)", None),
    "the last one counts": ("--max-num-seqs 1 --max-num-seqs 2", 2),
}


@pytest.mark.parametrize("arguments, number", WORDS.values(), ids=WORDS)
def test_what_a_server_says(arguments: str, number: int | None) -> None:
    workload = workload_of(mesh_of(server(arguments)), "ml/llama")
    assert workload.pod is not None
    says = concurrency(workload.pod)
    assert (says and says.value) == number


SERVERS = {
    "fewer requests": ("http: {http2MaxRequests: 99}", "http", [("http2MaxRequests", 99, 100)]),
    "as many": ("http: {http2MaxRequests: 100}", "http", []),
    "no limit": ("http: {http2MaxRequests: 0}", "http", []),
    "fewer connections": ("tcp: {maxConnections: 50}", "http", [("maxConnections", 50, 100)]),
    "fewer connections of HTTP/2": ("tcp: {maxConnections: 50}", "grpc", []),
    "fewer connections of nobody knows what": ("tcp: {maxConnections: 50}", "serve", []),
    "the server speaks HTTP/1.1 all the same": (
        "tcp: {maxConnections: 50}, http: {h2UpgradePolicy: UPGRADE}",
        "http",
        [("maxConnections", 50, 100)],
    ),
    "the version of the caller": ("tcp: {maxConnections: 50}, http: {useClientProtocol: true}", "http", []),
    "the lowest": (
        "tcp: {maxConnections: 80}, http: {http2MaxRequests: 70, http1MaxPendingRequests: 9}",
        "http",
        [("http2MaxRequests", 70, 100)],
    ),
    "TCP has no requests": ("http: {http2MaxRequests: 99}", "tcp", []),
    "nor has a port for metrics": ("http: {http2MaxRequests: 99}", "http-metrics", []),
}


@pytest.mark.parametrize("pool, port, expected", SERVERS.values(), ids=SERVERS)
def test_the_pool_of_the_own_proxy(pool: str, port: str, expected: list[tuple[str, int, int]]) -> None:
    mesh = mesh_of(server() + service(port) + rule(pool))
    assert [(one.field[-1], one.admitted, one.needed) for one in found(mesh)] == expected
    assert all(one.gate is Gate.SERVERS for one in found(mesh))


LOW = "http: {http2MaxRequests: 10}"
SIDECAR = "Sidecar ml/llama\nspec: {workloadSelector: {labels: {app: %s}}, %s}\n---\n"
NOT_ITS_OWN = {
    "a rule of another namespace": (server() + service() + rule(LOW, key="web/llama"), []),
    "a rule of the root namespace": (
        server() + service() + rule(LOW, key="istio-system/llama"),
        [("http2MaxRequests", 10, 100)],
    ),
    "a rule for some callers": (
        server() + service() + rule(LOW, ", workloadSelector: {matchLabels: {app: batch}}"),
        [],
    ),
    "no proxy": (server().replace('inject: "true"', 'inject: "false"') + service() + rule(LOW), []),
    "a port that goes round it": (
        server(annotations='traffic.sidecar.istio.io/excludeInboundPorts: "8000"') + service() + rule(LOW),
        [],
    ),
    "a pool of its Sidecar": (
        server() + service() + rule(LOW) + SIDECAR % ("llama", "inboundConnectionPool: {http: {http2MaxRequests: 1}}"),
        [],
    ),
    "a pool of a port in its Sidecar": (
        server()
        + service()
        + rule(LOW)
        + SIDECAR % ("llama", "ingress: [{connectionPool: {tcp: {maxConnections: 1}}}]"),
        [],
    ),
    "a Sidecar of others": (
        server() + service() + rule(LOW) + SIDECAR % ("web", "inboundConnectionPool: {http: {http2MaxRequests: 1}}"),
        [("http2MaxRequests", 10, 100)],
    ),
    "an older Service of the port": (
        server() + service(meta=f" {created(2)}") + service(name="other", meta=f" {created(1)}") + rule(LOW),
        [],
    ),
}


@pytest.mark.parametrize("text, expected", NOT_ITS_OWN.values(), ids=NOT_ITS_OWN)
def test_which_pool_is_that_of_the_server(text: str, expected: list[tuple[str, int, int]]) -> None:
    assert short(text) == expected


def test_which_of_two_services_is_older_may_decide() -> None:
    (one,) = found(mesh_of(server() + service() + service(name="other") + rule(LOW)))
    assert Basis.TIE in [ground.basis for ground in one.grounds]


TWO, BOT = caller("web/front", f"http://{LLAMA}/v1", 2), caller("ml/bot", "llama:80")


def test_callers_add_up() -> None:
    """2 and 1 pods with 120 each admit 360 of the 400 that 4 servers run."""
    (one,) = found(mesh_of(server() + service() + rule("http: {http2MaxRequests: 120}") + TWO + BOT))
    assert (one.gate, one.field[-1], one.limit, one.admitted, one.needed) == (
        Gate.CALLERS,
        "http2MaxRequests",
        120,
        360,
        400,
    )
    assert Basis.DEFAULT in [ground.basis for ground in one.grounds]


ENOUGH = {
    "they admit enough": server() + service() + rule("http: {http2MaxRequests: 140}") + TWO + BOT,
    "nobody is known to call": server() + service() + rule("http: {http2MaxRequests: 120}"),
    "one has no proxy": server()
    + service()
    + rule("http: {http2MaxRequests: 120}")
    + caller("ml/bot", "llama", 1, "false"),
    "pods of a gateway are not in the input": server()
    + service()
    + rule("http: {http2MaxRequests: 120}")
    + BOT
    + "VirtualService ml/llama\nspec: {hosts: [a.com], gateways: [edge/public], http: [{route: [{destination: {host: llama}}]}]}",
    "an autoscaled caller": server()
    + service()
    + rule("http: {http2MaxRequests: 120}")
    + BOT
    + "HorizontalPodAutoscaler ml/bot\nspec: {scaleTargetRef: {name: bot}, minReplicas: 1, maxReplicas: 9}",
    "callers have different rules": server()
    + service()
    + rule("http: {http2MaxRequests: 120}")
    + rule("tcp: {maxConnections: 900}", key="web/llama")
    + TWO
    + BOT,
    "connections of HTTP/2": server()
    + service()
    + rule("tcp: {maxConnections: 120}, http: {h2UpgradePolicy: UPGRADE}")
    + BOT,
}


@pytest.mark.parametrize("text", ENOUGH.values(), ids=ENOUGH)
def test_callers_that_are_not_known_to_admit_too_little(text: str) -> None:
    assert short(text) == []


NAMES = {
    "a name": ("http://llama/v1", True),
    "a name with its namespace": ("http://llama.ml:80/v1", True),
    "a name with svc": ("llama.ml.svc", True),
    "the whole name": (LLAMA, True),
    "in a list": ("mistral,llama", True),
    "part of a name": ("http://llama-2/v1", False),
    "of another namespace": ("http://llama.web", False),
}


@pytest.mark.parametrize("url, calls", NAMES.values(), ids=NAMES)
def test_who_names_a_host_calls_it(url: str, calls: bool) -> None:
    text = server() + service() + rule("http: {http2MaxRequests: 120}") + caller("ml/bot", url)
    assert bool(short(text)) is calls


GENERATING = "VirtualService ml/llama\nspec: {hosts: [llama], http: [{match: [{uri: {prefix: /v1/completions}}], route: [{destination: {host: llama}}]}]}\n---\n"
QUEUES = {
    "of one": (GENERATING + rule("http: {http1MaxPendingRequests: 1}"), [("http1MaxPendingRequests", 1, None)]),
    "of two": (GENERATING + rule("http: {http1MaxPendingRequests: 2}"), []),
    "where nobody goes": (
        GENERATING
        + rule("{}", ", subsets: [{name: v1, trafficPolicy: {connectionPool: {http: {http1MaxPendingRequests: 1}}}}]"),
        [],
    ),
    "lower than the rest": (
        GENERATING + server() + service() + rule("http: {http1MaxPendingRequests: 1, http2MaxRequests: 10}"),
        [("http1MaxPendingRequests", 1, None)],
    ),
}


@pytest.mark.parametrize("text, expected", QUEUES.values(), ids=QUEUES)
def test_queues(text: str, expected: list[tuple[str, int, None]]) -> None:
    assert short(text.replace("{{}}", "{}")) == expected


def test_a_host_without_a_model_may_have_a_queue_of_one() -> None:
    text = "DestinationRule shop/cart\nspec: {host: cart, trafficPolicy: {connectionPool: {http: {http1MaxPendingRequests: 1}}}}"
    assert found(mesh_of(text), "cart.shop.svc.cluster.local") == []
