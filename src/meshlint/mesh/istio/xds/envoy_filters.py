"""Which parts of a proxy's configuration EnvoyFilters change, as far as the facts are read from them.

What a patch makes of a part is only known when it removes a cluster. Mirrors `model/push_context.go EnvoyFilters`,
`model/envoyfilter.go proxyMatch`, `envoyfilter/cluster_patch.go clusterMatch`, `rc_patch.go` and `listener_patch.go`, where
a match that cannot be told apart here counts as one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ....resource.inventory import Inventory
from ....resource.kinds import ENVOY_FILTER
from ....resource.match import matches
from ....resource.resource import Resource, get, required
from ..meshconfig import MeshConfig
from .proxies import Proxy

INBOUND, OUTBOUND, GATEWAY = "SIDECAR_INBOUND", "SIDECAR_OUTBOUND", "GATEWAY"

_LISTENERS = ("LISTENER", "FILTER_CHAIN", "NETWORK_FILTER")
_READ = {
    "ROUTE_CONFIGURATION": {"virtual_hosts", "name"},
    "VIRTUAL_HOST": {"name", "domains", "routes", "require_tls"},
    "HTTP_ROUTE": {"match", "route", "redirect", "direct_response", "request_headers_to_add"},
    "LISTENER": {"address", "additional_addresses", "filter_chains", "default_filter_chain"},
    "FILTER_CHAIN": {"filter_chain_match", "filters", "transport_socket"},
}
"""The fields that a merged value must have to change a fact."""

_READ_OF_FILTER = {"route_config", "rds", "scoped_routes", "cluster", "weighted_clusters"}
_UNREAD_OF_ROUTE = {"rate_limits", "cors", "upgrade_configs", "idle_timeout", "metadata_match", "flush_timeout"}
_UNREAD_OF_CLUSTER = {"alt_stat_name", "metadata", "per_connection_buffer_limit_bytes", "track_cluster_stats"}
_DECIDING = ("http_connection_manager", "tcp_proxy")
"""Network filters that decide where bytes go, by the ends of their names."""

_PLAIN_VERSION = re.compile(r"\^?(?P<version>\d+(?:\\?\.\d+)*)(?:(?:\\?\.)?(?:\.\*|\$)?)")


class Patch(NamedTuple):
    """One of an EnvoyFilter's configPatches that changes what facts are read from."""

    resource: Resource
    applies_to: str
    operation: str
    context: str
    match: Mapping[str, Any]

    @property
    def removes(self) -> bool:
        return self.operation == "REMOVE"

    def __str__(self) -> str:
        return f"EnvoyFilter {self.resource.namespace}/{self.resource.name} changes it"

    def is_for(self, context: str) -> bool:
        return self.context in ("ANY", context)

    def of_cluster(self, host: str, port: int, subset: str) -> bool:
        """Whether it is for the cluster of a host, port and subset."""
        wanted = get(self.match, "cluster")
        name = get(wanted, "name")
        if name:
            return bool(name == f"outbound|{port}|{subset}|{host}" or name == f"inbound|{port}||")
        stated = (get(wanted, "service"), get(wanted, "portNumber"), get(wanted, "subset"))
        return self.applies_to == "CLUSTER" and all(
            not want or not have or want == have for want, have in zip(stated, (host, port, subset), strict=True)
        )

    def of_unknown(self) -> bool:
        """Whether it is for what becomes of destinations that nothing declares."""
        in_all = self.applies_to in ("ROUTE_CONFIGURATION", "VIRTUAL_HOST")
        named = get(self.match, "routeConfiguration", "vhost", "name")
        return self.applies_to in _LISTENERS or (in_all and not named)

    def of_routes(self, port: int, host: str | None) -> bool:
        """Whether it is for the listener of a port, or for the routes there, of one virtual host or of any."""
        listener, routes = get(self.match, "listener"), get(self.match, "routeConfiguration")
        number = get(listener, "portNumber") or get(routes, "portNumber") or port
        named = get(routes, "vhost", "name")
        return self.applies_to != "CLUSTER" and number == port and (not named or host is None or named == host)


class EnvoyFilters:
    """The patches of a mesh, by the proxies they are for."""

    def __init__(self, inventory: Inventory, meshconfig: MeshConfig) -> None:
        self._root = meshconfig.root_namespace
        self._patches: dict[str, list[Patch]] = defaultdict(list)
        for resource in inventory.all(ENVOY_FILTER):
            self._patches[resource.namespace] += _patches(resource, meshconfig.istio_version)

    def of(self, proxy: Proxy) -> Sequence[Patch]:
        """Those of the root namespace and the proxy's own, whose workloadSelector takes it."""
        found = [patch for namespace in {self._root, proxy.namespace} for patch in self._patches.get(namespace, ())]
        return [patch for patch in found if _takes(patch.resource, proxy)]


def _takes(resource: Resource, proxy: Proxy) -> bool:
    """One with targetRefs is for Gateways of the Gateway API alone."""
    if resource.items("spec", "targetRefs"):
        return False
    return matches(required(resource.get("spec", "workloadSelector", "labels")), proxy.labels)


def _patches(resource: Resource, version: tuple[int, int]) -> Iterator[Patch]:
    for entry in resource.items("spec", "configPatches"):
        applies_to, patch, match = get(entry, "applyTo"), get(entry, "patch"), get(entry, "match") or {}
        operation = get(patch, "operation")
        is_met = _is_met(get(match, "proxy", "proxyVersion"), version)
        if is_met and _changes(applies_to, operation, get(patch, "value"), match):
            yield Patch(resource, applies_to, operation, str(get(match, "context") or "ANY"), match)


def _is_met(pattern: Any, version: tuple[int, int]) -> bool:
    """Whether proxies of a version may be meant; of patterns only those are understood that name one."""
    plain = _PLAIN_VERSION.fullmatch(pattern) if isinstance(pattern, str) else None
    begins, is_ = plain["version"].replace("\\", "") if plain else "", f"{version[0]}.{version[1]}."
    return is_.startswith(begins) or begins.startswith(is_)


def _changes(applies_to: Any, operation: Any, value: Any, match: Mapping[str, Any]) -> bool:
    """Whether a patch can change a fact. What it adds is something else's; filters that are put in decide nothing."""
    if applies_to == "NETWORK_FILTER":
        name = str(get(match, "listener", "filterChain", "filter", "name") or _DECIDING[0])
        whole = operation in ("REMOVE", "REPLACE")
        return name.endswith(_DECIDING) and (
            whole or bool(_names(get(value, "typed_config") or get(value, "typedConfig")) & _READ_OF_FILTER)
        )
    if operation == "REMOVE":
        return applies_to == "CLUSTER" or applies_to in _READ
    if operation == "MERGE" and applies_to == "CLUSTER":
        return bool(_names(value) - _UNREAD_OF_CLUSTER)
    if operation == "MERGE" and applies_to in _READ:
        route = _names(get(value, "route"))
        return bool(_names(value) & _READ[applies_to] - ({"route"} if route <= _UNREAD_OF_ROUTE else set()))
    return (operation, applies_to) == ("REPLACE", "VIRTUAL_HOST") or applies_to in ("HTTP_ROUTE", "FILTER_CHAIN")


def _names(value: Any) -> set[str]:
    """The fields of a message that are set."""
    return (
        {_snake(name) for name, part in value.items() if part not in (None, [], {})}
        if isinstance(value, dict)
        else set()
    )


def _snake(name: str) -> str:
    return re.sub("[A-Z]", lambda letter: f"_{letter[0].lower()}", name)
