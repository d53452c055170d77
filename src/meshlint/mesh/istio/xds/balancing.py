"""How a proxy spreads requests over endpoints and localities (semantics §3.6).

Mirrors `core/cluster_traffic_policy.go applyLoadBalancer` and `core/loadbalancer GetEffectiveLbSetting`,
`model/service.go GetTrafficDistribution`.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from ....resource.kinds import DESTINATION_RULE
from ....resource.match import duration_ms
from ....resource.resource import Resource, each
from ....source.document import Path
from ...effective import Basis, Effective, Reason, Unknown
from ..destinations import policy_paths
from ..meshconfig import MeshConfig
from .limits import Number, whole_number
from .proxies import REGION, SUBZONE, ZONE
from .traffic_policy import Block, read

PASSTHROUGH = "PASSTHROUGH"

_LEAST_REQUEST = "LEAST_REQUEST"
_ALGORITHMS = {
    "UNSPECIFIED": _LEAST_REQUEST,
    "LEAST_CONN": _LEAST_REQUEST,
    _LEAST_REQUEST: _LEAST_REQUEST,
    "ROUND_ROBIN": "ROUND_ROBIN",
    "RANDOM": "RANDOM",
    PASSTHROUGH: PASSTHROUGH,
}
_SLOW_START = (_LEAST_REQUEST, "ROUND_ROBIN")

_DISTRIBUTION = "networking.istio.io/traffic-distribution"
_SAME_ZONE, _SAME_NODE = "PreferSameZone", "PreferSameNode"
_WORDS = {word.lower(): word for word in (_SAME_ZONE, _SAME_NODE)} | {"preferclose": _SAME_ZONE}
_NETWORK = "topology.istio.io/network"
_NEAR = {
    _SAME_ZONE: (_NETWORK, REGION, ZONE),
    _SAME_NODE: (_NETWORK, REGION, ZONE, SUBZONE, "kubernetes.io/hostname"),
}


class LocalitySetting(NamedTuple):
    """How localities are preferred. `shares` has distribute's entries; where it has some the rest does nothing.

    `failover` are pairs of regions, `priority` are labels. `forced`: failover needs no outlier detection. `zone_aware`: the
    proxy balances zones itself, and only regions have priorities; `idle` = that is switched off.
    """

    shares: tuple[tuple[str, Mapping[str, int]], ...] = ()
    failover: tuple[tuple[str, str], ...] = ()
    priority: tuple[str, ...] = ()
    forced: bool = False
    zone_aware: bool = False
    idle: bool = False

    @property
    def moves(self) -> bool:
        """Whether somebody says where traffic goes when endpoints are unhealthy."""
        return not self.shares and bool(self.failover or self.priority)


class Clash(NamedTuple):
    """Two fields of a localityLbSetting that exclude each other; `refused`: whether validation refuses to have both."""

    winner: str
    loser: str
    refused: bool


def algorithm(load_balancer: Effective[Block | None]) -> Effective[str | Unknown]:
    """Envoy's name of the algorithm, or PASSTHROUGH, which leaves the choice of the address to the caller."""
    hashed = read(load_balancer, ("consistentHash",), _hash_algorithm, "no consistentHash")
    if hashed.value is not None:
        return Effective(hashed.value, hashed.because)
    simple = read(load_balancer, ("simple",), _ALGORITHMS.get, f"Istio's default is {_LEAST_REQUEST}")
    return Effective(_LEAST_REQUEST if simple.value is None else simple.value, simple.because)


def warmup(load_balancer: Effective[Block | None], meshconfig: MeshConfig) -> Number:
    """For how long a new endpoint gets less, in milliseconds; only the algorithms that wait can do it.

    A hash that says nothing of its table leaves it in the configuration, where Envoy has no use for it.
    """
    chosen = algorithm(load_balancer)
    if chosen.value not in _SLOW_START and not _leaves_warmup(load_balancer.value):
        return Effective(None, (*chosen.because, Reason(f"{chosen.value} has no warmup", chosen.origin)))
    since = meshconfig.istio_version >= (1, 24)
    found = read(load_balancer, ("warmup", "duration"), duration_ms, "no warmup") if since else None
    if found and found.value is not None:
        return found
    return read(load_balancer, ("warmupDurationSecs",), duration_ms, "no warmup")


