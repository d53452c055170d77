"""The workloads of a mesh: pods, what policies imply, who is in the mesh, and who is behind a host.

Terms `proxied workload`, `implied workload` and `generated service` of the catalogue; membership mirrors what istiod's
injection decides where the input tells it.
"""

from __future__ import annotations

import pytest

from meshlint.mesh.effective import Basis
from meshlint.mesh.subjects import DataPlane

from .conftest import assert_decides, mesh_of, workload_of

DEFAULT, DECLARED, SUPPORTED, ASSUMED = Basis.DEFAULT, Basis.DECLARED, Basis.SUPPORTED, Basis.ASSUMED
POD = "Pod shop/cart {labels: {app: cart}}\nspec: {containers: []}\n"
SERVICE = "---\nService shop/cart\nspec: {selector: {app: cart}, ports: [{port: 80}]}\n"


def namespace(label: str) -> str:
    return f"Namespace shop {{labels: {{{label}}}}} # <-\n---\n"


MEMBERS = {
    "a sidecar": (namespace("istio-injection: enabled") + POD, True, DECLARED),
    "ambient": (namespace("istio.io/dataplane-mode: ambient") + POD, True, DECLARED),
    "a gateway": ("Pod shop/cart {labels: {istio: ingressgateway}} # <-\nspec: {containers: []}\n", True, DECLARED),
    "refused": (namespace("istio-injection: disabled") + POD, False, DECLARED),
    "refused, whatever policies say": (
        namespace("istio-injection: disabled")
        + POD
        + "---\nPeerAuthentication shop/default\nspec: {mtls: {mode: STRICT}}\n",
        False,
        DECLARED,
    ),
    "not asked for": ("Namespace shop\n---\n" + POD, False, DEFAULT),
    "not known": (POD, False, DEFAULT),
    "a policy of its namespace": (
        POD + "---\nAuthorizationPolicy shop/p\nspec: {rules: []}\n",
        True,
        SUPPORTED,
    ),
    "a policy of another namespace": (POD + "---\nAuthorizationPolicy bank/p\nspec: {rules: []}\n", False, DEFAULT),
    "a policy of the root namespace": (
        POD + "---\nPeerAuthentication istio-system/default\nspec: {mtls: {mode: STRICT}}\n",
        True,
        SUPPORTED,
    ),
    "a VirtualService of its namespace": (
        POD + "---\nVirtualService shop/a\nspec: {hosts: [x.io], http: []}\n",
        True,
        SUPPORTED,
    ),
    "a VirtualService of gateways": (
        POD + "---\nVirtualService shop/a\nspec: {hosts: [x.io], gateways: [edge], http: []}\n",
        False,
        DEFAULT,
    ),
    "a route of the mesh leads to its Service": (
        POD
        + SERVICE
        + "---\nVirtualService bank/a\n"
        + "spec: {hosts: [x.io], http: [{route: [{destination: {host: cart.shop.svc.cluster.local}}]}]}\n",
        True,
        SUPPORTED,
    ),
    "a DestinationRule names its Service": (
        POD + SERVICE + "---\nDestinationRule bank/a\nspec: {host: cart.shop.svc.cluster.local}\n",
        True,
        SUPPORTED,
    ),
    "a DestinationRule names another Service": (
        POD + SERVICE + "---\nDestinationRule bank/a\nspec: {host: other.shop.svc.cluster.local}\n",
        False,
        DEFAULT,
    ),
    "a policy for the pods of a gateway": (
        POD + "---\nAuthorizationPolicy shop/p\nspec: {selector: {matchLabels: {istio: ingressgateway}}}\n",
        False,
        DEFAULT,
    ),
    "a policy for a Gateway of the Gateway API": (
        POD + "---\nAuthorizationPolicy shop/p\nspec: {targetRefs: [{kind: Gateway, name: edge}]}\n",
        False,
        DEFAULT,
    ),
    "a policy of the root namespace for other pods": (
        POD + "---\nAuthorizationPolicy istio-system/p\nspec: {selector: {matchLabels: {app: web}}}\n",
        False,
        DEFAULT,
    ),
    "a policy of the root namespace that selects it": (
        POD + "---\nAuthorizationPolicy istio-system/p\nspec: {selector: {matchLabels: {app: cart}}}\n",
        True,
        SUPPORTED,
    ),
    "a VirtualService of the root namespace": (
        POD + "---\nVirtualService istio-system/a\nspec: {hosts: [x.io], http: []}\n",
        False,
        DEFAULT,
    ),
    "a DestinationRule of the root namespace for all hosts": (
        POD + "---\nDestinationRule istio-system/a\nspec: {host: '*.local'}\n",
        True,
        SUPPORTED,
    ),
    "a DestinationRule with TLS that is not the mesh's": (
        POD + SERVICE + "---\nDestinationRule shop/a\nspec: {host: cart, trafficPolicy: {tls: {mode: SIMPLE}}}\n",
        False,
        DEFAULT,
    ),
    "a DestinationRule with TLS that is not the mesh's, for one port": (
        POD
        + SERVICE
        + "---\nDestinationRule shop/a\n"
        + "spec: {host: cart, trafficPolicy: {portLevelSettings: [{port: {number: 80}, tls: {mode: SIMPLE}}]}}\n",
        False,
        DEFAULT,
    ),
    "a DestinationRule that pins the mesh's TLS": (
        POD + SERVICE + "---\nDestinationRule shop/a\nspec: {host: cart, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}\n",
        True,
        SUPPORTED,
    ),
    "a DestinationRule with TLS for a host outside, which its own clients encrypt for": (
        POD + "---\nDestinationRule shop/a\nspec: {host: x.io, trafficPolicy: {tls: {mode: SIMPLE}}}\n",
        True,
        SUPPORTED,
    ),
    "Linkerd's": (
        "Pod shop/cart {labels: {app: cart}, annotations: {linkerd.io/inject: enabled}} # <-\nspec: {containers: []}\n",
        False,
        DECLARED,
    ),
}


