"""The ServiceEntries of a mesh: which hosts they declare, and who sees them (semantics §1.3, §1.6, §7.2)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from ...resource.inventory import Inventory
from ...resource.kinds import SERVICE_ENTRY
from ...resource.match import Names, entry_ports, subset_of
from ...resource.resource import Resource, get
from ...source.document import Location
from ..effective import Reason
from ..subjects import Declared
from .visibility import Visibility


class ServiceEntries:
    """All ServiceEntries, by host."""

    def __init__(self, inventory: Inventory, visibility: Visibility) -> None:
        self.all = tuple(inventory.all(SERVICE_ENTRY))
        self._visibility = visibility
        self._by_host: dict[str, list[Declared]] = defaultdict(list)
        for entry in self.all:
            for host, where in hosts_of(entry):
                self._by_host[host].append(Declared(host, entry, where))
        self._names = Names(self._by_host)

    def meeting(self, host: str) -> list[Declared]:
        """What is declared of a host, or of all that a pattern covers: the same name first, then overlapping ones."""
        return [declared for name in self._names.meeting(host.lower()) for declared in self._by_host[name]]

    def covering(self, host: str, client: str, labels: Mapping[str, str] | None = None) -> list[Declared]:
        """What covers a host or pattern whole and is visible to clients of a namespace, or to those with these labels."""
        return [d for d in self.meeting(host) if subset_of(host.lower(), d.host) and self.sees(client, d, labels)]

    def reaching(self, host: str, port: int, client: str, labels: Mapping[str, str]) -> list[Declared]:
        """What lets clients reach a host on a port, or, which may be enough, a part of what a pattern covers."""
        found = self.meeting(host) if host.startswith("*") else self.covering(host, client, labels)
        return [d for d in found if _has_port(d.entry, port) and self.sees(client, d, labels)]

    def sees(self, client: str, declared: Declared, labels: Mapping[str, str] | None = None) -> bool:
        """Whether clients see a host of a ServiceEntry: it is exported to them, and their Sidecar imports it."""
        owner = declared.entry.namespace
        return self.is_exported(declared.entry, client) and self._visibility.imports(
            client, owner, [declared.host], labels
        )

    def hidden_by(self, client: str, declared: Declared, labels: Mapping[str, str] | None = None) -> Reason | None:
        """Why clients do not see a host of a ServiceEntry; None = they do."""
        if not self.is_exported(declared.entry, client):
            return Reason(f"{declared.entry} is not exported to {client}", declared.entry.at("spec", "exportTo"))
        if self.sees(client, declared, labels):
            return None
        sidecar = self._visibility.sidecars(client, labels)[0]
        return Reason(f"{sidecar} does not import {declared.host}", sidecar.at("spec", "egress", 0, "hosts"))

    def is_exported(self, entry: Resource, client: str) -> bool:
        return not {"*", client}.isdisjoint(self.exported(entry))

    def exported(self, entry: Resource) -> frozenset[str]:
        """The namespaces that a ServiceEntry is exported to; `*` = all."""
        return self._visibility.export_to(entry, SERVICE_ENTRY)


def _has_port(entry: Resource, port: int) -> bool:
    return any(declared.number == port for declared in entry_ports(entry))


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
