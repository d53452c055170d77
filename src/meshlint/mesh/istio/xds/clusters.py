"""The clusters of a proxy: how it reaches each port and subset of the services in its scope (semantics §3, §7.2).

Mirrors `core/cluster.go buildOutboundClusters` and `convertResolution`, `core/cluster_builder.go applyDestinationRule`,
`buildSubsetCluster`, `setUpstreamProtocol` and `buildDFPCluster`, `core/cluster_traffic_policy.go applyTrafficPolicy` and
`shouldH2Upgrade`, `model/push_context.go BestEffortInferServiceMTLSMode`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from ....resource.inventory import Inventory
from ....resource.kinds import NAMESPACE
from ....resource.match import ServicePort, matches
from ....resource.resource import Resource, get, required
from ....source.document import Path
from ...effective import UNKNOWN, Basis, Effective, Reason, Unknown
from ...subjects import MtlsMode
from ..destinations import Merged
from ..meshconfig import MeshConfig
from ..mtls import PeerAuthentications
from .balancing import PASSTHROUGH, LocalitySetting, algorithm, locality_setting, traffic_distribution, warmup
from .endpoints import Backend, Group, balanced, by_locality, depends_on, is_reachable, is_sent
from .identities import Identities
from .limits import Number, Outlier, Pool, outlier
from .protocols import is_http, is_http2, is_http_or_sniffed, name
from .proxies import Proxy
from .registry import Endpoint, Registry, Resolution, Service
from .scope import Scope
from .traffic_policy import Block, TrafficPolicy, tls_of_endpoints, traffic_policy
from .upstream_tls import ISTIO_MUTUAL, Tls, Upstream, upstream_tls

EDS, STRICT_DNS, LOGICAL_DNS, ORIGINAL_DST = "EDS", "STRICT_DNS", "LOGICAL_DNS", "ORIGINAL_DST"
FORWARD_PROXY = "envoy.clusters.dynamic_forward_proxy"
CLUSTER_PROVIDED = "CLUSTER_PROVIDED"

_FORWARDED = ("http", "http2", "grpc", "tls")
_RACE = "istio.io/connect-strategy"
_PERSISTENT_SESSION = "istio.io/persistent-session"


class Settings(NamedTuple):
    """What the traffic policy of a port and subset comes to.

    EDS does not know the mesh's own outlier detection: `detects` and `hides_unready` are without it.
    """

    policy: TrafficPolicy
    pool: Pool
    outlier: Outlier | None
    algorithm: Effective[str | Unknown]
    warmup: Number
    detects: bool
    hides_unready: bool


class Cluster(NamedTuple):
    """How a proxy reaches a port and subset ("" = none) of a service. `rule` is the merged DestinationRule in force.

    `http` is the version spoken to the endpoints: `http1`, `http2`, or `downstream`, the caller's. `locality` decides about
    priorities, `fails_over` whether there are any; `weighted`: localities have weights. `near`: the Service itself asks for
    endpoints nearby, so that proxies have to know which of them are not ready.
    """

    service: Service
    port: ServicePort
    subset: str
    rule: Merged | None
    type: str
    settings: Settings
    http: Effective[str | Unknown]
    tls: Effective[Tls | Unknown]
    locality: Effective[LocalitySetting | None]
    fails_over: bool
    weighted: bool
    near: bool

    @property
    def balancing(self) -> str | Unknown:
        """Envoy's name of the algorithm."""
        return CLUSTER_PROVIDED if self.type in (ORIGINAL_DST, FORWARD_PROXY) else self.settings.algorithm.value


