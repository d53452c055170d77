"""Whether somebody outside who shows nothing gets from a gateway to a server (semantics §5, §6)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from ....resource.kinds import VIRTUAL_SERVICE
from ....resource.match import host_matches, subset_of
from ....resource.resource import Resource, each, get
from ....source.document import Location
from ... import inference
from ...api_keys import asks_for_key
from ...effective import Effective
from ...subjects import Answer, DataPlane, Destination, MtlsMode, Port, Route, Workload
from ..hops import Hops, gateway_names, gateway_selector
from ..matches import may_get
from ..siblings import Siblings
from ..visibility import Visibility
from ..xds.protocols import Listening
from .authorization import Authorization
from .calls import Caller, Identity, Request
from .decide import Verdict, decide, verdict
from .filters import Guard
from .tokens import requires_token

MUTUAL = ("MUTUAL", "ISTIO_MUTUAL", "OPTIONAL_MUTUAL")
"""Modes in which a server asks callers for a certificate."""
_PASSED_THROUGH = ("PASSTHROUGH", "AUTO_PASSTHROUGH")
_GENERATES = ("/v1/chat/completions", "/v1/completions")


class Pods(NamedTuple):
    """Pods that serve a Gateway: those of a workload, or, where none is in the input, whatever has the labels it selects."""

    namespace: str
    labels: Mapping[str, str]
    workload: Workload | None

    @property
    def identity(self) -> Identity | None:
        return Identity(self.namespace, self.workload.account) if self.workload else None


class Way(NamedTuple):
    """The end of a way from a gateway: the last route, and where it leads."""

    route: Route
    destination: Destination


class Exposed(NamedTuple):
    """That a route leads strangers from servers of a Gateway to a host, straight or by way of more gateways."""

    route: Route
    servers: tuple[Location, ...]
    pods: Pods
    end: Way


class Edge:
    """The gateways of a mesh, as strangers see them. `ports` are those of a workload."""

    def __init__(
        self,
        hops: Hops,
        siblings: Siblings,
        visibility: Visibility,
        authorization: Authorization,
        routes: Sequence[Route],
        ports: Callable[[Workload], Sequence[Port]],
    ) -> None:
        self._hops = hops
        self._siblings = siblings
        self._visibility = visibility
        self._authorization = authorization
        self._routes = routes
        self._ports = ports
        self._found: dict[tuple[int, int, str], Sequence[Exposed]] = {}

    def hosts(self, virtual_service: Resource, gateway: Resource) -> Sequence[str]:
        """The hosts of a VirtualService that a Gateway serves; where the VirtualService has wider ones, those of the Gateway."""
        own = [host for host in virtual_service.items("spec", "hosts") if isinstance(host, str)]
        served = _served_hosts(gateway, virtual_service)
        narrow = (
            (host if subset_of(host, name) else name) for host in own for name in served if host_matches(name, host)
        )
        return tuple(dict.fromkeys(narrow))

    def exposed(self, virtual_service: Resource, gateway: Resource, host: str) -> Sequence[Exposed]:
        """The routes of a VirtualService by which a Gateway gives a model to strangers that ask for a host, in order."""
        key = (id(virtual_service), id(gateway), host)
        if key not in self._found:
            routes = (route for route in self._siblings.of(virtual_service) if self._is_bound(route, gateway))
            found = (one for route in routes for one in self._exposed(route, gateway, host))
            self._found[key] = list({id(one.route): one for one in found}.values())
        return self._found[key]

    def asks_for_tokens(self, workload: Workload) -> bool:
        """Whether every gateway in front of a workload is in the input and refuses what has no token."""
        routes = [arrival.rule for arrival in self._hops.arrivals(workload) if arrival.route.gateway]
        gateways = [(gateway, rule.root) for rule in routes for gateway in self._hops.gateways(rule)]
        pods = [(one, self.hosts(root, gateway)) for gateway, root in gateways for one in self.pods(gateway)]
        known = len(gateways) == sum(len(list(gateway_names(rule))) for rule in routes)
        return bool(pods) and known and all(self._asks(one, hosts) for one, hosts in pods)

    def served(self, workload: Workload) -> Sequence[str]:
        """The hosts that a gateway workload has routes for and whose callers need no certificate."""
        gateways = self._served_by.get(id(workload), ())
        roots = {(id(g), id(r.root)): (r.root, g) for g in gateways for r in self._bound.get(id(g), ())}
        served = ((host, root, gateway) for root, gateway in roots.values() for host in self.hosts(root, gateway))
        return tuple(dict.fromkeys(host for host, root, gateway in served if _open_servers(gateway, host, root)))

    def _asks(self, pods: Pods, hosts: Sequence[str]) -> bool:
        return requires_token(self._authorization.applied(pods.namespace, pods.labels), hosts, gateway=True)

    def pods(self, gateway: Resource) -> list[Pods]:
        """The pods that serve a Gateway."""
        serving = [Pods(w.namespace, w.labels, w) for w in self._hops.serving(gateway)]
        return serving or [Pods(gateway.namespace, gateway_selector(gateway), None)]

    def policies(self, pods: Pods) -> Iterator[Resource]:
        """What applies to gateway pods."""
        applied = self._authorization.applied(pods.namespace, pods.labels)
        yield from (policy.resource for policy in applied.policies)
        yield from {id(token.resource): token.resource for token in applied.tokens}.values()

    # ---- from the listener to the model ----

    def _leads_on(self, route: Route) -> bool:
        """Whether a route leads to a model, or to another gateway."""
        behind = (workload for destination in route.destinations for workload in self._hops.behind(destination))
        return route.generation.value is not Answer.NO or any(id(workload) in self._served_by for workload in behind)

    def _exposed(self, route: Route, gateway: Resource, host: str) -> Iterator[Exposed]:
        servers = _open_servers(gateway, host, route.root) if self._leads_on(route) else ()
        asked = Request("POST", None, host.replace("*", "any"))
        for pods in self.pods(gateway) if servers else ():
            if self.sees(pods, route.root):
                yield from (
                    Exposed(route, servers, pods, end) for end in self._ends(route, pods, None, asked, (gateway,))
                )

    def _ends(
        self, route: Route, pods: Pods, caller: Identity | None, asked: Request, passed: tuple[Resource, ...]
    ) -> Iterator[Way]:
        """Where a route leads callers of gateway pods, by whatever path of those that generate. `passed`: the Gateways so far."""
        paths = [asked.path] if asked.path else _paths(route)
        for request in (asked._replace(path=path) for path in paths):
            if self._admits(pods, caller, request):
                onward = _rewritten(route, request)
                for destination in route.destinations:
                    yield from self._onward(route, destination, pods, onward, passed)

    def _onward(
        self, route: Route, destination: Destination, pods: Pods, request: Request, passed: tuple[Resource, ...]
    ) -> Iterator[Way]:
        behind = self._hops.behind(destination)
        tiers = [(w, gateway) for w in behind for gateway in self._served_by.get(id(w), ()) if gateway not in passed]
        for workload, gateway in tiers:
            next_pods = Pods(workload.namespace, workload.labels, workload)
            for inner in self._bound.get(id(gateway), ()):
                if _is_for(inner, gateway, request) and self.sees(next_pods, inner.root):
                    yield from self._ends(inner, next_pods, pods.identity, request, (*passed, gateway))
        if route.generation.value is not Answer.NO and self._reaches(pods, behind, request):
            yield Way(route, destination)

    def _is_bound(self, route: Route, gateway: Resource) -> bool:
        return any(gateway is other for other in self._hops.gateways(route))

    @cached_property
    def _bound(self) -> Mapping[int, Sequence[Route]]:
        """The routes of each Gateway."""
        found: dict[int, list[Route]] = defaultdict(list)
        for route in self._routes:
            for gateway in self._hops.gateways(route) if route.gateway else ():
                found[id(gateway)].append(route)
        return found

    @cached_property
    def _served_by(self) -> Mapping[int, Sequence[Resource]]:
        """The Gateways that each workload serves, as far as they have routes."""
        gateways = {id(gateway): gateway for route in self._routes for gateway in self._hops.gateways(route)}
        found: dict[int, list[Resource]] = defaultdict(list)
        for gateway in gateways.values():
            for workload in self._hops.serving(gateway):
                found[id(workload)].append(gateway)
        return found

    def sees(self, pods: Pods, virtual_service: Resource) -> bool:
        """Whether a VirtualService is exported to pods."""
        exported = self._visibility.export_to(virtual_service, VIRTUAL_SERVICE)
        return "*" in exported or pods.namespace in exported

    def _admits(self, pods: Pods, caller: Identity | None, request: Request) -> bool:
        """Whether gateway pods surely let a request without any token in."""
        return _allows(self.guard(pods), caller, request)

    def guard(self, pods: Pods) -> Guard:
        """What decides about the requests that come to gateway pods."""
        plane, mtls = Effective(DataPlane.GATEWAY), Effective(MtlsMode.PERMISSIVE)
        return self._authorization.guard(pods.namespace, pods.labels, None, plane, mtls, Listening.HTTP)

    def _reaches(self, pods: Pods, servers: Sequence[Workload], request: Request) -> bool:
        """Whether a server lets in what these gateway pods pass on; taken for granted where the input lacks either."""
        open_to_all = [server for server in servers if not (server.pod and asks_for_key(server.pod, request.path))]
        if servers and not open_to_all:
            return False
        ports = [port for server in open_to_all for port in self._ports(server)] if pods.workload else []
        return not ports or any(_allows(self._authorization.of_port(port), pods.identity, request) for port in ports)


def _allows(guard: Guard, identity: Identity | None, request: Request) -> bool:
    return verdict(decide(guard, Caller(identity), request)) is Verdict.ALLOW


def _open_servers(gateway: Resource, host: str, virtual_service: Resource) -> tuple[Location, ...]:
    """The servers that take requests for a host from anybody who connects; none where one asks for a certificate."""
    found = [
        (i, server)
        for i, server in enumerate(gateway.items("spec", "servers"))
        if any(host_matches(name, host) for name in server_hosts(gateway, i, virtual_service))
    ]
    if any(get(server, "tls", "mode") in MUTUAL for _, server in found):
        return ()
    answering = [i for i, server in found if get(server, "tls", "httpsRedirect") is not True]
    return tuple(gateway.at("spec", "servers", i) for i in answering)


def server_hosts(gateway: Resource, position: int, virtual_service: Resource) -> Iterator[str]:
    """The hosts of a server for which it takes routes of a VirtualService: of any namespace, or of the one that it names."""
    server = gateway.items("spec", "servers")[position]
    if get(server, "tls", "mode") not in _PASSED_THROUGH:
        for name in each(server, "hosts"):
            owner, _, host = str(name).rpartition("/")
            if owner in ("", "*", virtual_service.namespace) or (
                owner == "." and gateway.namespace == virtual_service.namespace
            ):
                yield host


def _served_hosts(gateway: Resource, virtual_service: Resource) -> list[str]:
    """The hosts for which some server of a Gateway takes routes of a VirtualService."""
    positions = range(len(gateway.items("spec", "servers")))
    return [name for position in positions for name in server_hosts(gateway, position, virtual_service)]


def _is_for(route: Route, gateway: Resource, request: Request) -> bool:
    """Whether a route may get a request at a Gateway."""
    host = request.host or ""
    served = any(host_matches(name, host) for name in _served_hosts(gateway, route.root))
    return served and any(host_matches(name, host) for name in route.hosts) and may_get(route, request.path or "/")


def _paths(route: Route) -> list[str]:
    """Paths that the route takes and that a model may answer."""
    found: list[str] = []
    for match, _ in route.matches or (({}, None),):
        exact, prefix = (get(match, "uri", form) for form in ("exact", "prefix"))
        if isinstance(exact, str):
            found.append(exact)
        elif not isinstance(prefix, str):
            found += _GENERATES
        else:
            below = [path for path in _GENERATES if path.startswith(prefix)]
            whole = prefix if inference.names_generation(match) else prefix.rstrip("/") + _GENERATES[0]
            found += below or [whole]
    return list(dict.fromkeys(found))


def _rewritten(route: Route, request: Request) -> Request:
    """A request as a route passes it on."""
    rewrite = route.rewrite[0] if route.rewrite else {}
    host = rewrite.get("authority", request.host)
    if "uriRegexRewrite" in rewrite or "uri" not in rewrite:
        return request._replace(host=host, path=None if "uriRegexRewrite" in rewrite else request.path)
    prefixes = [p for match, _ in route.matches if isinstance(p := get(match, "uri", "prefix"), str)]
    taken = next((prefix for prefix in prefixes if (request.path or "").startswith(prefix)), request.path or "")
    return request._replace(host=host, path=f"{rewrite['uri']}{(request.path or '').removeprefix(taken)}")
