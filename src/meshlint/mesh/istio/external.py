"""Which hosts are outside the mesh (term `external host`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ...config import Settings
from ...resource.inventory import Inventory
from ...resource.kinds import GATEWAY, INGRESS, ISTIO_GATEWAY, SERVICE_ENTRY
from ...resource.match import Names, host_matches, resolve, split_service_host
from ...resource.resource import Resource, each, get
from ...source.document import Location, Path
from ..effective import Basis, Effective, Reason
from ..model_providers import is_provider
from ..subjects import DataPlane, Declared, Route
from ..workloads import Workloads
from .entries import ServiceEntries, hosts_of, is_external, is_local


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
        served = set(_names_served(inventory))
        self._listeners = Names(served - {"*"})
        self._tells_names = (settings.closed or served) and "*" not in served

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
        """Whether the endpoints of a host are in the mesh: those of a Service, or of a ServiceEntry that says MESH_INTERNAL."""
        return not (self.of(host).value or any(declared.host == host for declared in self.entries(host)))

    def entries(self, host: str) -> list[Declared]:
        """Where ServiceEntries declare a host outside the mesh, failing that a pattern of it or a host that it covers."""
        found = [declared for declared in self._entries.meeting(host) if is_external(declared.entry)]
        return [declared for declared in found if declared.host == host] or found

    def outward(self, policy: Resource) -> list[tuple[Named, ...]]:
        """The hosts of each rule of an AuthorizationPolicy whose every operation names hosts, all of them outside the mesh.

        Such a rule looks as if it said what may be called. So does one that names what callers outside call the selected pods,
        where the input does not tell which names gateways serve and no host of the rule is known.
        """
        rules = [self.outward_of(policy, index) for index in range(len(policy.items("spec", "rules")))]
        return [hosts for hosts in rules if hosts]

    def outward_of(self, policy: Resource, rule: int) -> tuple[Named, ...]:
        """The same of one rule; none where it names anything else."""
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
        if self._tells_names or any(_is_sure(named) for named in found):
            return tuple(found)
        return tuple(self._weakened(named) for named in found)

    def _weakened(self, named: Named) -> Named:
        text = f"{named.host} may be the name by which callers outside know the workloads"
        because = (*named.external.because, Reason(text, None, Basis.ASSUMED))
        return named._replace(external=named.external._replace(because=because))

    def opened(self, resource: Resource) -> list[Named]:
        """The hosts outside the mesh that a ServiceEntry declares or the routes of a VirtualService send requests to."""
        if resource.group_kind == SERVICE_ENTRY:
            return self._declared(resource)
        found: dict[str, Named] = {}
        for host, where in _targets(resource):
            external = self._of_target(resolve(host, resource.namespace, self._domain).lower())
            if external:
                found.setdefault(host, Named(host, where, external))
        return list(found.values())

    def _declared(self, entry: Resource) -> list[Named]:
        if not is_external(entry) or is_local(entry) or not self._entries.exported(entry):
            return []
        reason = Reason(f"{entry} declares it outside the mesh", entry.at("spec", "location"))
        hosts = [(host, where) for host, where in hosts_of(entry) if not self._is_of_the_cluster(host)]
        return [Named(host, where, Effective(True, (reason,))) for host, where in hosts]

    def _of_target(self, host: str) -> Effective[bool] | None:
        """That requests sent to a destination leave the mesh. One that no ServiceEntry declares does not exist: it may be
        declared in another input, which is not likely for a name that a Gateway serves."""
        if "." not in host or self._is_of_the_cluster(host):
            return None
        declared = self._entries.meeting(host)
        if not declared and (self._settings.closed or self._listeners.meeting(host)):
            return None
        if not declared:
            text = f"no ServiceEntry of the input declares {host} inside the mesh"
            return Effective(True, (Reason(text, None, Basis.DEFAULT),))
        entry = next((d for d in declared if is_external(d.entry)), None)
        return entry and Effective(True, (Reason(f"{entry.entry} declares it outside the mesh", entry.location),))

    def _is_of_the_cluster(self, host: str) -> bool:
        """Names of Services, also under the domain of another cluster, and of what is below the cluster's domain."""
        if ".svc." in host or host.endswith((".svc", f".{self._domain}")):
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


def _is_sure(named: Named) -> bool:
    """Whether a host is known to be outside the mesh, by what the input says or by its name."""
    return named.external.basis is Basis.DECLARED or is_provider(named.host.lower().partition(":")[0])


def _targets(virtual_service: Resource) -> Iterator[tuple[str, Location]]:
    """The hosts that the rules of a VirtualService name as destinations, mirrors included, or as a new authority."""
    for section in ("http", "tls", "tcp"):
        for index, rule in enumerate(virtual_service.items("spec", section)):
            paths: list[Path] = [("route", i, "destination", "host") for i in range(len(each(rule, "route")))]
            paths += [("mirrors", i, "destination", "host") for i in range(len(each(rule, "mirrors")))]
            for path in (*paths, ("mirror", "host"), ("rewrite", "authority")):
                host = get(rule, *path)
                if isinstance(host, str):
                    yield host.partition(":")[0], virtual_service.at("spec", section, index, *path)


def _names_served(inventory: Inventory) -> Iterator[str]:
    """The hosts of Gateways of both kinds and of Ingresses; `*` where one takes every host."""
    for gateway in inventory.all(ISTIO_GATEWAY):
        for server in gateway.items("spec", "servers"):
            yield from (str(host).rpartition("/")[2] for host in each(server, "hosts"))
    for gateway in inventory.all(GATEWAY):
        yield from (str(get(listener, "hostname") or "*") for listener in gateway.items("spec", "listeners"))
    for ingress in inventory.all(INGRESS):
        yield from (str(get(rule, "host") or "*") for rule in ingress.items("spec", "rules"))