@pytest.mark.parametrize("text, member, basis", MEMBERS.values(), ids=MEMBERS)
def test_membership(text: str, member: bool, basis: Basis) -> None:
    found = workload_of(mesh_of(text), "shop/cart").in_mesh
    assert (found.value, found.basis) == (member, basis)
    assert_decides(found, text)


def implied(text: str) -> list[str]:
    return [str(workload) for workload in mesh_of(text).workloads.implied]


SELECTED = "spec: {selector: {matchLabels: {app: cart}}}"
IMPLIED = {
    "a selector": (f"AuthorizationPolicy shop/p\n{SELECTED}", ["shop/cart"]),
    "the same selector twice": (
        f"AuthorizationPolicy shop/p\n{SELECTED}\n---\nPeerAuthentication shop/q\n{SELECTED}",
        ["shop/cart"],
    ),
    "a Telemetry's": (f"Telemetry shop/p\n{SELECTED}", ["shop/cart"]),
    "labels that are no name": (
        "AuthorizationPolicy shop/p\nspec: {selector: {matchLabels: {tier: x, zone: a}}}",
        ["shop/tier=x,zone=a"],
    ),
    "no selector: an AuthorizationPolicy implies nothing": ("AuthorizationPolicy shop/p\nspec: {}", []),
    "no selector: a PeerAuthentication is about somebody": (
        "PeerAuthentication shop/p\nspec: {mtls: {mode: STRICT}}",
        ["shop/*"],
    ),
    "pods are known": (POD + f"---\nAuthorizationPolicy shop/p\n{SELECTED.replace('cart', 'other')}", []),
    "pods of another namespace": (POD + f"---\nAuthorizationPolicy bank/p\n{SELECTED}", ["bank/cart"]),
    "the root namespace": (f"AuthorizationPolicy istio-system/p\n{SELECTED}", []),
}


@pytest.mark.parametrize("text, names", IMPLIED.values(), ids=IMPLIED)
def test_implied(text: str, names: list[str]) -> None:
    assert implied(text) == names


def test_what_is_implied_is_assumed_to_have_a_sidecar() -> None:
    text = "AuthorizationPolicy shop/p\nspec:\n  selector: {matchLabels: {app: cart}} # <-\n"
    workload = workload_of(mesh_of(text), "shop/cart")
    assert workload.implied
    assert (workload.data_plane.value, workload.data_plane.basis) == (DataPlane.SIDECAR, ASSUMED)
    assert (workload.in_mesh.value, workload.in_mesh.basis) == (True, ASSUMED)
    assert_decides(workload.in_mesh, text)


@pytest.mark.parametrize(
    "label", ["istio: ingressgateway", "app: istio-ingressgateway", "gateway.networking.k8s.io/gateway-name: edge"]
)
def test_what_the_labels_of_a_gateway_imply_is_a_gateway(label: str) -> None:
    text = f"AuthorizationPolicy shop/p\nspec: {{selector: {{matchLabels: {{name: cart, {label}}}}}}}\n"
    (workload,) = mesh_of(text).workloads.implied
    assert workload.data_plane.value is DataPlane.GATEWAY


