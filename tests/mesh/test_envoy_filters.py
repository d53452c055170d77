"""For which proxies the patches of an EnvoyFilter are (`model/envoyfilter.go proxyMatch`)."""

from __future__ import annotations

import pytest

from .conftest import mesh_of

MESH = """
Namespace shop {labels: {istio-injection: enabled}}
---
Deployment shop/cart
spec:
  template:
    metadata: {labels: {app: cart}}
    spec: {containers: [{name: app, image: app}]}
---
EnvoyFilter shop/strip
spec:
  configPatches:
  - applyTo: CLUSTER
    match: {proxy: {proxyVersion: 'PATTERN'}}
    patch: {operation: REMOVE}
"""


@pytest.mark.parametrize(
    ("pattern", "version", "met"),
    [
        (r"^1\.2.*", (1, 32), False),
        (r"^1\.2.*", (1, 25), True),
        (r"^1\.32\.1$", (1, 32), True),
        (r"^1\.31\..*", (1, 32), False),
        (r"^1\.(31|32)\..*", (1, 31), True),
        (r"^1\.3", (1, 30), True),
    ],
)
def test_versions_that_a_pattern_may_mean(pattern: str, version: tuple[int, int], met: bool) -> None:
    """A pattern that names no version is taken to match, so that what it changes is not claimed."""
    istiod = mesh_of(MESH.replace("PATTERN", pattern), istio_version=version).istiod
    (proxy,) = istiod.proxies
    assert [str(patch) for patch in istiod.envoy_filters.of(proxy)] == ["EnvoyFilter shop/strip changes it"] * met
