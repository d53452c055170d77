"""The mesh: the questions a rule may ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from ..config import Settings
from ..resource.inventory import Inventory
from ..resource.kinds import SERVICE, SERVICE_ENTRY
from ..resource.match import matches, more_specific, subset_of
from ..resource.resource import Resource, each, get, required
from ..source.document import Location
from .backends import BackendsOfHosts
from .effective import Effective
from .exposure import Exposure
from .istio import generation
from .istio import routes as http
from .istio.addresses import Addresses
from .istio.claims import Claims
from .istio.destinations import DestinationRules, Merged
from .istio.discovery import discovered
from .istio.entries import ServiceEntries, hosts_of
from .istio.external import ExternalHosts
from .istio.headers import TrustedHeaders
from .istio.hops import Hops
from .istio.injection import selects_gateway
from .istio.lifecycle import Lifecycles
from .istio.meshconfig import MeshConfig
from .istio.mtls import PeerAuthentications
from .istio.outbound import Outbound, place_of
from .istio.polls import Polls
from .istio.ports import Ports
from .istio.proxyconfig import ProxyConfigs
from .istio.siblings import Siblings
from .istio.telemetry import Telemetries
from .istio.unmatched import Unmatched
from .istio.visibility import Visibility
from .istio.wanted import WantedHosts
from .network import NetworkPolicies
from .subjects import Claim, DataPlane, Declared, Egress, Host, Port, Route, WantedHost, Workload
from .unsupplied import Unsupplied, unsupplied
from .workloads import Workloads

if TYPE_CHECKING:
    from .istio.authorization.access import Access
    from .istio.authorization.authorization import Authorization
    from .istio.authorization.edge import Edge
    from .istio.authorization.filters import Guard
    from .istio.authorization.outside import Outside
    from .istio.authorization.refusals import Refusals
    from .istio.capacity import Capacity
    from .istio.double_tls import DoubleEncryption
    from .istio.host_policies import HostPolicies
    from .istio.unread import UnreadSettings
    from .istio.xds.istiod import Istiod

_MERGES_SLASHES = ("MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES")
_WITHOUT_ENVOY = (DataPlane.NONE, DataPlane.LINKERD)


class Mesh:
    """The effective policy of one input (of one variant of it). Everything is worked out once, when it is asked for.

    `stored`: the input is what istiod has, so mesh settings that it refuses do not count.
    """

    def __init__(self, inventory: Inventory, settings: Settings, *, stored: bool = False) -> None:
        self.inventory = inventory
        self.settings = settings
        self._stored = stored
        self.meshconfig = MeshConfig(inventory, settings, stored)
        self.domain = settings.cluster_domain
        self._visibility = Visibility(inventory, self.meshconfig)
        self._selected: dict[int, Sequence[Workload]] = {}
        self._rules = tuple(http.rules(inventory, self._visibility, self.domain))

    @property
    def assumptions(self) -> list[str]:
        """What was taken for granted, as sentences."""
        return self.meshconfig.assumptions

    @property
    def istio_version(self) -> tuple[int, int]:
        return self.meshconfig.istio_version

    @cached_property
    def workloads(self) -> Workloads:
        return Workloads(self.inventory, self.settings, self.meshconfig, self._rules)

    @cached_property
    def has_members(self) -> bool:
        """Whether any workload of the input is in the mesh."""
        return any(workload.in_mesh.value for workload in self.workloads.all)

    @cached_property
    def peer_authentications(self) -> PeerAuthentications:
        return PeerAuthentications(self.inventory, self.meshconfig.root_namespace)

    @cached_property
    def exposure(self) -> Exposure:
        return Exposure(self.inventory, self.settings, self.workloads, self.routes)

    @cached_property
    def external(self) -> ExternalHosts:
        return ExternalHosts(
            self.inventory, self.settings, self.service_entries, self.routes, self.workloads, self.domain
        )

    @cached_property
    def service_entries(self) -> ServiceEntries:
        return ServiceEntries(self.inventory, self._visibility)

    @cached_property
    def network_policies(self) -> NetworkPolicies:
        return NetworkPolicies(self.inventory)

    @cached_property
    def routes(self) -> Sequence[Route]:
        """The http routes of every VirtualService, in input order."""
        protocols = generation.Protocols(self.inventory, self._rules, self.domain)
        return [self._route(rule, protocols) for rule in self._rules]

    @cached_property
    def siblings(self) -> Siblings:
        return Siblings(self.routes)

    @cached_property
    def unmatched(self) -> Unmatched:
        return Unmatched(self.inventory, self._visibility, self._rules, self.domain)

    @cached_property
    def hops(self) -> Hops:
        return Hops(self.inventory, self.workloads, self.destination_rules, self._rules, self.routes)

    @cached_property
    def trusted_headers(self) -> TrustedHeaders:
        return TrustedHeaders(self.inventory, self.hops, self.meshconfig.root_namespace)

    @cached_property
    def _proxy_configs(self) -> ProxyConfigs:
        return ProxyConfigs(self.inventory, self.meshconfig)

    @cached_property
    def lifecycles(self) -> Lifecycles:
        return Lifecycles(self.inventory, self.settings, self.meshconfig, self._proxy_configs)

    @cached_property
    def telemetries(self) -> Telemetries:
        return Telemetries(self.inventory, self.meshconfig, self.workloads, self._proxy_configs, self.settings.closed)

    @cached_property
    def unsupplied(self) -> Sequence[Unsupplied]:
        """What policies name although no workload and no Service of its namespace is in the input."""
        return unsupplied(self.inventory, self._rules, self.meshconfig.root_namespace, self.domain)

    @cached_property
    def ports(self) -> Sequence[Port]:
        """The inbound ports of every workload but gateways, which no PeerAuthentication concerns."""
        workloads = (w for w in self.workloads.all if w.data_plane.value is not DataPlane.GATEWAY)
        return [port for workload in workloads for port in self.all_ports.of(workload)]

    @cached_property
    def all_ports(self) -> Ports:
        """Finds the ports of any workload, those of gateways and those that nothing names among them."""
        polls = Polls(self.inventory, self.meshconfig)
        return Ports(self.inventory, self.peer_authentications, self._visibility, polls, self.routes, self.domain)

    def ports_of(self, workload: Workload) -> Sequence[Port]:
        """The inbound ports of one workload of this mesh."""
        return self._ports_by_workload.get(id(workload), ())

    @cached_property
    def _ports_by_workload(self) -> Mapping[int, Sequence[Port]]:
        found: dict[int, list[Port]] = {}
        for port in self.ports:
            found.setdefault(id(port.workload), []).append(port)
        return found

    @cached_property
    def authorization(self) -> Authorization:
        """What AuthorizationPolicies and RequestAuthentications decide, and about which workloads."""
        from .istio.authorization.authorization import Authorization

        return Authorization(self.inventory, self.meshconfig, self.domain, self.settings.closed)

    def guard(self, port: Port) -> Guard:
        """What decides who may use a port; ask `istio.authorization.decide.decide` with it."""
        return self.authorization.of_port(port)

    def access(self, workload: Workload) -> Access | None:
        """What policies say of the callers of a workload; None where not all that decides is known here."""
        from .istio.authorization.access import access

        return access(workload, self.authorization, self.external, self.ports_of(workload))

    @cached_property
    def refusals(self) -> Refusals:
        """What policies refuse whoever calls."""
        from .istio.authorization.refusals import Refusals

        addresses = Addresses(self.inventory, self.hops, self.domain)
        return Refusals(self.hops, addresses, self.ports_of, self.guard, self.domain)

    @cached_property
    def edge(self) -> Edge:
        """What gateways give to strangers."""
        from .istio.authorization.edge import Edge

        return Edge(self.hops, self.siblings, self._visibility, self.authorization, self.routes, self.ports_of)

    @cached_property
    def outside(self) -> Outside:
        """What the outside reaches, and through what."""
        from .istio.authorization.entrances import Entrances
        from .istio.authorization.outside import Outside
        from .istio.authorization.passage import Doors

        doors = Doors(self.authorization)
        entrances = Entrances(self.inventory, self.exposure, self.hops, self.edge, doors, self.ports_of, self.domain)
        return Outside(self.workloads.all, entrances, doors, self.ports_of, self.settings.closed)

    @cached_property
    def hosts(self) -> Sequence[Host]:
        """Every host that clients may call, by name: of Services and ServiceEntries, of VirtualServices bound to `mesh` and
        of DestinationRules, and where routes lead.
        """
        by_host = http.by_host(self.inventory, self.domain)
        named = self.destination_rules.hosts()
        routed = {destination.host for route in self.routes for destination in route.destinations}
        found = []
        for name in sorted({*by_host, *named, *routed, *self._served()}):
            claims = tuple(Claim(vs, index) for vs, index in by_host.get(name, ()))
            rules = tuple(named.get(name, ()))
            shadows = () if self.merges_claims else tuple(self._claims.shadows(claims))
            found.append(Host(name, claims, rules, shadows, tuple(self.destination_rules.dropped(name, rules))))
        return found

    def _served(self) -> Iterator[str]:
        """The hosts of Services and ServiceEntries."""
        for service in self.inventory.all(SERVICE):
            yield f"{service.name}.{service.namespace}.svc.{self.domain}"
        for entry in self.inventory.all(SERVICE_ENTRY):
            yield from (host for host, _ in hosts_of(entry))

    @cached_property
    def backends(self) -> BackendsOfHosts:
        return BackendsOfHosts(self.inventory, self.workloads, lambda: self.istiod, self.domain)

    @cached_property
    def host_policies(self) -> HostPolicies:
        """The traffic policies of hosts, by port and subset, and what is behind them."""
        from .istio.host_policies import HostPolicies

        return HostPolicies(
            self.inventory,
            self.meshconfig,
            self.destination_rules,
            self.hosts,
            self.routes,
            self.backends,
            self.domain,
        )

    @cached_property
    def unread_settings(self) -> UnreadSettings:
        from .istio.unread import UnreadSettings

        return UnreadSettings(self.host_policies, self.hosts, self.meshconfig)

    @cached_property
    def capacity(self) -> Capacity:
        from .istio.callers import Callers
        from .istio.capacity import Capacity

        callers = Callers(self.workloads, self.hops, self.host_policies, self.hosts, self.domain)
        return Capacity(
            self.workloads,
            self.backends,
            self.host_policies,
            callers,
            self.ports_of,
            self._visibility,
            self.meshconfig,
        )

    def virtual_service(self, client: str, host: Host) -> Effective[Claim | None]:
        """The claim of a host that clients in a namespace get: of the host itself, else of the closest wildcard."""
        own = self._claims.for_client(client, host.claims)
        for other in self._wildcards:
            if own.value or own.candidates:
                break
            if other is not host and subset_of(host.name, other.name):
                own = self._claims.for_client(client, other.claims)
        return own

    def destination_rule(self, client: str, host: Host) -> Effective[Merged | None]:
        """The merged DestinationRule that clients in a namespace get for a host."""
        return self.destination_rules.for_client(client, host.name)

    def merges_slashes(self, route: Route) -> bool:
        """Whether the servers behind a route get one slash for several: meshConfig.pathNormalization says so, and none of
        them is known to be without a proxy that reads it."""
        normal = self.meshconfig.value("pathNormalization", "normalization").holds(lambda mode: mode in _MERGES_SLASHES)
        servers = [workload for target in route.destinations for workload in self.workloads.behind(target.host)]
        return bool(normal) and not any(w.data_plane.value in _WITHOUT_ENVOY for w in servers)

    @cached_property
    def double_encryption(self) -> DoubleEncryption:
        from .istio.double_tls import DoubleEncryption

        return DoubleEncryption(
            self.inventory, self.destination_rules, self.service_entries, self.workloads, self.routes
        )

    @cached_property
    def _wildcards(self) -> Sequence[Host]:
        """The hosts with a wildcard that are claimed, the most specific first."""
        claimed = [host for host in self.hosts if host.claims and host.name.startswith("*")]
        return sorted(claimed, key=lambda host: more_specific(host.name))

    @cached_property
    def merges_claims(self) -> bool:
        """Whether only waypoints read VirtualServices: since 1.30 they merge those of one host."""
        planes = {w.data_plane.value for w in self.workloads.supplied if w.in_mesh.value} - {DataPlane.GATEWAY}
        return planes == {DataPlane.AMBIENT} and self.istio_version >= (1, 30)

    @cached_property
    def _claims(self) -> Claims:
        return Claims(self.inventory, self._visibility, self._rules, self.domain, self.settings.closed)

    @cached_property
    def destination_rules(self) -> DestinationRules:
        return DestinationRules(self.inventory, self._visibility, self.meshconfig, self.domain)

    @cached_property
    def istiod(self) -> Istiod:
        """What istiod sends to each proxy: the exact policy of every client."""
        from .istio.xds.istiod import Istiod

        known = discovered(self.inventory, self.meshconfig)
        if known is not self.inventory:
            return Mesh(known, self.settings, stored=self._stored).istiod
        return Istiod(
            self.inventory,
            self.meshconfig,
            self._visibility,
            self._rules,
            self.destination_rules,
            self.domain,
        )

    @cached_property
    def egress(self) -> Sequence[Egress]:
        """The outbound posture of every namespace with proxied workloads or egress intent."""
        return list(self._outbound.subjects())

    @cached_property
    def _outbound(self) -> Outbound:
        return Outbound(
            self.inventory,
            self.settings,
            self.meshconfig,
            self._visibility,
            self.workloads,
            self.exposure,
            self.service_entries,
            self.external,
            self.network_policies,
            self.domain,
        )

    def outbound_policy(self, namespace: str, labels: Mapping[str, str] | None = None) -> Effective[str]:
        """The outbound policy of workloads of a namespace with these labels, or (None) that no Sidecar selects."""
        return self._outbound.policy(namespace, labels)

    def barrier(self, workload: Workload, host: str, port: int, early: bool = False) -> Effective[str] | None:
        """What keeps a workload from a host outside the mesh; None = nothing known. `early`: before other containers start."""
        unproxied = early and workload.pod is not None and not self.lifecycles.native(workload.pod).value
        return self._outbound.barrier(workload, host, port, unproxied)

    @cached_property
    def wanted_hosts(self) -> Sequence[WantedHost]:
        """The hosts outside the mesh that the input names as ones to be called, each place once."""
        found = WantedHosts(
            self.inventory,
            self.settings,
            self.meshconfig,
            self.external,
            self.service_entries,
            self.workloads,
            self._outbound.proxied,
        )
        return list(found.all())

    @cached_property
    def egress_intent(self) -> Location | None:
        """The first resource that shows that somebody meant to limit what leaves the mesh; no setting."""
        settings = self.settings.places.values()
        shown = (reason.location for egress in self.egress for reason in egress.intent)
        return min((place for place in shown if place and place not in settings), key=Location.order, default=None)

    def callers_of(self, entry: Resource) -> list[str]:
        """The namespaces with proxied workloads that see a host of a ServiceEntry; empty when no workload is known to."""
        seen = [Declared(host, entry, where) for host, where in hosts_of(entry)]
        sees = self.service_entries.sees
        return [ns for ns in self._outbound.proxied if any(sees(ns, declared) for declared in seen)]

    def selected(self, policy: Resource) -> Sequence[Workload]:
        """The workloads a policy's selector takes: of its namespace, or of the whole mesh in the root namespace."""
        if id(policy) not in self._selected:
            self._selected[id(policy)] = self._selected_by(policy)
        return self._selected[id(policy)]

    def _selected_by(self, policy: Resource) -> Sequence[Workload]:
        selector = required(policy.get("spec", "selector", "matchLabels"))
        if policy.namespace == self.meshconfig.root_namespace:
            return [w for w in self.workloads.all if matches(selector, w.labels)]
        return self.workloads.selected(policy.namespace, selector)

    def authorizer_writes(self, header: str) -> bool:
        """Whether an external authorizer passes a header on to servers."""
        providers = each(self.meshconfig.value("extensionProviders").value)
        written = (get(one, "envoyExtAuthzHttp", "headersToUpstreamOnAllow") for one in providers)
        names = (str(name).lower() for listed in written if isinstance(listed, list) for name in listed)
        return header.lower() in names

    def trusts(self, policy: Resource, header: str) -> bool:
        """Whether callers cannot choose a header where it arrives at each workload that a policy selects."""
        answers = [self.trusted_headers.of(workload, header) for workload in self.selected(policy)]
        return all(answer.value for answer in answers or [self.trusted_headers.at_gateways(header)])

    def guards_gateways(self, policy: Resource) -> bool:
        """Whether a policy is for gateways and waypoints alone; the labels it asks for tell where the pods are not in the input."""
        if policy.get("spec", "targetRef") or policy.get("spec", "targetRefs"):
            return True
        workloads = self.selected(policy)
        if workloads:
            return all(w.data_plane.value is DataPlane.GATEWAY for w in workloads)
        return selects_gateway(required(policy.get("spec", "selector", "matchLabels")))

    def place_of(self, namespace: str, *workloads: Workload) -> Location:
        """Where a namespace of the input is declared, failing that where the first of its workloads or anything else names it."""
        return place_of(namespace, self.inventory, workloads)

    def _route(self, rule: http.Rule, protocols: generation.Protocols) -> Route:
        name = rule.resource.get(*rule.path, "name")
        return Route(
            rule.resource,
            rule.path,
            rule.root,
            name if isinstance(name, str) else None,
            http.hosts_of(rule.root, self.domain),
            *http.receivers(rule),
            rule.matches,
            rule.destinations,
            rule.answers,
            http.rewrite(rule),
            http.timeout(rule),
            http.retries(rule, self.meshconfig),
            protocols.of(rule.destinations, rule.matches),
            generation.of_rule(rule, self.workloads),
        )
