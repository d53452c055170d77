"""Settings that a subset or an entry of portLevelSettings takes away by saying less (semantics §3.2).

An entry of portLevelSettings stands for the whole policy of its port, a block of a subset for the whole block. A setting
that is not said again goes back to its default, which is a loss unless it says the default, or what is said instead leaves
it no meaning, or it changes no call to such a port.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from ...resource.match import duration_ms
from ...resource.resource import get
from ...source.document import Document, Location, Path
from ..effective import Effective
from ..subjects import Answer, Host
from .destinations import Merged
from .host_policies import HostPolicies, HostPolicy
from .meshconfig import MeshConfig
from .xds.traffic_policy import BLOCKS, BLOCKS_OF_PORTS, Block, stages

_IDLE = ("connectionPool", "loadBalancer")
"""Blocks that do nothing by being there."""

_ENTRIES = "portLevelSettings"

_ALTERNATIVES: tuple[tuple[Path, ...], ...] = (
    (("loadBalancer", "simple"), ("loadBalancer", "consistentHash")),
    tuple(
        ("loadBalancer", "consistentHash", key)
        for key in ("httpHeaderName", "httpCookie", "useSourceIp", "httpQueryParameterName")
    ),
    tuple(("loadBalancer", "consistentHash", key) for key in ("ringHash", "maglev", "minimumRingSize")),
    tuple(("loadBalancer", "localityLbSetting", key) for key in ("distribute", "failover", "failoverPriority")),
    (("loadBalancer", "localityLbSetting"), ("loadBalancer", "zoneAwareLbSetting")),
    (("loadBalancer", "warmup"), ("loadBalancer", "warmupDurationSecs")),
    (("connectionPool", "http", "h2UpgradePolicy"), ("connectionPool", "http", "useClientProtocol")),
    *((("tls", "credentialName"), ("tls", key)) for key in ("clientCertificate", "privateKey", "caCertificates")),
)
"""Fields that take each other's place."""

_DEFAULTS: Mapping[Path, tuple[Any, ...]] = {
    ("loadBalancer", "simple"): ("LEAST_REQUEST", "UNSPECIFIED", "LEAST_CONN"),
    ("loadBalancer", "localityLbSetting", "enabled"): (True,),
    ("connectionPool", "http", "h2UpgradePolicy"): ("DEFAULT",),
    ("connectionPool", "http", "idleTimeout"): ("1h",),
    ("connectionPool", "tcp", "idleTimeout"): ("1h",),
    ("tls", "mode"): ("DISABLE",),
    ("outlierDetection", "consecutive5xxErrors"): (5,),
    ("outlierDetection", "interval"): ("10s",),
    ("outlierDetection", "baseEjectionTime"): ("30s",),
    ("outlierDetection", "maxEjectionPercent"): (10, 0),
    ("retryBudget", "percent"): (20,),
    ("retryBudget", "minRetryConcurrency"): (3, 0),
}
"""What a field that is left out amounts to (semantics §3.4 to §3.6); all others to 0, false or nothing."""

_UPGRADE: Path = ("connectionPool", "http", "h2UpgradePolicy")
_HASH: Path = ("loadBalancer", "consistentHash")
_OF_REQUESTS: tuple[Path, ...] = (
    ("connectionPool", "http", "http2MaxRequests"),
    ("connectionPool", "http", "maxRequestsPerConnection"),
    ("connectionPool", "http", "maxRetries"),
    ("connectionPool", "http", "idleTimeout"),
    ("connectionPool", "http", "useClientProtocol"),
    ("connectionPool", "http", "maxConcurrentStreams"),
    ("connectionPool", "http", "http2KeepAlive"),
    ("retryBudget",),
)
"""What nobody heeds who forwards bytes unread; Envoy's tcp_proxy queues by http1MaxPendingRequests as well."""

_OF_LISTENERS: tuple[Path, ...] = (
    ("connectionPool", "tcp", "idleTimeout"),
    ("connectionPool", "tcp", "maxConnectionDuration"),
)
"""What a tcp_proxy takes from the rule's top level, whatever ports and subsets say (`core/networkfilter.go`)."""

