"""The inbound ports of workloads: which there are, what they accept, and who may need them in plaintext."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...resource.inventory import Inventory
from ...resource.kinds import (
    API_SERVICE,
    AUTHORIZATION_POLICY,
    CRD,
    INFERENCE_POOLS,
    MUTATING_WEBHOOK,
    SERVICE,
    VALIDATING_WEBHOOK,
)
from ...resource.match import (
    Selecting,
    ServicePort,
    matches,
    parse_protocol,
    pool_labels,
    service_ports,
    split_service_host,
)
from ...resource.resource import Resource, each, get, required
from ...resource.workload import PodTemplate, container_ports
from ...source.document import Location
from ..effective import Effective, Reason
from ..exposure import ingress_backends
from ..subjects import DataPlane, MtlsMode, PlaintextUse, Port, Purpose, Route, Workload
from .mtls import PeerAuthentications, selector
from .order import creation, spread
from .polls import Exposed, Polls, polled_ports, scraped_by_annotation
from .visibility import Visibility

INBOUND = "traffic.sidecar.istio.io/includeInboundPorts"
EXCLUDED = "traffic.sidecar.istio.io/excludeInboundPorts"
_METRICS_NAMES = ("metrics", "http-metrics", "prometheus", "prom")
_AMBIENT = "the ambient data plane takes DISABLE as PERMISSIVE"
OF_THE_PROXY = {15020, 15021, 15090}
"""Ports of the proxy itself, which the injector takes out of its way."""


class Ports:
    """Finds the ports of workloads. `routes` are all routes of the mesh."""

    def __init__(
        self,
        inventory: Inventory,
        policies: PeerAuthentications,
        visibility: Visibility,
        polls: Polls,
        routes: Sequence[Route],
        domain: str,
    ) -> None:
        self._inventory = inventory
        self._policies = policies
        self._visibility = visibility
        self._polls = polls
        self._routed = _routed(routes, domain)
        self._called_by_api_server = set(_called_by_api_server(inventory))
        self._elsewhere: dict[int, set[int]] = {}
        self._ingress = {name for name, where in ingress_backends(inventory).items() if not _is_of_istio(where)}
        self._pools = Selecting((pool for kind in INFERENCE_POOLS for pool in inventory.all(kind)), pool_labels)
        self._services_selecting = Selecting(inventory.all(SERVICE), lambda s: required(s.get("spec", "selector")))

    def of(self, workload: Workload) -> list[Port]:
        """The inbound TCP ports that the pod, its probes and scrapes included, its Services, a policy or a Sidecar name; else
        one that stands for every port.

        A job for which nothing names a port serves nobody. A number that only a policy names may be listened on, unless it is
        that of a Service which leads elsewhere, for this workload or another one that the policy selects.
        """
        names = dict(container_ports(workload.pod)) if workload.pod else {}
        exposed: dict[int, list[tuple[Resource, ServicePort]]] = defaultdict(list)
        for service in self._services(workload):
            for port in service_ports(service):
                number = _target(port, names)
                if number is not None and port.protocol != "udp":
                    exposed[number].append((service, port))
        named = self._policies.named_ports(workload.namespace, workload.labels)
        listeners = {number for i in self._listeners(workload) if isinstance(number := get(i, "port", "number"), int)}
        led = {port.number for ports in exposed.values() for _, port in ports}
        meant = {number for number, policy in named.items() if number not in led | self._led_elsewhere(policy)}
        polled = polled_ports(workload.pod) - OF_THE_PROXY if workload.pod else ()
        numbers: list[int | None] = [*sorted({*names, *exposed, *listeners, *meant, *polled})]
        if not numbers and workload.resource.kind not in ("Job", "CronJob"):
            numbers = [None]
        return [self._port(workload, n, names, tuple(exposed.get(n or 0, ()))) for n in numbers]

    def at(self, workload: Workload, number: int | None) -> Port:
        """The port of a number, also one that nothing names; None = any of those."""
        named = (port for port in self.of(workload) if port.number == number)
        return next(named, self._port(workload, number, {}, ()))

    def _led_elsewhere(self, policy: Resource) -> set[int]:
        """The ports of Services that lead to other numbers of workloads which a PeerAuthentication selects."""
        if id(policy) not in self._elsewhere:
            pods = self._inventory.selecting(policy.namespace, selector(policy))
            found = {
                port.number
                for pod in pods
                for service in self._inventory.services_of(pod)
                for port in service_ports(service)
                if _target(port, dict(container_ports(pod))) not in (None, port.number)
            }
            self._elsewhere[id(policy)] = found
        return self._elsewhere[id(policy)]

    def _services(self, workload: Workload) -> Sequence[Resource]:
        if workload.pod:
            return self._inventory.services_of(workload.pod)
        return self._services_selecting.of(workload.namespace, workload.labels)

    def _port(self, workload: Workload, number: int | None, names: Mapping[int, str | None], exposed: Exposed) -> Port:
        mode = self._policies.of_port(workload.namespace, workload.labels, number)
        if workload.data_plane.value is DataPlane.AMBIENT:
            mode = spread(mode, _in_ambient, _AMBIENT)
        name = names.get(number or 0)
        polls = self._polls.of(workload, number, name, exposed, self._services(workload)) if number else ()
        port = Port(
            workload,
            number,
            name,
            exposed,
            self._protocol(workload, number, exposed),
            mode,
            _captured(workload.pod, number),
            None,
            polls,
        )
        return port._replace(plaintext_use=self._plaintext_use(port, names)) if number else port

    def _protocol(self, workload: Workload, number: int | None, exposed: Exposed) -> str | None:
        """As the oldest Service has it (`getFilterChainsByServicePort`); under a Sidecar with `ingress` only its entries count."""
        listeners = self._listeners(workload)
        if listeners:
            entry = next((i for i in listeners if get(i, "port", "number") == number), None)
            return parse_protocol(get(entry, "port", "protocol"))
        oldest = min(exposed, key=lambda pair: creation(pair[0]), default=None)
        return oldest[1].protocol if oldest else None

    def _plaintext_use(self, port: Port, names: Mapping[int, str | None]) -> PlaintextUse | None:
        """Who calls the port without a certificate for a good reason, if anybody does."""
        if any((s.namespace, s.name, p.number) in self._called_by_api_server for s, p in port.services):
            return PlaintextUse.WEBHOOK
        if self._is_metrics(port, names):
            return PlaintextUse.METRICS
        if self._terminates_tls(port):
            return PlaintextUse.INGRESS_TLS
        if self._is_called_from_outside(port.workload, port.services):
            return PlaintextUse.OUTSIDE
        return None

    def _is_metrics(self, port: Port, names: Mapping[int, str | None]) -> bool:
        """Whether the port is for metrics alone (term `metrics port`)."""
        titles = [port.name, *(exposed.name for _, exposed in port.services)]
        named = any(_names_metrics(title) for title in titles if title)
        if not named and not _is_scraped(port):
            return False
        if any(exposed.name and not _names_metrics(exposed.name) for _, exposed in port.services):
            return False
        if port.workload.inference and (not named or len(names) < 2):
            return False
        return not self._is_routed(port.services) and not self._is_pool_port(port)

    def _is_routed(self, exposed: Exposed) -> bool:
        return any(
            number in (None, port.number)
            for service, port in exposed
            for number in self._routed.get((service.namespace, service.name), ())
        )

    def _is_pool_port(self, port: Port) -> bool:
        pools = self._pools.of(port.workload.namespace, port.workload.labels)
        return any(port.number in _pool_ports(pool) for pool in pools)

    def _terminates_tls(self, port: Port) -> bool:
        listeners = self._listeners(port.workload)
        return any(get(i, "port", "number") == port.number and isinstance(i.get("tls"), dict) for i in listeners)

    def _listeners(self, workload: Workload) -> list[Mapping[str, Any]]:
        """What the Sidecar of a workload lists as its ingress, or each that may be its Sidecar."""
        sidecars = self._visibility.sidecars(workload.namespace, workload.labels)
        return [i for s in sidecars for i in s.items("spec", "ingress") if isinstance(i, dict)]

    def _is_called_from_outside(self, workload: Workload, exposed: Exposed) -> bool:
        outside = any(
            s.get("spec", "type") in ("LoadBalancer", "NodePort") or (s.namespace, s.name) in self._ingress
            for s, _ in exposed
        )
        return outside and not self._is_routed(exposed) and not self._expects_identities(workload)

    def _expects_identities(self, workload: Workload) -> bool:
        policies = self._inventory.in_namespace(AUTHORIZATION_POLICY, workload.namespace)
        return any(
            matches(required(policy.get("spec", "selector", "matchLabels")), workload.labels)
            and _names_identities(policy)
            for policy in policies
        )


def _in_ambient(mode: Effective[MtlsMode]) -> Effective[MtlsMode]:
    if mode.value is not MtlsMode.DISABLE:
        return mode
    return Effective(MtlsMode.PERMISSIVE, (Reason(_AMBIENT), *mode.because))


def _target(port: ServicePort, names: Mapping[int, str | None]) -> int | None:
    if isinstance(port.target, int):
        return port.target
    return next((number for number, name in names.items() if name == port.target), None)


def _captured(pod: PodTemplate | None, number: int | None) -> bool:
    """Whether the proxy sees connections to a port; its own and those that annotations name are out of its way."""
    if pod is None or number is None:
        return True
    if number in OF_THE_PROXY or str(number) in _listed(pod.annotations.get(EXCLUDED, "")):
        return False
    included = pod.annotations.get(INBOUND, "*")
    return included == "*" or str(number) in _listed(included)


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _is_scraped(port: Port) -> bool:
    pod = port.workload.pod
    annotated = pod is not None and scraped_by_annotation(pod, port.number)
    return annotated or any(poll.purpose is Purpose.SCRAPE for poll in port.polls)


def _names_metrics(name: str) -> bool:
    return name in _METRICS_NAMES or name.startswith("prom")


def _routed(routes: Sequence[Route], domain: str) -> dict[tuple[str, str], set[int | None]]:
    """Ports of Services (namespace, name) that some route leads to; None = the port that was called."""
    found: dict[tuple[str, str], set[int | None]] = defaultdict(set)
    for route in routes:
        for destination in route.destinations:
            service = split_service_host(destination.host, domain)
            if service:
                found[service[1], service[0]].add(destination.port)
    return found


def _called_by_api_server(inventory: Inventory) -> Iterator[tuple[str, str, int]]:
    """Service ports (namespace, name, number) that webhooks, conversion webhooks and APIServices name."""
    for kind in (VALIDATING_WEBHOOK, MUTATING_WEBHOOK):
        for resource in inventory.all(kind):
            for webhook in resource.items("webhooks"):
                yield from _client(get(webhook, "clientConfig", "service"))
    for resource in inventory.all(CRD):
        yield from _client(resource.get("spec", "conversion", "webhook", "clientConfig", "service"))
    for resource in inventory.all(API_SERVICE):
        yield from _client(resource.get("spec", "service"))


def _client(service: Any) -> Iterator[tuple[str, str, int]]:
    if isinstance(service, dict):
        port = service.get("port", 443)
        if isinstance(port, int):
            yield str(service.get("namespace")), str(service.get("name")), port


def _is_of_istio(backend: Location) -> bool:
    """Whether an Ingress is carried out by Istio's own gateway, which has an identity."""
    ingress = backend.document.data
    kind = get(ingress, "spec", "ingressClassName") or get(
        ingress, "metadata", "annotations", "kubernetes.io/ingress.class"
    )
    return bool(kind == "istio")


def _pool_ports(pool: Resource) -> set[int]:
    numbers = [
        *(get(port, "number") for port in pool.items("spec", "targetPorts")),
        pool.get("spec", "targetPortNumber"),
    ]
    return {number for number in numbers if isinstance(number, int)}


def _names_identities(policy: Resource) -> bool:
    words = {"principals", "serviceAccounts", "namespaces"}
    rules = [rule for rule in policy.items("spec", "rules") if isinstance(rule, dict)]
    sources = [get(f, "source") for rule in rules for f in each(rule, "from")]
    return any(isinstance(source, dict) and words & set(source) for source in sources)
