"""What Kubernetes NetworkPolicies let pods reach, whatever the mesh says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..resource.inventory import Inventory
from ..resource.kinds import NETWORK_POLICY
from ..resource.match import Selectors
from ..resource.resource import Resource, each, get
from .effective import Reason

_DNS = {53, "53", "dns", "dns-tcp"}


class NetworkPolicies:
    """The egress NetworkPolicies of a mesh. Those that select one pod add up: what one of them admits, none forbids."""

    def __init__(self, inventory: Inventory) -> None:
        about = [policy for policy in inventory.all(NETWORK_POLICY) if _is_about_egress(policy)]
        self._selecting = Selectors((p.namespace, p.mapping("spec", "podSelector"), p) for p in about)
        self._known: dict[tuple[int | None, tuple[int, ...]], Reason | None] = {}

    def limit(self, namespace: str, labels: Mapping[str, str] | None) -> Reason | None:
        """That no policy of a pod admits just any host on more than DNS; labels None = whatever pod of the namespace."""
        return self._limit(self._of(namespace, labels), None)

    def closes(self, namespace: str, labels: Mapping[str, str], port: int) -> Reason | None:
        """That no policy of a pod admits a public address on a TCP port."""
        return self._limit(self._of(namespace, labels), port)

    def _limit(self, policies: list[Resource], port: int | None) -> Reason | None:
        """The same for all pods that the same policies select."""
        key = (port, tuple(map(id, policies)))
        if key not in self._known:
            self._known[key] = _limits_egress(policies) if port is None else _closes(policies, port)
        return self._known[key]

    def _of(self, namespace: str, labels: Mapping[str, str] | None) -> list[Resource]:
        found = self._selecting.of(namespace, labels or {})
        return [p for p in found if not p.mapping("spec", "podSelector")] if labels is None else found


def _is_about_egress(policy: Resource) -> bool:
    return "Egress" in policy.items("spec", "policyTypes") or policy.get("spec", "egress") is not None


def _limits_egress(policies: list[Resource]) -> Reason | None:
    return _limit(policies, _admits_any_host, "limits egress")


def _closes(policies: list[Resource], port: int) -> Reason | None:
    text = f"admits no public address on port {port}"
    return _limit(policies, lambda rule: _admits_a_public_address(rule, port), text)


def _limit(policies: list[Resource], admits: Callable[[dict[str, Any]], bool], text: str) -> Reason | None:
    rules = [rule for p in policies for rule in p.items("spec", "egress") if isinstance(rule, dict)]
    if not policies or any(map(admits, rules)):
        return None
    return Reason(f"{policies[0]} {text}", policies[0].at("spec", "policyTypes"))


def _admits_any_host(rule: Mapping[str, Any]) -> bool:
    ports = [port.get("port") for port in each(rule, "ports") if isinstance(port, dict)]
    if ports and all(isinstance(port, int | str) and port in _DNS for port in ports):
        return False
    if not rule.get("to"):
        return True
    return any(get(peer, "ipBlock", "cidr") in ("0.0.0.0/0", "::/0") for peer in each(rule, "to"))


def _admits_a_public_address(rule: Mapping[str, Any], port: int) -> bool:
    ports = each(rule, "ports")
    if ports and not any(_admits_port(entry, port) for entry in ports):
        return False
    peers = each(rule, "to")
    return not peers or any(_is_public(get(peer, "ipBlock", "cidr")) for peer in peers)


def _admits_port(entry: Any, port: int) -> bool:
    """A named port is one of pods, never of an address outside; what is not known may be the port."""
    if get(entry, "protocol") in ("UDP", "SCTP"):
        return False
    first = get(entry, "port")
    if isinstance(first, int):
        last = get(entry, "endPort")
        return first <= port <= (last if isinstance(last, int) else first)
    return not isinstance(first, str)


def _is_public(cidr: Any) -> bool:
    """Whether a block holds addresses outside private networks; one that is not known may."""
    import ipaddress

    if cidr is None:
        return False
    try:
        return not ipaddress.ip_network(str(cidr), strict=False).is_private
    except ValueError:
        return True
