"""What carries the traffic of a pod.

Mirrors the selectors of istiod's `manifests/charts/istio-control/istio-discovery/templates/mutatingwebhook.yaml`,
`pkg/kube/inject/inject.go injectRequired`, and the enrolment in ambient of istio-cni.
"""

from __future__ import annotations

import pytest

from meshlint.mesh.effective import Basis
from meshlint.mesh.subjects import DataPlane

from .conftest import assert_decides, mesh_of, workload_of

DEFAULT, DECLARED = Basis.DEFAULT, Basis.DECLARED


def pod(namespace: str = "{}", labels: str = "", annotations: str = "", spec: str = "", mark: str = "") -> str:
    """A Namespace with metadata and a Pod; `mark` names the line that decides: namespace, labels, annotations or spec."""

    def line(word: str) -> str:
        return " # <-" if word == mark else ""

    return f"""
Namespace shop {namespace}{line("namespace")}
---
apiVersion: v1
kind: Pod
metadata:
  name: cart
  namespace: shop
  labels: {{{labels}}}{line("labels")}
  annotations: {{{annotations}}}{line("annotations")}
spec: {{{spec}}}{line("spec")}
"""


ENABLED = "{labels: {istio-injection: enabled}}"
DISABLED = "{labels: {istio-injection: disabled}}"
CANARY = "{labels: {istio.io/rev: canary}}"
AMBIENT = "{labels: {istio.io/dataplane-mode: ambient}}"
IN, OUT = 'sidecar.istio.io/inject: "true"', 'sidecar.istio.io/inject: "false"'
PROXY = "containers: [{name: istio-proxy, image: proxyv2, args: [proxy, sidecar]}]"
WAYPOINT = "containers: [{name: istio-proxy, image: proxyv2, args: [proxy, waypoint]}]"
ROUTER = "containers: [{name: istio-proxy, image: proxyv2, args: [proxy, router]}]"

PLANES = {
    "namespace enabled": (pod(ENABLED, mark="namespace"), "sidecar", DECLARED),
    "namespace with a revision": (pod(CANARY, mark="namespace"), "sidecar", DECLARED),
    "both labels: enabled is shown": (
        pod("{labels: {istio.io/rev: canary, istio-injection: enabled}}", mark="namespace"),
        "sidecar",
        DECLARED,
    ),
    "namespace silent": (pod(), "none", DEFAULT),
    "namespace disabled": (pod(DISABLED, mark="namespace"), "none", DECLARED),
    "namespace disabled, pod asks": (pod(DISABLED, labels=IN, mark="namespace"), "none", DECLARED),
    "namespace disabled with a revision": (
        pod("{labels: {istio.io/rev: canary, istio-injection: disabled}}", mark="namespace"),
        "none",
        DECLARED,
    ),
    "pod asks": (pod(labels=IN, mark="labels"), "sidecar", DECLARED),
    "pod asks for a revision": (pod(labels="istio.io/rev: canary", mark="labels"), "sidecar", DECLARED),
    "an annotation cannot ask": (pod(annotations=IN), "none", DEFAULT),
    "pod refuses": (pod(ENABLED, labels=OUT, mark="labels"), "none", DECLARED),
    "pod refuses a revision": (pod(CANARY, labels=OUT, mark="labels"), "none", DECLARED),
    "an annotation refuses": (pod(ENABLED, annotations=OUT, mark="annotations"), "none", DECLARED),
    "label before annotation": (pod(ENABLED, labels=IN, annotations=OUT, mark="namespace"), "sidecar", DECLARED),
    "the host's network": (pod(ENABLED, spec="hostNetwork: true", mark="spec"), "none", DECLARED),
    "ambient namespace": (pod(AMBIENT, mark="namespace"), "ambient", DECLARED),
    "ambient pod": (pod(labels="istio.io/dataplane-mode: ambient", mark="labels"), "ambient", DECLARED),
    "pod leaves ambient": (pod(AMBIENT, labels="istio.io/dataplane-mode: none"), "none", DEFAULT),
    "a sidecar goes before ambient": (
        pod("{labels: {istio.io/dataplane-mode: ambient, istio-injection: enabled}}", mark="namespace"),
        "sidecar",
        DECLARED,
    ),
    "without its sidecar a pod is in ambient": (
        pod("{labels: {istio.io/dataplane-mode: ambient, istio-injection: enabled}}", labels=OUT, mark="namespace"),
        "ambient",
        DECLARED,
    ),
    "ambient does not take the host's network": (pod(AMBIENT, spec="hostNetwork: true", mark="spec"), "none", DECLARED),
    "proxy written in the pod": (pod(spec=PROXY, mark="spec"), "sidecar", DECLARED),
    "proxy written in the pod, namespace disabled": (pod(DISABLED, spec=PROXY, mark="spec"), "sidecar", DECLARED),
    "gateway written in the pod": (pod(spec=ROUTER, mark="spec"), "gateway", DECLARED),
    "gateway by injection": (
        pod(ENABLED, annotations="inject.istio.io/templates: gateway", mark="annotations"),
        "gateway",
        DECLARED,
    ),
    "gateway by injection with another template": (
        pod(ENABLED, annotations='inject.istio.io/templates: "gateway,extra"', mark="annotations"),
        "gateway",
        DECLARED,
    ),
    "gateway by its label": (pod(labels="istio: ingressgateway", mark="labels"), "gateway", DECLARED),
    "gateway by its label, the proxy written": (
        pod(labels="gateway.networking.k8s.io/gateway-name: waypoint", spec=WAYPOINT, mark="labels"),
        "gateway",
        DECLARED,
    ),
    "gateway of the Gateway API": (
        pod(labels="gateway.networking.k8s.io/gateway-name: edge", mark="labels"),
        "gateway",
        DECLARED,
    ),
    "linkerd pod": (pod(annotations="linkerd.io/inject: enabled", mark="annotations"), "linkerd", DECLARED),
    "linkerd namespace": (pod("{annotations: {linkerd.io/inject: enabled}}", mark="namespace"), "linkerd", DECLARED),
    "pod leaves linkerd": (
        pod("{annotations: {linkerd.io/inject: enabled}}", annotations="linkerd.io/inject: disabled"),
        "none",
        DEFAULT,
    ),
}


