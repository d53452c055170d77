"""Who scrapes a port or checks its health.

Mirrors istiod's `pkg/kube/inject/webhook.go applyPrometheusMerge` and `app_probe.go ShouldRewriteAppHTTPProbers`, and the
Prometheus operator's selection of monitors and of what an endpoint means.
"""

from __future__ import annotations

import pytest

from meshlint.mesh.subjects import Poll, Purpose

from .conftest import line_of, marked, mesh_of, port_of

SCRAPE, HEALTH = Purpose.SCRAPE, Purpose.HEALTH
NAMESPACES = "Namespace shop {labels: {istio-injection: enabled}}\n---\nNamespace watch\n---\n"
SERVICE = "---\nService shop/cart {labels: {app: cart}}\nspec: {selector: {app: cart}, ports: [{name: web, port: 80, targetPort: api}]}\n"


def pod(annotations: str = "", probes: str = "", labels: str = "app: cart", mark: str = "") -> str:
    return f"""{NAMESPACES}Pod shop/cart {{labels: {{{labels}}}, annotations: {{{annotations}}}}}{mark}
spec:
  containers:
    - name: c
      image: c
      ports: [{{name: api, containerPort: 8080}}, {{name: stats, containerPort: 9090}}]
{probes}"""


def monitor(kind: str, endpoint: str, name: str = "shop/m", more: str = "") -> str:
    field = "endpoints" if kind == "ServiceMonitor" else "podMetricsEndpoints"
    return (
        f"---\n{kind} {name}\nspec:\n  selector: {{matchLabels: {{app: cart}}}}\n  {field}:\n    - {endpoint}\n{more}"
    )


def config(mesh: str) -> str:
    return f"---\nConfigMap istio-system/istio\ndata:\n  mesh: |\n    {mesh}\n"


OFF, ON = 'prometheus.istio.io/merge-metrics: "false"', 'prometheus.istio.io/merge-metrics: "true"'
SCRAPED, HERE = 'prometheus.io/scrape: "true", prometheus.io/port: "8080"', " # <-"
DIRECT = 'sidecar.istio.io/rewriteAppHTTPProbers: "false"'
HTTP = "      readinessProbe:\n        httpGet:\n          port: api # <-\n"
POLICY = """---
HealthCheckPolicy shop/h
spec:
  targetRef: {kind: Service, name: cart}
  default:
    config:
      type: %s
      %s: %s # <-
"""
BACKEND = "---\nBackendConfig shop/b\nspec:\n  healthCheck:\n    port: %s # <-\n"

POLLS: dict[str, tuple[str, list[tuple[Purpose, str]]]] = {
    "nobody": (pod() + SERVICE, []),
    "a ServiceMonitor by the Service's name": (
        pod() + SERVICE + monitor("ServiceMonitor", "port: web # <-"),
        [(SCRAPE, "ServiceMonitor shop/m")],
    ),
    "a ServiceMonitor by the pod's name": (pod() + SERVICE + monitor("ServiceMonitor", "port: api"), []),
    "a ServiceMonitor's target by name": (
        pod() + SERVICE + monitor("ServiceMonitor", "targetPort: api # <-"),
        [(SCRAPE, "ServiceMonitor shop/m")],
    ),
    "a ServiceMonitor's target by number": (
        pod() + SERVICE + monitor("ServiceMonitor", "targetPort: 8080 # <-"),
        [(SCRAPE, "ServiceMonitor shop/m")],
    ),
    "the port goes before the target": (
        pod() + SERVICE + monitor("ServiceMonitor", "{port: other, targetPort: 8080}"),
        [],
    ),
    "a ServiceMonitor without a Service": (pod() + monitor("ServiceMonitor", "targetPort: 8080"), []),
    "a PodMonitor by name": (pod() + monitor("PodMonitor", "port: api # <-"), [(SCRAPE, "PodMonitor shop/m")]),
    "a PodMonitor of another port": (pod() + monitor("PodMonitor", "port: stats"), []),
    "a PodMonitor by number": (pod() + monitor("PodMonitor", "portNumber: 8080 # <-"), [(SCRAPE, "PodMonitor shop/m")]),
    "a PodMonitor elsewhere": (pod() + monitor("PodMonitor", "port: api", "watch/m"), []),
    "a PodMonitor that looks here": (
        pod() + monitor("PodMonitor", "port: api # <-", "watch/m", "  namespaceSelector: {matchNames: [shop]}\n"),
        [(SCRAPE, "PodMonitor watch/m")],
    ),
    "a PodMonitor that looks everywhere": (
        pod() + monitor("PodMonitor", "port: api # <-", "watch/m", "  namespaceSelector: {any: true}\n"),
        [(SCRAPE, "PodMonitor watch/m")],
    ),
    "annotations, merged": (pod(SCRAPED), []),
    "annotations, the pod says no merging": (
        pod(f"{OFF}, {SCRAPED}", mark=HERE),
        [(SCRAPE, "Prometheus (annotation prometheus.io/port)")],
    ),
    "annotations, the pod says nonsense": (pod(f"{OFF.replace('false', 'off')}, {SCRAPED}"), []),
    "annotations, the mesh says no merging": (
        pod(SCRAPED, mark=HERE) + config("enablePrometheusMerge: false"),
        [(SCRAPE, "Prometheus (annotation prometheus.io/port)")],
    ),
    "annotations, the pod says merging over the mesh": (
        pod(f"{ON}, {SCRAPED}") + config("enablePrometheusMerge: false"),
        [],
    ),
    "annotations in ambient": (
        pod(SCRAPED, labels="istio.io/dataplane-mode: ambient", mark=HERE).replace("enabled", "disabled"),
        [(SCRAPE, "Prometheus (annotation prometheus.io/port)")],
    ),
    "annotations without scrape": (pod(f'{OFF}, prometheus.io/port: "8080"'), []),
    "a probe, rewritten": (pod(probes=HTTP.replace(" # <-", "")), []),
    "a probe by name": (pod(DIRECT, HTTP), [(HEALTH, "the kubelet (readinessProbe)")]),
    "a probe by number": (pod(DIRECT, HTTP.replace("api", "8080")), [(HEALTH, "the kubelet (readinessProbe)")]),
    "a probe of another port": (pod(DIRECT, HTTP.replace("api # <-", "stats")), []),
    "a probe of another host": (
        pod(DIRECT, HTTP.replace("api # <-", "8080, host: x").replace("port", "{port") + "}"),
        [],
    ),
    "a gRPC probe": (
        pod(DIRECT, HTTP.replace("httpGet", "grpc").replace("api", "8080")),
        [(HEALTH, "the kubelet (readinessProbe)")],
    ),
    "a probe that connects": (pod(DIRECT, HTTP.replace("httpGet", "tcpSocket").replace(" # <-", "")), []),
    "the kubelet passes ambient": (
        pod(DIRECT, HTTP.replace(" # <-", ""), "istio.io/dataplane-mode: ambient").replace("enabled", "disabled"),
        [],
    ),
    "a load balancer's fixed port": (
        pod() + SERVICE + POLICY % ("HTTP", "httpHealthCheck", "\n        port: 8080"),
        [(HEALTH, "HealthCheckPolicy shop/h")],
    ),
    "a load balancer's serving port": (
        pod() + SERVICE + POLICY % ("GRPC", "grpcHealthCheck", "{}"),
        [(HEALTH, "HealthCheckPolicy shop/h")],
    ),
    "a load balancer's other port": (
        pod() + SERVICE + (POLICY % ("HTTP", "httpHealthCheck", "{port: 9090}")).replace(" # <-", ""),
        [],
    ),
    "a load balancer that connects": (
        pod() + SERVICE + (POLICY % ("TCP", "tcpHealthCheck", "{port: 8080}")).replace(" # <-", ""),
        [],
    ),
    "a BackendConfig that no Service names": (pod() + SERVICE + (BACKEND % 8080).replace(" # <-", ""), []),
    "a BackendConfig": (
        pod()
        + SERVICE.replace(
            "{labels: {app: cart}}", '{annotations: {cloud.google.com/backend-config: \'{"default": "b"}\'}}'
        )
        + BACKEND % 8080,
        [(HEALTH, "BackendConfig shop/b")],
    ),
    "an annotation that is no JSON": (
        pod()
        + SERVICE.replace("{labels: {app: cart}}", "{annotations: {cloud.google.com/backend-config: b}}")
        + (BACKEND % 8080).replace(" # <-", ""),
        [],
    ),
}