_VERIFICATION = ("caCertificates", "caCrl", "sni", "subjectAltNames", "insecureSkipVerify")
_MEANT_IN_BOTH: Mapping[tuple[Any, Any], tuple[str, ...]] = {
    ("SIMPLE", "SIMPLE"): ("credentialName", *_VERIFICATION),
    ("SIMPLE", "MUTUAL"): _VERIFICATION,
    ("MUTUAL", "SIMPLE"): _VERIFICATION,
    ("MUTUAL", "MUTUAL"): ("credentialName", "clientCertificate", "privateKey", *_VERIFICATION),
    ("ISTIO_MUTUAL", "ISTIO_MUTUAL"): ("sni", "subjectAltNames"),
}
"""The fields of a tls block that one of another mode could have meant to keep."""


class Setting(NamedTuple):
    """A field of a traffic policy, or a whole block of it: its path from there, its value and its place."""

    path: Path
    value: Any
    location: Location


class Override(NamedTuple):
    """A block of a subset, or an entry of portLevelSettings (`block` ""), and the settings that it takes from calls to `parts`.

    `ground` are the merged rules for which it does.
    """

    location: Location
    block: str
    parts: tuple[HostPolicy, ...]
    settings: tuple[Setting, ...]
    ground: Effective[Merged | None]

    @property
    def names(self) -> list[str]:
        """What to call the settings: by their paths in the block, or in the policy of the port."""
        return [".".join(map(str, setting.path[bool(self.block) :])) for setting in self.settings]

    @property
    def owners(self) -> list[str]:
        """Whose settings they are."""
        return list(dict.fromkeys(self._owner(setting.location) for setting in self.settings))

    @property
    def restored(self) -> list[tuple[Location, Any]]:
        """What to write where, so that the override says the settings as well; nothing where it has no place for one."""
        if not self.block and any(setting.path[0] not in BLOCKS_OF_PORTS for setting in self.settings):
            return []
        document, path = self.location.document, self.location.path
        base = path[:-1] if self.block else path
        found: dict[Path, Any] = {}
        for setting in self.settings:
            known = next(n for n in range(1, len(setting.path) + 1) if _is_new(document, (*base, *setting.path[:n])))
            _nest(found, (setting.path[:known], *setting.path[known:]), setting.value)
        return [(Location(document, (*base, *path)), value) for path, value in found.items()]

    def _owner(self, place: Location) -> str:
        if place.document is not self.location.document and self.ground.value:
            return f"the trafficPolicy of {self.ground.value.policy}"
        return f"the {'subset' if 'subsets' in place.path else 'rule'}'s own trafficPolicy"


def _is_new(document: Document, path: Path) -> bool:
    return get(document.data, *path) is None


def _nest(found: dict[Any, Any], path: tuple[Any, ...], value: Any) -> None:
    """Puts a value into a mapping of mappings, which are made where they are missing."""
    for step in path[:-1]:
        found = found.setdefault(step, {})
    found[path[-1]] = value


class _Calls(NamedTuple):
    """Calls to a port and subset; whether some proxy reads them as requests, and may change their HTTP version."""

    part: HostPolicy
    are_read: bool
    are_upgraded: bool
    meshconfig: MeshConfig

    def depend_on(self, path: Path, block: Block) -> bool:
        """Whether a field of a block changes any of them."""
        if path == _UPGRADE:
            return self.are_upgraded
        if self.are_read:
            return True
        if path[:2] == _HASH:
            return block.get("consistentHash", "useSourceIp") is True
        return not any(path[: len(known)] == known for known in (*_OF_REQUESTS, *_OF_LISTENERS))


class _Loss(NamedTuple):
    """What an override takes from calls to one port and subset under one merged rule."""

    calls: _Calls
    merged: Merged
    settings: tuple[Setting, ...]


def overrides(policies: HostPolicies, host: Host, meshconfig: MeshConfig) -> Iterator[Override]:
    """The overrides that take settings from calls to ports and subsets of a host, as far as calls may go there.

    What a rule takes from itself it takes whoever wins a tie. Only where it takes nothing from itself does it count what the
    rule that it is merged with, or may be, loses.
    """
    found: dict[Location, list[_Loss]] = defaultdict(list)
    for part in policies.of(host):
        calls = _Calls(part, policies.is_read(part), policies.is_upgraded(part), meshconfig)
        for outcome in part.merged.outcomes if part.use is not Answer.NO else ():
            if outcome.value:
                for location, settings in _losses(outcome.value, calls).items():
                    found[location].append(_Loss(calls, outcome.value, settings))
    for location, losses in found.items():
        own = [loss for loss in (_to_itself(location, loss) for loss in losses) if loss.settings]
        if own:
            yield _override(location, own, Effective(own[0].merged))
        else:
            ground = _ground(location, losses[0].calls)
            yield _override(location, [loss for loss in losses if loss.merged == ground.value], ground)


