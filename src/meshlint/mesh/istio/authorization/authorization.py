"""Who may call whom: the questions that rules, `can` and `show access` ask of the policies of a mesh."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from ....resource.inventory import Inventory
from ....resource.resource import Resource, required
from ...effective import Effective
from ...subjects import DataPlane, MtlsMode, Port, Workload
from ..meshconfig import MeshConfig
from ..xds.protocols import Listening, listening
from .authorizers import Authorizers
from .callers import Limit, accounts, limit
from .calls import Identity, Kind, Normalization
from .filters import Guard
from .policies import Action, Applied, Policies, Policy
from .rules import Rule
from .trust_domains import trust_domains

if TYPE_CHECKING:
    from .survey import Survey

_PROXIED = (DataPlane.SIDECAR, DataPlane.GATEWAY)


class Authorization:
    """The policies of a mesh, and what they decide. `closed`: what the input does not have does not exist."""

    def __init__(self, inventory: Inventory, meshconfig: MeshConfig, domain: str, closed: bool) -> None:
        self._policies = Policies(inventory, meshconfig)
        self._authorizers = Authorizers(inventory, meshconfig, domain, closed)
        self._domain = trust_domains(meshconfig).own
        self._callers: dict[int, tuple[Limit, frozenset[Identity]]] = {}
        self._of_ports: dict[int, tuple[Port, Guard]] = {}
        self._surveys: dict[Hashable, Survey] = {}
        mode = meshconfig.value("pathNormalization", "normalization").value
        self._normalization = next((one for one in Normalization if one.value == mode), Normalization.BASE)

    def applied(self, namespace: str, labels: Mapping[str, str]) -> Applied:
        """All that applies to the pods of a namespace with these labels."""
        return self._policies.of(namespace, labels)

    def applied_with(self, policy: Resource, workloads: Sequence[Workload]) -> Sequence[Applied]:
        """What applies to each workload that a policy selects; without any, to pods with the labels that it asks for."""
        wanted = required(policy.get("spec", "selector", "matchLabels"))
        pods = [(workload.namespace, workload.labels) for workload in workloads] or [(policy.namespace, wanted)]
        return list({id(found): found for found in (self.applied(*pod) for pod in pods)}.values())

    def naming(self, identity: Identity) -> Sequence[Rule]:
        """The ALLOW rules in force that name a service account of the mesh, and not by a wildcard."""
        return self._naming.get(identity, ())

    @cached_property
    def _naming(self) -> Mapping[Identity, Sequence[Rule]]:
        found: dict[Identity, dict[int, Rule]] = defaultdict(dict)
        for policy in self._policies.all():
            for rule in policy.rules if policy.action is Action.ALLOW and not policy.dry_run else ():
                for identity in accounts(rule):
                    found[identity][id(rule)] = rule
        return {identity: tuple(rules.values()) for identity, rules in found.items()}

    def callers(self, rule: Rule) -> tuple[Limit, frozenset[Identity]]:
        """How far a rule of a policy limits its callers, and which it names one by one."""
        if id(rule) not in self._callers:
            self._callers[id(rule)] = limit(rule), frozenset(accounts(rule))
        return self._callers[id(rule)]

    def policy(self, resource: Resource) -> Policy:
        """An AuthorizationPolicy as istiod reads it."""
        return self._policies.policy(resource)

    def in_force(self, namespace: str) -> Sequence[Resource]:
        """The policies of a namespace and of the root namespace that are no dry run, whatever they select."""
        return self._policies.in_force(namespace)

    def targets_in(self, namespace: str) -> bool:
        """Whether policies of a namespace are attached to Gateways, waypoints or Services."""
        return self._policies.targets_in(namespace)

    def of_port(self, port: Port) -> Guard:
        """What decides about the calls of a port. Where policies take a proxy for granted that the input does not show, so
        does this. What a gateway listens for is taken to be HTTP."""
        if id(port) not in self._of_ports:
            self._of_ports[id(port)] = port, self._of_port(port)
        return self._of_ports[id(port)][1]

    def _of_port(self, port: Port) -> Guard:
        workload, plane = port.workload, port.workload.data_plane
        if plane.value is DataPlane.UNKNOWN and workload.in_mesh.value:
            plane = Effective(DataPlane.SIDECAR, workload.in_mesh.because)
        protocol = Listening.HTTP if plane.value is DataPlane.GATEWAY else listening(port.protocol)
        where = workload.namespace, workload.labels
        return self.guard(*where, port.number, plane, port.mtls, protocol, port.captured)

    def survey(self, guard: Guard) -> Survey:
        """What becomes of every kind of call to a port. Ports that the same decides about share it."""
        from .survey import Survey

        key = alike(guard)
        if key not in self._surveys:
            self._surveys[key] = Survey(guard)
        return self._surveys[key]

    def guard(
        self,
        namespace: str,
        labels: Mapping[str, str],
        number: int | None,
        plane: Effective[DataPlane],
        mtls: Effective[MtlsMode],
        protocol: Listening,
        captured: bool = True,
    ) -> Guard:
        """What decides about the calls of a port of these pods."""
        applied = self.applied(namespace, labels)
        authorizers, normalization = self._authorizers, self._normalization
        return Guard(number, plane, captured, mtls, protocol, applied, authorizers, normalization, self._domain)


def alike(guard: Guard) -> Hashable:
    """The same for ports that the same decides about."""
    numbered = any(
        c.kind is Kind.PORT
        for policy in (*guard.applied.policies, *guard.applied.dry)
        for rule in policy.rules
        for c in rule.conditions
    )
    plane = guard.plane.value if guard.plane.value in _PROXIED else guard.plane
    number = guard.number if numbered else None
    return (id(guard.applied), number, plane, guard.captured, guard.mtls, guard.protocol)
