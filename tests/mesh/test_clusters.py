"""Clusters: the reasons of what a proxy gets, what the input cannot tell, and what older versions do.

The values are put to the real istiod in tests/fixtures/istiod/destinations.
"""

from __future__ import annotations

from typing import Any

import pytest

from meshlint.mesh.effective import UNKNOWN, Basis
from meshlint.mesh.facts.facts import facts
from meshlint.mesh.istio.xds.clusters import Cluster
from meshlint.mesh.istio.xds.upstream_tls import Tls

from .conftest import line_of, mesh_of

MESH = """\
Namespace shop {labels: {istio-injection: enabled}}
---
Service shop/cart
spec: {selector: {app: cart}, ports: [{name: http, port: 80}]}
---
Deployment shop/cart
spec: {template: {metadata: {labels: {app: cart}}, spec: {containers: [{name: app, image: app}]}}}
---
Deployment shop/web
spec: {template: {metadata: {labels: {app: web}}, spec: {containers: [{name: app, image: app}]}}}
"""


def rule(policy: str) -> str:
    return MESH + f"---\nDestinationRule shop/cart\nspec:\n  host: cart\n  trafficPolicy:\n    {policy}\n"


def clusters_of(text: str, client: str = "shop/web", **settings: Any) -> list[Cluster]:
    istiod = mesh_of(text, **settings).istiod
    proxy = next(proxy for proxy in istiod.proxies if proxy.key == client)
    return list(istiod.clusters.of(proxy, istiod.scope(proxy)))


def tls_of(text: str, **settings: Any) -> tuple[Tls, list[str], str]:
    """How the first cluster speaks, the line that decides, and why."""
    found = clusters_of(text, **settings)[0].tls
    assert isinstance(found.value, Tls)
    return found.value, line_of(found.origin), found.because[-1].text


def test_sidecars_do_not_follow_a_credential_name() -> None:
    tls, line, why = tls_of(rule("tls: {mode: SIMPLE, credentialName: provider}"))
    assert (tls.mode, line) == ("DISABLE", ["tls: {mode: SIMPLE, credentialName: provider}"])
    assert why == "sidecars do not follow the credentialName of a rule without workloadSelector: they use no TLS"


def test_mutual_without_a_certificate_comes_to_no_tls() -> None:
    tls, _, why = tls_of(rule("tls: {mode: MUTUAL}"))
    assert (tls.mode, tls.auto_sni, why) == (
        "DISABLE",
        True,
        "MUTUAL without clientCertificate and privateKey comes to no TLS",
    )


VERSIONS = {(1, 20): (None, False, False), (1, 21): ("system", True, True), (1, 32): ("system", True, True)}


@pytest.mark.parametrize("version, expected", VERSIONS.items())
def test_servers_are_verified_and_named_since_1_21(version: tuple[int, int], expected: object) -> None:
    tls, _, _ = tls_of(rule("tls: {mode: SIMPLE}"), istio_version=version)
    assert (tls.ca, tls.auto_sni, tls.auto_san) == expected


def test_a_server_that_refuses_mtls_decides() -> None:
    refuses = "---\nPeerAuthentication shop/default\nspec:\n  mtls: {mode: DISABLE}\n"
    tls, line, why = tls_of(MESH + refuses)
    assert (tls.mode, line) == ("DISABLE", ["mtls: {mode: DISABLE}"])
    assert why == "PeerAuthentication shop/default sets DISABLE for namespace shop"


def test_what_is_not_known_is_told() -> None:
    text = rule(
        "{tls: {mode: '${MODE}'}, loadBalancer: {simple: '${LB}'}, connectionPool: {http: {h2UpgradePolicy: '${H}'}}}"
    )
    cluster = clusters_of(text)[0]
    assert cluster.tls.value is cluster.http.value is cluster.balancing is UNKNOWN
    assert cluster.tls.basis is Basis.ASSUMED
    value = facts("mesh", mesh_of(text))["destinations"]["cart.shop.svc.cluster.local|80|"][0]["value"]
    assert value["tls"] == {"unknown": "tls.mode ${MODE} is not known here"}
    assert value["lb"]["policy"] == {"unknown": "simple ${LB} is not known here"}
    assert value["pool"]["http"] == {"unknown": "h2UpgradePolicy ${H} is not known here"}


def test_proxies_that_get_the_same_share_it() -> None:
    istiod = mesh_of(rule("tls: {mode: DISABLE}")).istiod
    one, other = (list(istiod.clusters.of(proxy, istiod.scope(proxy))) for proxy in istiod.proxies)
    assert one[0] is other[0]
    ((proxies, groups),) = istiod.clusters.endpoints(one[0], istiod.proxies)
    assert [proxy.key for proxy in proxies] == ["shop/cart", "shop/web"]
    assert [len(group.backends) for group in groups] == [1]