def _to_itself(location: Location, loss: _Loss) -> _Loss:
    """What an object with an override takes from itself."""
    return loss._replace(settings=tuple(s for s in loss.settings if s.location.document is location.document))


def _ground(location: Location, calls: _Calls) -> Effective[Merged | None]:
    """The merged rules under which an override takes something, weakened where it does not under each that may be in force."""

    def takes(merged: Merged | None) -> bool:
        return merged is not None and location in _losses(merged, calls)

    return calls.part.merged.fitting(takes)[0]


def _override(location: Location, losses: Sequence[_Loss], ground: Effective[Merged | None]) -> Override:
    """One of all losses at a place; a block that is lost to one port is not told field by field for another."""
    settings = {setting.path: setting for loss in losses for setting in loss.settings}
    blocks = {path for path in settings if len(path) == 1}
    fields = tuple(s for path, s in settings.items() if path in blocks or path[:1] not in blocks)
    parts = {(part.port, part.subset): part for part in (loss.calls.part for loss in losses)}
    block = "" if _ENTRIES in location.path[-2:] else str(location.path[-1])
    return Override(location, block, tuple(parts.values()), fields, ground)


def _losses(merged: Merged, calls: _Calls) -> Mapping[Location, tuple[Setting, ...]]:
    """What a policy lost on its way, by the place of what took it. No port has a tunnel of its own: only the listener has one."""
    steps = stages(merged, calls.part.port, calls.part.subset)
    found: dict[Location, tuple[Setting, ...]] = {}
    for (_, before), (place, after) in pairwise(steps):
        is_entry = _ENTRIES in place.path
        for name, old, new, last in zip(BLOCKS, before, after, steps[-1][1], strict=True):
            if (name == "retryBudget" and calls.meshconfig.istio_version < (1, 27)) or (name == "tunnel" and is_entry):
                continue
            if old.value and (new.value is None or new.value.location != old.value.location):
                by = new.value.location if new.value and not is_entry else place
                lost = _lost(name, old.value, new.value, last.value, calls)
                if lost:
                    found[by] = (*found.get(by, ()), *lost)
    return found


def _lost(name: str, old: Block, new: Block | None, last: Block | None, calls: _Calls) -> tuple[Setting, ...]:
    """What of a block neither the one in its place nor the one in force at last says: all of it, or some fields."""
    written = [Setting(path, value, old.at(*path[1:])) for path, value in _fields(old.data, (name,))]
    acting = [setting for setting in written if calls.depend_on(setting.path, old)]
    fields = tuple(
        setting
        for setting in acting
        if not (
            _is_default(setting.path, setting.value, calls.meshconfig)
            or _is_said(setting.path, old, new)
            or _is_said(setting.path, old, last)
        )
    )
    if new is None and last is None and acting == written and (fields or name not in _IDLE):
        return (Setting((name,), old.data, old.location),)
    return fields


def _fields(data: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _fields(value, (*path, key))
    else:
        yield path, data


def _is_default(path: Path, value: Any, meshconfig: MeshConfig) -> bool:
    """Whether leaving a field out comes to the same."""
    if path[1:] == ("tcp", "connectTimeout"):
        return duration_ms(value) == duration_ms(meshconfig.value("connectTimeout").value or "10s")
    defaults = _DEFAULTS.get(path)
    if defaults is None:
        return not value
    length = duration_ms(value)
    return value in defaults or (length is not None and length in map(duration_ms, defaults))


def _is_said(path: Path, old: Block, new: Block | None) -> bool:
    """Whether another block says a field, or something that takes its place or leaves it no meaning."""
    if new is None:
        return False
    if new.get(*path[1:]) is not None:
        return True
    if path[0] == "tls" and path[1] != "mode":
        modes = (old.get("mode"), new.get("mode"))
        if path[1] not in _MEANT_IN_BOTH.get(modes, ()):
            return True
    if path[1:2] == ("localityLbSetting",) and new.get("localityLbSetting", "enabled") is False:
        return True
    return any(
        new.get(*other[1:]) is not None
        for group in _ALTERNATIVES
        if any(path[: len(field)] == field for field in group)
        for other in group
        if path[: len(other)] != other
    )