class Clusters:
    """The clusters of all proxies of a mesh; proxies to which the same rules apply share them."""

    def __init__(
        self, inventory: Inventory, registry: Registry, policies: PeerAuthentications, meshconfig: MeshConfig
    ) -> None:
        self._inventory = inventory
        self._registry = registry
        self._policies = policies
        self._meshconfig = meshconfig
        self._identities = Identities(registry, meshconfig)
        self._known: dict[tuple[int, int, bool], tuple[Cluster, ...]] = {}
        self._settings: dict[tuple[int, int, str], Settings] = {}
        self._refusals: dict[tuple[str, int, int], bool] = {}
        self._backends: dict[int, list[Backend]] = {}
        self._groups: dict[tuple[object, ...], Sequence[Group]] = {}

    def of(self, proxy: Proxy, scope: Scope) -> Iterator[Cluster]:
        """The clusters of a proxy, by service, port and subset. Those of DYNAMIC_DNS came with 1.30."""
        for service in scope.services:
            rule = scope.destination_rule(service.host, proxy.labels)
            key = (id(service), id(rule), proxy.is_sidecar)
            if key not in self._known:
                self._known[key] = tuple(self._of_service(service, rule, proxy.is_sidecar))
            yield from self._known[key]

    def endpoints(self, cluster: Cluster, proxies: Iterable[Proxy]) -> Iterator[tuple[list[Proxy], Sequence[Group]]]:
        """The endpoints of a cluster, for the proxies that get the same ones together."""
        by_place, asked = depends_on(cluster.locality.value, cluster.fails_over)
        by_node = cluster.service.is_node_local
        alike: dict[tuple[object, ...], list[Proxy]] = defaultdict(list)
        for proxy in proxies:
            labels = tuple(proxy.labels.get(label, "") for label in asked)
            alike[by_place and proxy.locality, labels, by_node and proxy.node].append(proxy)
        for view, found in alike.items():
            key = (id(cluster), *view)
            if key not in self._groups:
                self._groups[key] = self._balanced(cluster, found[0])
            yield found, self._groups[key]

    def _of_service(self, service: Service, rule: Merged | None, sidecar: bool) -> Iterator[Cluster]:
        is_dynamic = service.resolution is Resolution.DYNAMIC_DNS
        is_forwarded = is_dynamic and service.host.startswith("*")
        if service.resolution is Resolution.ALIAS or (is_dynamic and self._meshconfig.istio_version < (1, 30)):
            return
        for port in service.ports:
            if is_forwarded and port.protocol in _FORWARDED:
                yield self._cluster(service, port, "", rule, FORWARD_PROXY, sidecar)
            elif not is_forwarded and port.protocol != "udp":
                yield from self._of_port(service, port, rule, sidecar)

    def _of_port(self, service: Service, port: ServicePort, rule: Merged | None, sidecar: bool) -> Iterator[Cluster]:
        kind = _type(service, sidecar)
        if not self._resolves(service, port, kind, {}):
            return
        whole = self._cluster(service, port, "", rule, kind, sidecar)
        yield whole
        for subset, owner, index in rule.subsets if rule else ():
            stated = owner.mapping("spec", "subsets", index)
            passes = get(stated, "trafficPolicy", "loadBalancer", "simple") == PASSTHROUGH
            kind = ORIGINAL_DST if passes else whole.type
            if self._resolves(service, port, kind, required(stated.get("labels"))):
                yield self._cluster(service, port, subset, rule, kind, sidecar)

    def _cluster(
        self, service: Service, port: ServicePort, subset: str, rule: Merged | None, kind: str, sidecar: bool
    ) -> Cluster:
        settings = self._settings_of(rule, port.number, subset)
        if kind != FORWARD_PROXY and settings.algorithm.value == PASSTHROUGH:
            kind = ORIGINAL_DST
        http = self._http(port, settings.pool, sidecar)
        tls = self._tls(service, port, subset, rule, settings.policy, kind, http.value == "http2", sidecar)
        namespace = self._inventory.find(NAMESPACE, "", service.namespace)
        distribution = traffic_distribution(service.resource, namespace, self._meshconfig)
        locality = locality_setting(settings.policy.load_balancer, distribution, self._meshconfig)
        fails_over = settings.detects if kind == EDS else settings.outlier is not None
        weighted = kind != FORWARD_PROXY and _is_weighted(locality.value, settings.outlier is not None)
        near = distribution.value is not None
        return Cluster(service, port, subset, rule, kind, settings, http, tls, locality, fails_over, weighted, near)

    def _settings_of(self, rule: Merged | None, port: int, subset: str) -> Settings:
        key = (id(rule), port if rule else 0, subset)
        if key not in self._settings:
            policy = traffic_policy(rule, port, subset, self._meshconfig)
            stated = outlier(traffic_policy(rule, port, subset).outlier_detection)
            least = stated.min_health_percent.value if stated else None
            self._settings[key] = Settings(
                policy,
                Pool(policy, self._meshconfig),
                outlier(policy.outlier_detection),
                algorithm(policy.load_balancer),
                warmup(policy.load_balancer, self._meshconfig),
                stated is not None,
                isinstance(least, int) and least > 0,
            )
        return self._settings[key]

    def _http(self, port: ServicePort, limits: Pool, sidecar: bool) -> Effective[str | Unknown]:
        """A version that is settled is not upgraded: of HTTP/2 ports, of sniffed ports, or to keep the case of headers."""
        kept = limits.use_client_protocol
        if kept.value is UNKNOWN:
            return Effective(UNKNOWN, kept.because)
        if kept.value:
            return Effective("downstream", kept.because)
        by_protocol = Reason(f"port {port.number} is {name(port)}")
        if is_http2(port):
            return Effective("http2", (by_protocol,))
        if sidecar and port.protocol is None:
            return Effective("downstream", (by_protocol,))
        if self._keeps_case and is_http_or_sniffed(port):
            return Effective("http1", (by_protocol, Reason("the mesh keeps the case of headers")))
        return self._upgraded(port, limits)

    def _upgraded(self, port: ServicePort, limits: Pool) -> Effective[str | Unknown]:
        """A rule's word counts on every port, the mesh's on HTTP ports."""
        own, mesh = limits.h2_upgrade, self._meshconfig.value("h2UpgradePolicy")
        if own.value is UNKNOWN:
            return Effective(UNKNOWN, own.because)
        if own.value is not None:
            return Effective("http2" if own.value == "UPGRADE" else "http1", own.because)
        is_upgraded = is_http(port) and mesh.value == "UPGRADE"
        return Effective("http2" if is_upgraded else "http1", mesh.because)

    @cached_property
    def _keeps_case(self) -> bool:
        return self._meshconfig.value("defaultConfig", "proxyHeaders", "preserveHttp1HeaderCase").value is True

    def _tls(
        self,
        service: Service,
        port: ServicePort,
        subset: str,
        rule: Merged | None,
        policy: TrafficPolicy,
        kind: str,
        http2: bool,
        sidecar: bool,
    ) -> Effective[Tls | Unknown]:
        is_forwarded = kind == FORWARD_PROXY
        return upstream_tls(
            policy.tls,
            Upstream(
                sni="" if is_forwarded else f"outbound_.{port.number}_.{subset}_.{service.host}",
                accounts=() if is_forwarded else self._identities.of(service),
                auto=self._automatic(service, port, subset, rule),
                is_entry=not service.of_kubernetes,
                http2=http2,
                resolved_late=is_forwarded,
                passes_through=kind == ORIGINAL_DST,
                sidecar=sidecar,
                selective=rule is not None and rule.selects,
                istio_version=self._meshconfig.istio_version,
            ),
        )

    def _automatic(self, service: Service, port: ServicePort, subset: str, rule: Merged | None) -> Effective[bool]:
        """Whether mTLS is used without being asked for. Where the caller chooses the address, all endpoints must take it."""
        if service.external:
            return Effective(False, (Reason(f"{service.resource} is outside the mesh", service.resource.at("spec")),))
        enabled = self._meshconfig.value("enableAutoMtls")
        if enabled.value is False:
            return Effective(False, enabled.because)
        if service.resolution is Resolution.PASSTHROUGH or _passes_through(rule, subset):
            found = self._registry.endpoints_of_port(service, port.number)
            if not found or not all(endpoint.tls for endpoint in found):
                text = "callers choose the address, and not every endpoint has a sidecar"
                return Effective(False, (Reason(text, service.resource.at("spec")),))
        mode = self._policies.of_namespace(service.namespace)
        if mode.value is MtlsMode.DISABLE:
            return Effective(False, mode.because)
        return Effective(True, (Reason("automatic mTLS is on by default", None, Basis.DEFAULT),))

    def _resolves(self, service: Service, port: ServicePort, kind: str, labels: Mapping[str, str]) -> bool:
        """A cluster whose addresses DNS finds needs names to look up."""
        if kind not in (STRICT_DNS, LOGICAL_DNS):
            return True
        return any(matches(labels, e.labels) for e in self._registry.endpoints_of_port(service, port.number))

    def _balanced(self, cluster: Cluster, proxy: Proxy) -> Sequence[Group]:
        """What a proxy gets."""
        if id(cluster) not in self._backends:
            self._backends[id(cluster)] = list(self._backends_of(cluster))
        backends = self._backends[id(cluster)]
        if cluster.service.is_node_local:
            backends = [backend for backend in backends if backend.endpoint.node == proxy.node]
        by_labels = cluster.type == EDS or not cluster.subset
        return balanced(
            by_locality(backends), cluster.locality.value, proxy.locality, proxy.labels, cluster.fails_over, by_labels
        )

    def _backends_of(self, cluster: Cluster) -> Iterator[Backend]:
        """The endpoints of the port and subset that are in a state to be told of; EDS goes by the port's name."""
        if cluster.type in (ORIGINAL_DST, FORWARD_PROXY):
            return
        service, port = cluster.service, cluster.port
        if cluster.type == EDS:
            named = (e for e in self._registry.endpoints(service) if e.port_name == (port.name or ""))
            found = [endpoint for endpoint in named if is_reachable(endpoint)]
        else:
            found = self._registry.endpoints_of_port(service, port.number)
        labels, unready = _subset_labels(cluster), cluster.near or not cluster.settings.hides_unready
        persistent = bool(service.resource.labels.get(_PERSISTENT_SESSION))
        stated = tls_of_endpoints(cluster.rule, port.number, cluster.subset)
        for endpoint in found:
            if matches(labels, endpoint.labels) and is_sent(endpoint, unready, persistent):
                yield Backend(endpoint, endpoint.tls and self._is_secured(endpoint, stated))

    def _is_secured(self, endpoint: Endpoint, stated: Block | None) -> bool:
        """Whether an endpoint with a sidecar is marked as one that gets mTLS: neither the rule nor the server say otherwise."""
        if stated:
            return bool(stated.get("mode") == ISTIO_MUTUAL)
        key = (endpoint.namespace, id(endpoint.labels), endpoint.port)
        if key not in self._refusals:
            mode = self._policies.of_port(endpoint.namespace, endpoint.labels, endpoint.port)
            self._refusals[key] = mode.value is MtlsMode.DISABLE
        return not self._refusals[key]


