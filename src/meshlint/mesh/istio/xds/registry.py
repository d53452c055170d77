"""The service registry: every Service and ServiceEntry as istiod knows it, and the endpoints behind it (semantics §1.5, §7.2).

Mirrors `serviceregistry/kube/conversion.go ConvertService`, `serviceregistry/serviceentry/conversion.go convertServices` and
`convertServiceEntryToInstances`, and `model/push_context.go initServiceRegistry`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from functools import cached_property
from ipaddress import ip_interface
from typing import Any, NamedTuple

from ....resource.inventory import Inventory
from ....resource.kinds import ENDPOINT_SLICE, SERVICE, SERVICE_ENTRY, WORKLOAD_ENTRY
from ....resource.match import Selecting, ServicePort, entry_ports, is_address, matches, service_ports
from ....resource.resource import Resource, each, get, required, strings
from ....resource.workload import named_port
from ..meshconfig import MeshConfig
from ..visibility import Visibility
from .proxies import TLS_MODE, Proxy, placed

UNSPECIFIED = "0.0.0.0"
"""The address of a service without one: its listeners take every address."""

_EXPORT_TO = "networking.istio.io/exportTo"
_SERVICE_NAME = "kubernetes.io/service-name"
_PERSISTENT_SESSION = ("istio.io/persistent-session", "istio.io/persistent-session-header")
_PROBED = "proxy.istio.io/health-checks-enabled"
_NETWORK = "topology.istio.io/network"
_LOCALITY = ("topology.istio.io/locality", "istio-locality")


class Resolution(Enum):
    """How a proxy finds the endpoints of a service."""

    CLIENT_SIDE_LB = "ClientSideLB"
    DNS_LB = "DNSLB"
    DNS_ROUND_ROBIN_LB = "DNSRoundRobinLB"
    PASSTHROUGH = "Passthrough"
    DYNAMIC_DNS = "DynamicDNS"
    ALIAS = "Alias"


_BY_DNS = (Resolution.DNS_LB, Resolution.DNS_ROUND_ROBIN_LB)
_RESOLUTIONS = {
    "NONE": Resolution.PASSTHROUGH,
    "STATIC": Resolution.CLIENT_SIDE_LB,
    "DNS": Resolution.DNS_LB,
    "DNS_ROUND_ROBIN": Resolution.DNS_ROUND_ROBIN_LB,
    "DYNAMIC_DNS": Resolution.DYNAMIC_DNS,
}


class Health(Enum):
    """What an EndpointSlice says of an endpoint."""

    READY = "ready"
    UNREADY = "unready"
    DRAINING = "draining"
    TERMINATING = "terminating"


class Endpoint(NamedTuple):
    """One address and port behind a service port, which EDS finds by the port's name.

    `service_port` is the number a ServiceEntry gives it, by which CDS finds it; 0 for endpoints of Services. `weight` 0 = 1.
    `identity` is `namespace/serviceaccount`, "" where none is known. `tls` says whether it takes mTLS of the mesh.
    `locality` is as its source writes it, by which proxies group endpoints: of a pod's node always with three parts.
    """

    address: str
    port: int
    port_name: str
    service_port: int
    namespace: str
    labels: Mapping[str, str]
    locality: str
    weight: int
    identity: str
    tls: bool
    node: str
    health: Health = Health.READY


class Service(NamedTuple):
    """A host of the registry. `address` is where its listeners are, or a CIDR. `export_to` empty = the mesh's default.

    `external`: outside the mesh (MESH_EXTERNAL, ExternalName). `selector` is None where the object has none.
    `alias_of` is the host an ExternalName stands for, `aliases` are those that stand for this one. `age` numbers the services
    of a mesh, the oldest first.
    """

    host: str
    namespace: str
    resource: Resource
    ports: tuple[ServicePort, ...]
    resolution: Resolution
    address: str
    external: bool
    export_to: frozenset[str]
    selector: Mapping[str, str] | None
    alias_of: str = ""
    aliases: tuple[str, ...] = ()
    age: int = 0

    @property
    def key(self) -> tuple[str, str]:
        return self.host, self.namespace

    @property
    def of_kubernetes(self) -> bool:
        return self.resource.group_kind == SERVICE

    @property
    def is_node_local(self) -> bool:
        """Whether callers only reach endpoints on their own node."""
        return self.of_kubernetes and self.resource.get("spec", "internalTrafficPolicy") == "Local"

    def port(self, number: int) -> ServicePort | None:
        """The port of a number, of which one for UDP may have another (`PortList.GetByPort`)."""
        return next((port for port in self.ports if port.number == number and port.protocol != "udp"), None)


class Serving(NamedTuple):
    """A port of a service that pods serve at the port `number` of theirs (`model.ServiceTarget`)."""

    service: Service
    port: ServicePort
    number: int


class Registry:
    """All services, oldest first, and what is behind them."""

    def __init__(
        self,
        inventory: Inventory,
        meshconfig: MeshConfig,
        visibility: Visibility,
        proxies: Sequence[Proxy],
        domain: str,
    ) -> None:
        self._domain = domain
        self._version = meshconfig.istio_version
        self._has_aliases = meshconfig.external_names_are_aliases
        self._visibility = visibility
        self._default = frozenset(each(meshconfig.value("defaultServiceExportTo").value)) or frozenset({"*"})
        self._pods: dict[str, list[Proxy]] = defaultdict(list)
        for proxy in proxies:
            if proxy.running:
                self._pods[proxy.namespace].append(proxy)
        self._virtual_machines = _by_namespace([m for m in inventory.all(WORKLOAD_ENTRY) if _is_healthy(m)])
        self._slices: dict[tuple[str, str], list[Resource]] = defaultdict(list)
        for resource in inventory.all(ENDPOINT_SLICE):
            self._slices[resource.namespace, resource.labels.get(_SERVICE_NAME, "")].append(resource)
        self.services = _aliased([*self._of_kubernetes(inventory), *self._of_entries(inventory)])
        self.by_host = self._by_host()
        self._by_key: dict[tuple[str, str], list[Service]] = defaultdict(list)
        for service in self.services:
            self._by_key[service.key].append(service)
        self._selecting = Selecting(inventory.all(SERVICE), lambda s: required(s.get("spec", "selector")))
        self._of_resource = {id(s.resource): s for s in self.services if s.of_kubernetes}
        self._served_at: dict[str, list[Serving]] = defaultdict(list)
        self._endpoints = self._all_endpoints()
        self._public: list[Service] = []
        self._exported: dict[str, list[Service]] = defaultdict(list)
        self._export()

    def exported_to(self, namespace: str) -> list[Service]:
        """What a namespace sees: what is for it or private to it, then what is for all (`servicesExportedToNamespace`)."""
        return [*self._exported.get(namespace, ()), *self._public]

    def sees(self, namespace: str, service: Service) -> bool:
        """Whether a service is exported to a namespace (`IsServiceVisible`)."""
        names = self._exports(service)
        return "*" in names or namespace in names or ("." in names and service.namespace == namespace)

    def endpoints(self, service: Service) -> Sequence[Endpoint]:
        """Everything behind a host of a namespace, whichever of its objects says it."""
        return self._endpoints.get(service.key, ())

    def endpoints_of_port(self, service: Service, number: int) -> list[Endpoint]:
        """The endpoints of a service port as CDS and LDS see them (`ServiceEndpointsByPort`).

        Of several objects that say one host of a namespace the youngest counts that has some (`initServiceRegistry`).
        """
        found = self.endpoints(service)
        for one in reversed(self._by_key[service.key]):
            ports = {port.name or "" for port in one.ports if port.number == number}
            own = [e for e in found if ports and (e.service_port == number if e.service_port else e.port_name in ports)]
            if own:
                return own
        return []

    def served_by(self, proxy: Proxy) -> list[Serving]:
        """What a proxy's pods serve, the oldest service first: of Services that select them, and of ServiceEntries that have
        their address (`kube/controller GetProxyServiceTargets`, `Proxy.SetServiceTargets`).
        """
        found: dict[tuple[str, int, str | None], Serving] = {}
        for service in self.selecting(proxy):
            by_name = {port.name: port for port in reversed(service.ports)}
            for port in service.ports:
                number, known = _number_of(port, proxy), by_name[port.name]
                if number is not None:
                    found.setdefault((service.host, number, known.protocol), Serving(service, known, number))
        entries = (s for s in self._served_at.get(proxy.addresses[0], ()) if s.service.namespace == proxy.namespace)
        return sorted([*found.values(), *entries], key=lambda s: (*_created(s.service), s.service.host))

    def selecting(self, proxy: Proxy) -> list[Service]:
        """The Services that select a proxy's pods."""
        found = self._selecting.of(proxy.namespace, proxy.pod.labels)
        return [self._of_resource[id(resource)] for resource in found]

    def pods_behind(self, service: Service) -> Iterator[Proxy]:
        """The running pods that a Service selects."""
        if service.selector:
            yield from (p for p in self._pods[service.namespace] if matches(service.selector, p.pod.labels))

    def _exports(self, service: Service) -> frozenset[str]:
        names = service.export_to or self._default
        return names if service.of_kubernetes else self._visibility.capped(names, service.namespace)

    def _export(self) -> None:
        for service in self.services:
            names = self._exports(service)
            if "*" in names:
                self._public.append(service)
            elif "~" not in names:
                for name in {service.namespace if name == "." else name for name in names}:
                    self._exported[name].append(service)

    def _by_host(self) -> Mapping[str, Mapping[str, Service]]:
        """The service of a host in each namespace: the oldest, but one of Kubernetes before a ServiceEntry."""
        found: dict[str, dict[str, Service]] = defaultdict(dict)
        for service in self.services:
            known = found[service.host].get(service.namespace)
            if known is None or (service.of_kubernetes and not known.of_kubernetes):
                found[service.host][service.namespace] = service
        return found

    def _of_kubernetes(self, inventory: Inventory) -> Iterator[Service]:
        by_key = sorted(inventory.all(SERVICE), key=lambda s: f"{s.namespace}/{s.name}")
        addresses = {id(s): f"10.96.{i // 250}.{i % 250 + 1}" for i, s in enumerate(by_key)}
        for resource in inventory.all(SERVICE):
            external_name = resource.get("spec", "externalName")
            is_alias = resource.get("spec", "type") == "ExternalName"
            names_host = is_alias and isinstance(external_name, str) and external_name != ""
            alias_of = str(external_name) if names_host and self._has_aliases else ""
            address = resource.get("spec", "clusterIP") or (UNSPECIFIED if is_alias else addresses[id(resource)])
            resolution = Resolution.CLIENT_SIDE_LB
            if names_host:
                resolution = Resolution.ALIAS if self._has_aliases else Resolution.DNS_LB
            if address == "None":
                address, resolution = UNSPECIFIED, Resolution.PASSTHROUGH
            exported = resource.annotations.get(_EXPORT_TO, "")
            names = frozenset(name.strip() for name in exported.split(",")) if exported else frozenset()
            host = f"{resource.name}.{resource.namespace}.svc.{self._domain}"
            selector = required(resource.get("spec", "selector")) or None
            ports = tuple(service_ports(resource))
            yield Service(
                host,
                resource.namespace,
                resource,
                ports,
                resolution,
                str(address),
                names_host,
                names,
                selector,
                alias_of,
            )

    def _of_entries(self, inventory: Inventory) -> Iterator[Service]:
        """One service per host and address of a ServiceEntry."""
        for resource in inventory.all(SERVICE_ENTRY):
            resolution = _RESOLUTIONS.get(str(resource.get("spec", "resolution") or "NONE"), Resolution.PASSTHROUGH)
            if resolution is Resolution.DYNAMIC_DNS and self._version < (1, 28):
                resolution = Resolution.PASSTHROUGH
            external = resource.get("spec", "location") in (None, "MESH_EXTERNAL")
            names = frozenset(n for n in resource.items("spec", "exportTo") if isinstance(n, str))
            stated = resource.get("spec", "workloadSelector")
            selector = None if stated is None else required(get(stated, "labels"))
            ports = tuple(entry_ports(resource))
            stated_addresses = map(_address, resource.items("spec", "addresses"))
            addresses = list(dict.fromkeys(address for address in stated_addresses if address))
            if not resource.items("spec", "addresses"):
                addresses = [UNSPECIFIED]
            for host in sorted(host for host in resource.items("spec", "hosts") if isinstance(host, str)):
                for address in addresses:
                    yield Service(
                        host, resource.namespace, resource, ports, resolution, address, external, names, selector
                    )

    def _all_endpoints(self) -> Mapping[tuple[str, str], Sequence[Endpoint]]:
        found: dict[tuple[str, str], list[Endpoint]] = defaultdict(list)
        round_robin: dict[tuple[str, str], set[int]] = defaultdict(set)
        for service in self.services:
            if service.of_kubernetes:
                found[service.key] += self._of_service(service)
                continue
            taken = round_robin[service.key]
            for endpoint in self._of_entry(service):
                if service.resolution is Resolution.DNS_ROUND_ROBIN_LB and endpoint.service_port in taken:
                    continue
                taken.add(endpoint.service_port)
                found[service.key].append(endpoint)
                port = service.port(endpoint.service_port)
                if port:
                    self._served_at[endpoint.address].append(Serving(service, port, endpoint.port))
        return found

    def _of_service(self, service: Service) -> Iterator[Endpoint]:
        """Of the EndpointSlices that name it, else of the pods it selects; WorkloadEntries are selected like pods.

        istiod does not look behind one that is exported to nobody (`serviceNeedsPush`).
        """
        if "~" in service.export_to:
            return
        slices = self._slices.get((service.namespace, service.resource.name))
        if service.resolution is Resolution.DNS_LB:
            yield from _of_external_name(service)
        elif slices:
            persistent = any(service.resource.labels.get(label) for label in _PERSISTENT_SESSION)
            found = (endpoint for resource in slices for endpoint in self._of_slice(resource, persistent))
            yield from {(endpoint.address, endpoint.port_name): endpoint for endpoint in found}.values()
        elif service.resolution is not Resolution.ALIAS:
            for proxy in self.pods_behind(service):
                for port in service.ports:
                    number = (
                        port.target
                        if isinstance(port.target, int)
                        else named_port(proxy.pod, port.target, port.transport)
                    )
                    if number is not None:
                        yield from _of_pods(proxy, number, port.name or "", 0)
        if service.selector and service.resolution is Resolution.CLIENT_SIDE_LB:
            for machine in self._virtual_machines.get(service.namespace, ()):
                if matches(service.selector, _machine_labels(machine)) and is_address(machine.get("spec", "address")):
                    yield from _machine_of_service(machine, service)

    def _of_slice(self, resource: Resource, persistent: bool) -> Iterator[Endpoint]:
        """Endpoints of an EndpointSlice of addresses. One that stands for a pod has none where that pod is not known."""
        if resource.get("addressType") == "FQDN":
            return
        for endpoint in resource.items("endpoints"):
            target = get(endpoint, "targetRef")
            is_pod = get(target, "kind") == "Pod"
            pod = self._by_pod_name.get((get(target, "namespace"), get(target, "name"))) if is_pod else None
            if is_pod and pod is None:
                continue
            health = _health(get(endpoint, "conditions"), persistent)
            for address in each(endpoint, "addresses"):
                for port in resource.items("ports"):
                    number, name = get(port, "port"), get(port, "name")
                    if isinstance(number, int):
                        yield _of_address(str(address), number, str(name or ""), pod)._replace(health=health)

    @cached_property
    def _by_pod_name(self) -> Mapping[tuple[Any, Any], Proxy]:
        """Pods by namespace and name: the workload's, and a number from 0, as StatefulSets name them."""
        running = [proxy for proxies in self._pods.values() for proxy in proxies]
        return {(p.namespace, f"{p.pod.name}-{n}"): p for p in running for n in range(len(p.addresses))}

    def _of_entry(self, service: Service) -> Iterator[Endpoint]:
        """Of the entry's own endpoints, the host itself where DNS resolves it, or what its workloadSelector takes."""
        resource = service.resource
        if service.selector is not None:
            yield from self._selected(service)
            return
        listed = [e for e in resource.items("spec", "endpoints") if isinstance(e, dict)]
        if not listed and service.resolution in _BY_DNS:
            for port in service.ports:
                target = port.target if isinstance(port.target, int) else port.number
                yield Endpoint(
                    service.host, target, port.name or "", port.number, resource.namespace, {}, "", 0, "", False, ""
                )
        for entry in listed:
            yield from _of_machine(entry, _placed_machine(entry, strings(entry.get("labels"))), service)

    def _selected(self, service: Service) -> Iterator[Endpoint]:
        """Pods first, then WorkloadEntries; those with a host name for an address only where DNS resolves them."""
        wanted = service.selector or {}
        for proxy in self._pods[service.namespace]:
            if matches(wanted, proxy.labels):
                for port in service.ports:
                    target = port.target if isinstance(port.target, int) else port.number
                    yield from _of_pods(proxy, target, port.name or "", port.number)
        for machine in self._virtual_machines.get(service.namespace, ()):
            labels = _machine_labels(machine)
            named = not is_address(machine.get("spec", "address"))
            if matches(wanted, labels) and (not named or service.resolution in _BY_DNS):
                yield from _of_machine(machine.mapping("spec"), labels, service)