@pytest.mark.parametrize("text, plane, basis", PLANES.values(), ids=PLANES)
def test_data_plane(text: str, plane: str, basis: Basis) -> None:
    found = workload_of(mesh_of(text), "shop/cart").data_plane
    assert (found.value, found.basis) == (DataPlane(plane), basis)
    assert_decides(found, text)


ALONE = "Pod shop/cart {{labels: {{{}}}}}\nspec: {{containers: []}}\n"


def test_without_the_namespace_object_nobody_knows() -> None:
    plane = workload_of(mesh_of(ALONE.format("app: cart")), "shop/cart").data_plane
    assert (plane.value, plane.basis, plane.origin) == (DataPlane.UNKNOWN, Basis.DEFAULT, None)


def test_a_pod_s_own_word_counts_without_the_namespace_object() -> None:
    asks = workload_of(mesh_of(ALONE.format(IN)), "shop/cart").data_plane
    refuses = workload_of(mesh_of(ALONE.format(OUT)), "shop/cart").data_plane
    assert (asks.value, refuses.value) == (DataPlane.SIDECAR, DataPlane.NONE)


@pytest.mark.parametrize("namespace", ["kube-system", "kube-public", "kube-node-lease", "local-path-storage"])
def test_istio_never_injects_into_the_namespaces_of_kubernetes(namespace: str) -> None:
    text = f"Pod {namespace}/agent {{labels: {{{IN}}}}}\nspec: {{containers: []}}\n"
    assert workload_of(mesh_of(text), f"{namespace}/agent").data_plane.value is DataPlane.NONE


@pytest.mark.parametrize(
    "values",
    [
        pytest.param("sidecarInjectorWebhook: {enableNamespacesByDefault: true}\nmeshConfig: {}", id="chart values"),
        pytest.param(
            "istiod: {sidecarInjectorWebhook: {enableNamespacesByDefault: true}, meshConfig: {}}",
            id="values of a chart around it",
        ),
        pytest.param(
            "IstioOperator istio-system/istio\nspec: {values: {sidecarInjectorWebhook: {enableNamespacesByDefault: true}}}",
            id="IstioOperator",
        ),
    ],
)
def test_the_injector_may_take_every_namespace_by_default(values: str) -> None:
    assert workload_of(mesh_of(pod() + "---\n" + values), "shop/cart").data_plane.value is DataPlane.SIDECAR


TEMPLATE = 'template: {metadata: {labels: {sidecar.istio.io/inject: "false"}}, spec: {containers: []}}'


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "DaemonSet"])
def test_labels_of_the_pod_template_count_and_those_of_its_owner_do_not(kind: str) -> None:
    text = f"""
Namespace shop {ENABLED}
---
{kind} shop/out
spec:
  {TEMPLATE} # <-
---
{kind} shop/in {{labels: {{{OUT}}}}}
spec: {{template: {{metadata: {{labels: {{app: in}}}}, spec: {{containers: []}}}}}}
"""
    mesh = mesh_of(text)
    out = workload_of(mesh, "shop/out").data_plane
    assert out.value is DataPlane.NONE
    assert_decides(out, text)
    assert workload_of(mesh, "shop/in").data_plane.value is DataPlane.SIDECAR
