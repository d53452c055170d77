"""The inbound ports of workloads: which there are, and who may need one in plaintext.

Mirrors istiod's `serviceregistry/kube/controller` (target ports), `pilot/pkg/networking/core/listener_inbound.go` (ports of
a workload), the annotations `traffic.sidecar.istio.io/*InboundPorts` of the injector, and the catalogue's term
`metrics port`.
"""

from __future__ import annotations

import pytest

from meshlint.mesh.subjects import PlaintextUse

from .conftest import mesh_of, port_of


def pod(ports: str = "[{containerPort: 8080, name: http}]", metadata: str = "", rest: str = "") -> str:
    return f"""
Namespace shop {{labels: {{istio-injection: enabled}}}}
---
Pod shop/cart {{labels: {{app: cart}}{metadata}}}
spec: {{containers: [{{name: c, image: cart, ports: {ports}}}{rest}]}}
"""


def service(ports: str, name: str = "cart", more: str = "") -> str:
    return (
        f"---\nService shop/{name} {{labels: {{app: cart}}}}\nspec: {{selector: {{app: cart}}, ports: {ports}{more}}}\n"
    )


NUMBERS = {
    "containers": (pod("[{containerPort: 8080}, {containerPort: 9090}]"), [8080, 9090]),
    "nothing at all: every port": (pod("[]"), [None]),
    "UDP": (pod("[{containerPort: 53, protocol: UDP}, {containerPort: 8080}]"), [8080]),
    "a Service's target": (pod("[]") + service("[{port: 80, targetPort: 8080}]"), [8080]),
    "a Service without target": (pod("[]") + service("[{port: 80}]"), [80]),
    "a target by name": (pod() + service("[{port: 80, targetPort: http}]"), [8080]),
    "a name that no container has": (pod() + service("[{port: 80, targetPort: grpc}]"), [8080]),
    "UDP of a Service": (pod() + service("[{port: 53, protocol: UDP}]"), [8080]),
    "a Service of another namespace": (
        pod() + service("[{port: 80, targetPort: 7000}]").replace("shop/cart", "bank/cart"),
        [8080],
    ),
    "a Service without a selector": (
        pod() + "---\nService shop/x\nspec: {ports: [{port: 80, targetPort: 7000}]}\n",
        [8080],
    ),
    "a sidecar of the app has ports, too": (
        pod(rest=", {name: d, image: d, ports: [{containerPort: 9000}]}"),
        [8080, 9000],
    ),
    "the proxy's own ports are none": (
        pod(rest=", {name: istio-proxy, image: p, ports: [{containerPort: 15090}]}"),
        [8080],
    ),
    "a port that a policy names": (
        pod()
        + "---\nPeerAuthentication shop/cart\nspec: {selector: {matchLabels: {app: cart}}, portLevelMtls: {7000: {mode: STRICT}}}\n",
        [7000, 8080],
    ),
    "a port that a policy takes for one of the container": (
        pod()
        + service("[{port: 80, targetPort: 8080}]")
        + "---\nPeerAuthentication shop/cart\nspec: {selector: {matchLabels: {app: cart}}, portLevelMtls: {80: {mode: STRICT}}}\n",
        [8080],
    ),
}


@pytest.mark.parametrize("text, numbers", NUMBERS.values(), ids=NUMBERS)
def test_numbers(text: str, numbers: list[int | None]) -> None:
    assert [p.number for p in mesh_of(text).ports if str(p.workload) == "shop/cart"] == numbers


@pytest.mark.parametrize("restart, numbers", [("Always", [7000, 8080]), ("Never", [8080])])
def test_init_containers_listen_only_if_they_stay(restart: str, numbers: list[int]) -> None:
    init = (
        f"spec: {{initContainers: [{{name: i, image: i, restartPolicy: {restart}, ports: [{{containerPort: 7000}}]}}], "
    )
    mesh = mesh_of(pod().replace("spec: {", init))
    assert [port.number for port in mesh.ports] == numbers


