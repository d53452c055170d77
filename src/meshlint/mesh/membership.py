"""Which pods of the input are in the mesh (term `proxied workload`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..resource.inventory import Inventory
from ..resource.kinds import (
    AUTHORIZATION_POLICY,
    DESTINATION_RULE,
    PEER_AUTHENTICATION,
    REQUEST_AUTHENTICATION,
    SIDECAR,
    TELEMETRY,
    VIRTUAL_SERVICE,
    WASM_PLUGIN,
)
from ..resource.match import Selecting, resolve, split_service_host
from ..resource.resource import Resource, get, required
from ..resource.workload import PodTemplate
from .effective import Basis, Effective, Reason
from .istio.injection import selects_gateway
from .istio.meshconfig import MeshConfig
from .istio.routes import Rule, is_bound_to_mesh
from .subjects import DataPlane

SELECTING = (
    PEER_AUTHENTICATION,
    AUTHORIZATION_POLICY,
    REQUEST_AUTHENTICATION,
    TELEMETRY,
    WASM_PLUGIN,
)
"""Kinds of policies that select pods by labels."""

_FROM_THE_ROOT = (AUTHORIZATION_POLICY, REQUEST_AUTHENTICATION, WASM_PLUGIN)
"""Kinds whose selectors in the root namespace take pods of every namespace."""

_POLICIES = (*SELECTING, SIDECAR, DESTINATION_RULE, VIRTUAL_SERVICE)
_OTHER_TLS = ("DISABLE", "SIMPLE", "MUTUAL")


class Membership:
    """What injection decides of a pod; where the input cannot tell, what its policies take for granted."""

    def __init__(self, inventory: Inventory, meshconfig: MeshConfig, rules: Sequence[Rule], domain: str) -> None:
        self._inventory = inventory
        self._domain = domain
        self._root = meshconfig.root_namespace
        policies = [p for kind in _POLICIES for p in inventory.all(kind) if self._is_for_proxies(p)]
        self._policies = {policy.namespace: policy for policy in reversed(policies)}
        self._mesh_wide = next((p for p in policies if self._is_for_all(p)), None)
        self._from_the_root = Selecting((p for p in policies if p.group_kind in _FROM_THE_ROOT), _selector)
        self._named = dict(reversed(list(self._named_services(rules, policies))))

    def of(self, pod: PodTemplate, plane: Effective[DataPlane]) -> Effective[bool]:
        if plane.value in (DataPlane.SIDECAR, DataPlane.GATEWAY, DataPlane.AMBIENT):
            return Effective(True, plane.because)
        witness = self._witness(pod) if plane.value is DataPlane.UNKNOWN else None
        if witness is None:
            return Effective(False, plane.because)
        text = f"whether pods of {pod.namespace} get a proxy is not in the input; {witness} takes it for granted"
        return Effective(True, (Reason(text, None, Basis.SUPPORTED),))

    def _witness(self, pod: PodTemplate) -> Resource | None:
        """What makes no sense unless a pod has a proxy, or others of its namespace have."""
        if pod.namespace in self._policies:
            return self._policies[pod.namespace]
        selecting = self._from_the_root.of(self._root, pod.labels)
        if selecting or self._mesh_wide:
            return next(iter(selecting), self._mesh_wide)
        services = [(service.namespace, service.name) for service in self._inventory.services_of(pod)]
        return next((self._named[service] for service in services if service in self._named), None)

    def _is_for_proxies(self, policy: Resource) -> bool:
        """Whether a policy is about pods with proxies other than gateways."""
        if policy.group_kind == VIRTUAL_SERVICE:
            return is_bound_to_mesh(policy)
        if policy.group_kind == DESTINATION_RULE:
            return not self._leads_out_of_the_mesh(policy)
        targeted = policy.get("spec", "targetRef") or policy.get("spec", "targetRefs")
        return not targeted and not selects_gateway(_selector(policy))

    def _leads_out_of_the_mesh(self, rule: Resource) -> bool:
        """Whether clients speak to a Service in another way than proxies speak to each other: also gateways do so."""
        policy = ("spec", "trafficPolicy")
        modes = [get(part, "tls", "mode") for part in (rule.get(*policy), *rule.items(*policy, "portLevelSettings"))]
        return any(mode in _OTHER_TLS for mode in modes) and self._service_of(rule) is not None

    def _is_for_all(self, policy: Resource) -> bool:
        """Whether a policy of the root namespace is about the pods of every namespace."""
        if policy.namespace != self._root or policy.group_kind == VIRTUAL_SERVICE:
            return False
        if policy.group_kind == DESTINATION_RULE:
            return str(policy.get("spec", "host")).startswith("*")
        return not _selector(policy) and not policy.get("spec", "workloadSelector")

    def _named_services(
        self, rules: Sequence[Rule], policies: Sequence[Resource]
    ) -> Iterator[tuple[tuple[str, str], Resource]]:
        """Services (namespace, name) that a mesh-bound route leads to or a DestinationRule names, and what does so."""
        for rule in rules:
            if is_bound_to_mesh(rule.root):
                for destination in rule.destinations:
                    service = split_service_host(destination.host, self._domain)
                    if service:
                        yield (service[1], service[0]), rule.root
        for policy in policies:
            service = self._service_of(policy) if policy.group_kind == DESTINATION_RULE else None
            if service:
                yield (service[1], service[0]), policy

    def _service_of(self, rule: Resource) -> tuple[str, str] | None:
        """The Service (name, namespace) that a DestinationRule is for."""
        host = rule.get("spec", "host")
        return split_service_host(resolve(str(host), rule.namespace, self._domain), self._domain)


def _selector(policy: Resource) -> Mapping[str, Any]:
    return required(policy.get("spec", "selector", "matchLabels"))
