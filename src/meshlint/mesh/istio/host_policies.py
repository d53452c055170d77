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
    mesh.host_policies.retries(one)            # the retries there may be of requests to it, by route
    mesh.host_policies.ejections(host)         # what outlier detection may do to each pool that calls reach: ejection

`mesh.host_policies.seen_from(namespace, host)` is the same for clients of one namespace that no workloadSelector takes,
`for_route(route, namespace)` for them where a route leads.
What clients with equal DestinationRules get is worked out once, however many they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ...resource.inventory import Inventory
from ...resource.kinds import NAMESPACE, SERVICE, SERVICE_ENTRY, VIRTUAL_SERVICE
from ...resource.match import Names, ServicePort, entry_ports, service_ports, split_service_host
from ...resource.resource import Resource, get, required
from ...source.document import Location, Path
from ..backends import Backends, BackendsOfHosts, Count
from ..effective import Basis, Effective, Reason
from ..subjects import Answer, Destination, Host, Retries, Route
from .destinations import DestinationRules, Merged
from .ejection import Ejection, ejection
from .meshconfig import MeshConfig
from .order import spread
from .retries import PROTOCOLS, can_occur, is_retried
from .routes import default_retries, l4_destinations
from .xds.balancing import LocalitySetting, locality_setting, traffic_distribution
from .xds.protocols import is_tcp
from .xds.traffic_policy import Block, TrafficPolicy, traffic_policy

_TIE = "creation times decide which DestinationRule is merged first"


