"""Why a server's own proxy has the limits it has: `core/cluster_builder.go buildInboundCluster`. The values are in tests/conformance."""

from __future__ import annotations

import pytest

from meshlint.mesh.istio.xds.limits import Pool

from .conftest import assert_decides, mesh_of

SHOP = """
Namespace shop {labels: {istio-injection: enabled}}
---
Deployment shop/cart
spec:
  template:
    metadata: {labels: {app: cart}}
    spec: {containers: [{name: c, image: cart}]}
---
Service shop/cart
spec:
  selector: {app: cart}
  ports: [{name: http, port: 80, targetPort: 8080}]
---
DestinationRule shop/cart
spec:
  host: cart
  trafficPolicy:
    connectionPool:
      tcp:
        maxConnections: 1{RULE}
---
"""

LIMITS = {
    "the rule of the service": ("", 1, " # <-"),
    "the pool of the Sidecar, for every port": (
        """
Sidecar shop/default
spec:
  inboundConnectionPool:
    tcp:
      maxConnections: 2 # <-
""",
        2,
        "",
    ),
    "the pool of the entry for the port": (
        """
Sidecar shop/default
spec:
  ingress:
    - port: {number: 8080, name: http, protocol: HTTP}
      connectionPool:
        tcp:
          maxConnections: 3 # <-
  inboundConnectionPool: {tcp: {maxConnections: 2}}
""",
        3,
        "",
    ),
}


@pytest.mark.parametrize(("more", "expected", "mark"), LIMITS.values(), ids=LIMITS)
def test_limits_name_the_place_that_decides(more: str, expected: int, mark: str) -> None:
    text = SHOP.replace("{RULE}", mark) + more
    limits = pool_of(text, 8080)
    assert limits.max_connections.value == expected
    assert_decides(limits.max_connections, text)


def test_a_sidecars_pool_says_what_it_replaces() -> None:
    text = SHOP.replace("{RULE}", "") + "Sidecar shop/default\nspec: {inboundConnectionPool: {http: {maxRetries: 2}}}\n"
    reasons = [reason.text for reason in pool_of(text, 8080).max_retries.because]
    assert reasons == [
        "DestinationRule shop/cart has connectionPool",
        "Sidecar shop/default has its own pool for what comes in",
        "maxRetries is 2",
    ]


def pool_of(text: str, port: int) -> Pool:
    mesh = mesh_of(text)
    (proxy,) = mesh.istiod.proxies
    limits = mesh.istiod.inbound(proxy)[port].limits
    assert limits is not None
    return limits.pool