def locality_setting(
    load_balancer: Effective[Block | None], distribution: Effective[str | None], meshconfig: MeshConfig
) -> Effective[LocalitySetting | None]:
    """What decides about localities, None = nothing: a DestinationRule's setting, else the Service's trafficDistribution
    (see `traffic_distribution`), else the mesh's, which is on by default.
    """
    zone_aware = meshconfig.istio_version >= (1, 31)
    own = load_balancer.value
    if own and zone_aware and isinstance(own.get("zoneAwareLbSetting"), dict):
        return _setting(Block(own.get("zoneAwareLbSetting"), own.at("zoneAwareLbSetting")), load_balancer.because, True)
    if own and isinstance(own.get("localityLbSetting"), dict):
        return _setting(Block(own.get("localityLbSetting"), own.at("localityLbSetting")), load_balancer.because, False)
    if distribution.value:
        return Effective(LocalitySetting(priority=_NEAR[distribution.value], forced=True), distribution.because)
    for name, is_zone_aware in (("zoneAwareLbSetting", True), ("localityLbSetting", False)):
        given = meshconfig.value(name)
        if isinstance(given.value, dict) and given.origin and (zone_aware or not is_zone_aware):
            return _setting(Block(given.value, given.origin), given.because, is_zone_aware)
    return Effective(
        LocalitySetting(), (Reason("meshConfig.localityLbSetting is on by default", None, meshconfig.unsaid),)
    )


def locality_settings(resource: Resource, meshconfig: MeshConfig) -> Iterator[Block]:
    """Every localityLbSetting that a DestinationRule, or an object with mesh settings, has as written."""
    for path in policy_paths(resource) if resource.group_kind == DESTINATION_RULE else ():
        where = (*path, "loadBalancer", "localityLbSetting")
        if isinstance(resource.get(*where), dict):
            yield Block(resource.get(*where), resource.at(*where))
    stated = meshconfig.stated(resource, "localityLbSetting")
    if stated and isinstance(stated[0], dict):
        yield Block(*stated)


def clash(setting: Block) -> Clash | None:
    """What a localityLbSetting has that its other fields exclude (`agent/validation.go ValidateLocalityLbSetting`)."""
    distribute, failover, priority = (
        each(setting.data, name) for name in ("distribute", "failover", "failoverPriority")
    )
    if distribute and failover:
        return Clash("distribute", "failover", True)
    if failover and any(label in (REGION, ZONE, SUBZONE) for label in priority):
        return Clash("failoverPriority", "failover", True)
    if distribute and priority and setting.get("enabled") is not False:
        return Clash("distribute", "failoverPriority", False)
    return None


def traffic_distribution(
    service: Resource, namespace: Resource | None, meshconfig: MeshConfig
) -> Effective[str | None]:
    """`PreferSameZone`, `PreferSameNode` or None: of the Service's spec, else of its annotation, else of its namespace's."""
    newest = meshconfig.istio_version >= (1, 27)
    stated = service.get("spec", "trafficDistribution")
    places: list[tuple[str, Resource, Path]] = (
        [(stated, service, ("spec", "trafficDistribution"))] if stated in ("PreferClose", *_NEAR) else []
    )
    for owner in (service, namespace):
        text = owner.annotations.get(_DISTRIBUTION, "") if owner else ""
        if owner and text:
            places.append((text, owner, ("metadata", "annotations", _DISTRIBUTION)))
    for text, owner, path in places[:1]:
        word = _WORDS.get(text.lower())
        if word and (newest or text.lower() == "preferclose"):
            return Effective(word, (Reason(f"{owner} asks for {text}", owner.at(*path)),))
    return Effective(None, (Reason("no trafficDistribution", None, Basis.DEFAULT),))


def _leaves_warmup(block: Block | None) -> bool:
    """Whether a consistent hash has a kind but no size (`ApplyRingHashLoadBalancer`)."""
    sizes = ("ringHash", "minimumRingSize"), ("maglev", "tableSize")
    return block is not None and any(
        isinstance(block.get("consistentHash", kind), dict) and not block.get("consistentHash", kind, size)
        for kind, size in sizes
    )


def _hash_algorithm(value: Any) -> str | None:
    if not isinstance(value, dict):
        return None
    return "MAGLEV" if isinstance(value.get("maglev"), dict) else "RING_HASH"


def _setting(block: Block, because: tuple[Reason, ...], zone_aware: bool) -> Effective[LocalitySetting | None]:
    """A setting as written. A localityLbSetting that is switched off is none at all."""
    enabled = block.get("enabled") is not False
    name = "zoneAwareLbSetting" if zone_aware else "localityLbSetting"
    reasons = (*because, Reason(f"{name} is {'on' if enabled else 'off'}", block.location))
    if not enabled:
        return Effective(LocalitySetting(zone_aware=True, idle=True) if zone_aware else None, reasons)
    failover = [entry for entry in each(block.data, "failover") if isinstance(entry, dict)]
    distribute = [entry for entry in each(block.data, "distribute") if isinstance(entry, dict)]
    setting = LocalitySetting(
        () if zone_aware else tuple((str(entry.get("from", "")), _shares(entry.get("to"))) for entry in distribute),
        tuple((str(entry.get("from", "")), str(entry.get("to", ""))) for entry in failover),
        tuple(label for label in each(block.data, "failoverPriority") if isinstance(label, str)),
        forced=zone_aware,
        zone_aware=zone_aware,
    )
    return Effective(setting, reasons)


def _shares(value: Any) -> Mapping[str, int]:
    known = value if isinstance(value, dict) else {}
    return {place: share for place, stated in known.items() if (share := whole_number(stated)) is not None}
