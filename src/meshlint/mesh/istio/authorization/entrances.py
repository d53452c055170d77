"""The ways from outside straight to a workload: routes of Gateways, Ingresses, Services that are open, and what the user says."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ....resource.inventory import Inventory
from ....resource.kinds import ISTIO_GATEWAY
from ....resource.match import host_matches
from ....resource.resource import Resource, get
from ....source.document import Location
from ...effective import Basis, Effective, Reason
from ...exposure import Exposure, ingress_backends, route_backends
from ...subjects import DataPlane, Port, Route, Workload
from ..addresses import hosts_sent
from ..hops import Arrival, Hops, gateway_names
from .calls import Caller, Request
from .decide import Decision, Outcome, Verdict, verdict
from .edge import MUTUAL, Edge, Pods, server_hosts
from .filters import Guard, Layer
from .passage import Door, Doors, doubted, passage, passage_of_somebody
from .reach import Asked
from .refusals import called, sent
from .survey import Answer

OUTSIDE = "outside"


class Hop(NamedTuple):
    """A call on a way from outside, and what becomes of it.

    `caller` and `server` are workloads or, where its pods are not in the input, a Gateway; the first caller is OUTSIDE. `by` says
    what makes the call; empty = the caller's own choice. `port` is the container port; None = any, or that of a gateway.
    `rests_on` is what else must be true.
    """

    caller: str
    server: str
    port: int | None
    by: tuple[Reason, ...]
    answer: Answer
    rests_on: tuple[Effective[Any], ...] = ()

    @property
    def outcome(self) -> Outcome:
        return self.answer.outcome

    @property
    def verdict(self) -> Verdict:
        return verdict(self.outcome)


Way = tuple[Hop, ...]


def verdict_of(way: Way) -> Verdict:
    """Whether a way is open: refused where one of its calls is."""
    found = {hop.verdict for hop in way}
    return next((v for v in (Verdict.DENY, Verdict.UNKNOWN) if v in found), Verdict.ALLOW)


class Entrances:
    """Finds what leads in from outside. `ports` are those of a workload."""

    def __init__(
        self,
        inventory: Inventory,
        exposure: Exposure,
        hops: Hops,
        edge: Edge,
        doors: Doors,
        ports: Callable[[Workload], Sequence[Port]],
        domain: str,
    ) -> None:
        self._inventory = inventory
        self._exposure = exposure
        self._hops = hops
        self._edge = edge
        self._doors = doors
        self._ports = ports
        self._domain = domain
        self._ingress = ingress_backends(inventory)
        self._routed = route_backends(inventory)

    def of(self, workload: Workload) -> Iterator[Way]:
        """The ways to a workload, open or not: none to a gateway, which passes on what its routes say."""
        if workload.data_plane.value is DataPlane.GATEWAY:
            return
        doors = self._doors.of(workload, self._ports(workload))
        for arrival in self._hops.arrivals(workload):
            if arrival.route.gateway:
                yield from self._by_route(arrival, workload, doors)
        for door in doors:
            for service in {id(service): service for service, _ in door.port.services}.values():
                yield from self._by_service(service, workload, door)
        stated = self._exposure.stated(workload)
        if stated and stated.value == "tenant-facing":
            yield (Hop(OUTSIDE, str(workload), None, stated.because, _undecided(Verdict.ALLOW, stated.because)),)

    def _by_service(self, service: Resource, workload: Workload, door: Door) -> Iterator[Way]:
        where = self._ingress.get((service.namespace, service.name))
        if where:
            by = Reason(f"an Ingress leads to {service}", where)
            answer = passage_of_somebody(
                door.guard, None, "as whom the controller of the Ingress calls is not in the input"
            )
            yield (Hop(OUTSIDE, str(workload), door.port.number, (by,), answer),)
        where = self._routed.get((service.namespace, service.name))
        if where:
            by = Reason(f"a route of the Gateway API leads to {service}", where)
            answer = passage_of_somebody(door.guard, None, "as whom the gateway calls is not known here")
            unseen = Reason("what the gateway itself lets in is not worked out here", None, Basis.ASSUMED)
            yield (Hop(OUTSIDE, str(workload), door.port.number, (by,), doubted(answer, unseen)),)
        kind = service.get("spec", "type")
        if kind in ("LoadBalancer", "NodePort"):
            by = Reason(f"{service} is open to the outside", service.at("spec", "type"))
            yield (Hop(OUTSIDE, str(workload), door.port.number, (by,), passage(door.guard, None)),)

    def _by_route(self, arrival: Arrival, workload: Workload, doors: Sequence[Door]) -> Iterator[Way]:
        route = arrival.route
        led = {id(port) for port in called([door.port for door in doors], arrival.destination, self._domain)}
        for match, _ in route.matches or (({}, route.location),):
            arriving, passed_on = (_asked(r, match, self._domain) for r in (route._replace(rewrite=None), route))
            for into in self._into(arrival, arriving, ()):
                for door in (door for door in doors if id(door.port) in led):
                    answer = into.passes_on(door.guard, passed_on)
                    yield *into.way, into.hop(str(workload), door.port.number, arrival, answer)

    def _into(self, arrival: Arrival, asked: Asked, passed: tuple[Resource, ...]) -> Iterator[_Into]:
        """The ways from outside into the gateways of a route. `passed`: the Gateways behind them."""
        for name in gateway_names(arrival.rule):
            namespace, _, short = name.rpartition("/")
            gateway = self._inventory.find(ISTIO_GATEWAY, namespace or arrival.rule.root.namespace, short)
            if gateway is None:
                missing = Reason(f"Gateway {name} is not in the input", None, Basis.ASSUMED)
                answer = _undecided(Verdict.UNKNOWN, (missing,))
                yield _Into(None, (Hop(OUTSIDE, f"Gateway {name}", None, (), answer),))
            elif gateway not in passed and (servers := list(_servers(gateway, arrival.route))):
                for pods in self._edge.pods(gateway):
                    if self._edge.sees(pods, arrival.rule.root):
                        yield _Into(pods, (self._into_pods(gateway, servers, pods, asked),))
                        yield from self._behind_another(pods, asked, (*passed, gateway))

    def _into_pods(self, gateway: Resource, servers: Sequence[_Server], pods: Pods, asked: Asked) -> Hop:
        first = min(servers, key=lambda server: server.asks_for_certificate)
        doubts = []
        if first.asks_for_certificate:
            text = "the server asks for a certificate, and who has one is not in the input"
            doubts.append(Reason(text, first.location, Basis.ASSUMED))
        if self._hops.is_private(gateway):
            doubts.append(
                Reason(f"nothing in the input opens the pods of {gateway} to the outside", None, Basis.ASSUMED)
            )
        by = Reason(f"{gateway} takes requests for {first.host}", first.location)
        answer = doubted(passage(self._guard(pods), None, asked), *doubts)
        return Hop(OUTSIDE, str(pods.workload or gateway), None, (by,), answer)

    def _behind_another(self, pods: Pods, asked: Asked, passed: tuple[Resource, ...]) -> Iterator[_Into]:
        """The ways into gateway pods by way of other gateways."""
        for arrival in self._hops.arrivals(pods.workload) if pods.workload else ():
            for into in self._into(arrival, asked, passed) if arrival.route.gateway else ():
                hop = into.hop(str(pods.workload), None, arrival, into.passes_on(self._guard(pods), asked))
                yield _Into(pods, (*into.way, hop))

    def _guard(self, pods: Pods) -> Guard:
        return self._doors.serving(self._edge.guard(pods), frozenset())


class _Into(NamedTuple):
    """A way into gateway pods, which are None where the input does not have their Gateway."""

    pods: Pods | None
    way: Way

    def passes_on(self, guard: Guard, asked: Asked) -> Answer:
        """What becomes of the requests that the pods pass on."""
        if self.pods and self.pods.identity:
            return passage(guard, self.pods.identity, asked)
        return passage_of_somebody(guard, asked, "as whom the pods of the gateway call is not in the input")

    def hop(self, server: str, port: int | None, arrival: Arrival, answer: Answer) -> Hop:
        """The call by which the pods pass requests on."""
        by = Reason(f"route {arrival.route} leads to {arrival.destination.host}", arrival.destination.location)
        return Hop(self.way[-1].server, server, port, (by,), answer)


class _Server(NamedTuple):
    """A server of a Gateway that takes requests of a route, one of whose hosts is `host`."""

    location: Location
    host: str
    asks_for_certificate: bool


def _servers(gateway: Resource, route: Route) -> Iterator[_Server]:
    """The servers that pass requests of a route on; those that only redirect do not."""
    for index, server in enumerate(gateway.items("spec", "servers")):
        names = list(server_hosts(gateway, index, route.root))
        host = next((host for host in route.hosts if any(host_matches(name, host) for name in names)), None)
        if host is not None and get(server, "tls", "httpsRedirect") is not True:
            yield _Server(gateway.at("spec", "servers", index), host, get(server, "tls", "mode") in MUTUAL)


def _asked(route: Route, match: Mapping[str, Any], domain: str) -> Asked:
    """The requests of a match as they arrive: for any path, where it is not known to the letter."""
    known = sent(route, match, domain)
    return known or Asked(hosts_sent(route, domain))


def _undecided(verdict: Verdict, because: tuple[Reason, ...]) -> Answer:
    """The answer where no filter is known that decides."""
    outcome = Effective(Decision(verdict, Layer.NONE), because)
    return Answer((), (), None, Caller(None), Request(), outcome)
