"""The traffic policies of a host, one for each port and subset that clients may call, and what is behind each.

How a rule of `check` asks:

    for one in mesh.host_policies.of(host):    # HostPolicy: as many as there are different ones, whoever the clients are
        one.port, one.subset, one.ports        # what it is for: None = all ports that no portLevelSettings name
        one.use is Answer.YES                  # routes lead there (`one.destinations`), or nothing routes this host at all
        one.policy                             # Effective[TrafficPolicy | None]; None = no such subset, hence no cluster
        mesh.host_policies.backends(one)       # Backends: .workloads, .size (Effective[Count | Unknown], the pool size)

    for policy in one.policy.fitting(lambda p: p is not None and p.outlier_detection.value is not None):
        policy.value.outlier_detection         # each winner of a tie for which the condition holds, weakened if not all do
        outlier(policy.value.outlier_detection)                # its numbers as the proxy gets them: xds.limits
        mesh.host_policies.locality(one, policy.value)         # what decides about localities: xds.balancing

`mesh.host_policies.seen_from(namespace, host)` is the same for clients of one namespace that no workloadSelector takes.
What clients with equal DestinationRules get is worked out once, however many they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ...resource.inventory import Inventory
from ...resource.kinds import NAMESPACE, SERVICE, SERVICE_ENTRY, VIRTUAL_SERVICE
from ...resource.match import ServicePort, entry_ports, service_ports, split_service_host, subset_of
from ...resource.resource import Resource, get, required
from ...source.document import Path
from ..backends import Backends, BackendsOfHosts
from ..effective import Basis, Effective, Reason
from ..subjects import Answer, Destination, Host, Route
from .destinations import DestinationRules, Merged
from .meshconfig import MeshConfig
from .order import spread
from .routes import l4_destinations
from .xds.balancing import LocalitySetting, locality_setting, traffic_distribution
from .xds.traffic_policy import TrafficPolicy, traffic_policy

_TIE = "creation times decide which DestinationRule is merged first"


class HostPolicy(NamedTuple):
    """What clients get for a port and subset ("" = none) of a host. `port` None = every port without settings of its own.

    `service` is the Service or ServiceEntry behind the host, `ports` are those of its ports that this is for; None and ()
    where the input has none. `destinations` are those of routes that lead here. `use`: MAYBE = routes that are not in the
    input may lead here; NO = those of the input all lead elsewhere. `labels` are what the subset requires of endpoints.
    """

    host: str
    port: int | None
    subset: str
    service: Resource | None
    ports: tuple[ServicePort, ...]
    merged: Effective[Merged | None]
    policy: Effective[TrafficPolicy | None]
    destinations: tuple[Destination, ...]
    use: Answer
    labels: Mapping[str, str]

    def __str__(self) -> str:
        port = f"port {self.port} of " if self.port else ""
        return port + (f"subset {self.subset} of " if self.subset else "") + self.host


class HostPolicies:
    """The traffic policies of all hosts of a mesh."""

    def __init__(
        self,
        inventory: Inventory,
        meshconfig: MeshConfig,
        rules: DestinationRules,
        hosts: Sequence[Host],
        routes: Iterable[Route],
        backends: BackendsOfHosts,
        domain: str,
    ) -> None:
        self._inventory = inventory
        self._meshconfig = meshconfig
        self._rules = rules
        self._backends = backends
        self._domain = domain
        self._concrete = [host.name for host in hosts if not host.name.startswith("*")]
        self._entries: dict[str, Resource] = {}
        for entry in inventory.all(SERVICE_ENTRY):
            for name in entry.items("spec", "hosts"):
                self._entries.setdefault(str(name), entry)
        self._led_to: dict[str, list[Destination]] = defaultdict(list)
        for route in routes:
            for destination in route.destinations:
                self._led_to[destination.host].append(destination)
        for virtual_service in inventory.all(VIRTUAL_SERVICE):
            for destination in l4_destinations(virtual_service, domain):
                self._led_to[destination.host].append(destination)
        self._known: dict[str, tuple[HostPolicy, ...]] = {}
        self._settled: dict[tuple[Merged | None, int | None, str], TrafficPolicy] = {}

    def of(self, host: Host) -> Sequence[HostPolicy]:
        """What clients get for a host. A wildcard has none where the input has hosts that it covers, which have their own."""
        known = self._known.get(host.name)
        if known is None:
            is_covering = host.name.startswith("*") and any(subset_of(name, host.name) for name in self._concrete)
            outcomes = () if is_covering else self._rules.outcomes(host.name)
            known = tuple(policy for merged in outcomes for policy in self._policies(host, merged))
            self._known[host.name] = known
        return known

    def seen_from(self, namespace: str, host: Host) -> list[HostPolicy]:
        """What clients of a namespace get for a host."""
        return list(self._policies(host, self._rules.for_client(namespace, host.name)))

    def backends(self, one: HostPolicy) -> Backends:
        """What is behind it."""
        return self._backends.of(one.host, one.labels)

    def locality(self, one: HostPolicy, policy: TrafficPolicy) -> Effective[LocalitySetting | None]:
        """What decides about localities under a policy of a host; None = nothing does."""
        distribution: Effective[str | None] = Effective(
            None, (Reason("no Service is in the input", None, Basis.DEFAULT),)
        )
        if one.service and one.service.group_kind == SERVICE:
            namespace = self._inventory.find(NAMESPACE, "", one.service.namespace)
            distribution = traffic_distribution(one.service, namespace, self._meshconfig)
        return locality_setting(policy.load_balancer, distribution, self._meshconfig)

    def service(self, host: str) -> Resource | None:
        """The Service or ServiceEntry of a host."""
        name = split_service_host(host, self._domain)
        known = self._inventory.find(SERVICE, name[1], name[0]) if name else None
        return known or self._entries.get(host)

    def destinations(self, host: str) -> Sequence[Destination]:
        """The destinations of routes that lead to a host, http routes first."""
        return self._led_to.get(host, ())

    def _policies(self, host: Host, merged: Effective[Merged | None]) -> Iterator[HostPolicy]:
        outcomes = [candidate.value for candidate in merged.candidates or (merged,)]
        subsets = dict.fromkeys(name for one in outcomes if one for name, _, _ in one.subsets)
        for subset in ("", *subsets):
            yield from self._of_subset(host, merged, [one for one in outcomes if one], subset)

    def _of_subset(
        self, host: Host, merged: Effective[Merged | None], outcomes: Sequence[Merged], subset: str
    ) -> Iterator[HostPolicy]:
        """One for each port that has settings of its own, and one for the others."""
        service = self.service(host.name)
        ports = _ports(service)
        settled = _settled_ports(outcomes, subset)
        labels = _labels(outcomes, subset)
        led = self.destinations(host.name)
        for port in (None, *settled):
            served = tuple(p for p in ports if _is_for(p.number, port, settled))
            if ports and not served:
                continue
            here = tuple(d for d in led if (d.subset or "") == subset and _is_for(d.port, port, settled))
            policy = self._policy(merged, port, subset)
            use = _use(host, subset, bool(here), bool(led))
            yield HostPolicy(host.name, port, subset, service, served, merged, policy, here, use, labels)

    def _policy(
        self, merged: Effective[Merged | None], port: int | None, subset: str
    ) -> Effective[TrafficPolicy | None]:
        def step(one: Effective[Merged | None]) -> Effective[TrafficPolicy | None]:
            if subset and (one.value is None or one.value.subset(subset) is None):
                return Effective(None, (*one.because, Reason(f"there is no subset {subset}")))
            return Effective(self._settle(one.value, port, subset), one.because)

        return spread(merged, step, _TIE)

    def _settle(self, merged: Merged | None, port: int | None, subset: str) -> TrafficPolicy:
        known = self._settled.get((merged, port, subset))
        if known is None:
            known = self._settled[merged, port, subset] = traffic_policy(merged, port, subset, self._meshconfig)
        return known


def _ports(service: Resource | None) -> tuple[ServicePort, ...]:
    if service is None:
        return ()
    return tuple(entry_ports(service) if service.group_kind == SERVICE_ENTRY else service_ports(service))


def _is_for(number: int | None, port: int | None, settled: Sequence[int]) -> bool:
    """Whether a port, None = any, is the one that has settings of its own, or (None) one of those that have none."""
    return number is None or (number not in settled if port is None else number == port)


def _settled_ports(outcomes: Iterable[Merged], subset: str) -> list[int]:
    """The ports that portLevelSettings name, of the top level or of a subset."""
    found: dict[int, None] = {}
    for one in outcomes:
        places: list[tuple[Resource, Path]] = [(one.policy, ("spec", "trafficPolicy"))] if one.policy else []
        own = one.subset(subset)
        places += [(own[0], (*own[1], "trafficPolicy"))] if own else []
        for rule, path in places:
            numbers = [get(setting, "port", "number") for setting in rule.items(*path, "portLevelSettings")]
            found |= dict.fromkeys(number for number in numbers if isinstance(number, int))
    return list(found)


def _labels(outcomes: Iterable[Merged], subset: str) -> Mapping[str, str]:
    """What a subset requires of its endpoints."""
    found = next((own for one in outcomes if (own := one.subset(subset))), None)
    return required(found[0].get(*found[1], "labels")) if found else {}


def _use(host: Host, subset: str, here: bool, anywhere: bool) -> Answer:
    if here or not (subset or anywhere):
        return Answer.YES
    is_called_directly = not (subset or host.claims)
    return Answer.MAYBE if is_called_directly or not anywhere else Answer.NO