def test_nothing_is_implied_where_the_input_is_the_whole_mesh() -> None:
    assert mesh_of(f"AuthorizationPolicy shop/p\n{SELECTED}", world="closed").workloads.implied == ()


CART = "cart.shop.svc.cluster.local"
INFERENCE = "InferenceService shop/cart\nspec: {predictor: {model: {modelFormat: {name: sklearn}}}}"
BEHIND = {
    "a Service's selector": (POD + SERVICE, CART, ["shop/cart"]),
    "a Service of other pods": (POD + SERVICE.replace("app: cart", "app: x"), CART, []),
    "a Service without a selector": (POD + "---\nService shop/cart\nspec: {ports: [{port: 80}]}", CART, []),
    "no Service": (POD, CART, []),
    "another namespace": (POD + SERVICE, "cart.bank.svc.cluster.local", []),
    "a host outside the cluster": (POD + SERVICE, "cart.example.com", []),
    "a short name is no host": (POD + SERVICE, "cart", []),
    "what a policy implies, by name": (f"AuthorizationPolicy shop/p\n{SELECTED}", CART, ["shop/cart"]),
    "what a policy implies, by a Service": (
        f"AuthorizationPolicy shop/p\n{SELECTED}" + "\n" + SERVICE.replace("shop/cart", "shop/web"),
        "web.shop.svc.cluster.local",
        ["shop/cart"],
    ),
    "what a policy implies of another name": (f"AuthorizationPolicy shop/p\n{SELECTED.replace('cart', 'x')}", CART, []),
    "KServe's InferenceService": (INFERENCE, CART, ["shop/cart-predictor"]),
    "KServe's predictor": (INFERENCE, "cart-predictor.shop.svc.cluster.local", ["shop/cart-predictor"]),
    "KServe's LLMInferenceService": (
        "LLMInferenceService shop/cart\nspec: {template: {containers: []}}",
        "cart-kserve-workload-svc.shop.svc.cluster.local",
        ["shop/cart"],
    ),
    "Knative's Service": (
        "apiVersion: serving.knative.dev/v1\nkind: Service\nmetadata: {name: cart, namespace: shop}\n"
        "spec: {template: {spec: {containers: []}}}",
        CART,
        ["shop/cart"],
    ),
    "Ray's": (
        "RayService shop/cart\n"
        "spec: {rayClusterConfig: {headGroupSpec: {template: {spec: {containers: []}}}, workerGroupSpecs: []}}",
        "cart-serve-svc.shop.svc.cluster.local",
        ["shop/cart-head"],
    ),
    "Flagger's primary": (
        "Deployment shop/web\nspec: {template: {metadata: {labels: {app: web}}, spec: {containers: []}}}\n"
        "---\nCanary shop/cart\nspec: {targetRef: {kind: Deployment, name: web}}",
        "cart-primary.shop.svc.cluster.local",
        ["shop/web"],
    ),
}


@pytest.mark.parametrize("text, host, names", BEHIND.values(), ids=BEHIND)
def test_behind(text: str, host: str, names: list[str]) -> None:
    assert [str(workload) for workload in mesh_of(text).workloads.behind(host)] == names


def test_another_cluster_domain() -> None:
    mesh = mesh_of(POD + SERVICE, cluster_domain="corp.local")
    assert [str(w) for w in mesh.workloads.behind("cart.shop.svc.corp.local")] == ["shop/cart"]
    assert mesh.workloads.behind(CART) == []


SELECTIONS = {
    "its namespace": (f"AuthorizationPolicy shop/p\n{SELECTED}", ["shop/cart"]),
    "all of its namespace": ("AuthorizationPolicy shop/p\nspec: {}", ["shop/cart", "shop/web"]),
    "the root namespace: mesh-wide": (f"AuthorizationPolicy istio-system/p\n{SELECTED}", ["shop/cart", "bank/cart"]),
    "nobody": (f"AuthorizationPolicy bank/p\n{SELECTED.replace('cart', 'web')}", []),
}


@pytest.mark.parametrize("policy, names", SELECTIONS.values(), ids=SELECTIONS)
def test_selected(policy: str, names: list[str]) -> None:
    """`model/authorization.go ListAuthorizationPolicies`: a selector in the root namespace works mesh-wide."""
    pods = POD + "---\n" + POD.replace("cart", "web") + "---\n" + POD.replace("shop", "bank")
    mesh = mesh_of(pods + "---\n" + policy)
    (found,) = [r for r in mesh.inventory.resources if r.kind == "AuthorizationPolicy"]
    assert [str(workload) for workload in mesh.selected(found)] == names
