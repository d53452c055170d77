"""Everything istiod knows of one mesh, put together: the questions about a proxy start here."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from ....resource.inventory import Inventory
from ....resource.kinds import DAEMON_SET, DEPLOYMENT, POD, REPLICA_SET, STATEFUL_SET
from ....resource.workload import PodTemplate
from ...effective import Effective
from ...subjects import DataPlane
from ..authorization.authorization import Authorization
from ..authorization.filters import Guard
from ..destinations import DestinationRules
from ..meshconfig import MeshConfig
from ..mtls import PeerAuthentications
from ..order import oldest
from ..routes import Rule
from ..visibility import Visibility
from .calls import Calls
from .clusters import Clusters
from .envoy_filters import EnvoyFilters
from .gateway_listeners import GatewayChain, GatewayListeners
from .gateways import Gateways, Merged
from .inbound import InboundPort, inbound_ports
from .proxies import Proxy, proxies
from .registry import UNSPECIFIED, Registry
from .scope import Scope, Scopes
from .unknown import unknown
from .virtual_services import VirtualServices

_PODS = (DEPLOYMENT, STATEFUL_SET, DAEMON_SET, REPLICA_SET, POD)
"""Kinds whose pods stay as long as the mesh does; others come and go, or are made by controllers of their own."""


class Istiod:
    """The control plane of one mesh."""

    def __init__(
        self,
        inventory: Inventory,
        meshconfig: MeshConfig,
        visibility: Visibility,
        rules: Sequence[Rule],
        destination_rules: DestinationRules,
        domain: str,
    ) -> None:
        self.inventory = inventory
        self.meshconfig = meshconfig
        self.domain = domain
        self._visibility = visibility
        self._rules = rules
        self._destination_rules = destination_rules
        self._inbound: dict[str, Mapping[int | None, InboundPort]] = {}

    @cached_property
    def proxies(self) -> Sequence[Proxy]:
        pods = [pod for pod in self.inventory.pods if pod.resource.group_kind in _PODS]
        return tuple(proxies(pods, self.inventory, self.meshconfig))

    def proxy_of(self, pod: PodTemplate) -> Proxy | None:
        """The pods of a template; None where they come and go."""
        return self._by_pod.get(id(pod))

    @cached_property
    def registry(self) -> Registry:
        return Registry(self.inventory, self.meshconfig, self._visibility, self.proxies, self.domain)

    @cached_property
    def virtual_services(self) -> VirtualServices:
        return VirtualServices(self.inventory, self._visibility, self._rules, self.domain)

    @cached_property
    def peer_authentications(self) -> PeerAuthentications:
        return PeerAuthentications(self.inventory, self.meshconfig.root_namespace, oldest)

    def scope(self, proxy: Proxy) -> Scope:
        """What a proxy sees."""
        return self._scopes.of(proxy)

    def alike(self, clients: Iterable[Proxy]) -> list[tuple[Proxy, ...]]:
        """Clients that see and reach the same, together: of one scope, with equal values of the labels that some rule asks for.

        An endpoint of a service without an address stands alone, since it leaves itself out.
        """
        found: dict[object, list[Proxy]] = defaultdict(list)
        for proxy in clients:
            values = tuple(proxy.labels.get(label) for label in self._asked_labels)
            alone = proxy.key if proxy.key in self._headless else None
            found[id(self.scope(proxy)), values, alone].append(proxy)
        return [tuple(proxies) for proxies in found.values()]

    def calls(self, proxy: Proxy) -> Calls:
        """What becomes of the calls of a sidecar's application."""
        scope = self.scope(proxy)
        policy = unknown(scope.sidecar, self.meshconfig)
        return Calls(proxy, scope, self.registry, self.meshconfig, policy, self.domain)

    @cached_property
    def clusters(self) -> Clusters:
        """How every proxy reaches what it sees."""
        return Clusters(self.inventory, self.registry, self.peer_authentications, self.meshconfig)

    @cached_property
    def envoy_filters(self) -> EnvoyFilters:
        """What changes the configuration that everything else here is about."""
        return EnvoyFilters(self.inventory, self.meshconfig)

    def inbound(self, proxy: Proxy) -> Mapping[int | None, InboundPort]:
        """The ports of a sidecar that something names; None stands for every other one."""
        if proxy.key not in self._inbound:
            self._inbound[proxy.key] = inbound_ports(
                proxy, self.scope(proxy), self.registry, self.peer_authentications, self.meshconfig
            )
        return self._inbound[proxy.key]

    def guard(self, proxy: Proxy, number: int) -> Guard:
        """What decides about the calls of a port of a workload; nothing does where no sidecar stands before it."""
        inbound = self.inbound(proxy)
        port = inbound.get(number, inbound[None])
        plane = proxy.plane if proxy.is_sidecar else Effective(DataPlane.NONE, proxy.plane.because)
        return self.authorization.guard(proxy.namespace, proxy.labels, number, plane, port.mtls, port.protocol)

    def servers(self, proxy: Proxy) -> Merged:
        """The servers of the Gateways that select a workload, and those that istiod leaves out."""
        return self._gateways.servers(proxy, self.registry.served_by(proxy))

    def gateway(self, proxy: Proxy) -> list[GatewayChain]:
        """What a gateway workload does with a connection to each of its ports."""
        merged = self.servers(proxy)
        scope, services = self.scope(proxy), self.virtual_services
        return GatewayListeners(proxy, merged, scope, self.registry, services, self.meshconfig, self.domain).chains()

    @cached_property
    def _by_pod(self) -> Mapping[int, Proxy]:
        return {id(proxy.pod): proxy for proxy in self.proxies}

    @cached_property
    def authorization(self) -> Authorization:
        """The policies of a mesh of which the input is all there is."""
        return Authorization(self.inventory, self.meshconfig, self.domain, closed=True)

    @cached_property
    def _gateways(self) -> Gateways:
        return Gateways(self.inventory)

    @cached_property
    def _asked_labels(self) -> tuple[str, ...]:
        """The labels of clients that matches and workloadSelectors look at."""
        asked = self.virtual_services.source_labels() | self._destination_rules.client_labels()
        return tuple(sorted(asked))

    @cached_property
    def _headless(self) -> frozenset[str]:
        """The workloads behind a service that has no address."""
        services = [service for service in self.registry.services if service.address == UNSPECIFIED]
        return frozenset(proxy.key for service in services for proxy in self.registry.pods_behind(service))

    @cached_property
    def _scopes(self) -> Scopes:
        return Scopes(
            self.inventory,
            self.registry,
            self.virtual_services,
            self._destination_rules,
            self.proxies,
            self.meshconfig,
            self.domain,
        )
