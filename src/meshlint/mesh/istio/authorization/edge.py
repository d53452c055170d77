"""Whether somebody outside who shows nothing gets from a gateway to a server (semantics §5, §6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ....resource.match import host_matches
from ....resource.resource import Resource, each, get
from ....source.document import Location
from ...effective import Effective
from ...subjects import Answer, DataPlane, Destination, MtlsMode, Port, Route, Workload
from ..hops import Hops, gateway_names, gateway_selector
from ..siblings import Siblings
from ..xds.protocols import Listening
from .authorization import Authorization
from .calls import Caller, Identity, Request
from .decide import Verdict, decide, verdict
from .filters import Guard
from .tokens import requires_token

_MUTUAL = ("MUTUAL", "ISTIO_MUTUAL", "OPTIONAL_MUTUAL")


class Pods(NamedTuple):
    """Pods that serve a Gateway: those of a workload, or, where none is in the input, whatever has the labels it selects."""

    namespace: str
    labels: Mapping[str, str]
    workload: Workload | None


class Exposed(NamedTuple):
    """That a route leads strangers from servers of a Gateway to a host."""

    route: Route
    destination: Destination
    servers: tuple[Location, ...]
    pods: Pods


class Edge:
    """The gateways of a mesh, as strangers see them. `ports` are those of a workload."""

    def __init__(
        self, hops: Hops, siblings: Siblings, authorization: Authorization, ports: Callable[[Workload], Sequence[Port]]
    ) -> None:
        self._hops = hops
        self._siblings = siblings
        self._authorization = authorization
        self._ports = ports
        self._found: dict[tuple[int, int, str], Sequence[Exposed]] = {}

    def exposed(self, virtual_service: Resource, gateway: Resource, host: str) -> Sequence[Exposed]:
        """The generation routes of a VirtualService for a host that a Gateway gives to strangers, in order."""
        key = (id(virtual_service), id(gateway), host)
        if key not in self._found:
            routes = (route for route in self._siblings.of(virtual_service) if self._is_bound(route, gateway))
            found = (one for route in routes for one in self._exposed(route, gateway, host))
            self._found[key] = list({id(one.route): one for one in found}.values())
        return self._found[key]

    def asks_for_tokens(self, workload: Workload) -> bool:
        """Whether every gateway in front of a workload is in the input and refuses what has no token."""
        routes = [arrival.rule for arrival in self._hops.arrivals(workload) if arrival.route.gateway]
        gateways = [gateway for rule in routes for gateway in self._hops.gateways(rule)]
        pods = [one for gateway in gateways for one in self.pods(gateway)]
        applied = [self._authorization.applied(one.namespace, one.labels) for one in pods]
        known = len(gateways) == sum(len(list(gateway_names(rule))) for rule in routes)
        return bool(applied) and known and all(requires_token(one, gateway=True) for one in applied)

    def _is_bound(self, route: Route, gateway: Resource) -> bool:
        bound = any(gateway is other for other in self._hops.gateways(route))
        return bound and route.generation.value is not Answer.NO

    def _exposed(self, route: Route, gateway: Resource, host: str) -> Iterator[Exposed]:
        servers = self._servers(gateway, host)
        arriving = Request("POST", _path(route), host.replace("*", "any"))
        passed_on = arriving._replace(path=_rewritten(route, arriving.path))
        for pods in self.pods(gateway) if servers else ():
            if self._admits(pods, arriving):
                for destination in route.destinations:
                    if self._reaches(pods, destination, passed_on):
                        yield Exposed(route, destination, servers, pods)

    def _servers(self, gateway: Resource, host: str) -> tuple[Location, ...]:
        """The servers that take requests for a host from anybody who connects; none where one asks for a certificate."""
        found = [(i, s) for i, s in enumerate(gateway.items("spec", "servers")) if _serves(s, host)]
        if any(get(server, "tls", "mode") in _MUTUAL for _, server in found):
            return ()
        answering = [i for i, server in found if get(server, "tls", "httpsRedirect") is not True]
        return tuple(gateway.at("spec", "servers", i) for i in answering)

    def pods(self, gateway: Resource) -> list[Pods]:
        """The pods that serve a Gateway."""
        serving = [Pods(w.namespace, w.labels, w) for w in self._hops.serving(gateway)]
        return serving or [Pods(gateway.namespace, gateway_selector(gateway), None)]

    def _admits(self, pods: Pods, request: Request) -> bool:
        """Whether gateway pods surely let a request without any token in."""
        plane = Effective(DataPlane.GATEWAY)
        guard = self._authorization.guard(
            pods.namespace, pods.labels, None, plane, Effective(MtlsMode.PERMISSIVE), Listening.HTTP
        )
        return _allows(guard, None, request)

    def _reaches(self, pods: Pods, destination: Destination, request: Request) -> bool:
        """Whether a server lets in what these gateway pods pass on; taken for granted where the input lacks either."""
        servers = self._hops.behind(destination)
        if pods.workload is None or not servers:
            return True
        identity = Identity(pods.namespace, pods.workload.account)
        ports = [port for server in servers for port in self._ports(server)]
        return not ports or any(_allows(self._authorization.of_port(port), identity, request) for port in ports)

    def policies(self, pods: Pods) -> Iterator[Resource]:
        """What applies to gateway pods."""
        applied = self._authorization.applied(pods.namespace, pods.labels)
        yield from (policy.resource for policy in applied.policies)
        yield from {id(token.resource): token.resource for token in applied.tokens}.values()


def _allows(guard: Guard, identity: Identity | None, request: Request) -> bool:
    return verdict(decide(guard, Caller(identity), request)) is Verdict.ALLOW


def _serves(server: Any, host: str) -> bool:
    hosts = (str(name).rpartition("/")[2] for name in each(server, "hosts"))
    return any(host_matches(name, host) for name in hosts)


def _path(route: Route) -> str:
    """A path that the route takes."""
    for match, _ in route.matches:
        for form in ("exact", "prefix"):
            if isinstance(path := get(match, "uri", form), str) and path != "/":
                return path
    return "/v1/chat/completions"


def _rewritten(route: Route, path: str | None) -> str | None:
    rewrite = route.rewrite[0] if route.rewrite else {}
    return None if "uriRegexRewrite" in rewrite else rewrite.get("uri", path)
