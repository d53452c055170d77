"""Which VirtualService a host's clients get, and which one loses it.

Mirrors istiod's `pilot/pkg/model/virtualservice.go SelectVirtualServices` (buckets, order) and
`core/httproute.go BuildSidecarOutboundVirtualHosts` (the first that has a route takes the host whole).
"""

from __future__ import annotations

import pytest

from meshlint.mesh.effective import Basis
from meshlint.mesh.subjects import Claim

from .conftest import assert_decides, created, host_of, line_of, marked, mesh_of

CART = "cart.shop.svc.cluster.local"
NAMESPACES = "".join(f"---\nNamespace {name}\n" for name in ("shop", "bank"))
EVERYBODY = ("shop", "*")


def claim(name: str, *fields: str, meta: str = "", match: str = "", host: str = CART, mark: str = "") -> str:
    """A VirtualService that claims a host with one http rule; one field a line."""
    lines = [f"hosts: [{host}]{mark}", *fields, f"http: [{{{match and f'match: [{match}], '}route: []}}]"]
    body = "".join(f"  {line}\n" for line in lines)
    return f"---\nVirtualService {name}{meta and ' ' + meta}\nspec:\n{body}"


def name_of(found: Claim | None) -> str | None:
    return f"{found.resource.namespace}/{found.resource.name}" if found else None


WINNERS = {
    "one": (claim("shop/a", mark=" # <-"), "bank", "shop/a"),
    "the older": (
        claim("shop/a", meta=created(2)) + claim("shop/b", meta=created(1), mark=" # <-"),
        "bank",
        "shop/b",
    ),
    "one second: the name": (
        claim("shop/b", meta=created(1)) + claim("shop/a", meta=created(1), mark=" # <-"),
        "bank",
        "shop/a",
    ),
    "one second and one name: the namespace": (
        claim("shop/a", meta=created(1)) + claim("bank/a", meta=created(1), mark=" # <-"),
        "bank",
        "bank/a",
    ),
    "a younger private one before an older public one": (
        claim("shop/a", meta=created(1)) + claim("bank/b", "exportTo: [.]", meta=created(2), mark=" # <-"),
        "bank",
        "bank/b",
    ),
    "but not for others": (
        claim("shop/a", meta=created(1), mark=" # <-") + claim("bank/b", "exportTo: [.]", meta=created(2)),
        "shop",
        "shop/a",
    ),
    "named before public": (
        claim("shop/a", meta=created(1)) + claim("shop/b", "exportTo: [bank]", meta=created(2), mark=" # <-"),
        "bank",
        "shop/b",
    ),
    "private before named": (
        claim("shop/a", "exportTo: [bank]", meta=created(1))
        + claim("bank/b", "exportTo: [.]", meta=created(2), mark=" # <-"),
        "bank",
        "bank/b",
    ),
    "its own name is private, too": (
        claim("shop/a", meta=created(1)) + claim("bank/b", "exportTo: [bank]", meta=created(2), mark=" # <-"),
        "bank",
        "bank/b",
    ),
    "exported elsewhere only": (claim("shop/a", "exportTo: [bank]"), "shop", None),
    "the default export of the mesh": (
        claim("shop/a") + '---\nConfigMap istio-system/istio\ndata: {mesh: "defaultVirtualServiceExportTo: [.]"}\n',
        "bank",
        None,
    ),
    "only for gateways": (
        claim("shop/b", "gateways: [mesh]", mark=" # <-") + claim("shop/a", "gateways: [edge]"),
        "bank",
        "shop/b",
    ),
    "no route for clients of other namespaces": (
        claim("shop/a", match="{sourceNamespace: shop}") + claim("shop/b", mark=" # <-"),
        "bank",
        "shop/b",
    ),
    "gateways in a match switch its sourceNamespace off": (
        claim(
            "shop/a",
            "gateways: [mesh]",
            meta=created(1),
            match="{sourceNamespace: shop, gateways: [mesh]}",
            mark=" # <-",
        )
        + claim("shop/b", meta=created(2)),
        "bank",
        "shop/a",
    ),
    "no route at all": (
        claim("shop/a", "gateways: [mesh, edge]", match="{gateways: [edge]}") + claim("shop/b", mark=" # <-"),
        "bank",
        "shop/b",
    ),
    "the Sidecar does not import it": (
        claim("shop/a") + "---\nSidecar bank/default\nspec: {egress: [{hosts: [./*]}]}\n",
        "bank",
        None,
    ),
    "the Sidecar imports it by host": (
        claim("shop/a", mark=" # <-") + f"---\nSidecar bank/default\nspec: {{egress: [{{hosts: [shop/{CART}]}}]}}\n",
        "bank",
        "shop/a",
    ),
    "the Sidecar imports it by a wildcard": (
        claim("shop/a", mark=" # <-") + "---\nSidecar bank/default\nspec: {egress: [{hosts: ['*/*.local']}]}\n",
        "bank",
        "shop/a",
    ),
    "a Sidecar without egress imports all": (
        claim("shop/a", mark=" # <-") + "---\nSidecar bank/default\nspec: {outboundTrafficPolicy: {}}\n",
        "bank",
        "shop/a",
    ),
    "the root namespace's Sidecar": (
        claim("shop/a") + "---\nSidecar istio-system/default\nspec: {egress: [{hosts: [./*]}]}\n",
        "bank",
        None,
    ),
    "the namespace's own Sidecar goes before the root's": (
        claim("shop/a", mark=" # <-")
        + "---\nSidecar istio-system/default\nspec: {egress: [{hosts: [./*]}]}\n"
        + "---\nSidecar bank/default\nspec: {egress: [{hosts: [shop/*]}]}\n",
        "bank",
        "shop/a",
    ),
}


