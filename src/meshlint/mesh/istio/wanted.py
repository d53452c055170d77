"""Which hosts outside the mesh are meant to be called, and whether a ServiceEntry lets their callers know them (semantics §7.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ...config import Settings
from ...resource.inventory import Inventory
from ...resource.kinds import AUTHORIZATION_POLICY, REQUEST_AUTHENTICATION, SIDECAR
from ...resource.match import subset_of
from ...resource.resource import Resource, each, get, required
from ...resource.words import arguments, variables
from ...source.document import Location, Path
from ..effective import Effective
from ..model_providers import is_provider
from ..subjects import Declared, WantedHost, Workload
from ..workloads import Workloads
from .entries import ServiceEntries, is_external, is_local
from .external import ExternalHosts
from .meshconfig import MeshConfig
from .visibility import sidecar_selector

_HOST = re.compile(r"[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)+")
_FETCHED = re.compile(r"https?://([^/:?#]+)", re.IGNORECASE)


class WantedHosts:
    """Finds what names hosts outside the mesh as ones to be called. `clients` are the namespaces with proxied workloads."""

    def __init__(
        self,
        inventory: Inventory,
        settings: Settings,
        meshconfig: MeshConfig,
        external: ExternalHosts,
        entries: ServiceEntries,
        workloads: Workloads,
        clients: Sequence[str],
    ) -> None:
        self._inventory = inventory
        self._settings = settings
        self._meshconfig = meshconfig
        self._external = external
        self._entries = entries
        self._workloads = workloads
        self._clients = tuple(clients)

    def all(self) -> Iterator[WantedHost]:
        yield from self._approved()
        for policy in self._inventory.all(AUTHORIZATION_POLICY):
            if policy.get("spec", "action") in (None, "ALLOW"):
                yield from self._of_policy(policy)
        fetching = self._meshconfig.environment("PILOT_JWT_ENABLE_REMOTE_JWKS")
        if fetching and fetching[0] == "envoy":
            for authentication in self._inventory.all(REQUEST_AUTHENTICATION):
                yield from self._of_keys(authentication)
        for sidecar in self._inventory.all(SIDECAR):
            yield from self._of_sidecar(sidecar)
        for workload in self._workloads.all:
            yield from self._of_workload(workload)

    def _approved(self) -> Iterator[WantedHost]:
        """The setting means whoever calls: one namespace that sees a ServiceEntry is enough. Where nothing has a proxy, and no
        ServiceEntry is for hosts outside, nobody's calls are meant.
        """
        place = self._settings.places.get("approved-egress-hosts")
        if not self._clients and all(is_local(entry) or not is_external(entry) for entry in self._entries.all):
            return
        for index, host in enumerate(self._settings.approved_egress_hosts if place else ()):
            found = [d for client in self._clients for d in self._entries.covering(host, client)]
            if not self._clients:
                found = [d for d in self._entries.meeting(host) if subset_of(host.lower(), d.host)]
            external = self._external.of(host)
            if place and external.value:
                where = place.document.at(*place.path, index)
                yield WantedHost(host, where, external, self._clients, None, tuple(found), self._near(host, found))

    def _of_policy(self, policy: Resource) -> Iterator[WantedHost]:
        for named in (named for rule in self._external.outward(policy) for named in rule):
            host = named.host.lower().partition(":")[0]
            chosen = required(policy.get("spec", "selector", "matchLabels")) or None
            yield self._wanted(host, named.location, named.external, policy.namespace, chosen)

    def _of_keys(self, authentication: Resource) -> Iterator[WantedHost]:
        """The keys that Envoy fetches itself, for which istiod looks up the host as it is (`LookupCluster`)."""
        for index, rule in enumerate(authentication.items("spec", "jwtRules")):
            uri = _FETCHED.match(str(get(rule, "jwksUri") or ""))
            external = self._external.of(uri[1]) if uri else None
            if uri and external and external.value:
                where = authentication.at("spec", "jwtRules", index, "jwksUri")
                wanted = self._wanted(uri[1], where, external, authentication.namespace)
                exact = tuple(d for d in wanted.entries if d.host == uri[1].lower())
                yield wanted._replace(entries=exact, fetches_keys=True)

    def _of_sidecar(self, sidecar: Resource) -> Iterator[WantedHost]:
        """What a Sidecar imports; a pattern of it takes what it finds (`host.Name.Matches`)."""
        for i, listener in enumerate(sidecar.items("spec", "egress")):
            for j, text in enumerate(each(listener, "hosts")):
                namespace, _, host = text.partition("/") if isinstance(text, str) else ("", "", "")
                if namespace.startswith("~") or host in ("", "*") or not self._external.of(host).value:
                    continue
                owner = sidecar.namespace if namespace == "." else namespace
                found = [d for d in self._entries.meeting(host) if owner in ("*", d.entry.namespace)]
                seen = [d for d in found if self._is_exported(d, sidecar)]
                where = sidecar.at("spec", "egress", i, "hosts", j)
                chosen = sidecar_selector(sidecar) or None
                wanted = self._wanted(host, where, self._external.of(host), sidecar.namespace, chosen)
                yield wanted._replace(entries=tuple(seen), near=self._near(host, seen))

    def _is_exported(self, declared: Declared, sidecar: Resource) -> bool:
        """Whether those who have a Sidecar see a ServiceEntry; one of the root namespace is for everybody."""
        everybody = sidecar.namespace == self._meshconfig.root_namespace and not sidecar_selector(sidecar)
        clients = (sidecar.namespace, *self._clients) if everybody else (sidecar.namespace,)
        return any(self._entries.is_exported(declared.entry, client) for client in clients)

    def _of_workload(self, workload: Workload) -> Iterator[WantedHost]:
        """The providers of models that the environment or the arguments of a model server name."""
        found = _providers(workload) if workload.inference and workload.has_sidecar else ()
        for host, path in dict.fromkeys(found):
            external = self._external.of(host)
            if external.value:
                where = workload.resource.at(*path)
                wanted = self._wanted(host, where, external, workload.namespace, workload.labels)
                yield wanted._replace(member=workload.in_mesh)

    def _wanted(
        self,
        host: str,
        where: Location,
        external: Effective[bool],
        client: str,
        labels: Mapping[str, str] | None = None,
    ) -> WantedHost:
        found = self._entries.covering(host, client, labels)
        return WantedHost(host, where, external, (client,), labels, tuple(found), self._near(host, found))

    def _near(self, host: str, found: Sequence[Declared]) -> tuple[Declared, ...]:
        """The ServiceEntries that come close: of the host, but not visible, or of a part of what a pattern covers."""
        return () if found else tuple(self._entries.meeting(host))


def _providers(workload: Workload) -> Iterator[tuple[str, Path]]:
    """The providers that the command lines and environments of a workload name, each with its path."""
    for path, container in workload.pod.containers() if workload.pod else ():
        if container.get("name") != "istio-proxy":
            for word in (*arguments(container, path), *variables(container, path)):
                yield from ((host, word.path) for host in _HOST.findall(word.value.lower()) if is_provider(host))
