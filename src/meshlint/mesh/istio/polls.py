"""Who scrapes a port or checks its health, as far as that really arrives at the port (semantics §4, §10).

Mirrors `pkg/kube/inject/webhook.go applyPrometheusMerge` (a sidecar's agent scrapes on behalf of Prometheus) and
`app_probe.go ShouldRewriteAppHTTPProbers` (and probes on behalf of the kubelet).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Any, NamedTuple

from ...resource.inventory import Inventory
from ...resource.kinds import BACKEND_CONFIG, HEALTH_CHECK_POLICY, POD_MONITOR, PROMETHEUS, SERVICE, SERVICE_MONITOR
from ...resource.match import LabelSelector, Selectors, ServicePort
from ...resource.resource import Resource, each, get, strings
from ...resource.workload import PodTemplate
from ...source.document import Location
from ..subjects import DataPlane, Poll, Purpose, Scraper, Workload
from .injection import data_plane
from .meshconfig import MeshConfig

Exposed = tuple[tuple[Resource, ServicePort], ...]

MERGE = "prometheus.istio.io/merge-metrics"
REWRITE = "sidecar.istio.io/rewriteAppHTTPProbers"
_ENDPOINTS = {SERVICE_MONITOR: "endpoints", POD_MONITOR: "podMetricsEndpoints"}
_SELECTORS = {SERVICE_MONITOR: "serviceMonitor", POD_MONITOR: "podMonitor"}
_FIELDS = ("port", "portNumber", "targetPort")
"""By which an endpoint of a monitor names a port; of several, the operator takes the first."""

_GRPC_CHECK = "/grpc.health.v1.Health/Check"
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


class HealthCheck(NamedTuple):
    """A load balancer's health check of a Service: on a fixed container port, or (None) where it sends its requests.

    `path` is the one it asks for, None = not known.
    """

    caller: str
    location: Location
    port: int | None
    service_port: str | None = None
    path: str | None = None


class Polls:
    """The scrapes and health checks that the input configures."""

    def __init__(self, inventory: Inventory, meshconfig: MeshConfig) -> None:
        self._inventory = inventory
        self._meshconfig = meshconfig
        self._merges = meshconfig.value("enablePrometheusMerge").value is not False
        self._rewrites = meshconfig.chart("sidecarInjectorWebhook", "rewriteAppHTTPProbe") is not False
        self._monitors = {kind: Selectors(_selecting(inventory.all(kind))) for kind in _ENDPOINTS}
        self._scrapers: dict[int, tuple[Scraper, ...]] = {}
        self._endpoints: dict[int, Mapping[tuple[bool, Any], list[tuple[int, Poll]]]] = {}
        self._health_checks = _health_checks(inventory)

    def of(
        self, workload: Workload, number: int, name: str | None, exposed: Exposed, services: Sequence[Resource]
    ) -> tuple[Poll, ...]:
        """What polls a container port. `exposed` are the Service ports that lead to it, `services` all of its workload."""
        return (
            *self._monitored(workload, number, name, exposed, services),
            *self._annotated(workload, number),
            *self._probed(workload, number),
            *self._balanced(number, exposed, services),
        )

    def _monitored(
        self, workload: Workload, number: int, name: str | None, exposed: Exposed, services: Sequence[Resource]
    ) -> Iterator[Poll]:
        seen: set[tuple[int, int]] = set()
        for service in services:
            titles = {port.name for s, port in exposed if s is service}
            for monitor in self._monitoring(SERVICE_MONITOR, service.namespace, service.labels):
                yield from self._scrapes(monitor, number, name, titles, seen)
        for monitor in self._monitoring(POD_MONITOR, workload.namespace, workload.labels):
            yield from self._scrapes(monitor, number, name, {name}, seen)

    def _monitoring(self, kind: Any, namespace: str, labels: Mapping[str, str]) -> list[Resource]:
        monitors = self._monitors[kind]
        return [*monitors.of(namespace, labels), *monitors.of("*", labels)]

    def _scrapes(
        self, monitor: Resource, number: int, name: str | None, titles: set[str | None], seen: set[tuple[int, int]]
    ) -> Iterator[Poll]:
        """The endpoints of a monitor that mean a port; `titles` are the names by which its field `port` may call it."""
        if id(monitor) not in self._endpoints:
            self._endpoints[id(monitor)] = self._endpoints_of(monitor)
        endpoints = self._endpoints[id(monitor)]
        called = {*((True, title) for title in titles), (False, number), (False, name)}
        found = [entry for key in called for entry in endpoints.get(key, ())]
        for index, poll in sorted(found, key=itemgetter(0)):
            if (id(monitor), index) not in seen:
                seen.add((id(monitor), index))
                yield poll

    def _endpoints_of(self, monitor: Resource) -> Mapping[tuple[bool, Any], list[tuple[int, Poll]]]:
        """The endpoints of a monitor by what they call, a port of a Service (True) or of a container, in their order."""
        found: dict[tuple[bool, Any], list[tuple[int, Poll]]] = defaultdict(list)
        kind = _ENDPOINTS[monitor.group_kind]
        for index, endpoint in enumerate(monitor.items("spec", kind)):
            field = next((field for field in _FIELDS if get(endpoint, field) is not None), "")
            called, where = get(endpoint, field), monitor.at("spec", kind, index, field)
            if isinstance(called, str | int):
                path, certified = _text(get(endpoint, "path"), "/metrics"), _has_certificate(endpoint)
                poll = Poll(Purpose.SCRAPE, str(monitor), where, self._scrapers_of(monitor), certified, path)
                found[field == "port", called].append((index, poll))
        return found

    def _scrapers_of(self, monitor: Resource) -> tuple[Scraper, ...]:
        if id(monitor) not in self._scrapers:
            chosen = [p for p in self._inventory.all(PROMETHEUS) if _selects(p, monitor, self._inventory)]
            self._scrapers[id(monitor)] = tuple(map(self._scraper, chosen))
        return self._scrapers[id(monitor)]

    def _scraper(self, prometheus: Resource) -> Scraper:
        account = prometheus.get("spec", "serviceAccountName") or "default"
        spec = prometheus.mapping("spec")
        labels, annotations = (strings(get(spec, "podMetadata", field)) for field in ("labels", "annotations"))
        names = (prometheus.namespace, prometheus.name)
        pod = PodTemplate(prometheus, ("spec",), *names, labels, annotations, spec, None, (), ("spec",))
        plane = data_plane(pod, self._inventory, self._meshconfig).value
        return Scraper(f"{prometheus.namespace}/{account}", plane in (DataPlane.SIDECAR, DataPlane.AMBIENT))

    def _annotated(self, workload: Workload, number: int) -> Iterator[Poll]:
        """A scrape by annotations, where no agent beside the application answers for it."""
        pod = workload.pod
        if (
            pod is None
            or not scraped_by_annotation(pod, number)
            or pod.annotations.get("prometheus.io/scrape") != "true"
        ):
            return
        merged = _is_on(pod.annotations.get(MERGE), self._merges) and workload.data_plane.value is not DataPlane.AMBIENT
        if not merged:
            where = pod.resource.at(*pod.path, "metadata", "annotations", "prometheus.io/port")
            path = pod.annotations.get("prometheus.io/path", "/metrics")
            yield Poll(Purpose.SCRAPE, "Prometheus (annotation prometheus.io/port)", where, (), False, path)

    def _probed(self, workload: Workload, number: int) -> Iterator[Poll]:
        """The kubelet's probes, where the agent does not make them. Ambient lets the kubelet pass; a proxy accepts every
        TCP connection, so that a probe which only connects succeeds."""
        pod = workload.pod
        if (
            pod is None
            or workload.data_plane.value is DataPlane.AMBIENT
            or _is_on(pod.annotations.get(REWRITE), self._rewrites)
        ):
            return
        for path, container in pod.containers():
            for probe in PROBES if container.get("name") != "istio-proxy" else ():
                for handler in ("httpGet", "grpc"):
                    if _port_of(container, get(container, probe, handler)) == number:
                        where = pod.resource.at(*path, probe, handler, "port")
                        asked = _GRPC_CHECK if handler == "grpc" else _text(get(container, probe, handler, "path"), "/")
                        yield Poll(Purpose.HEALTH, f"the kubelet ({probe})", where, (), False, asked)

    def _balanced(self, number: int, exposed: Exposed, services: Sequence[Resource]) -> Iterator[Poll]:
        for service in services:
            served = [port for s, port in exposed if s is service]
            for check in self._health_checks.get((service.namespace, service.name), ()):
                here = [p for p in served if check.service_port in (None, p.name, str(p.number))]
                if check.port == number or (check.port is None and here):
                    yield Poll(Purpose.HEALTH, check.caller, check.location, (), False, check.path)


def scraped_by_annotation(pod: PodTemplate, number: int | None) -> bool:
    return pod.annotations.get("prometheus.io/port") == str(number)


def polled_ports(pod: PodTemplate) -> set[int]:
    """The ports that a pod says are scraped or probed, so that it listens on them whether or not a container lists them."""
    scraped = (
        pod.annotations.get("prometheus.io/port", "") if pod.annotations.get("prometheus.io/scrape") == "true" else ""
    )
    probed = (
        _port_of(container, get(container, probe, handler))
        for _, container in pod.applications()
        for probe in PROBES
        for handler in ("httpGet", "grpc", "tcpSocket")
    )
    return {number for number in (*probed, int(scraped) if scraped.isdigit() else None) if number}


def _is_on(annotation: str | None, otherwise: bool) -> bool:
    """An annotation that Go's ParseBool reads; any other counts for nothing."""
    if annotation in ("1", "t", "T", "true", "TRUE", "True"):
        return True
    return False if annotation in ("0", "f", "F", "false", "FALSE", "False") else otherwise


