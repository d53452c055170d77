"""Which ServiceEntries clients see.

Mirrors istiod's `pilot/pkg/model/push_context.go serviceExportTo`, `serviceentry_visibility.go VisibilityFor` and the import
of hosts by a Sidecar (`sidecar.go`).
"""

from __future__ import annotations

import pytest

from .conftest import mesh_of

NAMESPACES = "Namespace shop {labels: {team: a}}\n---\nNamespace egress {labels: {team: b}}\n---\n"


def entry(more: str = "", host: str = "api.example.com", name: str = "egress/api") -> str:
    return (
        f"ServiceEntry {name}\nspec: {{hosts: ['{host}'], ports: [{{number: 443, name: tls, protocol: TLS}}]{more}}}\n"
    )


def sidecar(hosts: str, selector: str = "", name: str = "shop/default") -> str:
    return f"---\nSidecar {name}\nspec: {{{selector}egress: [{{hosts: [{hosts}]}}]}}\n"


def config(text: str) -> str:
    return f"---\nConfigMap istio-system/istio\ndata:\n  mesh: |\n    {text}\n"


def capped(more: str, sidecars: bool = True) -> str:
    applies = "applyToSidecars: true, " if sidecars else ""
    return config(f"serviceEntryVisibility: {{{applies}{more}}}")


OF_CART = "workloadSelector: {labels: {app: cart}}, "
OF_EGRESS = "matchingRules: [{namespaceSelector: {matchLabels: {team: b}}}]"
SEEN: dict[str, tuple[str, bool, bool]] = {
    "by default": (entry(), True, True),
    "its own namespace only": (entry(", exportTo: [.]"), False, True),
    "another namespace only": (entry(", exportTo: [shop]"), True, False),
    "nobody": (entry(", exportTo: ['~']"), False, False),
    "the mesh's default": (entry() + config("defaultServiceExportTo: ['.']"), False, True),
    "a Sidecar that imports it": (entry() + sidecar("egress/*"), True, True),
    "a Sidecar that imports others": (entry() + sidecar("./*"), False, True),
    "a Sidecar that imports the host": (entry() + sidecar("'*/api.example.com'"), True, True),
    "a Sidecar that imports another host": (entry() + sidecar("'*/www.example.com'"), False, True),
    "a Sidecar of other workloads": (entry() + sidecar("./*", "workloadSelector: {labels: {app: x}}, "), True, True),
    "the Sidecar of the workload": (entry() + sidecar("./*") + sidecar("egress/*", OF_CART, "shop/cart"), True, True),
    "private by visibility": (entry() + capped("defaultVisibility: NAMESPACE"), False, True),
    "hidden by visibility": (entry() + capped("defaultVisibility: NONE"), False, False),
    "private by visibility, exported elsewhere": (
        entry(", exportTo: [shop]") + capped("defaultVisibility: NAMESPACE"),
        False,
        False,
    ),
    "visibility that sidecars do not read": (entry() + capped("defaultVisibility: NONE", sidecars=False), True, True),
    "the policy of its namespace": (
        entry() + capped(f"defaultVisibility: NONE, policies: [{{{OF_EGRESS}, visibility: PUBLIC}}]"),
        True,
        True,
    ),
    "the policy of another namespace": (
        entry() + capped(f"policies: [{{{OF_EGRESS.replace('team: b', 'team: a')}, visibility: NONE}}]"),
        True,
        True,
    ),
}


@pytest.mark.parametrize("text, shop, egress", SEEN.values(), ids=SEEN)
def test_seen(text: str, shop: bool, egress: bool) -> None:
    entries = mesh_of(NAMESPACES + text).service_entries
    seen = [bool(entries.covering("api.example.com", client, {"app": "cart"})) for client in ("shop", "egress")]
    assert seen == [shop, egress]


def test_visibility_came_with_1_31() -> None:
    text = NAMESPACES + entry() + capped("defaultVisibility: NONE")
    assert mesh_of(text, istio_version=(1, 30)).service_entries.covering("api.example.com", "shop")


@pytest.mark.parametrize(
    ("declared", "host", "covered"),
    [
        ("api.example.com", "API.example.com", True),
        ("*.example.com", "api.example.com", True),
        ("*.example.com", "*.example.com", True),
        ("*.com", "*.example.com", True),
        ("api.example.com", "*.example.com", False),
        ("*.api.example.com", "*.example.com", False),
        ("*.example.com", "example.com", False),
    ],
)
def test_covering(declared: str, host: str, covered: bool) -> None:
    found = mesh_of(NAMESPACES + entry(host=declared)).service_entries.covering(host, "shop")
    assert [d.host for d in found] == ([declared] if covered else [])
