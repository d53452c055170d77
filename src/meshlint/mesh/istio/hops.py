"""Which routes lead to a workload, and which proxies their requests have passed before: gateways, and callers that a route names."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import NamedTuple

from ...resource.inventory import Inventory
from ...resource.kinds import ENVOY_FILTER, ISTIO_GATEWAY, WASM_PLUGIN
from ...resource.match import matches
from ...resource.resource import Resource, required
from ..subjects import Answer, DataPlane, Destination, Route, Workload
from ..workloads import Workloads
from .destinations import DestinationRules
from .routes import Rule


class Arrival(NamedTuple):
    """That a route leads to a workload, by one of its destinations. `rule` is what the route was made of."""

    rule: Rule
    route: Route
    destination: Destination


class Hops:
    """The ways of requests to the workloads of a mesh. `rules` and `routes` are the same http rules, one by one."""

    def __init__(
        self,
        inventory: Inventory,
        workloads: Workloads,
        destination_rules: DestinationRules,
        rules: Sequence[Rule],
        routes: Sequence[Route],
    ) -> None:
        self._inventory = inventory
        self._workloads = workloads
        self._subsets = _subsets(destination_rules)
        self._behind: dict[tuple[str, str | None], Sequence[Workload]] = {}
        self._arrivals: dict[int, list[Arrival]] = defaultdict(list)
        self._callers: dict[int, dict[int, Workload]] = defaultdict(dict)
        self._before: dict[int, tuple[Workload, ...]] = {}
        self._rules = {id(route): rule for rule, route in zip(rules, routes, strict=True)}
        for rule, route in zip(rules, routes, strict=True):
            callers = {id(w): w for w in self._passed(rule, route.mesh)}
            for destination in route.destinations:
                for workload in self.behind(destination):
                    self._arrivals[id(workload)].append(Arrival(rule, route, destination))
                    self._callers[id(workload)].update(callers)

    def behind(self, destination: Destination) -> Sequence[Workload]:
        """The workloads a destination leads to; those of its subset, where a DestinationRule says which these are."""
        key = (destination.host, destination.subset)
        if key not in self._behind:
            labels = self._subsets.get(key)
            found = self._workloads.behind(destination.host)
            self._behind[key] = [w for w in found if not labels or any(matches(wanted, w.labels) for wanted in labels)]
        return self._behind[key]

    def arrivals(self, workload: Workload) -> Sequence[Arrival]:
        """The routes that lead straight to a workload, in input order, once per destination."""
        return self._arrivals.get(id(workload), ())

    def longest_answer(self, workload: Workload) -> Route | None:
        """The generation route to a workload that lets an answer take longest; one without a timeout where none has one."""
        routes = [a.route for a in self.arrivals(workload) if a.route.generation.value is not Answer.NO]
        limits = [(timeout, n) for n, route in enumerate(routes) if isinstance(timeout := route.timeout.value, int)]
        if limits:
            return routes[max(limits, key=itemgetter(0))[1]]
        return next((route for route in routes if route.timeout.value is None), None)

    def before(self, workload: Workload) -> Sequence[Workload]:
        """The proxies that requests may have passed before they come to a workload, the nearest first."""
        if id(workload) not in self._before:
            found: dict[int, Workload] = {}
            near = [workload]
            while near:
                callers = {key: w for one in near for key, w in self._callers.get(id(one), {}).items()}
                near = [w for key, w in callers.items() if key not in found and w is not workload]
                found.update((id(w), w) for w in near)
            self._before[id(workload)] = tuple(found.values())
        return self._before[id(workload)]

    def clients(self, route: Route) -> list[str]:
        """The namespaces of the proxies that are known to act by a route: its own, and those of its gateways."""
        own = [route.root.namespace] if route.mesh else []
        serving = [workload.namespace for workload in self.senders(route) or ()]
        return list(dict.fromkeys([*own, *serving])) or [route.root.namespace]

    def senders(self, route: Route) -> list[Workload] | None:
        """The proxies that a route names: the pods of its gateways, and callers in the mesh whose labels its matches ask for.
        None where one of the gateways, or the pods of one, are not in the input.
        """
        rule = self._rules[id(route)]
        serving = [self.serving(gateway) for gateway in self.gateways(rule)]
        if len(serving) < len(list(gateway_names(rule))) or not all(serving):
            return None
        return list({id(workload): workload for workload in self._passed(rule, route.mesh)}.values())

    def gateways(self, rule: Rule | Route) -> Iterator[Resource]:
        """The Gateways of the input that a rule is bound to."""
        for name in gateway_names(rule):
            namespace, _, short = name.rpartition("/")
            gateway = self._inventory.find(ISTIO_GATEWAY, namespace or rule.root.namespace, short)
            if gateway:
                yield gateway

    def serving(self, gateway: Resource) -> list[Workload]:
        """The gateway pods of the input that serve a Gateway, whatever their namespace."""
        wanted = gateway_selector(gateway)
        return [w for w in self._workloads.everywhere(wanted) if w.data_plane.value is DataPlane.GATEWAY]

    def filtered(self, route: Route) -> list[Resource]:
        """The EnvoyFilters and WasmPlugins that may act on the requests of a route at its gateways."""
        pods = [pod for gateway in self.gateways(route) for pod in self.serving(gateway)]
        places = {pod.namespace for pod in pods} | {gateway.namespace for gateway in self.gateways(route)}
        found = (
            r
            for place in places
            for kind in (ENVOY_FILTER, WASM_PLUGIN)
            for r in self._inventory.in_namespace(kind, place)
        )
        return [r for r in found if not pods or any(_selects(r, pod) for pod in pods)]

    def is_private(self, gateway: Resource) -> bool:
        """Whether nothing in the input opens the pods of a Gateway to the outside: their Services are ClusterIP, or for load
        balancers of an internal network."""
        services = [s for pod in self.serving(gateway) if pod.pod for s in self._inventory.services_of(pod.pod)]
        return bool(services) and not any(_is_public(service) for service in services)

    def _passed(self, rule: Rule, mesh: bool) -> Iterator[Workload]:
        """The gateways of a rule, and the workloads whose labels its matches ask of a caller in the mesh."""
        for gateway in self.gateways(rule):
            yield from self.serving(gateway)
        for match, _ in rule.matches if mesh else ():
            labels = required(match.get("sourceLabels"))
            if labels and not match.get("gateways"):
                namespace = match.get("sourceNamespace")
                callers = self._workloads.everywhere(labels)
                yield from (w for w in callers if namespace in (None, w.namespace))


_INTERNAL = {
    "networking.gke.io/load-balancer-type": ("Internal", "internal"),
    "cloud.google.com/load-balancer-type": ("Internal", "internal"),
    "service.beta.kubernetes.io/azure-load-balancer-internal": ("true",),
    "service.beta.kubernetes.io/aws-load-balancer-internal": ("true", "0.0.0.0/0"),
    "service.beta.kubernetes.io/aws-load-balancer-scheme": ("internal",),
}
"""Annotations of a Service whose load balancer is not reached from the internet."""


def _is_public(service: Resource) -> bool:
    internal = any(service.annotations.get(name) in values for name, values in _INTERNAL.items())
    return service.get("spec", "type") in ("LoadBalancer", "NodePort") and not internal


def _selects(resource: Resource, workload: Workload) -> bool:
    wanted = resource.get("spec", "selector", "matchLabels") or resource.get("spec", "workloadSelector", "labels")
    return resource.namespace == workload.namespace and matches(required(wanted), workload.labels)


def gateway_selector(gateway: Resource) -> Mapping[str, str]:
    """The labels of the pods that serve a Gateway."""
    return required(gateway.get("spec", "selector"))


def gateway_names(rule: Rule | Route) -> Iterator[str]:
    """The gateways a rule is for, as written: those of its matches, where all of these have some, narrow its VirtualService's."""
    bound = [name for name in rule.root.items("spec", "gateways") if isinstance(name, str) and name != "mesh"]
    narrowed = [match.get("gateways") for match, _ in rule.matches]
    if narrowed and all(narrowed):
        named = {name for names in narrowed if isinstance(names, list) for name in names if isinstance(name, str)}
        bound = [name for name in bound if name in named]
    return iter(bound)


def _subsets(destination_rules: DestinationRules) -> Mapping[tuple[str, str | None], list[Mapping[str, str]]]:
    """The labels that DestinationRules give the subsets of hosts, whoever gets these rules."""
    found: dict[tuple[str, str | None], list[Mapping[str, str]]] = defaultdict(list)
    for host, rules in destination_rules.hosts().items():
        for rule in rules:
            for subset in rule.items("spec", "subsets"):
                if isinstance(subset, dict) and isinstance(name := subset.get("name"), str):
                    found[host, name].append(required(subset.get("labels")))
    return found
