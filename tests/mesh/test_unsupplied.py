"""What policies name although nothing of its namespace is in the input."""

from __future__ import annotations

import pytest

from .conftest import line_of, mesh_of

APP = "{matchLabels: {app: llama}}"
NAMED = {
    "a selector": (f"AuthorizationPolicy ml/a\nspec: {{selector: {APP}}}\n", [("ml", "app=llama", "")]),
    "two labels": (
        "Telemetry ml/a\nspec: {selector: {matchLabels: {app: llama, version: v1}}}\n",
        [("ml", "app=llama,version=v1", "")],
    ),
    "a Sidecar": ("Sidecar ml/a\nspec: {workloadSelector: {labels: {app: llama}}}\n", [("ml", "app=llama", "")]),
    "for the whole namespace": ("PeerAuthentication ml/a\nspec: {mtls: {mode: STRICT}}\n", []),
    "for the whole mesh": (f"AuthorizationPolicy istio-system/a\nspec: {{selector: {APP}}}\n", []),
    "for nobody": (f"PeerAuthentication istio-system/a\nspec: {{selector: {APP}}}\n", []),
    "of the root namespace alone": (
        f"Telemetry istio-system/a\nspec: {{selector: {APP}}}\n",
        [("istio-system", "app=llama", "")],
    ),
    "a DestinationRule": ("DestinationRule ml/a\nspec: {host: llama}\n", [("ml", "", "llama")]),
    "a host of another namespace": (
        "DestinationRule rag/a\nspec: {host: llama.ml.svc.cluster.local}\n",
        [("ml", "", "llama")],
    ),
    "hosts and destinations": (
        "VirtualService ml/a\nspec: {hosts: [llama, a.io], http: [{route: [{destination: {host: tei.rag.svc.cluster.local}}]}]}\n",
        [("ml", "", "llama"), ("rag", "", "tei")],
    ),
    "hosts outside and wildcards": ("DestinationRule ml/a\nspec: {host: '*.ml.svc.cluster.local'}\n", []),
    "a namespace that another tool fills in": (
        "DestinationRule ml/a\nspec: {host: dex.dex_namespace.svc.cluster.local}\n",
        [],
    ),
    "the API server": ("DestinationRule ml/a\nspec: {host: kubernetes.default.svc.cluster.local}\n", []),
    "istiod": ("DestinationRule ml/a\nspec: {host: istiod.istio-system.svc.cluster.local}\n", []),
    "istiod of a revision": ("DestinationRule istio-system/a\nspec: {host: istiod-canary}\n", []),
    "an istiod elsewhere": ("DestinationRule ml/a\nspec: {host: istiod}\n", [("ml", "", "istiod")]),
    "a host that a ServiceEntry declares": (
        "DestinationRule ml/a\nspec: {host: llama}\n---\nServiceEntry ml/b\nspec: {hosts: [llama.ml.svc.cluster.local]}\n",
        [],
    ),
    "a host that no ServiceEntry declares": (
        "DestinationRule ml/a\nspec: {host: llama}\n---\nServiceEntry ml/b\nspec: {hosts: [tei.ml.svc.cluster.local]}\n",
        [("ml", "", "llama")],
    ),
    "a Service without a namespace": ("DestinationRule ml/a\nspec: {host: llama}\n---\nService llama\nspec: {}\n", []),
    "another Service without a namespace": (
        "DestinationRule ml/a\nspec: {host: llama}\n---\nService tei\nspec: {}\n",
        [("ml", "", "llama")],
    ),
    "pods without a namespace": (
        f"AuthorizationPolicy ml/a\nspec: {{selector: {APP}}}\n---\nPod x {{labels: {{app: llama}}}}\nspec: {{containers: []}}\n",
        [],
    ),
    "other pods without a namespace": (
        f"AuthorizationPolicy ml/a\nspec: {{selector: {APP}}}\n---\nPod x {{labels: {{app: tei}}}}\nspec: {{containers: []}}\n",
        [("ml", "app=llama", "")],
    ),
    "a Service of the namespace": ("DestinationRule ml/a\nspec: {host: llama}\n---\nService ml/other\nspec: {}\n", []),
    "a pod of the namespace": (
        f"AuthorizationPolicy ml/a\nspec: {{selector: {APP}}}\n---\nPod ml/other\nspec: {{containers: []}}\n",
        [],
    ),
    "pods that istiod makes for a Gateway": (
        "Telemetry ml/a\nspec: {selector: {matchLabels: {gateway.networking.k8s.io/gateway-name: edge}}}\n---\n"
        "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {name: edge, namespace: ml}\n",
        [],
    ),
}


@pytest.mark.parametrize("text, expected", NAMED.values(), ids=NAMED)
def test_unsupplied(text: str, expected: list[tuple[str, str, str]]) -> None:
    assert [(u.namespace, u.labels, u.host) for u in mesh_of(text).unsupplied] == expected


def test_each_is_where_it_is_named() -> None:
    text = """
DestinationRule ml/a
spec:
  host: llama
---
AuthorizationPolicy rag/a
spec:
  selector:
    matchLabels: {app: index}
"""
    assert [line_of(u.location) for u in mesh_of(text).unsupplied] == [["host: llama"], ["selector:"]]