def test_a_port_knows_its_name_and_the_service_ports_that_lead_to_it() -> None:
    text = pod() + service("[{port: 80, targetPort: http, name: web}]") + service("[{port: 81, targetPort: 8080}]", "b")
    port = port_of(mesh_of(text), "shop/cart", 8080)
    assert port.name == "http"
    assert [(s.name, p.number, p.name) for s, p in port.services] == [("cart", 80, "web"), ("b", 81, None)]
    assert str(port) == "shop/cart:8080"


def test_gateways_have_no_ports() -> None:
    assert mesh_of(pod(metadata=", annotations: {inject.istio.io/templates: gateway}")).ports == []


CAPTURES = {
    "all": ("", True),
    "excluded": ('traffic.sidecar.istio.io/excludeInboundPorts: "9090, 8080"', False),
    "another excluded": ('traffic.sidecar.istio.io/excludeInboundPorts: "9090"', True),
    "included": ('traffic.sidecar.istio.io/includeInboundPorts: "8080"', True),
    "only others included": ('traffic.sidecar.istio.io/includeInboundPorts: "9090"', False),
    "none included": ('traffic.sidecar.istio.io/includeInboundPorts: ""', False),
    "star": ('traffic.sidecar.istio.io/includeInboundPorts: "*"', True),
    "included and excluded": (
        'traffic.sidecar.istio.io/includeInboundPorts: "8080", traffic.sidecar.istio.io/excludeInboundPorts: "8080"',
        False,
    ),
}


@pytest.mark.parametrize("annotations, captured", CAPTURES.values(), ids=CAPTURES)
def test_annotations_keep_the_proxy_out_of_the_way(annotations: str, captured: bool) -> None:
    text = pod(metadata=f", annotations: {{{annotations}}}")
    assert port_of(mesh_of(text), "shop/cart", 8080).captured is captured


TWO_PORTS = "[{containerPort: 8080, name: http}, {containerPort: 9090, name: metrics}]"
METRICS, WEBHOOK, TLS, OUTSIDE = (
    PlaintextUse.METRICS,
    PlaintextUse.WEBHOOK,
    PlaintextUse.INGRESS_TLS,
    PlaintextUse.OUTSIDE,
)
ROUTE = """---
VirtualService shop/cart
spec: {hosts: [cart], http: [{route: [{destination: {host: cart, port: {number: 9090}}}]}]}
"""
GATEWAY_ROUTE = """---
VirtualService shop/cart
spec: {hosts: [shop.example.com], gateways: [edge], http: [{route: [{destination: {host: cart}}]}]}
"""


def hook(service: str) -> str:
    return f"---\nValidatingWebhookConfiguration hook\nwebhooks: [{{name: a, clientConfig: {{service: {service}}}}}]\n"


MODEL = TWO_PORTS.replace("8080", "8000")