@pytest.mark.parametrize("text, client, expected", WINNERS.values(), ids=WINNERS)
def test_winner(text: str, client: str, expected: str | None) -> None:
    """`SelectVirtualServices`, `virtualservice_controller.go convertExportToSet`, `sidecar.go`."""
    mesh = mesh_of(NAMESPACES + text)
    found = mesh.virtual_service(client, host_of(mesh, CART))
    assert name_of(found.value) == expected
    assert found.candidates == ()
    assert_decides(found, text)


def test_a_sidecar_may_exclude_a_host() -> None:
    text = claim("shop/a") + f"---\nSidecar bank/default\nspec: {{egress: [{{hosts: ['*/*', '~shop/{CART}']}}]}}\n"
    mesh = mesh_of(NAMESPACES + text)
    assert mesh.virtual_service("bank", host_of(mesh, CART)).value is None


def test_without_ages_every_one_may_win() -> None:
    mesh = mesh_of(NAMESPACES + claim("shop/b") + claim("shop/a"))
    found = mesh.virtual_service("bank", host_of(mesh, CART))
    assert (name_of(found.value), found.basis) == ("shop/a", Basis.TIE)
    assert [name_of(c.value) for c in found.candidates] == ["shop/a", "shop/b"]


def test_one_that_is_known_to_be_younger_is_no_candidate() -> None:
    text = claim("shop/a", meta=created(2)) + claim("shop/b", meta=created(1)) + claim("shop/c")
    mesh = mesh_of(NAMESPACES + text)
    found = mesh.virtual_service("bank", host_of(mesh, CART))
    assert [name_of(c.value) for c in found.candidates] == ["shop/b", "shop/c"]


HOSTS = {
    "short": ("cart", "shop", CART),
    "full": (CART, "bank", CART),
    "name and namespace": ("cart.shop", "shop", "cart.shop"),
    "external": ("api.example.com", "shop", "api.example.com"),
    "capitals": ("API.Example.com", "shop", "api.example.com"),
    "wildcard": ("'*.example.com'", "shop", "*.example.com"),
}


@pytest.mark.parametrize("written, namespace, resolved", HOSTS.values(), ids=HOSTS)
def test_a_host_is_that_of_the_object_s_namespace(written: str, namespace: str, resolved: str) -> None:
    """`virtualservice.go ResolveVirtualServiceShortnames`."""
    assert [host.name for host in mesh_of(claim(f"{namespace}/a", host=written)).hosts] == [resolved]