def _by_namespace(resources: Sequence[Resource]) -> Mapping[str, Sequence[Resource]]:
    found: dict[str, list[Resource]] = defaultdict(list)
    for resource in resources:
        found[resource.namespace].append(resource)
    return found


def _address(text: Any) -> str | None:
    """An address or CIDR of a ServiceEntry; a CIDR of one address is that address, anything else is left out."""
    try:
        interface = ip_interface(str(text))
    except ValueError:
        return None
    is_single = interface.network.prefixlen == interface.max_prefixlen
    return str(interface.ip) if is_single else str(text)


def _aliased(services: list[Service]) -> list[Service]:
    """The services by age, each with the ExternalNames that lead to it in the end (`resolveServiceAliases`)."""
    ordered = [service._replace(age=age) for age, service in enumerate(sorted(services, key=_seniority))]
    direct = {service.host: service.alias_of for service in ordered if service.alias_of}
    leading: dict[str, list[Service]] = defaultdict(list)
    for service in ordered:
        target, seen = service.alias_of, {service.host}
        while target in direct and target not in seen:
            seen.add(target)
            target = direct[target]
        if target and target not in seen:
            leading[target].append(service)
    return [
        s._replace(aliases=tuple(a.host for a in sorted(leading[s.host], key=lambda a: (a.namespace, a.host))))
        if s.host in leading
        else s
        for s in ordered
    ]


