"""Where an object may have a clock that must not be zero."""

from __future__ import annotations

from meshlint.mesh.istio.clocks import never_zero
from meshlint.source.document import pointer

from .conftest import mesh_of

POOL = "connectionPool: {}"
CLOCKS = ["http.idleTimeout", "tcp.connectTimeout", "tcp.maxConnectionDuration"]


def places(text: str) -> list[str]:
    (resource,) = mesh_of(text).inventory.resources
    return [pointer(path) for path in never_zero(resource)]


def test_routes() -> None:
    text = "VirtualService shop/cart\nspec: {http: [{}, {}], tcp: [{}]}"
    assert places(text) == [
        "spec.http[0].timeout",
        "spec.http[0].retries.perTryTimeout",
        "spec.http[1].timeout",
        "spec.http[1].retries.perTryTimeout",
    ]


def test_every_connection_pool_of_a_destination_rule() -> None:
    policy = f"{{{POOL}, portLevelSettings: [{{{POOL}}}]}}"
    text = f"DestinationRule shop/cart\nspec: {{trafficPolicy: {policy}, subsets: [{{trafficPolicy: {policy}}}]}}"
    assert places(text) == [
        f"{owner}.{clock}"
        for owner in [
            "spec.trafficPolicy.connectionPool",
            "spec.trafficPolicy.portLevelSettings[0].connectionPool",
            "spec.subsets[0].trafficPolicy.connectionPool",
            "spec.subsets[0].trafficPolicy.portLevelSettings[0].connectionPool",
        ]
        for clock in CLOCKS
    ]


def test_every_connection_pool_of_a_sidecar() -> None:
    text = f"Sidecar shop/cart\nspec: {{inboundConnectionPool: {{}}, ingress: [{{{POOL}}}]}}"
    owners = ["spec.inboundConnectionPool", "spec.ingress[0].connectionPool"]
    assert places(text) == [f"{owner}.{clock}" for owner in owners for clock in CLOCKS]