USES: dict[str, tuple[str, int, PlaintextUse | None]] = {
    "nobody": (pod(), 8080, None),
    "a container port named metrics": (pod(TWO_PORTS), 9090, METRICS),
    "its neighbour": (pod(TWO_PORTS), 8080, None),
    "http-metrics": (pod(TWO_PORTS.replace("metrics", "http-metrics")), 9090, METRICS),
    "prometheus": (pod(TWO_PORTS.replace("metrics", "prom-main")), 9090, METRICS),
    "named like it": (pod(TWO_PORTS.replace("metrics", "metrics-old")), 9090, None),
    "a Service port named metrics": (
        pod("[{containerPort: 9090}]") + service("[{port: 9090, name: metrics}]"),
        9090,
        METRICS,
    ),
    "a Service exposes it under another name": (
        pod(TWO_PORTS) + service("[{port: 80, name: http, targetPort: 9090}]"),
        9090,
        None,
    ),
    "a Service exposes it under both": (
        pod(TWO_PORTS) + service("[{port: 80, name: http, targetPort: 9090}, {port: 9090, name: metrics}]"),
        9090,
        None,
    ),
    "a route leads to it": (pod(TWO_PORTS) + service("[{port: 9090, name: metrics}]") + ROUTE, 9090, None),
    "prometheus.io/port": (pod(metadata=', annotations: {prometheus.io/port: "8080"}'), 8080, METRICS),
    "prometheus.io/port of another": (pod(metadata=', annotations: {prometheus.io/port: "9090"}'), 8080, None),
    "a ServiceMonitor's port name": (
        pod("[{containerPort: 8080}]")
        + service("[{port: 80, name: prom, targetPort: 8080}]")
        + "---\nServiceMonitor shop/m\nspec: {selector: {matchLabels: {app: cart}}, endpoints: [{port: prom}]}\n",
        8080,
        METRICS,
    ),
    "a ServiceMonitor of a port with another name": (
        pod("[{containerPort: 8080}]")
        + service("[{port: 80, name: http, targetPort: 8080}]")
        + "---\nServiceMonitor shop/m\nspec: {selector: {matchLabels: {app: cart}}, endpoints: [{port: http}]}\n",
        8080,
        None,
    ),
    "a PodMonitor's port name": (
        pod("[{containerPort: 8080, name: stats}]")
        + "---\nPodMonitor shop/m\nspec: {selector: {matchLabels: {app: cart}}, podMetricsEndpoints: [{port: stats}]}\n",
        8080,
        METRICS,
    ),
    "a PodMonitor's port number": (
        pod("[{containerPort: 8080}]")
        + "---\nPodMonitor shop/m\nspec: {selector: {}, podMetricsEndpoints: [{portNumber: 8080}]}\n",
        8080,
        METRICS,
    ),
    "a PodMonitor of other pods": (
        pod("[{containerPort: 8080, name: stats}]")
        + "---\nPodMonitor shop/m\nspec: {selector: {matchLabels: {app: x}}, podMetricsEndpoints: [{port: stats}]}\n",
        8080,
        None,
    ),
    "a PodMonitor of another namespace": (
        pod("[{containerPort: 8080, name: stats}]")
        + "---\nPodMonitor bank/m\nspec: {selector: {}, podMetricsEndpoints: [{port: stats}]}\n",
        8080,
        None,
    ),
    "a PodMonitor that looks at all namespaces": (
        pod("[{containerPort: 8080, name: stats}]")
        + "---\nPodMonitor bank/m\n"
        + "spec: {namespaceSelector: {any: true}, selector: {}, podMetricsEndpoints: [{port: stats}]}\n",
        8080,
        METRICS,
    ),
    "a PodMonitor that names the namespace": (
        pod("[{containerPort: 8080, name: stats}]")
        + "---\nPodMonitor bank/m\n"
        + "spec: {namespaceSelector: {matchNames: [shop]}, selector: {}, podMetricsEndpoints: [{port: stats}]}\n",
        8080,
        METRICS,
    ),
    "the only port of a model server, by annotation": (
        pod("[{containerPort: 8000}]", ', annotations: {prometheus.io/port: "8000"}').replace(
            "image: cart", "image: vllm"
        ),
        8000,
        None,
    ),
    "a metrics port of its own of a model server": (
        pod(MODEL).replace("image: cart", "image: tritonserver"),
        9090,
        METRICS,
    ),
    "a pool leads to it": (
        pod(TWO_PORTS)
        + "---\nInferencePool shop/p\nspec: {selector: {matchLabels: {app: cart}}, targetPorts: [{number: 9090}]}\n",
        9090,
        None,
    ),
    "a webhook": (
        pod() + service("[{port: 443, targetPort: 8080}]") + hook("{name: cart, namespace: shop}"),
        8080,
        WEBHOOK,
    ),
    "a webhook on a port of its own": (
        pod() + service("[{port: 9443, targetPort: 8080}]") + hook("{name: cart, namespace: shop, port: 9443}"),
        8080,
        WEBHOOK,
    ),
    "a webhook on another port": (
        pod() + service("[{port: 80, targetPort: 8080}]") + hook("{name: cart, namespace: shop}"),
        8080,
        None,
    ),
    "a webhook of another namespace": (
        pod() + service("[{port: 443, targetPort: 8080}]") + hook("{name: cart, namespace: bank}"),
        8080,
        None,
    ),
    "a conversion webhook": (
        pod()
        + service("[{port: 443, targetPort: 8080}]")
        + "---\nCustomResourceDefinition carts.shop.io\n"
        + "spec: {conversion: {webhook: {clientConfig: {service: {name: cart, namespace: shop}}}}}\n",
        8080,
        WEBHOOK,
    ),
    "an aggregated API": (
        pod()
        + service("[{port: 443, targetPort: 8080}]")
        + "---\nAPIService v1.shop.io\nspec: {service: {name: cart, namespace: shop}}\n",
        8080,
        WEBHOOK,
    ),
    "a Sidecar's ingress.tls": (
        pod()
        + "---\nSidecar shop/cart\n"
        + "spec: {workloadSelector: {labels: {app: cart}}, ingress: [{port: {number: 8080}, tls: {mode: SIMPLE}}]}\n",
        8080,
        TLS,
    ),
    "a Sidecar's ingress without tls": (
        pod() + "---\nSidecar shop/cart\nspec: {ingress: [{port: {number: 8080}}]}\n",
        8080,
        None,
    ),
    "a LoadBalancer": (pod() + service("[{port: 80, targetPort: 8080}]", more=", type: LoadBalancer"), 8080, OUTSIDE),
    "a NodePort": (pod() + service("[{port: 80, targetPort: 8080}]", more=", type: NodePort"), 8080, OUTSIDE),
    "a LoadBalancer with a route of a gateway": (
        pod() + service("[{port: 80, targetPort: 8080}]", more=", type: LoadBalancer") + GATEWAY_ROUTE,
        8080,
        None,
    ),
    "a LoadBalancer whose callers are named": (
        pod()
        + service("[{port: 80, targetPort: 8080}]", more=", type: LoadBalancer")
        + "---\nAuthorizationPolicy shop/cart\n"
        + "spec: {selector: {matchLabels: {app: cart}}, rules: [{from: [{source: {namespaces: [bank]}}]}]}\n",
        8080,
        None,
    ),
    "an Ingress": (
        pod()
        + service("[{port: 80, targetPort: 8080}]")
        + "---\nIngress shop/i\nspec: {rules: [{http: {paths: [{backend: {service: {name: cart}}}]}}]}\n",
        8080,
        OUTSIDE,
    ),
    "an Ingress of Istio's gateway": (
        pod()
        + service("[{port: 80, targetPort: 8080}]")
        + "---\nIngress shop/i\n"
        + "spec: {ingressClassName: istio, rules: [{http: {paths: [{backend: {service: {name: cart}}}]}}]}\n",
        8080,
        None,
    ),
    "a ClusterIP": (pod() + service("[{port: 80, targetPort: 8080}]"), 8080, None),
}