def _seniority(service: Service) -> tuple[bool, str, str, str, str]:
    """Sorts services in input order by age (`SortServicesByCreationTime`), those of one object by host.

    A Service without a creationTimestamp was there before all else, a ServiceEntry without one comes when its turn is.
    """
    resource = service.resource
    if not service.of_kubernetes and resource.created is None:
        return True, "", "", "", ""
    name = resource.name if service.of_kubernetes else service.host
    return False, resource.created or "", name, service.namespace, resource.name


def _created(service: Service) -> tuple[bool, str, int]:
    """Sorts services by when they were made; of one time are those of one second, and of one ServiceEntry."""
    unknown, when, *_ = _seniority(service)
    return unknown, when, service.age if unknown else 0


def _number_of(port: ServicePort, proxy: Proxy) -> int | None:
    """The pods' own port that a Service port leads to (`FindPort`); where no pod runs, a name is not looked up, and comes to 0."""
    if isinstance(port.target, int):
        return port.target
    if proxy.running:
        return named_port(proxy.pod, port.target, port.transport)
    return int(port.target) if port.target.isdigit() else 0


def _of_external_name(service: Service) -> Iterator[Endpoint]:
    """The host that an ExternalName names, where it is no alias (`ExternalNameEndpoints`)."""
    host, labels = str(service.resource.get("spec", "externalName")), service.resource.labels
    for port in service.ports:
        yield Endpoint(host, port.number, port.name or "", 0, service.namespace, labels, "", 0, "", False, "")