def _type(service: Service, sidecar: bool) -> str:
    if service.resolution is Resolution.DNS_LB:
        races = service.resource.annotations.get(_RACE, "").upper() == "RACE_FIRST_TCP_CONNECT"
        return LOGICAL_DNS if races and not service.of_kubernetes else STRICT_DNS
    if service.resolution is Resolution.DNS_ROUND_ROBIN_LB:
        return LOGICAL_DNS
    return ORIGINAL_DST if service.resolution is Resolution.PASSTHROUGH and sidecar else EDS


def _passes_through(rule: Merged | None, subset: str) -> bool:
    """Whether the policy as written at the top, or for a subset there, leaves the address to the caller."""
    if rule is None:
        return False
    owner: Resource | None = rule.policy
    path: Path = ("spec", "trafficPolicy", "loadBalancer", "simple")
    if subset:
        found = rule.subset(subset)
        owner, path = (found[0], (*found[1], *path[1:])) if found else (None, path)
    return owner is not None and owner.get(*path) == PASSTHROUGH


def _is_weighted(setting: LocalitySetting | None, detects: bool) -> bool:
    """`LocalityLBSettings.ApplyToCluster`; a proxy that balances zones itself needs no weights."""
    if setting is None or setting.zone_aware:
        return False
    return bool(setting.shares or ((detects or setting.forced) and (setting.failover or setting.priority)))


def _subset_labels(cluster: Cluster) -> Mapping[str, str]:
    found = cluster.rule.subset(cluster.subset) if cluster.rule and cluster.subset else None
    return required(found[0].get(*found[1], "labels")) if found else {}