# ---- shadows ---------------------------------------------------------------------------------------------------------

Expected = list[tuple[str, str, tuple[str, ...], bool]]
A, B = "{sourceLabels: {app: a}}", "{sourceLabels: {app: b}}"

SHADOWS: dict[str, tuple[str, Expected]] = {
    "one": (claim("shop/a"), []),
    "the younger": (
        claim("shop/a", meta=created(2)) + claim("shop/b", meta=created(1)),
        [("shop/b", "shop/a", EVERYBODY, True)],
    ),
    "without ages: not certain": (
        claim("shop/b") + claim("shop/a"),
        [("shop/a", "shop/b", EVERYBODY, False)],
    ),
    "three: each with the first it loses to": (
        claim("shop/a", meta=created(1)) + claim("shop/b", meta=created(2)) + claim("shop/c", meta=created(3)),
        [
            ("shop/a", "shop/b", EVERYBODY, True),
            ("shop/a", "shop/c", EVERYBODY, True),
        ],
    ),
    "short and full name are one host": (
        claim("shop/a", host="cart", meta=created(1)) + claim("bank/b", meta=created(2)),
        [("shop/a", "bank/b", ("bank", *EVERYBODY), True)],
    ),
    "the bucket, whatever the ages": (
        claim("shop/a") + claim("bank/b", "exportTo: [.]"),
        [("bank/b", "shop/a", ("bank",), True)],
    ),
    "a namespace that is named": (
        claim("shop/a") + claim("shop/b", "exportTo: [bank]"),
        [("shop/b", "shop/a", ("bank",), True)],
    ),
    "seen by different namespaces": (
        claim("shop/a", "exportTo: [.]") + claim("bank/b", "exportTo: [.]"),
        [],
    ),
    "one is for gateways": (claim("shop/a") + claim("shop/b", "gateways: [edge]"), []),
    "gateway and mesh": (
        claim("shop/a", meta=created(1)) + claim("shop/b", "gateways: [edge, mesh]", meta=created(2)),
        [("shop/a", "shop/b", EVERYBODY, True)],
    ),
    "matches of gateways alone claim nothing": (
        claim("shop/a") + claim("shop/b", "gateways: [edge, mesh]", match="{gateways: [edge]}"),
        [],
    ),
    "labels that exclude each other": (claim("shop/a", match=A) + claim("shop/b", match=B), []),
    "the same labels": (
        claim("shop/a", match=A, meta=created(1)) + claim("shop/b", match=A, meta=created(2)),
        [("shop/a", "shop/b", EVERYBODY, True)],
    ),
    "labels and none": (
        claim("shop/a", match=A, meta=created(1)) + claim("shop/b", meta=created(2)),
        [("shop/a", "shop/b", EVERYBODY, True)],
    ),
    "source namespaces that exclude each other": (
        claim("shop/a", match="{sourceNamespace: shop}") + claim("shop/b", match="{sourceNamespace: bank}"),
        [],
    ),
    "a source namespace and none": (
        claim("shop/a", match="{sourceNamespace: bank}", meta=created(1)) + claim("shop/b", meta=created(2)),
        [("shop/a", "shop/b", ("bank",), True)],
    ),
    "ports that exclude each other": (claim("shop/a", match="{port: 80}") + claim("shop/b", match="{port: 8080}"), []),
    "a port and none": (
        claim("shop/a", match="{port: 80}", meta=created(1)) + claim("shop/b", meta=created(2)),
        [("shop/a", "shop/b", EVERYBODY, True)],
    ),
    "http and tcp are apart": (
        claim("shop/a") + f"---\nVirtualService shop/b\nspec: {{hosts: [{CART}], tcp: [{{route: []}}]}}\n",
        [],
    ),
    "tls with one SNI": (
        "".join(
            f"---\nVirtualService shop/{name} {created(day)}\n"
            f"spec: {{hosts: [{CART}], tls: [{{match: [{{sniHosts: [{sni}]}}], route: []}}]}}\n"
            for day, (name, sni) in enumerate([("a", CART), ("b", CART)], 1)
        ),
        [("shop/a", "shop/b", EVERYBODY, True)],
    ),
    "a delegate claims nothing": (
        claim("shop/a") + "---\nVirtualService shop/delegate\nspec: {http: [{route: []}]}\n",
        [],
    ),
    "exact and wildcard are two hosts": (claim("shop/a") + claim("shop/b", host="'*.local'"), []),
    "a canary's controller keeps its own": (
        claim("shop/a") + claim("shop/b", meta="{ownerReferences: [{kind: Canary, name: cart}]}"),
        [],
    ),
    "two namespaces that the Sidecar keeps apart": (
        claim("shop/a", "exportTo: [bank]")
        + claim("bank/b", "exportTo: [.]")
        + "---\nSidecar bank/default\nspec: {egress: [{hosts: [./*]}]}\n",
        [],
    ),
}


