"""Who sees what: exportTo, and the Sidecar that limits a workload's view (semantics §1.3, §1.4, §1.6).

Mirrors `pilot/pkg/model/virtualservice_controller.go convertExportToSet`, `push_context.go initDefaultExportMaps` and
`initSidecarScopes`, `virtualservice.go SelectVirtualServices`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from ...resource.inventory import NAME_LABEL, Inventory
from ...resource.kinds import DESTINATION_RULE, SERVICE_ENTRY, SIDECAR, VIRTUAL_SERVICE, GroupKind
from ...resource.match import LabelSelector, Selecting, host_matches
from ...resource.resource import Resource, each, get, required
from .meshconfig import MeshConfig
from .order import possible_first

_DEFAULTS = {
    VIRTUAL_SERVICE: "defaultVirtualServiceExportTo",
    DESTINATION_RULE: "defaultDestinationRuleExportTo",
    SERVICE_ENTRY: "defaultServiceExportTo",
}

PRIVATE, NAMED, PUBLIC = 0, 1, 2
"""The buckets in which a sidecar looks for VirtualServices, in this order."""


class Visibility:
    """What the namespaces of a mesh see of each other."""

    def __init__(self, inventory: Inventory, meshconfig: MeshConfig) -> None:
        self._inventory = inventory
        self._entries = (
            meshconfig.value("serviceEntryVisibility").value if meshconfig.istio_version >= (1, 31) else None
        )
        self._defaults = {kind: _texts(meshconfig.value(field).value) for kind, field in _DEFAULTS.items()}
        self._root = meshconfig.root_namespace
        self._leaves_out = meshconfig.sidecars_leave_hosts_out
        self._sidecars: dict[str, list[Resource]] = defaultdict(list)
        self._plain: dict[str, list[Resource]] = defaultdict(list)
        for sidecar in inventory.all(SIDECAR):
            self._sidecars[sidecar.namespace].append(sidecar)
            if not sidecar_selector(sidecar):
                self._plain[sidecar.namespace].append(sidecar)
        self._selecting = Selecting(inventory.all(SIDECAR), sidecar_selector)
        self._exports: dict[int, frozenset[str]] = {}
        self._firsts: dict[tuple[int, ...], list[Resource]] = {}
        self._imported: dict[int, tuple[str, ...] | None] = {}

    def export_to(self, resource: Resource, kind: GroupKind) -> frozenset[str]:
        """Namespaces an object is exported to; `*` = all, empty = none. `.` is its own namespace."""
        known = self._exports.get(id(resource))
        if known is None:
            names = _texts(resource.get("spec", "exportTo")) or self._defaults.get(kind) or ("*",)
            shown = names if "*" in names or "~" not in names else ()
            known = frozenset(resource.namespace if name == "." else name for name in shown if name != "~")
            if kind == SERVICE_ENTRY:
                known = self.capped(known, resource.namespace)
            self._exports[id(resource)] = known
        return known

    def capped(self, exported: frozenset[str], namespace: str) -> frozenset[str]:
        """What `serviceEntryVisibility` leaves of the exportTo of ServiceEntries of a namespace (`push_context.go
        serviceExportTo`); empty = nobody sees them.
        """
        cap = self._cap(namespace) if get(self._entries, "applyToSidecars") is True else None
        if cap == "NAMESPACE":
            return frozenset({namespace}) if exported & {"*", ".", namespace} else frozenset()
        return frozenset() if cap == "NONE" else exported

    def _cap(self, namespace: str) -> Any:
        """The word of the first policy whose rules all take the namespace's labels (`serviceentry_visibility.go`)."""
        labels = self._inventory.namespace_labels(namespace) or {NAME_LABEL: namespace}
        word = get(self._entries, "defaultVisibility")
        for policy in each(self._entries, "policies"):
            chosen = [get(rule, "namespaceSelector") for rule in each(policy, "matchingRules")]
            if all(isinstance(c, dict) and LabelSelector(c).matches(labels) for c in chosen):
                word = get(policy, "visibility")
                break
        return word

    def bucket(self, virtual_service: Resource, client: str) -> int | None:
        """The bucket in which clients of a namespace find a VirtualService; None = they do not see it."""
        exported = self.export_to(virtual_service, VIRTUAL_SERVICE)
        if "*" in exported:
            return PUBLIC
        if client not in exported:
            return None
        return PRIVATE if client == virtual_service.namespace else NAMED

    def sidecars(self, namespace: str, labels: Mapping[str, str] | None) -> list[Resource]:
        """The Sidecar that applies to a workload, or each that may: selecting it, of its namespace, of the root namespace.

        `labels` None = a workload of the namespace that no Sidecar selects.
        """
        selecting = self._selecting.of(namespace, labels) if labels and namespace in self._sidecars else []
        candidates = selecting or self._plain.get(namespace) or self._plain.get(self._root)
        if not candidates:
            return []
        key = tuple(map(id, candidates))
        if key not in self._firsts:
            self._firsts[key] = possible_first(candidates)
        return self._firsts[key]

    def selecting_sidecars(self, namespace: str) -> list[Resource]:
        """The Sidecars of a namespace that have a workloadSelector."""
        return [s for s in self._sidecars.get(namespace, ()) if sidecar_selector(s)]

    def imports(self, client: str, owner: str, hosts: Iterable[str], labels: Mapping[str, str] | None = None) -> bool:
        """Whether the Sidecar of a namespace, or of a workload with these labels, lets its clients see an object of `owner`
        for any of these hosts.

        Where several Sidecars may apply, one that does is enough.
        """
        sidecars = self.sidecars(client, labels)
        if not sidecars:
            return True
        names = list(hosts)
        return any(self._imports(sidecar, client, owner, names) for sidecar in sidecars)

    def owners(self, client: str) -> frozenset[str] | None:
        """The namespaces that clients of a namespace import anything from, with `*` where they may be any; None = nothing is
        kept from these clients.
        """
        found: set[str] = set()
        for sidecar in self.sidecars(client, None):
            patterns = self._patterns(sidecar)
            if patterns is None or ("*/*" in patterns and not any(p.startswith("~") for p in patterns)):
                return None
            owners = {pattern.partition("/")[0] for pattern in patterns}
            found |= {client if owner == "." else owner for owner in owners}
        return frozenset(found) if self.sidecars(client, None) else None

    def views(self, owners: Iterable[str]) -> list[list[str]]:
        """The namespaces with a Sidecar of their own that may import something of these owners, what has equal ones together."""
        near = {view for owner in (*owners, "*") for view in self._views_by_owner.get(owner, ())}
        return [self._views[view] for view in sorted(near)]

    @cached_property
    def _views(self) -> list[list[str]]:
        views: dict[object, list[str]] = defaultdict(list)
        for namespace in sorted(self._sidecars):
            views[tuple(map(self._patterns, self.sidecars(namespace, None)))].append(namespace)
        return list(views.values())

    @cached_property
    def _views_by_owner(self) -> Mapping[str, list[int]]:
        """The views by the namespaces that they import from, by `*` those that import from any."""
        found: dict[str, list[int]] = defaultdict(list)
        for number, view in enumerate(self._views):
            owners = self.owners(view[0])
            for owner in ("*",) if owners is None else owners:
                found[owner].append(number)
        return found

    def _imports(self, sidecar: Resource, client: str, owner: str, hosts: list[str]) -> bool:
        """A host that begins with `~` is left out of what the others import (`leaves_out`); `~/*` is nothing."""
        patterns = self._patterns(sidecar)
        if patterns is None:
            return True
        excluded = [p[1:] for p in patterns if self._leaves_out and p.startswith("~") and not p.startswith("~/")]
        left = [host for host in hosts if not any(_covers(pattern, client, owner, [host]) for pattern in excluded)]
        return bool(left) and any(_covers(pattern, client, owner, left) for pattern in patterns)

    def _patterns(self, sidecar: Resource) -> tuple[str, ...] | None:
        """The hosts a Sidecar imports; None = all."""
        if id(sidecar) not in self._imported:
            self._imported[id(sidecar)] = _patterns(sidecar)
        return self._imported[id(sidecar)]


def sidecar_selector(sidecar: Resource) -> Mapping[str, str]:
    """`spec.workloadSelector.labels`; empty = the Sidecar is for its whole namespace."""
    return required(sidecar.get("spec", "workloadSelector", "labels"))


def _patterns(sidecar: Resource) -> tuple[str, ...] | None:
    listeners = [listener for listener in sidecar.items("spec", "egress") if isinstance(listener, dict)]
    return tuple(p for listener in listeners for p in _texts(listener.get("hosts"))) if listeners else None


def _covers(pattern: str, client: str, owner: str, hosts: list[str]) -> bool:
    namespace, _, name = pattern.partition("/")
    if namespace == "." and owner != client:
        return False
    if namespace not in ("*", ".", owner):
        return False
    return name == "*" or any(host_matches(name, host) for host in hosts)


def _texts(value: object) -> tuple[str, ...]:
    return tuple(v for v in value if isinstance(v, str)) if isinstance(value, list) else ()
