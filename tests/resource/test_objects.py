"""Which objects documents hold, what they are called, and where they stand."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from meshlint.resource.objects import resources
from meshlint.resource.resource import Key, Resource
from meshlint.source.document import Document, Span

SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: cart, namespace: shop}\n"


def test_key_has_the_group_and_not_the_version(one: Callable[[str], Resource]) -> None:
    policy = one("apiVersion: security.istio.io/v1beta1\nkind: PeerAuthentication\nmetadata: {name: a, namespace: b}\n")
    assert policy.key == Key("security.istio.io", "PeerAuthentication", "b", "a")
    assert policy.api_version == "security.istio.io/v1beta1"
    assert str(policy) == "PeerAuthentication b/a"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("apiVersion: v1\nkind: Service\nmetadata: {name: cart}", Key("", "Service", "(unset)", "cart")),
        ("apiVersion: v1\nkind: Service\nmetadata: {name: cart, namespace: ''}", Key("", "Service", "(unset)", "cart")),
        ("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, namespace: x}", Key("", "Namespace", "", "shop")),
        ("apiVersion: batch/v1\nkind: Job\nmetadata: {generateName: a-}", Key("batch", "Job", "(unset)", "a-")),
        ("apiVersion: v1\nkind: Service\nmetadata: {name: n, namespace: off}", Key("", "Service", "False", "False")),
        (
            "apiVersion: v1\nkind: Service\nmetadata: {name: '${N}', namespace: '${NS}'}",
            Key("", "Service", "${NS}", "${N}"),
        ),
        ("apiVersion: v1\nkind: Service\nmetadata: {name: 12}", Key("", "Service", "(unset)", "12")),
        (
            "apiVersion: install.istio.io/v1alpha1\nkind: IstioOperator\nspec: {}",
            Key("install.istio.io", "IstioOperator", "(unset)", "(unnamed)"),
        ),
        ("meshConfig: {accessLogFile: /dev/stdout}", Key("", "HelmValues", "", "a.yaml")),
        ("istiod: {meshConfig: {}}", Key("", "HelmValues", "", "a.yaml")),
    ],
)
def test_keys(one: Callable[[str], Resource], text: str, key: Key) -> None:
    assert one(text).key == key


@pytest.mark.parametrize(
    "text",
    [
        "apiVersion: v1\nkind: Service\nmetadata: {labels: {a: b}}",
        "apiVersion: v1\nkind: Service",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}",
        "apiVersion: example.com/v1\nkind: Service\nmetadata: {name: a}",
        "kind: Service\nmetadata: {name: a}",
        "apiVersion: 1\nkind: Service\nmetadata: {name: a}",
        "meshConfig: text",
        "image: {tag: v1}",
        "- a\n- b",
        "text",
    ],
)
def test_everything_else_is_counted(documents: Callable[[dict[str, str]], list[Document]], text: str) -> None:
    found = resources(documents({"a.yaml": f"{SERVICE}---\n{text}\n"}), lambda _: None)
    assert [resource.name for resource in found.resources] == ["cart"]
    assert found.ignored == 1


def test_namespace_of_the_file_is_for_objects_without_one(
    documents: Callable[[dict[str, str]], list[Document]],
) -> None:
    text = f"{SERVICE}---\napiVersion: v1\nkind: Service\nmetadata: {{name: cart}}\n"
    found = resources(documents({"a.yaml": text}), lambda file: f"of-{file.name}").resources
    assert [resource.namespace for resource in found] == ["shop", "of-a.yaml"]


def test_items_of_lists_are_objects_in_their_own_place(objects: Callable[[dict[str, str]], list[Resource]]) -> None:
    text = """\
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Service
  metadata:
    name: first
- apiVersion: v1
  kind: ConfigMapList
  items:
  - apiVersion: v1
    kind: ConfigMap
    metadata: {name: second}
- apiVersion: v1
  kind: Secret
  metadata: {name: third}
"""
    first, second = objects({"a.yaml": text})
    assert (first.kind, first.name) == ("Service", "first")
    assert first.at("metadata", "name").span == Span(7, 11, 7, 16)
    assert (second.kind, second.name) == ("ConfigMap", "second")
    assert second.at("metadata", "name").span == Span(13, 22, 13, 28)


def test_input_order_is_kept(objects: Callable[[dict[str, str]], list[Resource]]) -> None:
    files = {"b.yaml": f"{SERVICE}---\n{SERVICE.replace('cart', 'till')}", "a.yaml": SERVICE.replace("cart", "shelf")}
    assert [resource.name for resource in objects(files)] == ["cart", "till", "shelf"]