@pytest.mark.parametrize("text, expected", SHADOWS.values(), ids=SHADOWS)
def test_shadows(text: str, expected: Expected) -> None:
    """`BuildSidecarOutboundVirtualHosts`, metric pilot_vservice_dup_domain; static matches: `route.go sourceMatchHTTP`."""
    found = host_of(mesh_of(NAMESPACES + text), CART).shadows
    shadows = [(name_of(s.winner), name_of(s.loser), s.clients, s.certain) for s in found]
    assert shadows == expected


def test_gateways_merge_so_a_host_of_gateways_alone_is_no_host_of_the_mesh() -> None:
    text = claim("shop/a", "gateways: [edge]") + claim("shop/b", "gateways: [edge]")
    assert mesh_of(NAMESPACES + text).hosts == []


def test_a_shadow_is_at_the_host_that_the_loser_names() -> None:
    text = f"""
VirtualService shop/a {created(1)}
spec: {{hosts: [cart], http: [{{route: []}}]}}
---
VirtualService shop/b {created(2)}
spec:
  hosts:
    - other
    - cart # <-
  http: [{{route: []}}]
"""
    (shadow,) = host_of(mesh_of(text), CART).shadows
    assert shadow.loser.location.pointer == "spec.hosts[1]"
    assert line_of(shadow.loser.location) == marked(text)


POD = "---\nPod shop/p {labels: {app: a, tier: x}} # <-\nspec: {containers: []}\n"


@pytest.mark.parametrize(
    "pod, basis",
    [pytest.param("", Basis.ASSUMED, id="no pod has both"), pytest.param(POD, Basis.DECLARED, id="one has")],
)
def test_labels_that_a_client_may_have_both(pod: str, basis: Basis) -> None:
    text = claim("shop/a", match=A) + claim("shop/b", match="{sourceLabels: {tier: x}}") + pod
    (shadow,) = host_of(mesh_of(NAMESPACES + text), CART).shadows
    assert shadow.overlap.basis is basis
    assert_decides(shadow.overlap, text)


def test_a_virtual_service_whose_only_delegate_has_hosts_claims_nothing() -> None:
    root = f"---\nVirtualService shop/a\nspec: {{hosts: [{CART}], http: [{{delegate: {{name: d}}}}]}}\n"
    delegate = claim("shop/d", host="d.example.com")
    assert host_of(mesh_of(NAMESPACES + root + delegate + claim("shop/b")), CART).shadows == ()


AMBIENT = """
---
Namespace shop {labels: {istio.io/dataplane-mode: ambient}}
---
Deployment shop/cart
spec: {template: {metadata: {labels: {app: cart}}, spec: {containers: [{name: cart, image: cart}]}}}
"""


@pytest.mark.parametrize(("version", "shadowed"), [((1, 30), 0), ((1, 29), 1)])
def test_waypoints_merge_since_1_30(version: tuple[int, int], shadowed: int) -> None:
    mesh = mesh_of(AMBIENT + claim("shop/a") + claim("shop/b"), istio_version=version)
    assert len(host_of(mesh, CART).shadows) == shadowed