def _port_of(container: Mapping[str, Any], handler: Any) -> int | None:
    """The number of the port that a probe calls in the pod itself; a name is one of the container's ports."""
    port = get(handler, "port")
    if isinstance(port, int) or get(handler, "host"):
        return port if isinstance(port, int) and not get(handler, "host") else None
    named = (get(p, "containerPort") for p in each(container, "ports") if port and get(p, "name") == port)
    return next((number for number in named if isinstance(number, int)), None)


# ---- monitors of the Prometheus operator -----------------------------------------------------------------------------


def _selecting(monitors: Sequence[Resource]) -> Iterator[tuple[str, Mapping[str, Any], Resource]]:
    """Each monitor by the namespaces it looks at, `*` = all."""
    for monitor in monitors:
        for namespace in _monitored_namespaces(monitor):
            yield namespace, monitor.mapping("spec", "selector"), monitor


def _monitored_namespaces(monitor: Resource) -> list[str]:
    if monitor.get("spec", "namespaceSelector", "any") is True:
        return ["*"]
    names = [n for n in monitor.items("spec", "namespaceSelector", "matchNames") if isinstance(n, str)]
    return names or [monitor.namespace]


def _has_certificate(endpoint: Any) -> bool:
    """Whether a scrape presents a certificate, or may: what its scheme is filled in with is not known."""
    scheme = str(get(endpoint, "scheme") or "http").lower()
    if scheme == "https":
        return any(get(endpoint, "tlsConfig", field) for field in ("cert", "certFile"))
    return scheme != "http"