def _of_pods(proxy: Proxy, port: int, name: str, service_port: int) -> Iterator[Endpoint]:
    for address in proxy.addresses:
        yield _of_address(address, port, name, proxy)._replace(service_port=service_port)


def _of_address(address: str, port: int, name: str, proxy: Proxy | None) -> Endpoint:
    """An address of a pod, or one that nothing is known of."""
    if proxy is None:
        return Endpoint(address, port, name, 0, "", {}, "", 0, "", False, "")
    identity = f"{proxy.namespace}/{proxy.account}"
    tls = proxy.labels.get(TLS_MODE) == "istio"
    place = _pod_locality(proxy)
    return Endpoint(address, port, name, 0, proxy.namespace, proxy.labels, place, 0, identity, tls, proxy.node)


def _pod_locality(proxy: Proxy) -> str:
    """By a label of the pod, which the proxy itself does not always know, else by its node (`getPodLocality`)."""
    stated = _stated_locality(proxy.labels)
    if stated:
        return stated
    return "/".join([*proxy.locality.split("/"), "", ""][:3]) if proxy.locality else ""


def _health(conditions: Any, persistent: bool) -> Health:
    """What is not said is true; `persistent`: the Service keeps sessions, and so what drains (`endpointHealthStatus`)."""
    ready, serving, terminating = (get(conditions, name) is not False for name in ("ready", "serving", "terminating"))
    if ready:
        return Health.READY
    if not terminating:
        return Health.UNREADY
    return Health.DRAINING if persistent and serving else Health.TERMINATING


