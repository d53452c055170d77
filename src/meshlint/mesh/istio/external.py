"""Which hosts are outside the mesh (term `external host`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ...config import Settings
from ...resource.inventory import Inventory
from ...resource.kinds import ISTIO_GATEWAY
from ...resource.match import host_matches, split_service_host
from ...resource.resource import Resource, each
from ...source.document import Location
from ..effective import Basis, Effective, Reason
from ..subjects import DataPlane, Route
from ..workloads import Workloads
from .entries import Declared, Names, ServiceEntries, is_external


class Named(NamedTuple):
    """A host that an object names, where it does, and whether it is outside the mesh."""

    host: str
    location: Location
    external: Effective[bool]


class ExternalHosts:
    """Tells hosts outside the mesh from those that something in the input serves."""

    def __init__(
        self,
        inventory: Inventory,
        settings: Settings,
        entries: ServiceEntries,
        routes: Sequence[Route],
        workloads: Workloads,
        domain: str,
    ) -> None:
        self._namespaces = set(inventory.namespaces)
        self._settings = settings
        self._domain = domain
        self._workloads = workloads
        self._entries = entries
        self._routes: dict[str, list[Route]] = defaultdict(list)
        for route in routes:
            for host in route.hosts:
                self._routes[host].append(route)
        self._routed = Names(name for name in self._routes if name != "*")
        self._listeners = Names(_listeners(inventory))

    def of(self, host: str) -> Effective[bool]:
        """Whether a host, or all that a pattern such as `*.example.com` covers, is outside the mesh.

        DECLARED where a ServiceEntry or the setting approved-egress-hosts says so, DEFAULT where nothing in the input
        serves it.
        """
        host = host.lower().partition(":")[0]
        entry = next(iter(self.entries(host)), None)
        if "." not in host.strip("*.") or self._is_of_the_cluster(host):
            return Effective(False, (Reason(f"{host} is a name of the cluster"),))
        served = self._served(host)
        if served:
            return Effective(False, (Reason(f"{served} serves {host}", served.at("spec", "hosts")),))
        if entry:
            return Effective(True, (Reason(f"{entry.entry} declares {host} outside the mesh", entry.location),))
        inside = next(iter(self._entries.meeting(host)), None)
        if inside:
            return Effective(False, (Reason(f"{inside.entry} declares {host} inside the mesh", inside.location),))
        if any(host_matches(approved, host) for approved in self._settings.approved_egress_hosts):
            where = self._settings.places.get("approved-egress-hosts")
            return Effective(True, (Reason(f"{host} is one of approved-egress-hosts", where),))
        if host in self._routes or self._listeners.meeting(host):
            return Effective(False, (Reason(f"a Gateway or VirtualService of the input serves {host}"),))
        return Effective(True, (Reason(f"nothing in the input serves {host}", None, Basis.DEFAULT),))

    def is_inside(self, host: str) -> bool:
        """Whether the endpoints of a host are in the mesh, as those of a ServiceEntry that says MESH_INTERNAL are."""
        return not self.of(host).value

    def entries(self, host: str) -> list[Declared]:
        """Where ServiceEntries declare a host outside the mesh, failing that a pattern of it or a host that it covers."""
        found = [declared for declared in self._entries.meeting(host) if is_external(declared.entry)]
        return [declared for declared in found if declared.host == host] or found

    def outward(self, policy: Resource) -> list[tuple[Named, ...]]:
        """The hosts of each rule of an AuthorizationPolicy whose every operation names hosts, all of them outside the mesh.

        Such a rule looks as if it said what may be called.
        """
        rules = [self._outward(policy, index) for index in range(len(policy.items("spec", "rules")))]
        return [hosts for hosts in rules if hosts]

    def _outward(self, policy: Resource, rule: int) -> tuple[Named, ...]:
        found: list[Named] = []
        for index, to in enumerate(policy.items("spec", "rules", rule, "to")):
            hosts = each(to, "operation", "hosts")
            if not hosts:
                return ()
            for position, host in enumerate(hosts):
                external = self.of(host) if isinstance(host, str) else None
                if external is None or not external.value:
                    return ()
                where = policy.at("spec", "rules", rule, "to", index, "operation", "hosts", position)
                found.append(Named(host, where, external))
        return tuple(found)

    def _is_of_the_cluster(self, host: str) -> bool:
        if split_service_host(host, self._domain) or host.endswith((".svc", f".{self._domain}")):
            return True
        return host.rpartition(".")[2] in self._namespaces

    def _served(self, host: str) -> Resource | None:
        """The VirtualService that leads calls of the host to workloads that are no gateways."""
        for name in self._routed.meeting(host):
            for route in self._routes[name]:
                if any(self._is_inside(d.host) for d in route.destinations):
                    return route.resource
        return None

    def _is_inside(self, host: str) -> bool:
        service = split_service_host(host, self._domain)
        if service is None:
            return False
        workloads = self._workloads.behind(host)
        if workloads:
            return any(w.data_plane.value is not DataPlane.GATEWAY for w in workloads)
        return "egress" not in service[0]


def _listeners(inventory: Inventory) -> Iterator[str]:
    """Hosts of Gateway servers, without those that take every host."""
    for gateway in inventory.all(ISTIO_GATEWAY):
        for server in gateway.items("spec", "servers"):
            for host in each(server, "hosts"):
                name = str(host).rpartition("/")[2]
                if name != "*":
                    yield name