class HostPolicy(NamedTuple):
    """What clients get for a port and subset ("" = none) of a host. `port` None = every port without settings of its own.

    `service` is the Service or ServiceEntry behind the host, `ports` are those of its ports that this is for; None and ()
    where the input has none. `destinations` are those of routes that lead here. `use`: MAYBE = routes that are not in the
    input may lead here; NO = those of the input all lead elsewhere. `labels` are what the subset requires of endpoints.
    `balanced` is False where no proxy of the input chooses among endpoints: the application calls one by its address.
    `apart`: other ports of the host have settings of their own.
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
    direct: bool
    labels: Mapping[str, str]
    balanced: bool
    apart: bool

    def __str__(self) -> str:
        port = f"port {self.port} of " if self.port else ""
        return port + (f"subset {self.subset} of " if self.subset else "") + self.host


def names(parts: Sequence[HostPolicy]) -> list[str]:
    """What to call several policies of a host: a port or subset by itself only where what it is part of is not among them."""
    known = {(one.port, one.subset) for one in parts}

    def is_part(one: HostPolicy) -> bool:
        wider = {(None, ""), (None, one.subset), (one.port, "")} - {(one.port, one.subset)}
        return not wider.isdisjoint(known)

    return [_name(one, parts) for one in parts if not is_part(one)]


def _led_by(route: Route, one: HostPolicy) -> HostPolicy:
    """What is for the destinations of a route alone."""
    led = tuple(d for d in one.destinations if d in route.destinations)
    numbers = {d.port for d in led}
    named = tuple(port for port in one.ports if port.number in numbers)
    return one._replace(destinations=led, ports=one.ports if None in numbers else named or one.ports)


def _name(one: HostPolicy, parts: Sequence[HostPolicy]) -> str:
    """The ports without settings of their own are named where those that have some are not among the parts."""
    if one.port or not one.apart or any(other.port for other in parts):
        return str(one)
    numbers = [str(port.number) for port in one.ports]
    return f"port{'s' * (len(numbers) > 1)} {' and '.join(numbers)} of {one}" if numbers else f"other ports of {one}"


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
        self._hosts = {host.name: host for host in hosts}
        self._concrete = Names(host.name for host in hosts if not host.name.startswith("*"))
        self._entries: dict[str, list[Resource]] = defaultdict(list)
        for entry in inventory.all(SERVICE_ENTRY):
            for name in entry.items("spec", "hosts"):
                self._entries[str(name)].append(entry)
        self._led_to: dict[str, list[Destination]] = defaultdict(list)
        self._behind_gateways: set[str] = set()
        self._routes: dict[Destination, list[Route]] = defaultdict(list)
        for route in routes:
            for destination in dict.fromkeys(route.destinations):
                if destination not in self._routes:
                    self._led_to[destination.host].append(destination)
                self._routes[destination].append(route)
                if route.gateway:
                    self._behind_gateways.add(destination.host)
        for virtual_service in inventory.all(VIRTUAL_SERVICE):
            for destination in l4_destinations(virtual_service, domain):
                self._led_to[destination.host].append(destination)
        self._declared: dict[str, tuple[Sequence[Resource], Sequence[ServicePort]]] = {}
        self._known: dict[str, tuple[HostPolicy, ...]] = {}
        self._found: dict[tuple[str, int], tuple[HostPolicy, ...]] = {}
        self._settled: dict[tuple[int, int | None, str], TrafficPolicy] = {}
        self._sizes: dict[object, Backends] = {}
        self._ejections: dict[str, list[tuple[HostPolicy, Effective[Ejection | None]]]] = {}

    def of(self, host: Host) -> Sequence[HostPolicy]:
        """What clients get for a host. A wildcard has none where the input has hosts that it covers, which have their own;
        an ExternalName has none, since it is another name of a host.
        """
        known = self._known.get(host.name)
        if known is None:
            is_covering = host.name.startswith("*") and bool(self._concrete.covered(host.name))
            outcomes = () if is_covering else self._rules.outcomes(host.name)
            known = tuple(policy for merged in outcomes for policy in self._by_rule(host, merged))
            self._known[host.name] = known
        return known

    def seen_from(self, namespace: str, host: Host) -> list[HostPolicy]:
        """What clients of a namespace get for a host."""
        return list(self._by_rule(host, self._rules.for_client(namespace, host.name)))

    def reads_requests(self, one: HostPolicy, port: ServicePort) -> bool:
        """Whether some proxy reads the requests that it sends to a port: of HTTP, sniffed, or where an http route leads."""
        return not is_tcp(port) or any(
            d.port == port.number or (d.port is None and any(route.gateway for route in self._routes.get(d, ())))
            for d in one.destinations
            if d in self._routes
        )

    def is_read(self, one: HostPolicy) -> bool:
        """Whether requests to it are read at one of its ports, as far as these are known."""
        return not one.ports or any(self.reads_requests(one, port) for port in one.ports if port.protocol != "udp")

    def is_upgraded(self, one: HostPolicy) -> bool:
        """Whether h2UpgradePolicy can change a request to it: sidecars keep the caller's version at ports that they sniff."""
        if not one.ports or self.is_behind_gateway(one.host):
            return self.is_read(one)
        return any(port.protocol not in (None, "udp") and self.reads_requests(one, port) for port in one.ports)

    def is_behind_gateway(self, host: str) -> bool:
        """Whether a gateway leads requests to a host."""
        return host in self._behind_gateways

    def for_route(self, route: Route, namespace: str) -> list[HostPolicy]:
        """What clients of a namespace get for the destinations of a route, of the ports those to which it leads."""
        hosts = (self._hosts[name] for name in dict.fromkeys(d.host for d in route.destinations))
        found = (_led_by(route, one) for host in hosts for one in self.seen_from(namespace, host))
        return [one for one in found if one.destinations and self.is_read(one)]

    def retries(self, one: HostPolicy) -> Iterator[tuple[Route | None, Retries]]:
        """The retries that there may be of requests to it, by http route; None = those of calls that no route takes."""
        if self.is_read(one):
            yield from ((route, route.retries) for route in self._along(one.destinations) if is_retried(route))
            default = default_retries(self._meshconfig)
            if one.direct and can_occur(default, PROTOCOLS):
                yield None, default

    def backends(self, one: HostPolicy) -> Backends:
        """What is behind it."""
        key = (one.host, tuple(one.labels.items()), one.ports)
        if key not in self._sizes:
            self._sizes[key] = self._backends.of(one.host, one.labels, one.ports)
        return self._sizes[key]

    def locality(self, one: HostPolicy, policy: TrafficPolicy) -> Effective[LocalitySetting | None]:
        """What decides about localities under a policy of a host; None = nothing does."""
        distribution: Effective[str | None] = Effective(
            None, (Reason("no Service is in the input", None, Basis.DEFAULT),)
        )
        if one.service and one.service.group_kind == SERVICE:
            namespace = self._inventory.find(NAMESPACE, "", one.service.namespace)
            distribution = traffic_distribution(one.service, namespace, self._meshconfig)
        return locality_setting(policy.load_balancer, distribution, self._meshconfig)

    def failover(self, one: HostPolicy, policy: TrafficPolicy) -> Block | None:
        """The localityLbSetting by which a DestinationRule says where calls go when endpoints near by are unhealthy."""
        setting, own = self.locality(one, policy), policy.load_balancer.value
        if own is None or setting.value is None or not setting.value.moves:
            return None
        where = own.at("localityLbSetting")
        return Block(own.get("localityLbSetting"), where) if setting.origin == where else None

    def prefers_near(self, one: HostPolicy, policy: TrafficPolicy) -> bool:
        """Whether it is outlier detection alone that makes clients prefer the endpoints near by: nothing but the mesh's
        setting, which is on by default, decides about localities, and there may be several endpoints.
        """
        own, setting = policy.load_balancer.value, self.locality(one, policy).value
        if policy.outlier_detection.value is None or setting is None:
            return False
        if own and any(own.get(name) is not None for name in ("localityLbSetting", "zoneAwareLbSetting")):
            return False
        size = self.backends(one).size.value
        is_single = isinstance(size, Count) and size.most <= 1
        return not (setting.shares or setting.forced or setting.zone_aware or is_single)

    def has_elsewhere(self, one: HostPolicy, policy: TrafficPolicy) -> bool:
        """Whether calls have another place to go when all endpoints of one are ejected: another locality."""
        setting = self.locality(one, policy).value
        places = {place for _, shares in setting.shares for place in shares} if setting else set()
        if setting and (setting.moves or len(places) > 1):
            return True
        return len(self._backends.localities(self.backends(one))) > 1

    def under(self, merged: Merged | None, port: int | None, subset: str) -> TrafficPolicy | None:
        """The policy of a port and subset if this were the DestinationRule in force; None = there is no such subset."""
        if subset and (merged is None or merged.subset(subset) is None):
            return None
        key = (id(merged), port, subset)
        if key not in self._settled:
            self._settled[key] = traffic_policy(merged, port, subset, self._meshconfig)
        return self._settled[key]

    def ejections(self, host: Host) -> Sequence[tuple[HostPolicy, Effective[Ejection | None]]]:
        """What outlier detection may do to each pool of a host that calls reach; None = nothing, or not known."""
        if host.name not in self._ejections:
            called = [one for one in self.of(host) if one.use is Answer.YES and one.balanced]
            self._ejections[host.name] = [(one, self._ejection(one)) for one in called]
        return self._ejections[host.name]

    def _ejection(self, one: HostPolicy) -> Effective[Ejection | None]:
        def step(policy: Effective[TrafficPolicy | None]) -> Effective[Ejection | None]:
            if policy.value is None or policy.value.outlier_detection.value is None:
                return Effective(None, policy.because)
            return Effective(ejection(policy.value, self.backends(one).size), policy.because)

        return spread(one.policy, step, _TIE)

    def services(self, host: str) -> list[Resource]:
        """The Service of a host, and the ServiceEntries that have it."""
        name = split_service_host(host, self._domain)
        known = self._inventory.find(SERVICE, name[1], name[0]) if name else None
        return [*([known] if known else []), *self._entries.get(host, ())]

    def _served(self, host: str) -> tuple[Sequence[Resource], Sequence[ServicePort]]:
        """What declares a host, and its ports."""
        if host not in self._declared:
            services = self.services(host)
            self._declared[host] = services, _ports(services)
        return self._declared[host]

    def places(self, host: str) -> Mapping[int, Location]:
        """Where the ports of a host stand, by number."""
        found: dict[int, Location] = {}
        for service in self.services(host):
            for port in _ports([service]):
                found.setdefault(port.number, service.at("spec", "ports", port.position))
        return found

    def routes_to(self, host: str) -> list[Route]:
        """The http routes that lead to a host."""
        return self._along(self.destinations(host))

    def _along(self, destinations: Iterable[Destination]) -> list[Route]:
        """The http routes that have some of these destinations, each once."""
        return list({id(route): route for d in destinations for route in self._routes.get(d, ())}.values())

    def destinations(self, host: str) -> Sequence[Destination]:
        """The destinations of routes that lead to a host, http routes first."""
        return self._led_to.get(host, ())

    def _by_rule(self, host: Host, merged: Effective[Merged | None]) -> Sequence[HostPolicy]:
        """What a host gets of a DestinationRule; found once, as many clients get the same."""
        known = self._found.get((host.name, id(merged)))
        if known is None:
            known = tuple(self._policies(host, merged))
            if merged.value and known:
                self._found[host.name, id(merged)] = known
        return known

    def _policies(self, host: Host, merged: Effective[Merged | None]) -> Iterator[HostPolicy]:
        outcomes = [outcome.value for outcome in merged.outcomes if outcome.value]
        subsets = dict.fromkeys(name for one in outcomes for name, _, _ in one.subsets)
        services, ports = self._served(host.name)
        is_external_name = services and services[0].get("spec", "type") == "ExternalName"
        if is_external_name and self._meshconfig.external_names_are_aliases:
            return
        for subset in ("", *subsets):
            yield from self._of_subset(host, services, ports, merged, outcomes, subset)

    def _of_subset(
        self,
        host: Host,
        services: Sequence[Resource],
        ports: Sequence[ServicePort],
        merged: Effective[Merged | None],
        outcomes: Sequence[Merged],
        subset: str,
    ) -> Iterator[HostPolicy]:
        """One for each port that has settings of its own, and one for the others."""
        service = services[0] if services else None
        settled = _settled_ports(outcomes, subset)
        labels = _labels(outcomes, subset)
        led = self.destinations(host.name)
        direct = not (subset or host.claims)
        balanced = not _passes_through(service) or host.name in self._behind_gateways
        apart = bool(settled) and (not ports or any(p.number in settled for p in ports))
        for port in (None, *settled):
            served = tuple(p for p in ports if _is_for(p.number, port, settled))
            if ports and not served:
                continue
            here = tuple(d for d in led if (d.subset or "") == subset and _is_for(d.port, port, settled))
            policy = self._policy(merged, port, subset)
            passed = not subset and [port for port in served if is_tcp(port) and not _has_l4_rules(host)]
            routed = bool(led) and not (passed and len(passed) == len(served))
            use = _use(direct or bool(passed), bool(subset), bool(here), routed)
            yield HostPolicy(
                host.name, port, subset, service, served, merged, policy, here, use, direct, labels, balanced, apart
            )

    def _policy(
        self, merged: Effective[Merged | None], port: int | None, subset: str
    ) -> Effective[TrafficPolicy | None]:
        return spread(merged, lambda one: Effective(self.under(one.value, port, subset), one.because), _TIE)


def _has_l4_rules(host: Host) -> bool:
    """Whether a VirtualService of a host routes what proxies forward unread; http rules leave that alone."""
    return any(claim.resource.items("spec", section) for claim in host.claims for section in ("tcp", "tls"))


def _passes_through(service: Resource | None) -> bool:
    """Whether sidecars leave the choice of the address to the caller: for headless Services, and entries that resolve nothing."""
    if service is None:
        return False
    if service.group_kind == SERVICE_ENTRY:
        return service.get("spec", "resolution") in (None, "NONE")
    return bool(service.get("spec", "clusterIP") == "None")


def _ports(services: Iterable[Resource]) -> Sequence[ServicePort]:
    """The ports of several objects for one host, the first of each number."""
    found: dict[int, ServicePort] = {}
    for service in services:
        for port in entry_ports(service) if service.group_kind == SERVICE_ENTRY else service_ports(service):
            found.setdefault(port.number, port)
    return tuple(found.values())


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


def _use(direct: bool, subset: bool, here: bool, anywhere: bool) -> Answer:
    if here or not (subset or anywhere):
        return Answer.YES
    return Answer.MAYBE if direct or not anywhere else Answer.NO
