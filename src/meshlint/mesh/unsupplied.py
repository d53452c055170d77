"""What policies of the input name although nothing of its namespace is in the input (term `implied workload`)."""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ..resource.inventory import Inventory
from ..resource.kinds import (
    AUTHORIZATION_POLICY,
    DESTINATION_RULE,
    GATEWAY,
    PEER_AUTHENTICATION,
    PROXY_CONFIG,
    REQUEST_AUTHENTICATION,
    SERVICE,
    SERVICE_ENTRY,
    SIDECAR,
    TELEMETRY,
    VIRTUAL_SERVICE,
    WASM_PLUGIN,
    GroupKind,
)
from ..resource.match import resolve, split_service_host
from ..resource.resource import UNSET_NAMESPACE, Resource, required
from ..source.document import Location, Path
from .istio.entries import hosts_of
from .istio.injection import GATEWAY_NAME
from .istio.routes import Rule

_MATCH_LABELS: Path = ("spec", "selector", "matchLabels")
_SELECTORS: Mapping[GroupKind, Path] = {
    **dict.fromkeys((PEER_AUTHENTICATION, AUTHORIZATION_POLICY, REQUEST_AUTHENTICATION), _MATCH_LABELS),
    **dict.fromkeys((TELEMETRY, WASM_PLUGIN, PROXY_CONFIG), _MATCH_LABELS),
    SIDECAR: ("spec", "workloadSelector", "labels"),
    DESTINATION_RULE: ("spec", "workloadSelector", "matchLabels"),
}
_NOT_OF_THE_ROOT = {AUTHORIZATION_POLICY, REQUEST_AUTHENTICATION, WASM_PLUGIN, PEER_AUTHENTICATION}
"""Kinds whose selectors in the root namespace take pods of every namespace; that of a PeerAuthentication takes none."""

_NAMESPACE = re.compile(r"[a-z0-9-]+|\(unset\)")
"""What a namespace may be called; other tools put in what stands there otherwise, as `dex_namespace`."""

_API_SERVER = ("kubernetes", "default")
_CONTROL_PLANE = re.compile(r"istiod(-.+)?")
"""The Services that nobody declares: that of the API server (name, namespace), and istiod's in the root namespace."""


class Unsupplied(NamedTuple):
    """That a policy selects workloads, or names a host, of a namespace without a workload or Service in the input.

    `labels` are those it asks for, as `app=llama`; `host` is the name of the Service; one of both is empty.
    """

    namespace: str
    labels: str
    host: str
    location: Location


def unsupplied(inventory: Inventory, rules: tuple[Rule, ...], root_namespace: str, domain: str) -> list[Unsupplied]:
    """All that is named and not supplied, in input order."""
    by_root: dict[int, list[Rule]] = {}
    for rule in rules:
        by_root.setdefault(id(rule.root), []).append(rule)
    declared = {host for entry in inventory.all(SERVICE_ENTRY) for host, _ in hosts_of(entry)}
    found = []
    for resource in inventory.resources:
        for named in (*_selected(resource, root_namespace), *_hosts(resource, by_root.get(id(resource), []), domain)):
            is_known = f"{named.host}.{named.namespace}.svc.{domain}" in declared or _is_installed(
                named, root_namespace
            )
            if not is_known and not _is_supplied(named, inventory):
                found.append(named)
    return found


def _is_installed(named: Unsupplied, root_namespace: str) -> bool:
    """Whether it is a Service that comes with Kubernetes or with Istio."""
    is_istiod = named.namespace == root_namespace and _CONTROL_PLANE.fullmatch(named.host)
    return bool(is_istiod or (named.host, named.namespace) == _API_SERVER)


def _is_supplied(named: Unsupplied, inventory: Inventory) -> bool:
    """Whether anything of the namespace is there, or something that names none or a Gateway stands for what is named."""
    if named.namespace in inventory.supplied.workloads or named.namespace in inventory.supplied.services:
        return True
    if named.host:
        return inventory.find(SERVICE, UNSET_NAMESPACE, named.host) is not None
    labels = dict(pair.split("=", 1) for pair in named.labels.split(","))
    gateway = labels.get(GATEWAY_NAME)
    made = gateway and inventory.find(GATEWAY, named.namespace, gateway)
    return bool(made or inventory.selecting(UNSET_NAMESPACE, labels))


def _selected(resource: Resource, root_namespace: str) -> Iterator[Unsupplied]:
    kind = resource.group_kind
    if kind in _SELECTORS and not (kind in _NOT_OF_THE_ROOT and resource.namespace == root_namespace):
        path = _SELECTORS[kind]
        labels = ",".join(f"{key}={value}" for key, value in required(resource.get(*path)).items())
        if labels:
            yield Unsupplied(resource.namespace, labels, "", resource.at(*path[:-1]))


def _hosts(resource: Resource, rules: list[Rule], domain: str) -> Iterator[Unsupplied]:
    named = [(host, resource.at(*path)) for path, host in _written(resource)]
    named += [(d.host, d.location) for rule in rules for d in rule.destinations]
    for host, where in named:
        service = split_service_host(resolve(host, resource.namespace, domain).lower(), domain)
        if service and _NAMESPACE.fullmatch(service[1]):
            yield Unsupplied(service[1], "", service[0], where)


def _written(resource: Resource) -> Iterator[tuple[Path, str]]:
    if resource.group_kind == DESTINATION_RULE and isinstance(host := resource.get("spec", "host"), str):
        yield ("spec", "host"), host
    if resource.group_kind == VIRTUAL_SERVICE:
        for index, name in enumerate(resource.items("spec", "hosts")):
            if isinstance(name, str):
                yield ("spec", "hosts", index), name
