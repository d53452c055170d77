"""Which workloads face tenants and which are internal (the catalogue's terms of that name)."""

from __future__ import annotations

import pytest

from meshlint.config import Selector

from .conftest import assert_decides, mesh_of, workload_of

CART = "Pod shop/cart {labels: {app: cart}}\nspec: {containers: []}\n---\n"
SERVICE = "Service shop/cart\nspec: {selector: {app: cart}, ports: [{port: 80}]}\n---\n"


def route(gateways: str, mark: str = "") -> str:
    return f"""VirtualService shop/r
spec:
  hosts: [shop.example.com]
  {gateways}
  http:
    - route:
        - destination: {{host: cart}}{mark}
"""


FACING = {
    "nothing exposes it": (CART + SERVICE, False),
    "a route of a gateway": (CART + SERVICE + route("gateways: [edge]", " # <-"), True),
    "a route of a gateway and the mesh": (CART + SERVICE + route("gateways: [edge, mesh]", " # <-"), True),
    "a route of the mesh": (CART + SERVICE + route("gateways: [mesh]"), False),
    "an Ingress": (
        CART
        + SERVICE
        + "Ingress shop/i\nspec:\n  rules:\n    - http:\n        paths:\n"
        + "          - backend: {service: {name: cart}} # <-\n",
        True,
    ),
    "an Ingress's default": (
        CART + SERVICE + "Ingress shop/i\nspec:\n  defaultBackend: {service: {name: cart}} # <-\n",
        True,
    ),
    "an Ingress of another namespace": (
        CART + SERVICE + "Ingress bank/i\nspec: {defaultBackend: {service: {name: cart}}}\n",
        False,
    ),
    "a route of the Gateway API": (
        CART
        + SERVICE
        + "HTTPRoute shop/r\nspec:\n  parentRefs: [{name: edge}]\n  rules:\n    - backendRefs:\n"
        + "        - {name: cart, port: 80} # <-\n",
        True,
    ),
    "a route of the Gateway API at a waypoint": (
        CART
        + SERVICE
        + "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: w, namespace: shop}\n"
        + "spec: {gatewayClassName: istio-waypoint}\n---\n"
        + "HTTPRoute shop/r\nspec: {parentRefs: [{name: w}], rules: [{backendRefs: [{name: cart, port: 80}]}]}\n",
        False,
    ),
    "a route of the Gateway API for the mesh": (
        CART
        + SERVICE
        + "HTTPRoute shop/r\nspec:\n  parentRefs: [{group: '', kind: Service, name: cart}]\n"
        + "  rules: [{backendRefs: [{name: cart, port: 80}]}]\n",
        False,
    ),
    "a LoadBalancer": (
        CART + SERVICE.replace("spec: {", "spec: {type: LoadBalancer, ").replace("}\n---", "} # <-\n---"),
        True,
    ),
    "a NodePort": (CART + SERVICE.replace("spec: {", "spec: {type: NodePort, ").replace("}\n---", "} # <-\n---"), True),
    "a gateway itself": (
        CART.replace("app: cart", "app: cart, istio: ingressgateway")
        + SERVICE.replace("spec: {", "spec: {type: LoadBalancer, "),
        False,
    ),
    "a label": (
        CART.replace("app: cart}}", "app: cart, meshlint.io/exposure: tenant-facing}} # <-") + SERVICE,
        True,
    ),
    "a label against a route": (
        CART.replace("app: cart}}", "app: cart, meshlint.io/exposure: internal}} # <-")
        + SERVICE
        + route("gateways: [edge]"),
        False,
    ),
}


@pytest.mark.parametrize("text, facing", FACING.values(), ids=FACING)
def test_tenant_facing(text: str, facing: bool) -> None:
    mesh = mesh_of(text)
    found = mesh.exposure.tenant_facing(workload_of(mesh, "shop/cart"))
    assert found.value is facing
    assert_decides(found, text)


def test_a_route_to_a_service_that_a_controller_makes() -> None:
    text = "InferenceService shop/cart\nspec: {predictor: {model: {modelFormat: {name: sklearn}}}}\n---\n"
    text += route("gateways: [edge]", " # <-")
    mesh = mesh_of(text)
    found = mesh.exposure.tenant_facing(workload_of(mesh, "shop/cart-predictor"))
    assert found.value
    assert_decides(found, text)


def named(name: str, labels: str = "", image: str = "x") -> str:
    return f"Pod shop/{name} {{labels: {{app: a{labels}}}}}\nspec: {{containers: [{{name: c, image: {image}}}]}}\n---\n"


SERVICE_A = "Service shop/a\nspec: {type: LoadBalancer, selector: {app: a}, ports: [{port: 80}]}\n"
INTERNAL = {
    "a name of a store": (named("qdrant-0"), "qdrant-0", True),
    "a sequence": (named("my-vector-db"), "my-vector-db", True),
    "an index": (named("index"), "index", True),
    "an indexer calls": (named("indexer"), "indexer", False),
    "what measures a store": (named("qdrant-exporter"), "qdrant-exporter", False),
    "what shows a store": (named("cart", ", app.kubernetes.io/name: opensearch-knn-dashboard"), "cart", False),
    "an image": (named("cart", image="docker.io/qdrant/qdrant:v1.12"), "cart", True),
    "an image of what measures a store": (named("cart", image="milvus/milvus-exporter:1"), "cart", False),
    "a component": (named("cart", ", app.kubernetes.io/component: feature-store"), "cart", True),
    "any name": (named("cart"), "cart", False),
    "a label's value": (named("cart", ", app.kubernetes.io/name: retriever"), "cart", True),
    "a model server": (named("m", image="vllm"), "m", True),
    "a store that faces tenants": (named("qdrant") + SERVICE_A, "qdrant", False),
    "a model server that faces tenants": (named("m", image="vllm") + SERVICE_A, "m", False),
    "a label": (named("cart", ", meshlint.io/exposure: internal"), "cart", True),
    "a label against the name": (named("qdrant", ", meshlint.io/exposure: tenant-facing"), "qdrant", False),
    "a gateway": (named("qdrant", ", istio: egressgateway"), "qdrant", False),
}


@pytest.mark.parametrize("text, name, internal", INTERNAL.values(), ids=INTERNAL)
def test_internal(text: str, name: str, internal: bool) -> None:
    mesh = mesh_of(text)
    assert mesh.exposure.internal(workload_of(mesh, f"shop/{name}")).value is internal


SELECTORS = {
    "name": (Selector(name="cart"), True),
    "namespace": (Selector("shop"), True),
    "labels": (Selector(labels={"app": "cart"}), True),
    "another namespace": (Selector("bank", "cart"), False),
    "other labels": (Selector("shop", labels={"app": "x"}), False),
}


@pytest.mark.parametrize("selector, taken", SELECTORS.values(), ids=SELECTORS)
def test_settings_state_it(selector: Selector, taken: bool) -> None:
    facing = mesh_of(CART, tenant_facing=(selector,))
    internal = mesh_of(CART, internal=(selector,))
    assert facing.exposure.tenant_facing(workload_of(facing, "shop/cart")).value is taken
    assert internal.exposure.internal(workload_of(internal, "shop/cart")).value is taken
