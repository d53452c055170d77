"""The outbound posture of each namespace, and who meant to limit it (terms `egress intent`, rule egress-unrestricted)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from ...config import Settings
from ...resource.inventory import Inventory
from ...resource.kinds import AUTHORIZATION_POLICY, ISTIO_GATEWAY, NAMESPACE, SERVICE_ENTRY
from ...resource.match import Names
from ...resource.resource import Resource
from ...source.document import Location
from ..effective import Basis, Effective, Reason
from ..exposure import Exposure
from ..network import NetworkPolicies
from ..subjects import DataPlane, Egress, Workload
from ..workloads import Workloads
from .egress import of_mesh, of_sidecars
from .entries import ServiceEntries, hosts_of, is_external, is_local
from .external import ExternalHosts
from .injection import captures_calls_outside
from .meshconfig import MeshConfig
from .routes import by_host
from .visibility import Visibility


class Outbound:
    """Finds the egress subjects of a mesh."""

    def __init__(
        self,
        inventory: Inventory,
        settings: Settings,
        meshconfig: MeshConfig,
        visibility: Visibility,
        workloads: Workloads,
        exposure: Exposure,
        entries: ServiceEntries,
        external: ExternalHosts,
        network: NetworkPolicies,
        domain: str,
    ) -> None:
        self._inventory = inventory
        self._settings = settings
        self._meshconfig = meshconfig
        self._visibility = visibility
        self._workloads = workloads
        self._exposure = exposure
        self._entries = entries
        self._external = external
        self._network = network
        self._mesh = of_mesh(meshconfig)
        self._claimed = Names(by_host(inventory, domain))
        self._proxied = {w.namespace for w in workloads.all if _calls_through_a_proxy(w)}
        self._intents = self._intents_by_namespace()

    def subjects(self) -> Iterator[Egress]:
        for namespace in self._inventory.namespaces:
            if namespace in self._proxied or namespace in self._intents:
                yield from self._of_namespace(namespace)

    @property
    def proxied(self) -> list[str]:
        """The namespaces with workloads that call through a proxy."""
        return sorted(self._proxied)

    def policy(self, namespace: str, labels: Mapping[str, str] | None) -> Effective[str]:
        """The outbound policy of workloads of a namespace with these labels, or (None) that no Sidecar selects."""
        return of_sidecars(self._visibility.sidecars(namespace, labels), self._mesh)

    def barrier(self, workload: Workload, host: str, port: int, unproxied: bool) -> Effective[str] | None:
        """What keeps a workload from a host outside the mesh, or from all that a pattern covers; None = nothing known.

        The NetworkPolicies of its pods (unless a VirtualService may lead its calls to a gateway in the cluster), else
        REGISTRY_ONLY where no ServiceEntry that it sees has the host and port. `unproxied`: the call comes before the proxy.
        """
        if not workload.pod or not self._external.of(host).value:
            return None
        closed = self._network.closes(workload.namespace, workload.labels, port)
        if closed and not self._claimed.meeting(host):
            return Effective("NetworkPolicy", (closed,))
        captured = workload.has_sidecar and captures_calls_outside(workload.pod, port, self._meshconfig)
        if unproxied or not captured:
            return None
        closed_mesh = self.policy(workload.namespace, workload.labels).holds(lambda mode: mode == "REGISTRY_ONLY")
        if self._entries.reaching(host, port, workload.namespace, workload.labels):
            return None
        return closed_mesh

    def _of_namespace(self, namespace: str) -> Iterator[Egress]:
        """One subject per Sidecar that workloads of the namespace have, those without one of their own together."""
        groups: dict[tuple[int, ...], tuple[list[Resource], list[Workload]]] = {}
        for workload in self._workloads.in_namespace(namespace):
            if _calls_through_a_proxy(workload):
                sidecars = self._visibility.sidecars(namespace, workload.labels)
                groups.setdefault(tuple(map(id, sidecars)), (sidecars, []))[1].append(workload)
        if not groups and (self._settings.closed or namespace in self._inventory.supplied.workloads):
            return
        if not groups:
            sidecars = self._visibility.sidecars(namespace, None)
            groups[tuple(map(id, sidecars))] = (sidecars, [])
            for selecting in self._visibility.selecting_sidecars(namespace):
                groups[(id(selecting),)] = ([selecting], [])
        for sidecars, workloads in groups.values():
            yield self._egress(namespace, sidecars, tuple(workloads))

    def _egress(self, namespace: str, sidecars: list[Resource], workloads: tuple[Workload, ...]) -> Egress:
        intent = self._intents.get(namespace, [])
        confined = tuple(w for w in workloads if self._exposure.matters(w).value)
        return Egress(
            namespace,
            workloads,
            tuple(sidecar for sidecar in sidecars if sidecar.namespace == namespace),
            of_sidecars(sidecars, self._mesh),
            _membership(namespace, workloads),
            tuple(reason for reason, _ in intent),
            tuple(dict.fromkeys(host for _, hosts in intent for host in hosts)),
            confined,
            self._limited(namespace, workloads),
            place_of(namespace, self._inventory, confined or workloads),
        )

    def _intents_by_namespace(self) -> dict[str, list[tuple[Reason, tuple[str, ...]]]]:
        found: dict[str, list[tuple[Reason, tuple[str, ...]]]] = defaultdict(list)
        for entry in self._inventory.all(SERVICE_ENTRY):
            hosts = list(hosts_of(entry))
            if hosts and is_external(entry) and not is_local(entry):
                reason = Reason(f"{entry} lists what may be called", hosts[0][1])
                for namespace in self._meant_by(entry):
                    found[namespace].append((reason, tuple(host for host, _ in hosts)))
        for policy in self._inventory.all(AUTHORIZATION_POLICY):
            outward = [named for rule in self._external.outward(policy) for named in rule]
            if any(named.external.basis is not Basis.ASSUMED for named in outward):
                is_limit = policy.get("spec", "action") in (None, "ALLOW")
                names = tuple(named.host for named in outward) if is_limit else ()
                reason = Reason(f"{policy} names hosts outside the mesh", outward[0].location)
                found[policy.namespace].append((reason, names))
        for reason, hosts_named in self._mesh_wide():
            for namespace in self._proxied:
                found[namespace].append((reason, hosts_named))
        return found

    def _meant_by(self, entry: Resource) -> list[str]:
        """The namespaces whose calls a ServiceEntry lists: its own, or, where nothing runs there, all that see it."""
        if entry.namespace in self._proxied:
            return [entry.namespace]
        exported = self._visibility.export_to(entry, SERVICE_ENTRY)
        seeing = self._proxied if "*" in exported else self._proxied & exported
        return sorted(seeing) or [entry.namespace]

    def _mesh_wide(self) -> Iterator[tuple[Reason, tuple[str, ...]]]:
        approved = self._settings.approved_egress_hosts
        if approved:
            where = self._settings.places.get("approved-egress-hosts")
            yield Reason("approved-egress-hosts lists what may be called", where), approved
        for gateway in self._inventory.all(ISTIO_GATEWAY):
            if gateway.get("spec", "selector", "istio") == "egressgateway":
                yield Reason(f"{gateway} is an egress gateway", gateway.at("spec", "selector")), ()

    def _limited(self, namespace: str, workloads: Sequence[Workload]) -> Reason | None:
        """That NetworkPolicies close egress for every workload; without known ones, for the whole namespace."""
        limits = [self._network.limit(namespace, w.labels) for w in workloads]
        limits = limits or [self._network.limit(namespace, None)]
        return limits[0] if all(limits) else None


def place_of(namespace: str, inventory: Inventory, workloads: Sequence[Workload] = ()) -> Location:
    """The Namespace object of a namespace of the input, failing that the first of some workloads, or the first that names it."""
    known = inventory.find(NAMESPACE, "", namespace)
    if known:
        return known.at("metadata", "name")
    first = workloads[0].resource if workloads else inventory.first_in(namespace)
    return first.at("metadata", "namespace")


def _calls_through_a_proxy(workload: Workload) -> bool:
    return workload.in_mesh.value and workload.data_plane.value is not DataPlane.GATEWAY


def _membership(namespace: str, workloads: Sequence[Workload]) -> Effective[bool]:
    known = [workload for workload in workloads if not workload.implied]
    if not known:
        text = f"no workload of {namespace} is in the input; its policies take proxies for granted"
        return Effective(True, (Reason(text, None, Basis.SUPPORTED),))
    return max((w.in_mesh for w in known), key=lambda member: member.basis.confidence)
