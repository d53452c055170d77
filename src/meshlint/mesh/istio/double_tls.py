"""TLS inside TLS: where a proxy encrypts calls that leave the mesh encrypted already (semantics §7.3).

The protocol of a ServiceEntry's port tells what applications send, the DestinationRule what the proxy adds; istiod does not
compare the two (`core/cluster_tls.go buildUpstreamClusterTLSContext`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from ...resource.inventory import Inventory
from ...resource.match import resolve, subset_of
from ...resource.resource import Resource, each, get
from ...source.document import Location
from ..effective import Effective
from ..subjects import DataPlane, Declared, Route
from ..workloads import Workloads
from .destinations import DestinationRules, Merged, tls_blocks
from .entries import ServiceEntries, encrypted_ports, is_external

MODES = ("SIMPLE", "MUTUAL", "ISTIO_MUTUAL")


class DoubleTls(NamedTuple):
    """A tls block that encrypts again what applications send to a port. `spoken` is the place of the port's protocol.

    `ground` is the merged rule with which some clients get the block.
    """

    declared: Declared
    port: int
    spoken: Location
    block: Location
    mode: str
    ground: Effective[Merged | None]


class DoubleEncryption:
    """Finds TLS inside TLS in what sidecars send to hosts outside the mesh."""

    def __init__(
        self,
        inventory: Inventory,
        rules: DestinationRules,
        entries: ServiceEntries,
        workloads: Workloads,
        routes: Sequence[Route],
        domain: str,
    ) -> None:
        self._inventory = inventory
        self._rules = rules
        self._entries = entries
        self._domain = domain
        in_sidecars = (w for w in workloads.all if w.in_mesh.value and w.data_plane.value in _SIDECARS)
        self._clients = sorted({w.namespace for w in in_sidecars})
        self._originated = {(d.host, d.port) for route in routes if route.mesh for d in route.destinations}
        self._led_by_gateways = {d.host for route in routes if route.gateway for d in route.destinations}

    def of(self, rule: Resource) -> Iterator[DoubleTls]:
        """The blocks of one DestinationRule that do it for some client, one for each host and port.

        Where an http route of sidecars leads to the port, what arrives there is plaintext and the block is what it needs.
        """
        pattern = rule.get("spec", "host")
        if not isinstance(pattern, str) or not _has_tls(rule):
            return
        pattern = resolve(pattern, rule.namespace, self._domain).lower()
        for declared in self._entries.meeting(pattern):
            if is_external(declared.entry) and subset_of(declared.host, pattern):
                for port, spoken in encrypted_ports(declared.entry):
                    if (declared.host, port) not in self._originated:
                        yield from self._on_port(rule, declared, port, spoken)

    def _on_port(self, rule: Resource, declared: Declared, port: int, spoken: Location) -> Iterator[DoubleTls]:
        grounds: dict[Location, list[Effective[Merged | None]]] = defaultdict(list)
        for client in self._clients_of(declared, rule):
            merged = self._rules.for_client(client, declared.host)
            outcomes = (outcome.value for outcome in merged.candidates or (merged,))
            for block in dict.fromkeys(block for one in outcomes if one for block in tls_blocks(one, port)):
                ground = merged.holds(partial(_has_block, block, port))
                if ground and block.document is rule.document and not _left_out(rule, block):
                    grounds[block].append(ground)
        for block, found in grounds.items():
            mode = get(rule.document.data, *block.path, "mode")
            if mode in MODES:
                surest = max(found, key=lambda ground: ground.basis.confidence)
                yield DoubleTls(declared, port, spoken, block, mode, surest)

    def _clients_of(self, declared: Declared, rule: Resource) -> Iterator[str]:
        """The namespaces with sidecars that see a host, and those of the objects where nothing is known to run there."""
        silent = {declared.entry.namespace, rule.namespace} - set(self._clients)
        if declared.host in self._led_by_gateways:
            silent = set()
        for client in (*self._clients, *sorted(ns for ns in silent if not self._inventory.pods_in(ns))):
            if self._entries.sees(client, declared):
                yield client


_SIDECARS = (DataPlane.SIDECAR, DataPlane.UNKNOWN)


def _has_tls(rule: Resource) -> bool:
    policies = [rule.get("spec", "trafficPolicy"), *(get(s, "trafficPolicy") for s in rule.items("spec", "subsets"))]
    levels = [*policies, *(entry for policy in policies for entry in each(policy, "portLevelSettings"))]
    return any(isinstance(get(level, "tls"), dict) for level in levels)


def _has_block(block: Location, port: int, merged: Merged | None) -> bool:
    return merged is not None and block in tls_blocks(merged, port)


def _left_out(rule: Resource, block: Location) -> bool:
    """Whether sidecars send plaintext all the same: they read credentialName only from a rule with a workloadSelector."""
    name = get(rule.document.data, *block.path, "credentialName")
    return (
        isinstance(name, str) and not name.startswith("configmap://") and not rule.mapping("spec", "workloadSelector")
    )