@pytest.mark.parametrize("text, expected", POLLS.values(), ids=POLLS)
def test_polls(text: str, expected: list[tuple[Purpose, str]]) -> None:
    found = port_of(mesh_of(text), "shop/cart", 8080).polls
    assert [(poll.purpose, poll.caller) for poll in found] == expected
    assert [line for poll in found for line in line_of(poll.location)] == marked(text)


CERTIFICATES = {
    "http": ("port: api", False),
    "http with a certificate it does not use": ("{port: api, tlsConfig: {certFile: /c}}", False),
    "https with a certificate": ("{port: api, scheme: HTTPS, tlsConfig: {certFile: /c}}", True),
    "https with a certificate of a Secret": (
        "{port: api, scheme: https, tlsConfig: {cert: {secret: {name: c, key: c}}}}",
        True,
    ),
    "https without one": ("{port: api, scheme: https, tlsConfig: {insecureSkipVerify: true}}", False),
    "not known": ('{port: api, scheme: "${SCHEME}"}', True),
}


@pytest.mark.parametrize("endpoint, certified", CERTIFICATES.values(), ids=CERTIFICATES)
def test_certificates(endpoint: str, certified: bool) -> None:
    assert poll_of(pod() + monitor("PodMonitor", endpoint)).certified is certified


def poll_of(text: str) -> Poll:
    (poll,) = port_of(mesh_of(text), "shop/cart", 8080).polls
    return poll


SCRAPERS = {
    "none in the input": ("", []),
    "one that selects no monitors": ("{serviceMonitorSelector: {}}", []),
    "all monitors of its namespace": ("{podMonitorSelector: {}}", [("watch/default", False)]),
    "some monitors": ("{podMonitorSelector: {matchLabels: {team: a}}}", []),
    "other namespaces": (
        "{podMonitorSelector: {}, podMonitorNamespaceSelector: {matchLabels: {istio-injection: enabled}}}",
        [],
    ),
    "with a proxy": (
        "{serviceAccountName: prom, podMonitorSelector: {}, podMetadata: {labels: {sidecar.istio.io/inject: 'true'}}}",
        [("watch/prom", True)],
    ),
}


@pytest.mark.parametrize("spec, expected", SCRAPERS.values(), ids=SCRAPERS)
def test_scrapers(spec: str, expected: list[tuple[str, bool]]) -> None:
    text = pod() + monitor("PodMonitor", "port: api", "watch/m", "  namespaceSelector: {any: true}\n")
    assert [*poll_of(text + (f"---\nPrometheus watch/p\nspec: {spec}\n" if spec else "")).scrapers] == expected


@pytest.mark.parametrize("number, captured", [(15020, False), (15021, False), (15090, False), (15080, True)])
def test_the_ports_of_the_proxy_are_out_of_its_way(number: int, captured: bool) -> None:
    mesh = mesh_of(pod().replace("9090", str(number)))
    assert port_of(mesh, "shop/cart", number).captured is captured
