"""The clocks of an object that admission wants to run a millisecond or more (semantics §2.6, §3.4).

Mirrors `agent/validation.go ValidateDuration` and its callers, which the rules of the CRDs repeat.
"""

from __future__ import annotations

from collections.abc import Iterator

from ...resource.resource import Resource
from ...source.document import Path

_POOL: tuple[Path, ...] = (("http", "idleTimeout"), ("tcp", "connectTimeout"), ("tcp", "maxConnectionDuration"))
"""Without `tcp.idleTimeout`, which zero switches off: only early patches of Istio 1.23 to 1.25 refused that."""


def never_zero(resource: Resource) -> Iterator[Path]:
    """Where a VirtualService, DestinationRule or Sidecar may have a clock that must not be zero."""
    if resource.kind == "VirtualService":
        for index in range(len(resource.items("spec", "http"))):
            yield ("spec", "http", index, "timeout")
            yield ("spec", "http", index, "retries", "perTryTimeout")
    for pool in _connection_pools(resource):
        for clock in _POOL:
            yield (*pool, *clock)


def _connection_pools(resource: Resource) -> Iterator[Path]:
    if resource.kind == "Sidecar":
        yield ("spec", "inboundConnectionPool")
        for index in range(len(resource.items("spec", "ingress"))):
            yield ("spec", "ingress", index, "connectionPool")
    if resource.kind == "DestinationRule":
        subsets = range(len(resource.items("spec", "subsets")))
        for owner in (("spec",), *(("spec", "subsets", index) for index in subsets)):
            policy = (*owner, "trafficPolicy")
            yield (*policy, "connectionPool")
            for index in range(len(resource.items(*policy, "portLevelSettings"))):
                yield (*policy, "portLevelSettings", index, "connectionPool")