def _is_healthy(machine: Resource) -> bool:
    """Whether a WorkloadEntry that is probed has passed; what is not probed is taken to be well (`isHealthy`)."""
    if machine.annotations.get(_PROBED, "").lower() not in ("1", "t", "true"):
        return True
    conditions = machine.items("status", "conditions")
    return any(get(c, "type") == "Healthy" and get(c, "status") == "True" for c in conditions)


def _machine_labels(machine: Resource) -> Mapping[str, str]:
    """Labels of a WorkloadEntry: those of its metadata go before those of its spec."""
    stated = {**strings(machine.get("spec", "labels")), **machine.labels}
    return _placed_machine(machine.mapping("spec"), stated)


def _placed_machine(spec: Mapping[str, Any], labels: Mapping[str, str]) -> Mapping[str, str]:
    """Labels of a WorkloadEntry with those of its place and network."""
    network = spec.get("network")
    if isinstance(network, str) and network:
        labels = {_NETWORK: network, **labels}
    return placed(labels, _machine_locality(spec, labels), "")


def _machine_locality(spec: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    stated = spec.get("locality")
    return stated if isinstance(stated, str) and stated else _stated_locality(labels)


def _stated_locality(labels: Mapping[str, str]) -> str:
    """A locality that labels state, in which dots stand for slashes."""
    stated = next((labels[label] for label in _LOCALITY if label in labels), "")
    return stated if "/" in stated else stated.replace(".", "/")


def _of_machine(spec: Mapping[str, Any], labels: Mapping[str, str], service: Service) -> Iterator[Endpoint]:
    """A WorkloadEntry, or an endpoint of a ServiceEntry, for each port of the entry: its own port of that name counts first."""
    account, own = spec.get("serviceAccount"), spec.get("ports")
    tls = labels.get(TLS_MODE, "istio" if account else "disabled") == "istio"
    identity = f"{service.namespace}/{account}" if account else ""
    address = str(spec.get("address") or "")
    weight = spec.get("weight")
    for port in service.ports:
        number = own.get(port.name) if isinstance(own, dict) else None
        target = number or (port.target if isinstance(port.target, int) else port.number)
        if address.startswith("unix://"):
            target = 0
        yield Endpoint(
            address.removeprefix("unix://"),
            target,
            port.name or "",
            port.number,
            service.namespace,
            labels,
            _machine_locality(spec, labels),
            weight if isinstance(weight, int) else 0,
            identity,
            tls,
            "",
        )


def _machine_of_service(machine: Resource, service: Service) -> Iterator[Endpoint]:
    """A WorkloadEntry that a Service selects: a named targetPort must be one of its ports."""
    own = machine.mapping("spec", "ports")
    for port, endpoint in zip(
        service.ports, _of_machine(machine.mapping("spec"), _machine_labels(machine), service), strict=True
    ):
        number = port.target if isinstance(port.target, int) else own.get(port.target)
        if isinstance(number, int):
            yield endpoint._replace(port=number, service_port=0)
