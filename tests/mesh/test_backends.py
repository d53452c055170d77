"""How many endpoints are behind a host or subset, and what says so (term `pool size`)."""

from __future__ import annotations

import pytest

from meshlint.mesh.effective import UNKNOWN
from meshlint.resource.match import ServicePort

from .conftest import line_of, marked, mesh_of

CART = "cart.shop.svc.cluster.local"
SERVICE = """\
Service shop/cart
spec: {selector: {app: cart}, ports: [{port: 80}]}
---
"""
DEPLOYMENT = """\
Deployment shop/cart
spec:
  replicas: 4
  template: {metadata: {labels: {app: cart, version: v1}}, spec: {nodeSelector: {topology.kubernetes.io/region: r1}}}
---
"""
OTHER = """\
StatefulSet shop/cart-v2
spec:
  replicas: 2
  template: {metadata: {labels: {app: cart, version: v2}}, spec: {nodeSelector: {topology.kubernetes.io/region: r2}}}
---
"""
HPA = "HorizontalPodAutoscaler shop/cart\nspec: {scaleTargetRef: {kind: Deployment, name: cart}, %s}\n---\n"
KEDA = "ScaledObject shop/cart\nspec: {scaleTargetRef: {name: cart}, %s}\n---\n"
MACHINE = "WorkloadEntry shop/vm%d\nspec: {address: 10.0.0.%d, labels: {app: cart}, locality: r3/z1}\n---\n"
ENTRY = "ServiceEntry shop/cart\nspec: {hosts: [%s], resolution: %s, ports: [{number: 80, name: http}], %s}\n---\n"

SIZES = {
    "no workload": (SERVICE, {}, None),
    "replicas": (SERVICE + DEPLOYMENT, {}, (4, 4)),
    "of every workload": (SERVICE + DEPLOYMENT + OTHER, {}, (6, 6)),
    "of a subset": (SERVICE + DEPLOYMENT + OTHER, {"version": "v2"}, (2, 2)),
    "of a subset that nothing has": (SERVICE + DEPLOYMENT + OTHER, {"version": "v3"}, None),
    "one where nothing is said": (SERVICE + DEPLOYMENT.replace("  replicas: 4\n", ""), {}, (1, 1)),
    "not known": (SERVICE + DEPLOYMENT.replace("4", "${REPLICAS}"), {}, None),
    "one of several not known": (SERVICE + DEPLOYMENT.replace("4", "${REPLICAS}") + OTHER, {}, None),
    "as many as there are nodes": (SERVICE + DEPLOYMENT.replace("Deployment", "DaemonSet"), {}, None),
    "an autoscaler": (SERVICE + DEPLOYMENT + HPA % "minReplicas: 3, maxReplicas: 9", {}, (3, 9)),
    "an autoscaler's default": (SERVICE + DEPLOYMENT + HPA % "maxReplicas: 9", {}, (1, 9)),
    "an autoscaler of another": (SERVICE + OTHER + HPA % "minReplicas: 3, maxReplicas: 9", {}, (2, 2)),
    "KEDA": (SERVICE + DEPLOYMENT + KEDA % "minReplicaCount: 2", {}, (2, 100)),
    "KEDA's default": (SERVICE + DEPLOYMENT + KEDA % "maxReplicaCount: 5", {}, (0, 5)),
    "an autoscaler that is not known": (SERVICE + DEPLOYMENT + HPA % "minReplicas: '${MIN}'", {}, None),
    "machines": (SERVICE + MACHINE % (1, 1) + MACHINE % (2, 2), {}, (2, 2)),
    "machines and pods": (SERVICE + DEPLOYMENT + MACHINE % (1, 1), {}, (5, 5)),
    "an entry's endpoints": (
        ENTRY % (CART, "STATIC", "endpoints: [{address: 1.1.1.1}, {address: 1.1.1.2}]"),
        {},
        (2, 2),
    ),
    "those of a subset": (
        ENTRY % (CART, "STATIC", "endpoints: [{address: 1.1.1.1}, {address: 1.1.1.2, labels: {version: v2}}]"),
        {"version": "v2"},
        (1, 1),
    ),
    "a name that DNS resolves": (ENTRY % (CART, "DNS", ""), {}, None),
    "pods of an entry": (DEPLOYMENT + ENTRY % (CART, "STATIC", "workloadSelector: {labels: {app: cart}}"), {}, (4, 4)),
}


@pytest.mark.parametrize("text, labels, size", SIZES.values(), ids=SIZES)
def test_sizes(text: str, labels: dict[str, str], size: tuple[int, int] | None) -> None:
    found = mesh_of(text).backends.of(CART, labels).size
    assert found.value == (UNKNOWN if size is None else size)


def test_the_reasons_are_what_says_the_number() -> None:
    scaler = """\
HorizontalPodAutoscaler shop/cart
spec:
  scaleTargetRef: {kind: Deployment, name: cart}
  minReplicas: 3 # <-
  maxReplicas: 9
"""
    found = mesh_of(SERVICE + DEPLOYMENT + scaler).backends.of(CART, {}).size
    assert line_of(found.origin) == marked(scaler)
    assert [reason.text for reason in found.because] == ["HorizontalPodAutoscaler shop/cart keeps at least 3 pods"]


NAMED = """\
Deployment shop/%s
spec:
  replicas: %d
  template:
    metadata: {labels: {app: cart}}
    spec: {containers: [{name: c, image: c, ports: [{name: %s, containerPort: 8080}]}]}
---
"""


def test_pods_without_a_port_of_that_name_do_not_serve_it() -> None:
    mesh = mesh_of(SERVICE + NAMED % ("a", 3, "http") + NAMED % ("b", 4, "admin"))
    by_name, by_number = ServicePort(80, "http", "http", "http"), ServicePort(81, "x", "http", 8080)
    found = [mesh.backends.of(CART, {}, ports).size.value for ports in ((by_name,), (by_number,), (by_name, by_number))]
    assert found == [(3, 3), (7, 7), (7, 7)]


SLICE = """\
EndpointSlice shop/a {labels: {kubernetes.io/service-name: cart}}
addressType: IPv4
endpoints: [{addresses: [10.9.0.1, 10.9.0.2]}]
ports: [{name: http, port: 8080}]
---
"""


def test_endpoints_of_a_service_without_a_selector() -> None:
    service = "Service shop/cart\nspec: {ports: [{port: 80, name: http}]}\n---\n"
    assert mesh_of(service + SLICE).backends.of(CART, {}).size.value == (2, 2)


def test_localities_are_those_the_input_tells() -> None:
    mesh = mesh_of(SERVICE + DEPLOYMENT + OTHER + MACHINE % (1, 1))
    assert mesh.backends.localities(mesh.backends.of(CART, {})) == {"r1", "r2", "r3/z1"}
    assert mesh.backends.localities(mesh.backends.of(CART, {"version": "v2"})) == {"r2"}
