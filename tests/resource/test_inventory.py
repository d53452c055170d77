"""Finding objects by kind, namespace, name and labels."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from meshlint.resource.inventory import Inventory
from meshlint.resource.kinds import DEPLOYMENT, NAMESPACE, PEER_AUTHENTICATION, SERVICE
from meshlint.resource.resource import Resource

INPUT = """\
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio-injection: enabled}}
---
apiVersion: v1
kind: Namespace
metadata: {name: empty}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {selector: {app: cart}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {tier: web}}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: bank}
spec: {selector: {app: cart}}
---
apiVersion: v1
kind: Service
metadata: {name: without, namespace: shop}
spec: {}
---
apiVersion: v1
kind: Service
metadata: {name: later, namespace: shop}
spec: {selector: {app: cart, tier: "${TIER}"}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: one, namespace: shop}
spec: {template: {metadata: {labels: {app: cart, tier: web}}, spec: {}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: two, namespace: shop}
spec: {template: {metadata: {labels: {app: cart, tier: db}}, spec: {}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: three, namespace: bank}
spec: {template: {metadata: {labels: {app: cart, tier: web}}, spec: {}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: four}
spec: {template: {spec: {}}}
"""


@pytest.fixture
def inventory(objects: Callable[[dict[str, str]], list[Resource]]) -> Inventory:
    return Inventory(objects({"a.yaml": INPUT}))


def test_by_kind(inventory: Inventory) -> None:
    assert [r.name for r in inventory.all(DEPLOYMENT)] == ["one", "two", "three", "four"]
    assert [r.name for r in inventory.in_namespace(SERVICE, "shop")] == ["cart", "web", "without", "later"]
    assert list(inventory.all(PEER_AUTHENTICATION)) == []
    assert list(inventory.in_namespace(SERVICE, "elsewhere")) == []


def test_by_key(inventory: Inventory) -> None:
    service = inventory.find(SERVICE, "bank", "cart")
    assert service is not None
    assert service.id == ("v1", "Service", "bank", "cart")
    namespace = inventory.find(NAMESPACE, "", "shop")
    assert namespace is not None
    assert namespace.labels == {"istio-injection": "enabled"}
    assert inventory.find(SERVICE, "elsewhere", "cart") is None


def test_namespaces(inventory: Inventory) -> None:
    assert inventory.namespaces == ("(unset)", "bank", "empty", "shop")
    assert inventory.namespace_labels("shop") == {
        "istio-injection": "enabled",
        "kubernetes.io/metadata.name": "shop",
    }
    assert inventory.namespace_labels("empty") == {"kubernetes.io/metadata.name": "empty"}
    assert inventory.namespace_labels("bank") is None


@pytest.mark.parametrize(
    ("namespace", "labels", "expected"),
    [
        ("shop", {"app": "cart"}, ["shop/one", "shop/two"]),
        ("shop", {"app": "cart", "tier": "db"}, ["shop/two"]),
        ("shop", {}, ["shop/one", "shop/two"]),
        ("bank", {"app": "cart"}, ["bank/three"]),
        ("bank", {"tier": "db"}, []),
        ("elsewhere", {"app": "cart"}, []),
        ("elsewhere", {}, []),
        (None, {"tier": "web"}, ["shop/one", "bank/three"]),
        (None, {"app": "cart", "version": "v1"}, []),
        (None, {}, ["shop/one", "shop/two", "bank/three", "(unset)/four"]),
    ],
)
def test_selecting(inventory: Inventory, namespace: str | None, labels: dict[str, str], expected: list[str]) -> None:
    assert [str(pod) for pod in inventory.selecting(namespace, labels)] == expected


def test_pods_are_the_same_objects_everywhere(inventory: Inventory) -> None:
    assert [id(pod) for pod in inventory.pods_in("shop")] == [id(pod) for pod in inventory.pods[:2]]
    assert [id(pod) for pod in inventory.selecting("bank", {"app": "cart"})] == [id(inventory.pods[2])]


def test_services_of_a_pod(inventory: Inventory) -> None:
    """A Service without selector takes no pod, and one whose selector is not known none that is known."""
    found = {str(pod): [str(service.id) for service in inventory.services_of(pod)] for pod in inventory.pods}
    assert found == {
        "shop/one": ["Service shop/cart", "Service shop/web"],
        "shop/two": ["Service shop/cart"],
        "bank/three": ["Service bank/cart"],
        "(unset)/four": [],
    }


def test_where_the_input_has_workloads_and_services(inventory: Inventory) -> None:
    own = inventory.supplied
    assert own == ({"shop", "bank", "(unset)"}, {"shop", "bank"})
    assert Inventory((), own).supplied == own


def test_empty_input() -> None:
    inventory = Inventory(())
    assert (inventory.resources, inventory.pods, inventory.namespaces) == ((), (), ())
