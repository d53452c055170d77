"""Request headers that a proxy does not take from the caller as they are (term `trusted header`).

A RequestAuthentication writes a header from a claim and removes what the caller sent (semantics §6); a route sets or removes
it; a gateway before the workload did either.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...resource.inventory import Inventory
from ...resource.kinds import ISTIO_GATEWAY, REQUEST_AUTHENTICATION
from ...resource.match import matches
from ...resource.resource import Resource, each, get, required
from ..effective import Effective, Reason
from ..subjects import DataPlane, Route, Workload
from .hops import Arrival, Hops, gateway_names, gateway_selector

Written = dict[str, Reason]
"""The headers, in lower case, that are written from claims, with what does so."""


class TrustedHeaders:
    """Which headers of the requests to a workload a caller cannot choose."""

    def __init__(self, inventory: Inventory, hops: Hops, root_namespace: str) -> None:
        self._hops = hops
        self._root = root_namespace
        self._by_namespace: dict[str, list[Resource]] = defaultdict(list)
        for policy in inventory.all(REQUEST_AUTHENTICATION):
            if not policy.get("spec", "targetRef") and not policy.get("spec", "targetRefs"):
                self._by_namespace[policy.namespace].append(policy)
        self._gateways = {id(g): self._written_at(g) for g in inventory.all(ISTIO_GATEWAY)}

    def of(self, workload: Workload, header: str) -> Effective[bool]:
        """Whether a header is trusted where it arrives at a workload, and what makes it so or lets the caller's through."""
        header = header.lower()
        written = self._written(workload.namespace, workload.labels).get(header)
        if written:
            return Effective(True, (written,))
        arrivals = self._hops.arrivals(workload)
        if any(a.route.mesh for a in arrivals) and all(overwrites(a, header) for a in arrivals):
            return Effective(True, (Reason(f"every route overwrites {header}", arrivals[0].route.location),))
        if workload.data_plane.value is not DataPlane.GATEWAY:
            return self._behind_gateways(header, arrivals)
        return Effective(False, (Reason(f"{workload} takes {header} from its callers"),))

    def before(self, route: Route, header: str) -> Effective[bool]:
        """Whether every gateway of a route writes a header before it looks for the route; of one that is not in the input,
        whether any gateway does."""
        gateways = list(self._hops.gateways(route))
        if len(gateways) < len(list(gateway_names(route))):
            return self.at_gateways(header)
        for gateway in gateways:
            if header.lower() not in self._gateways[id(gateway)]:
                text = f"nothing writes {header} at {gateway}"
                return Effective(False, (Reason(text, gateway.at("metadata", "name")),))
        return Effective(True, (self._gateways[id(gateways[0])][header.lower()],))

    def at_gateways(self, header: str) -> Effective[bool]:
        """Whether some gateway writes a header: so it is trusted where no gateway leads straight to."""
        return self._behind_gateways(header.lower(), ())

    def _behind_gateways(self, header: str, arrivals: Sequence[Arrival]) -> Effective[bool]:
        writers = [written[header] for written in self._gateways.values() if header in written]
        if not writers:
            return Effective(False, (Reason(f"nothing in the input writes {header} from a claim"),))
        for arrival in arrivals:
            if arrival.route.gateway and not overwrites(arrival, header) and not self._passes(arrival, header):
                text = f"{arrival.route} passes on the {header} that the caller sent"
                return Effective(False, (writers[0], Reason(text, arrival.route.location)))
        return Effective(True, (writers[0],))

    def _passes(self, arrival: Arrival, header: str) -> bool:
        """Whether every gateway of a route is in the input and writes the header."""
        known = [self._gateways[id(gateway)] for gateway in self._hops.gateways(arrival.rule)]
        return len(known) == len(list(gateway_names(arrival.rule))) and all(header in written for written in known)

    def _written_at(self, gateway: Resource) -> Written:
        """What all pods that serve a Gateway write; without them what is said of pods with the labels it selects."""
        pods = [(w.namespace, w.labels) for w in self._hops.serving(gateway)]
        found = [self._written(*pod) for pod in pods or [(gateway.namespace, gateway_selector(gateway))]]
        return {header: reason for header, reason in found[0].items() if all(header in other for other in found)}

    def _written(self, namespace: str, labels: Mapping[str, Any]) -> Written:
        """What RequestAuthentications of the mesh and the namespace write for pods with these labels."""
        policies = [*self._by_namespace.get(self._root, ())]
        policies += self._by_namespace.get(namespace, ()) if namespace != self._root else ()
        applying = [p for p in policies if matches(required(p.get("spec", "selector", "matchLabels")), labels)]
        return {header: reason for policy in applying for header, reason in _claims(policy)}


def overwrites(arrival: Arrival, header: str) -> bool:
    """Whether a route sets or removes a request header on its way to a destination."""
    rule = arrival.rule.field("headers")
    path = arrival.destination.location.path[:-2]
    local = get(arrival.destination.location.document.data, *path, "headers")
    return any(header in _overwritten(headers) for headers in (rule and rule[0], local))


def _overwritten(headers: Any) -> set[str]:
    request = get(headers, "request")
    changed = get(request, "set")
    names = [*(changed if isinstance(changed, dict) else ()), *each(request, "remove")]
    return {str(name).lower() for name in names}


def _claims(policy: Resource) -> Iterator[tuple[str, Reason]]:
    for i, rule in enumerate(policy.items("spec", "jwtRules")):
        for j, entry in enumerate(each(rule, "outputClaimToHeaders")):
            header = str(get(entry, "header")).lower()
            place = policy.at("spec", "jwtRules", i, "outputClaimToHeaders", j)
            yield header, Reason(f"{policy} writes {header} from a claim", place)
