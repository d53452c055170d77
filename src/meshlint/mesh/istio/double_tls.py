"""TLS inside TLS: where a proxy encrypts calls that leave the mesh encrypted already (semantics §7.3).

The protocol of a ServiceEntry's port tells what applications send, the DestinationRule what the proxy adds; istiod does not
compare the two (`core/cluster_tls.go buildUpstreamClusterTLSContext`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from ...resource.inventory import Inventory
from ...resource.kinds import DESTINATION_RULE
from ...resource.match import ServicePort, entry_ports
from ...resource.resource import Resource
from ..effective import Effective
from ..subjects import Declared, Host, Route
from ..workloads import Workloads
from .destinations import DestinationRules, Merged
from .entries import ServiceEntries, is_external
from .xds.traffic_policy import Block, traffic_policy

_ENCRYPTED = ("tls", "https")
_MODES = ("SIMPLE", "MUTUAL", "ISTIO_MUTUAL")


class DoubleTls(NamedTuple):
    """A tls block of `rule` that encrypts again what applications send to a port. `ground` is the merged rule with which some
    clients get it.
    """

    declared: Declared
    port: ServicePort
    rule: Resource
    block: Block
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
    ) -> None:
        self._inventory = inventory
        self._rules = rules
        self._entries = entries
        self._owners = {id(rule.document): rule for rule in inventory.all(DESTINATION_RULE)}
        self._proxied = {w.namespace for w in workloads.all if w.has_sidecar}
        self._clients = sorted(self._proxied)
        self._originated = {(d.host, d.port) for route in routes if route.mesh for d in route.destinations}
        self._led_by_gateways = {d.host for route in routes if route.gateway for d in route.destinations}

    def of(self, host: Host) -> Iterator[DoubleTls]:
        """Every block that does it for some client of a host, once for each port.

        Where an http route of sidecars leads to the port, what arrives there is plaintext, and the block is what it needs.
        """
        declared = [d for d in self._entries.meeting(host.name) if d.host == host.name and is_external(d.entry)]
        clients = [(one, list(self._clients_of(one))) for one in declared if self._holders(host.name)]
        for one, namespaces in clients:
            for port in entry_ports(one.entry):
                if port.protocol in _ENCRYPTED and (host.name, port.number) not in self._originated:
                    yield from self._on_port(one, port, namespaces)

    def _on_port(self, declared: Declared, port: ServicePort, clients: Sequence[str]) -> Iterator[DoubleTls]:
        found: dict[object, DoubleTls] = {}
        for client in clients:
            for merged in self._rules.for_clients(client, declared.host):
                for ground, block in _encrypting(merged, port.number):
                    rule = self._owners[id(block.location.document)]
                    if not _is_left_out(rule, block):
                        known = found.get(block.location)
                        if known is None or known.ground.basis.confidence < ground.basis.confidence:
                            found[block.location] = DoubleTls(declared, port, rule, block, ground)
        yield from found.values()

    def _clients_of(self, declared: Declared) -> Iterator[str]:
        """The namespaces with sidecars that see a host, and those of the objects where nothing is known to run there.

        Of those for which no rule is special, and which get the same, the first stands for all.
        """
        silent = {declared.entry.namespace, *self._holders(declared.host)} - self._proxied
        if declared.host in self._led_by_gateways:
            silent = set()
        quiet = sorted(namespace for namespace in silent if not self._inventory.pods_in(namespace))
        special, others = self._rules.clients(declared.host), False
        for client in (*self._clients, *quiet):
            if (client in special or not others) and self._entries.sees(client, declared):
                others = others or client not in special
                yield client

    def _holders(self, host: str) -> set[str]:
        """The namespaces of the rules that anybody gets for a host."""
        outcomes = [one.value for merged in self._rules.outcomes(host) for one in merged.candidates or (merged,)]
        return {rule.namespace for one in outcomes if one for rule in one.rules}


def _encrypting(merged: Effective[Merged | None], port: int) -> Iterator[tuple[Effective[Merged | None], Block]]:
    """The outcomes that encrypt calls to a port, without a subset and to each one, with the block that does it."""
    outcomes = [outcome.value for outcome in merged.candidates or (merged,)]
    subsets = dict.fromkeys(name for one in outcomes if one for name, _, _ in one.subsets)
    for subset in ("", *subsets):
        for ground in merged.fitting(partial(_encrypts, port, subset)):
            block = _block(port, subset, ground.value)
            if block:
                yield ground, block


def _encrypts(port: int, subset: str, merged: Merged | None) -> bool:
    return _block(port, subset, merged) is not None


def _block(port: int, subset: str, merged: Merged | None) -> Block | None:
    block = traffic_policy(merged, port, subset).tls.value
    return block if block and block.get("mode") in _MODES else None


def _is_left_out(rule: Resource, block: Block) -> bool:
    """Whether sidecars send plaintext all the same: they read credentialName only from a rule with a workloadSelector."""
    name = block.get("credentialName")
    return (
        isinstance(name, str) and not name.startswith("configmap://") and not rule.mapping("spec", "workloadSelector")
    )
