"""The VirtualServices that routes are made of: delegates merged, names in full, in the order istiod looks at them (§1.4, §2.3).

Mirrors `model/virtualservice_controller.go mergeVirtualServices`, `model/push_context.go initVirtualServices` and
`VirtualServicesForGateway`, `model/virtualservice.go ResolveVirtualServiceShortnames`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ....resource.inventory import Inventory
from ....resource.kinds import VIRTUAL_SERVICE
from ....resource.match import resolve
from ....resource.resource import Resource, each, get, required
from ....source.document import Placeholder
from ..order import creation
from ..routes import Rule, gateway_names
from ..visibility import Visibility

UNKNOWN_PORT = -1
"""The port of a destination whose number another tool fills in."""

MESH = "mesh"
"""The gateway that stands for the sidecars."""


class L4Rule(NamedTuple):
    """A tcp or tls rule: `matches` with gateways in full, `route` as (destination with its host in full, weight)."""

    matches: tuple[Mapping[str, Any], ...]
    route: tuple[tuple[Mapping[str, Any], int], ...]


class VirtualService(NamedTuple):
    """A VirtualService with hosts. `http` are its rules as they act; those whose delegate comes to nothing are gone."""

    resource: Resource
    hosts: tuple[str, ...]
    gateways: tuple[str, ...]
    http: tuple[Rule, ...]
    tcp: tuple[L4Rule, ...]
    tls: tuple[L4Rule, ...]

    @property
    def key(self) -> str:
        return f"{self.resource.namespace}/{self.resource.name}"

    def source_labels(self) -> Iterator[str]:
        """The labels of clients that its matches ask for."""
        http = [match for rule in self.http for match, _ in rule.matches]
        l4 = [match for rule in (*self.tcp, *self.tls) for match in rule.matches]
        for match in (*http, *l4):
            yield from required(match.get("sourceLabels"))

    def destinations(self, client: str | None, domain: str) -> Iterator[tuple[str, int]]:
        """Hosts and ports (0 = none named) that its rules lead clients of a namespace to (None = any), mirrors included.

        Rules whose matches are all for other namespaces are left out (`virtualServiceDestinationsFilteredBySourceNamespace`).
        """
        for rule in self.http:
            sources = [match["sourceNamespace"] for match, _ in rule.matches if match.get("sourceNamespace")]
            if client is None or not sources or client in sources:
                yield from _http_destinations(rule, domain)
        for l4 in (*self.tcp, *self.tls):
            yield from (target(destination) for destination, _ in l4.route)


def target(destination: Mapping[str, Any]) -> tuple[str, int]:
    """Host and port of a destination: 0 where it names none, UNKNOWN_PORT where it is not known."""
    number = get(destination, "port", "number")
    return str(destination.get("host")), UNKNOWN_PORT if isinstance(number, Placeholder) else number or 0


class VirtualServices:
    """All VirtualServices with hosts, by the gateway and the namespace that see them."""

    def __init__(self, inventory: Inventory, visibility: Visibility, rules: Iterable[Rule], domain: str) -> None:
        by_root: dict[int, list[Rule]] = defaultdict(list)
        for rule in rules:
            if rule.delegates_to_nothing is None:
                by_root[id(rule.root)].append(rule)
        self._public: dict[str, list[VirtualService]] = defaultdict(list)
        self._private: dict[tuple[str, str], list[VirtualService]] = defaultdict(list)
        self._named: dict[tuple[str, str], list[VirtualService]] = defaultdict(list)
        self._source_labels: set[str] = set()
        for resource in sorted(inventory.all(VIRTUAL_SERVICE), key=creation):
            if resource.items("spec", "hosts"):
                self._add(_virtual_service(resource, by_root[id(resource)], domain), visibility)

    def of_gateway(self, namespace: str, gateway: str) -> list[VirtualService]:
        """What proxies of a namespace see that is bound to a gateway: private, exported by name, public; each by age."""
        key = (namespace, gateway)
        return [*self._private.get(key, ()), *self._named.get(key, ()), *self._public.get(gateway, ())]

    def source_labels(self) -> set[str]:
        """The labels of clients that some match asks for."""
        return self._source_labels

    def _add(self, virtual_service: VirtualService, visibility: Visibility) -> None:
        self._source_labels.update(virtual_service.source_labels())
        exported = visibility.export_to(virtual_service.resource, VIRTUAL_SERVICE)
        for gateway in virtual_service.gateways:
            if "*" in exported:
                self._public[gateway].append(virtual_service)
                continue
            for namespace in exported:
                own = namespace == virtual_service.resource.namespace
                (self._private if own else self._named)[namespace, gateway].append(virtual_service)


def _virtual_service(resource: Resource, rules: Sequence[Rule], domain: str) -> VirtualService:
    namespace = resource.namespace
    hosts = tuple(resolve(h, namespace, domain) for h in resource.items("spec", "hosts") if isinstance(h, str))
    gateways = tuple(gateway_names(resource.items("spec", "gateways"), namespace)) or (MESH,)
    tcp, tls = (tuple(_l4_rules(resource, section, domain)) for section in ("tcp", "tls"))
    return VirtualService(resource, hosts, gateways, tuple(rules), tcp, tls)


def _l4_rules(resource: Resource, section: str, domain: str) -> Iterator[L4Rule]:
    for rule in resource.items("spec", section):
        matches = []
        for match in each(rule, "match"):
            if isinstance(match, dict):
                matches.append({**match, "gateways": gateway_names(match.get("gateways"), resource.namespace)})
        route = []
        for entry in each(rule, "route"):
            destination = in_full(get(entry, "destination"), resource.namespace, domain)
            weight = get(entry, "weight")
            if destination:
                route.append((destination, weight if isinstance(weight, int) else 0))
        yield L4Rule(tuple(matches), tuple(route))


def in_full(destination: Any, namespace: str, domain: str) -> Mapping[str, Any] | None:
    """A destination with its host as istiod knows it."""
    host = destination.get("host") if isinstance(destination, dict) else None
    if isinstance(host, str):
        return {**destination, "host": resolve(host, namespace, domain)}
    return destination if isinstance(host, Placeholder) else None


def _http_destinations(rule: Rule, domain: str) -> Iterator[tuple[str, int]]:
    for name in ("route", "mirror", "mirrors"):
        part = rule.part(name)
        if part:
            resource, path = part
            entries = [resource.get(*path, name)] if name == "mirror" else resource.items(*path, name)
            for entry in entries:
                known = in_full(entry if name == "mirror" else get(entry, "destination"), resource.namespace, domain)
                if known:
                    yield target(known)