def _selects(prometheus: Resource, monitor: Resource, inventory: Inventory) -> bool:
    """Whether a Prometheus takes a monitor: no selector takes none, no namespaceSelector those of its own namespace."""
    kind = _SELECTORS[monitor.group_kind]
    chosen, namespaces = (prometheus.get("spec", f"{kind}{field}") for field in ("Selector", "NamespaceSelector"))
    if not isinstance(chosen, dict) or not LabelSelector(chosen).matches(monitor.labels):
        return False
    if not isinstance(namespaces, dict):
        return prometheus.namespace == monitor.namespace
    return LabelSelector(namespaces).matches(inventory.namespace_labels(monitor.namespace) or {})


# ---- load balancers of Google Cloud ----------------------------------------------------------------------------------


def _health_checks(inventory: Inventory) -> Mapping[tuple[str, str], Sequence[HealthCheck]]:
    """By Service (namespace, name). A check that only connects is answered by the proxy whatever its mode."""
    found: dict[tuple[str, str], list[HealthCheck]] = defaultdict(list)
    for policy in inventory.all(HEALTH_CHECK_POLICY):
        name = policy.get("spec", "targetRef", "name")
        base = ("spec", "default", "config")
        kind = policy.get(*base, "type")
        if policy.get("spec", "targetRef", "kind") == "Service" and isinstance(name, str) and kind not in (None, "TCP"):
            field = f"{str(kind).lower()}HealthCheck"
            where = policy.at(*base, field, "port")
            asked = _text(policy.get(*base, field, "requestPath"), _GRPC_CHECK if kind == "GRPC" else "/")
            check = HealthCheck(str(policy), where, _number(policy.get(*base, field, "port")), None, asked)
            found[policy.namespace, name].append(check)
    for service in inventory.all(SERVICE):
        for port, name in _backend_configs(service):
            config = inventory.find(BACKEND_CONFIG, service.namespace, name)
            if config and config.mapping("spec", "healthCheck") and config.get("spec", "healthCheck", "type") != "TCP":
                number = _number(config.get("spec", "healthCheck", "port"))
                where = config.at("spec", "healthCheck", "port")
                asked = _text(config.get("spec", "healthCheck", "requestPath"), "/")
                found[service.namespace, service.name].append(HealthCheck(str(config), where, number, port, asked))
    return found


def _backend_configs(service: Resource) -> Iterator[tuple[str | None, str]]:
    """The BackendConfigs of a Service: the Service port each is for (None = every one), and its name."""
    text = service.annotations.get("cloud.google.com/backend-config")
    if text is None:
        return
    import json

    try:
        given = json.loads(text)
    except ValueError:
        return
    if isinstance(get(given, "default"), str):
        yield None, get(given, "default")
    yield from ((port, name) for port, name in strings(get(given, "ports")).items())


def _text(value: Any, otherwise: str) -> str | None:
    """A path as written, or what stands for it; None where it is not known."""
    return value if isinstance(value, str) else otherwise if value is None else None


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) else None
