"""Where a VirtualService leaves requests of sidecars without a route: istiod appends none to its own (semantics §2.5).

Mirrors `core/route/route.go BuildHTTPRoutesForVirtualService` and `sourceMatchHTTP`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from ...resource.inventory import Inventory
from ...resource.kinds import SERVICE, SERVICE_ENTRY, VIRTUAL_SERVICE
from ...resource.match import service_ports, split_service_host
from ...resource.resource import Resource
from ..effective import Basis
from .claims import UNCONDITIONAL, Condition, condition_of, is_for_mesh
from .entries import hosts_of, is_external
from .matches import takes_everything
from .routes import Rule
from .visibility import Visibility

_ROUTED = {None, "http", "http2", "http_proxy", "grpc", "grpc-web"}
"""Protocols of Service ports for which http rules act, None = found out by the proxy (semantics §2.1)."""


class Unmatched:
    """What the VirtualServices of a mesh leave without a route."""

    def __init__(self, inventory: Inventory, visibility: Visibility, rules: Iterable[Rule], domain: str) -> None:
        self._inventory = inventory
        self._visibility = visibility
        self._domain = domain
        self._rules: dict[int, list[Rule]] = defaultdict(list)
        for rule in rules:
            self._rules[id(rule.root)].append(rule)
        internal = (entry for entry in inventory.all(SERVICE_ENTRY) if not is_external(entry))
        self._internal = frozenset(host for entry in internal for host, _ in hosts_of(entry))

    def concerns(self, host: str) -> bool:
        """Whether a host is of the mesh and has a port for which http rules act; a Service not in the input may have one."""
        ports = self._ports(host)
        return bool(ports) if ports is not None else host.endswith(f".svc.{self._domain}") or host in self._internal

    def _ports(self, host: str) -> list[int] | None:
        """The ports of a host for which http rules act; None = its Service is not in the input."""
        service = split_service_host(host, self._domain)
        known = self._inventory.find(SERVICE, service[1], service[0]) if service else None
        return [port.number for port in service_ports(known) if port.protocol in _ROUTED] if known else None

    def gaps(self, virtual_service: Resource, host: str) -> list[Condition]:
        """The conditions under which sidecars get http rules of a VirtualService for a host, but none that takes every request.

        Where all rules redirect there is none: nobody was to get through.
        """
        rules = self._seen(virtual_service)
        if all(rule.field("redirect") for rule in rules):
            return []
        taken = list(_taken(rules))
        catch_alls = [condition for condition, everything in taken if everything]
        found = (gap for condition, _ in taken for gap in _left(condition, catch_alls, self._ports(host)))
        return list(dict.fromkeys(found))

    def takes_everything(self, virtual_service: Resource, host: str) -> bool:
        """Whether no request of any sidecar that gets http rules of a VirtualService for a host is left without a route."""
        is_some = any(everything for _, everything in _taken(self._seen(virtual_service)))
        return is_some and not self.gaps(virtual_service, host)

    def _seen(self, virtual_service: Resource) -> Sequence[Rule]:
        """The http rules of a VirtualService, if any client sees it."""
        exported = self._visibility.export_to(virtual_service, VIRTUAL_SERVICE)
        return self._rules.get(id(virtual_service), ()) if exported else ()


def _left(condition: Condition, catch_alls: Sequence[Condition], ports: Sequence[int] | None) -> list[Condition]:
    """What of a condition no catch-all covers: all of it, or some ports of the host where others are covered."""
    if any(catch_all.holds_under(condition) for catch_all in catch_alls):
        return []
    each = [condition._replace(port=port) for port in ports or () if condition.port is None]
    left = [one for one in each if not any(catch_all.holds_under(one) for catch_all in catch_alls)]
    return left if len(left) < len(each) else [condition]


def _taken(rules: Sequence[Rule]) -> Iterator[tuple[Condition, bool]]:
    """For every match that sidecars get, its condition and whether it takes every request.

    What a delegate that is not in the input takes may be all that the rule leaves to it; one that cannot act takes nothing.
    """
    for rule in rules:
        if rule.delegates_to_nothing and rule.delegates_to_nothing.basis is Basis.DECLARED:
            continue
        if not rule.matches:
            yield UNCONDITIONAL, True
        for match, _ in rule.matches:
            if is_for_mesh(match):
                yield condition_of(match), takes_everything(match)
