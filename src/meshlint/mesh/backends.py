"""What is behind a host, or behind one subset of it, and how many endpoints that makes (term `pool size`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from ..resource.inventory import Inventory
from ..resource.kinds import (
    ENDPOINT_SLICE,
    HORIZONTAL_POD_AUTOSCALER,
    SCALED_OBJECT,
    SERVICE_ENTRY,
    WORKLOAD_ENTRY,
    GroupKind,
)
from ..resource.match import ServicePort, is_address, matches, split_service_host
from ..resource.resource import Resource, required
from ..resource.workload import named_port
from .effective import UNKNOWN, Basis, Effective, Reason, Unknown
from .subjects import Workload
from .workloads import Workloads

if TYPE_CHECKING:
    from .istio.xds.istiod import Istiod
    from .istio.xds.registry import Endpoint

_AUTOSCALERS: tuple[tuple[GroupKind, str, int, str, int], ...] = (
    (HORIZONTAL_POD_AUTOSCALER, "minReplicas", 1, "maxReplicas", 1),
    (SCALED_OBJECT, "minReplicaCount", 0, "maxReplicaCount", 100),
)
"""Kinds that scale what `spec.scaleTargetRef` names, with the fields of the least and the most pods and their defaults."""


class Count(NamedTuple):
    """A number of endpoints; `most` is greater where an autoscaler decides."""

    least: int
    most: int

    def __str__(self) -> str:
        return str(self.least) if self.least == self.most else f"as few as {self.least}"


class Backends(NamedTuple):
    """Workloads, and endpoints that no workload of the input has (those of ServiceEntries, WorkloadEntries, EndpointSlices).

    `size` is UNKNOWN where the input has neither, or does not tell a number: a host name may stand for any number.
    """

    workloads: tuple[Workload, ...]
    endpoints: tuple[Endpoint, ...]
    size: Effective[Count | Unknown]


class BackendsOfHosts:
    """Finds what is behind the hosts of a mesh. `istiod` is asked only where more than pods may be there."""

    def __init__(self, inventory: Inventory, workloads: Workloads, istiod: Callable[[], Istiod], domain: str) -> None:
        self._inventory = inventory
        self._workloads = workloads
        self._istiod = istiod
        self._domain = domain
        self._entries: dict[str, list[Resource]] = defaultdict(list)
        for entry in inventory.all(SERVICE_ENTRY):
            for host in entry.items("spec", "hosts"):
                self._entries[str(host)].append(entry)

    def of(self, host: str, labels: Mapping[str, str], ports: Sequence[ServicePort] = ()) -> Backends:
        """What has all these labels and serves some of these ports of a host; () = whatever its ports."""
        behind = list(self._behind(host))
        workloads = tuple(w for w in behind if matches(labels, w.labels) and _serves(w, ports))
        found = (e for e in self._listed(host) if matches(labels, e.labels) and _is_of(e, ports))
        endpoints = tuple({e.address: e for e in found if not (behind and e.node)}.values())
        return Backends(workloads, endpoints, self._size(host, workloads, endpoints))

    def localities(self, backends: Backends) -> set[str]:
        """The localities (`region/zone/subzone`) of backends, as far as the input tells them."""
        found = (self._istiod().proxy_of(workload.pod) for workload in backends.workloads if workload.pod)
        places = [proxy.locality for proxy in found if proxy]
        return {place.rstrip("/") for place in (*places, *(e.locality for e in backends.endpoints))} - {""}

    def _behind(self, host: str) -> Iterator[Workload]:
        yield from self._workloads.behind(host)
        for entry in self._entries.get(host, ()):
            wanted = required(entry.get("spec", "workloadSelector", "labels"))
            if wanted:
                yield from self._workloads.selected(entry.namespace, wanted)

    def _listed(self, host: str) -> Iterator[Endpoint]:
        """The endpoints of a host where more than a selector may say them. Those of pods, which are on a node, among them."""
        service = split_service_host(host, self._domain)
        kinds = (WORKLOAD_ENTRY, ENDPOINT_SLICE) if service else ()
        more = service and any(self._inventory.in_namespace(kind, service[1]) for kind in kinds)
        if more or host in self._entries:
            registry = self._istiod().registry
            for known in registry.by_host.get(host, {}).values():
                yield from registry.endpoints(known)

    def _size(
        self, host: str, workloads: Sequence[Workload], endpoints: Sequence[Endpoint]
    ) -> Effective[Count | Unknown]:
        counts = [self.pods_of(workload) for workload in workloads]
        because = tuple(reason for count in counts for reason in count.because)
        named = next((e.address for e in endpoints if not is_address(e.address)), None)
        if named:
            text = f"how many addresses {named} has is for DNS to say"
            return Effective(UNKNOWN, (*because, Reason(text, None, Basis.ASSUMED)))
        known = [count.value for count in counts if isinstance(count.value, Count)]
        if len(known) < len(counts) or not (workloads or endpoints):
            text = f"the input does not tell how many endpoints {host} has"
            return Effective(UNKNOWN, because or (Reason(text, None, Basis.ASSUMED),))
        listed = len(endpoints)
        if listed:
            because += (Reason(f"{listed} of its endpoints are listed in the input"),)
        return Effective(Count(sum(c.least for c in known) + listed, sum(c.most for c in known) + listed), because)

    def pods_of(self, workload: Workload) -> Effective[Count | Unknown]:
        """How many pods a workload has."""
        pod, owner = workload.pod, workload.resource
        if pod is None:
            return Effective(UNKNOWN, (Reason(f"the pods of {workload} are not in the input", None, Basis.ASSUMED),))
        scaled = self._scaled.get((owner.kind, owner.namespace, owner.name))
        if scaled:
            return scaled
        if pod.replicas is None:
            text = f"the number of pods of {owner} is not in the input"
            return Effective(UNKNOWN, (Reason(text, owner.at("spec"), Basis.ASSUMED),))
        text = f"{owner} has {pod.replicas} pod{'s' * (pod.replicas != 1)}"
        return Effective(Count(pod.replicas, pod.replicas), (Reason(text, owner.at("spec", "replicas")),))

    @cached_property
    def _scaled(self) -> Mapping[tuple[str, str, str], Effective[Count | Unknown]]:
        """What autoscalers say, by the kind, namespace and name of what they scale."""
        found: dict[tuple[str, str, str], Effective[Count | Unknown]] = {}
        for kind, fewest, default, most, limit in _AUTOSCALERS:
            for scaler in self._inventory.all(kind):
                target = scaler.mapping("spec", "scaleTargetRef")
                key = (str(target.get("kind") or "Deployment"), scaler.namespace, str(target.get("name")))
                low, high = scaler.mapping("spec").get(fewest, default), scaler.mapping("spec").get(most, limit)
                where = scaler.at("spec", fewest)
                if isinstance(low, int) and isinstance(high, int):
                    reason = Reason(f"{scaler} keeps at least {low} pod{'s' * (low != 1)}", where)
                    found.setdefault(key, Effective(Count(low, max(low, high)), (reason,)))
                else:
                    reason = Reason(f"how few pods {scaler} keeps is not known here", where, Basis.ASSUMED)
                    found.setdefault(key, Effective(UNKNOWN, (reason,)))
        return found


def _serves(workload: Workload, ports: Sequence[ServicePort]) -> bool:
    """Whether pods have one of the ports: those that a Service calls by name are not in every pod."""
    pod = workload.pod
    if pod is None or not ports:
        return True
    return any(isinstance(port.target, int) or named_port(pod, port.target, port.transport) for port in ports)


def _is_of(endpoint: Endpoint, ports: Sequence[ServicePort]) -> bool:
    if endpoint.service_port:
        return not ports or any(port.number == endpoint.service_port for port in ports)
    return not ports or any((port.name or "") == endpoint.port_name for port in ports)
