"""The traffic policy that counts for a port and subset of a host, block by block and with the place of each (semantics §3.2).

Mirrors `networking/util MergeSubsetTrafficPolicy` and `GetPortLevelTrafficPolicy`, `model.MergeTrafficPolicy` and
`core/cluster_traffic_policy.go applyDefaultTrafficPolicy`. Rules of `check` ask by way of `host_policies`, which knows the ties:

    policy = traffic_policy(merged, port, subset, meshconfig)
    policy.outlier_detection                                  # Effective[Block | None]: value, reasons, place
    policy.connection_pool.value.at("http", "maxRetries")     # the place of a field

A block that is not in force is None; its reasons tell who took it away (an entry of portLevelSettings keeps none of the four
blocks it may have, a subset replaces those it has). What the blocks come to for a proxy is in `limits` (`Pool`, `outlier`),
`balancing` (`algorithm`, `locality_setting`) and `upstream_tls`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from ....resource.resource import Resource, get
from ....source.document import Location, Path, Placeholder
from ...effective import UNKNOWN, Basis, Effective, Reason, Unknown
from ..destinations import Merged
from ..meshconfig import DIFFER, MeshConfig
from ..order import spread

T = TypeVar("T")

_TOP: Path = ("spec", "trafficPolicy")
BLOCKS_OF_PORTS = ("connectionPool", "outlierDetection", "loadBalancer", "tls")
"""The blocks an entry of portLevelSettings may have: it replaces all four, whether it has them or not."""

BLOCKS = (*BLOCKS_OF_PORTS, "tunnel", "proxyProtocol", "retryBudget")
_OF_MESH = ("connectionPool", "outlierDetection")
"""The blocks that meshConfig.defaultTrafficPolicy may have (since 1.31)."""

_TIE = "creation times decide which DestinationRule is merged first"


class Block(NamedTuple):
    """A block of a traffic policy as written, and its place."""

    data: Any
    location: Location

    def get(self, *path: str | int) -> Any:
        """The value at a path; the Placeholder on the way to it where there is one."""
        data = self.data
        for step in path:
            if isinstance(data, Placeholder):
                return data
            data = get(data, step)
        return data

    def at(self, *path: str | int) -> Location:
        return Location(self.location.document, (*self.location.path, *path))

    def beside(self, *path: str | int) -> Location:
        """The place of another block of the same policy, or of a field in it."""
        return Location(self.location.document, (*self.location.path[:-1], *path))


Layer = Mapping[str, Effective[Block | None]]


class TrafficPolicy(NamedTuple):
    """The blocks in force, in the order of `BLOCKS`."""

    connection_pool: Effective[Block | None]
    outlier_detection: Effective[Block | None]
    load_balancer: Effective[Block | None]
    tls: Effective[Block | None]
    tunnel: Effective[Block | None]
    proxy_protocol: Effective[Block | None]
    retry_budget: Effective[Block | None]


def traffic_policy(
    merged: Merged | None, port: int | None, subset: str = "", meshconfig: MeshConfig | None = None
) -> TrafficPolicy:
    """The policy of a service port (None = one that no portLevelSettings name) and a subset ("" = none).

    First the top level is settled for the port, then meshConfig fills its gaps, then the subset goes over it. `meshconfig`
    None = without the mesh's defaults, which the endpoints of a cluster do not know (`endpoint_builder.go`).
    """
    whole = _top(merged, port)
    if meshconfig and meshconfig.istio_version >= (1, 31):
        whole = {**whole, **{name: _or_default(name, whole[name], meshconfig) for name in _OF_MESH}}
    if merged and subset:
        loses_budget = meshconfig is not None and meshconfig.istio_version < (1, 29)
        whole = _under_subset(whole, merged, port, subset, loses_budget)
    return TrafficPolicy(*whole.values())


def stages(merged: Merged, port: int | None, subset: str) -> list[tuple[Location, TrafficPolicy]]:
    """The policies on the way to that of a port and subset, each with the place of what made it out of the one before: the
    top level, its entry for the port, the subset, the subset's entry for the port. Without the mesh's defaults, in the newest
    version.
    """
    whole = _top(merged, None)
    found: list[tuple[Location, Layer]] = []
    if merged.policy:
        found.append((merged.policy.at(*_TOP), whole))
        entry = _entry(merged.policy, _TOP, port)
        if entry:
            whole = _top(merged, port)
            found.append((merged.policy.at(*entry), whole))
    own = merged.subset(subset)
    if own:
        rule, path = own[0], (*own[1], "trafficPolicy")
        found.append((rule.at(*path), _under_subset(whole, merged, None, subset, False)))
        entry = _entry(rule, path, port)
        if entry:
            found.append((rule.at(*entry), _under_subset(whole, merged, port, subset, False)))
    return [(place, TrafficPolicy(*layer.values())) for place, layer in found]


def tls_of_endpoints(merged: Merged | None, port: int, subset: str) -> Block | None:
    """The tls block by which EDS judges whether the endpoints of a cluster get mTLS (`tlsModeForDestinationRule`).

    Unlike the cluster's own it falls back from the port to the top level, and from the subset to the rule.
    """
    if merged is None:
        return None
    places = [(merged.policy, _TOP)] if merged.policy else []
    if subset:
        own = merged.subset(subset)
        places = [(own[0], (*own[1], "trafficPolicy")), *places] if own else []
    wanted = ((rule, where) for rule, path in places for where in (_entry(rule, path, port), path) if where)
    return next((block for rule, where in wanted if (block := _block(rule, where, "tls"))), None)


def read(
    block: Effective[Block | None], path: Path, convert: Callable[[Any], T | None], absent: str
) -> Effective[T | Unknown | None]:
    """A value inside a block. None where there is no block or nothing at the path, which means `absent`."""

    def step(one: Effective[Block | None]) -> Effective[T | Unknown | None]:
        found = one.value.get(*path) if one.value else None
        if one.value is None or found is None:
            where = one.value.at(*path) if one.value else None
            basis = Basis.DECLARED if one.value else Basis.DEFAULT
            return Effective(None, (*one.because, Reason(absent, where, basis)))
        name, where = path[-1], one.value.at(*path)
        value = convert(found)
        if value is None:
            return Effective(UNKNOWN, (*one.because, Reason(f"{name} {found} is not known here", where, Basis.ASSUMED)))
        return Effective(value, (*one.because, Reason(f"{name} is {found}", where)))

    return spread(block, step, _TIE)


def _top(merged: Merged | None, port: int | None) -> Layer:
    if merged is None:
        nothing: Effective[Block | None] = Effective(None, (Reason("no DestinationRule applies", None, Basis.DEFAULT),))
        return dict.fromkeys(BLOCKS, nothing)
    if merged.policy is None:
        rule = merged.rules[0]
        missing = Effective(None, (Reason(f"{rule} has no trafficPolicy", rule.at(*_TOP)),))
        return dict.fromkeys(BLOCKS, missing)
    whole = _stated(merged.policy, _TOP, f"{merged.policy}")
    return _of_port(whole, merged.policy, _TOP, port)


def _of_port(whole: Layer, rule: Resource, path: Path, port: int | None) -> Layer:
    """The blocks a policy has for a port: with an entry for it, what that has and nothing else."""
    entry = _entry(rule, path, port)
    if entry is None:
        return whole
    where = rule.at(*entry)
    settled = dict(whole)
    for name in BLOCKS:
        before = whole[name].because if whole[name].value else ()
        block = _block(rule, entry, name) if name in BLOCKS_OF_PORTS else None
        if block:
            text = f"portLevelSettings of port {port} have their own {name}"
            settled[name] = Effective(block, (*before, Reason(text, block.location)))
        else:
            text = f"portLevelSettings of port {port} have no {name}, and inherit none"
            settled[name] = Effective(None, (*before, Reason(text, where)))
    return settled


def _under_subset(whole: Layer, merged: Merged, port: int | None, subset: str, loses_budget: bool) -> Layer:
    """A subset's blocks go over the rule's one by one; its settings for a port over all four they may have.

    Two policies come to none with a retryBudget before Istio 1.29, as its patches go (`loses_budget`, `ShallowCopyTrafficPolicy`).
    """
    found = merged.subset(subset)
    if found is None:
        return whole
    rule, path = found[0], (*found[1], "trafficPolicy")
    own = _of_port(_stated(rule, path, f"subset {subset}"), rule, path, port)
    replaces = BLOCKS_OF_PORTS if _entry(rule, path, port) else ()
    over = dict(whole)
    for name, block in own.items():
        if block.value or name in replaces:
            before = whole[name].because if whole[name].value else ()
            over[name] = block._replace(because=(*before, *block.because))
    if loses_budget and merged.policy and isinstance(rule.get(*path), dict):
        text = f"before Istio 1.29 subset {subset} with a trafficPolicy of its own has no retryBudget"
        over["retryBudget"] = Effective(None, (Reason(text, rule.at(*path)),))
    return over


@lru_cache(maxsize=64)
def _stated(rule: Resource, path: Path, owner: str) -> Layer:
    """The blocks of a policy as written. Ports and subsets of one host ask for the same, one after the other."""
    where, policy = rule.at(*path), rule.mapping(*path)
    layer: dict[str, Effective[Block | None]] = {}
    for name in BLOCKS:
        data = policy.get(name)
        if isinstance(data, (dict, Placeholder)):
            block = Block(data, rule.at(*path, name))
            layer[name] = Effective(block, (Reason(f"{owner} has {name}", block.location),))
        else:
            layer[name] = Effective(None, (Reason(f"{owner} has no {name}", where),))
    return layer


def _block(rule: Resource, path: Path, name: str) -> Block | None:
    data = rule.get(*path, name)
    return Block(data, rule.at(*path, name)) if isinstance(data, (dict, Placeholder)) else None


def _entry(rule: Resource, path: Path, port: int | None) -> Path | None:
    """Where the settings for a port stand: the first that name it."""
    if port is None:
        return None
    settings = enumerate(rule.items(*path, "portLevelSettings"))
    index = next((i for i, setting in settings if get(setting, "port", "number") == port), None)
    return None if index is None else (*path, "portLevelSettings", index)


def _or_default(name: str, block: Effective[Block | None], meshconfig: MeshConfig) -> Effective[Block | None]:
    """A block, else that of meshConfig.defaultTrafficPolicy."""
    if block.value:
        return block

    def step(given: Effective[Any]) -> Effective[Block | None]:
        if not isinstance(given.value, dict) or given.origin is None:
            return block
        return Effective(Block(given.value, given.origin), (*block.because, *given.because))

    return spread(meshconfig.value("defaultTrafficPolicy", name), step, DIFFER)
