"""Which hosts are outside the mesh (term `external host`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from ...config import Settings
from ...resource.inventory import Inventory
from ...resource.kinds import ISTIO_GATEWAY, SERVICE_ENTRY
from ...resource.match import host_matches, split_service_host, subset_of
from ...resource.resource import Resource, each, get
from ...source.document import Location
from ..effective import Basis, Effective, Reason
from ..subjects import DataPlane, Route
from ..workloads import Workloads


class Named(NamedTuple):
    """A host that an object names, where it does, and whether it is outside the mesh."""

    host: str
    location: Location
    external: Effective[bool]


class ExternalHosts:
    """Tells hosts outside the mesh from those that something in the input serves."""

    def __init__(
        self, inventory: Inventory, settings: Settings, routes: Sequence[Route], workloads: Workloads, domain: str
    ) -> None:
        self._namespaces = set(inventory.namespaces)
        self._settings = settings
        self._domain = domain
        self._workloads = workloads
        self._entries: dict[str, list[tuple[Resource, Location]]] = defaultdict(list)
        self._inside: set[str] = set()
        for entry in inventory.all(SERVICE_ENTRY):
            for host, where in hosts_of(entry):
                if is_external(entry):
                    self._entries[host].append((entry, where))
                else:
                    self._inside.add(host)
        self._routes: dict[str, list[Route]] = defaultdict(list)
        for route in routes:
            for host in route.hosts:
                self._routes[host].append(route)
        self._declared = Names(self._entries)
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
            return Effective(True, (Reason(f"{entry[0]} declares {host} outside the mesh", entry[1]),))
        if any(host_matches(approved, host) for approved in self._settings.approved_egress_hosts):
            where = self._settings.places.get("approved-egress-hosts")
            return Effective(True, (Reason(f"{host} is one of approved-egress-hosts", where),))
        if host in self._routes or self._listeners.meeting(host):
            return Effective(False, (Reason(f"a Gateway or VirtualService of the input serves {host}"),))
        return Effective(True, (Reason(f"nothing in the input serves {host}", None, Basis.DEFAULT),))

    def is_inside(self, host: str) -> bool:
        """Whether the endpoints of a host are in the mesh, as those of a ServiceEntry that says MESH_INTERNAL are."""
        return host in self._inside or not self.of(host).value

    def entries(self, host: str) -> list[tuple[Resource, Location]]:
        """The ServiceEntries outside the mesh that have a host or a host that a pattern covers."""
        if host in self._entries:
            return self._entries[host]
        return [found for name in self._declared.meeting(host) for found in self._entries[name]]

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


class Names:
    """Hosts and patterns, found by a host or pattern they match; of hosts, only a pattern looks at every one."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = dict.fromkeys(names)
        self._patterns = [name for name in self._names if name.startswith("*")]

    def meeting(self, host: str) -> list[str]:
        """The names that match a host or pattern; one without `*` comes before the patterns."""
        if host.startswith("*"):
            return [name for name in self._names if host_matches(name, host)]
        same = [host] if host in self._names else []
        return same + [pattern for pattern in self._patterns if subset_of(host, pattern)]


def is_external(entry: Resource) -> bool:
    """Whether a ServiceEntry adds hosts outside the mesh, which is what an unset location means."""
    return entry.get("spec", "location") in (None, "MESH_EXTERNAL", 0)


def is_local(entry: Resource) -> bool:
    """Whether a ServiceEntry names containers of the pod itself (an authorization service beside the proxy)."""
    addresses = [str(get(endpoint, "address")) for endpoint in entry.items("spec", "endpoints")]
    return bool(addresses) and all(address.startswith(("127.", "unix://", "localhost")) for address in addresses)


def hosts_of(entry: Resource) -> Iterator[tuple[str, Location]]:
    """The hosts of a ServiceEntry and their places."""
    for index, host in enumerate(entry.items("spec", "hosts")):
        if isinstance(host, str):
            yield host.lower(), entry.at("spec", "hosts", index)


def _listeners(inventory: Inventory) -> Iterator[str]:
    """Hosts of Gateway servers, without those that take every host."""
    for gateway in inventory.all(ISTIO_GATEWAY):
        for server in gateway.items("spec", "servers"):
            for host in each(server, "hosts"):
                name = str(host).rpartition("/")[2]
                if name != "*":
                    yield name