@pytest.mark.parametrize("text, number, use", USES.values(), ids=USES)
def test_plaintext_use(text: str, number: int, use: PlaintextUse | None) -> None:
    assert port_of(mesh_of(text), "shop/cart", number).plaintext_use is use


def test_an_implied_workload_has_the_ports_of_its_services_and_policies() -> None:
    text = service("[{port: 80, targetPort: 8080}]") + (
        "---\nPeerAuthentication shop/cart\n"
        "spec: {selector: {matchLabels: {app: cart}}, portLevelMtls: {9090: {mode: DISABLE}}}\n"
    )
    ports = mesh_of(text).ports
    assert [(str(port), port.mtls.value.value) for port in ports] == [
        ("shop/cart:8080", "PERMISSIVE"),
        ("shop/cart:9090", "DISABLE"),
    ]


JOB = """
Job shop/eval
spec: {template: {metadata: {labels: {app: eval}}, spec: {containers: [{name: c, image: c%s}]}}}
"""


@pytest.mark.parametrize(("ports", "expected"), [("", []), (", ports: [{containerPort: 8080}]", ["shop/eval:8080"])])
def test_a_job_without_a_port_serves_nobody(ports: str, expected: list[str]) -> None:
    assert [str(port) for port in mesh_of(JOB % ports).ports] == expected


def test_a_sidecar_names_ports() -> None:
    text = "Sidecar shop/default\nspec: {ingress: [{port: {number: 9000, protocol: HTTP}, defaultEndpoint: '127.0.0.1:1'}]}\n---"
    assert [str(port) for port in mesh_of(text + JOB % "").ports] == ["shop/eval:9000"]
