"""The endpoints a proxy gets for a cluster, by locality and priority (semantics §3.6).

Mirrors `xds/endpoints/endpoint_builder.go` (`filterIstioEndpoint`, `generate`), `core/loadbalancer ApplyLocalityLoadBalancer`
and `ApplyZoneAwareLoadBalancer`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import ceil
from typing import NamedTuple

from ....resource.match import is_address
from .balancing import LocalitySetting
from .registry import Endpoint, Health

_NETWORK = "topology.istio.io/network"
_DRAINING = "istio.io/draining"


class Backend(NamedTuple):
    """An endpoint, and whether a proxy that speaks mTLS by itself speaks it there."""

    endpoint: Endpoint
    mtls: bool


class Group(NamedTuple):
    """Backends of one locality and priority. `weight` is the group's share among those of its priority."""

    locality: str
    priority: int
    weight: int
    backends: tuple[Backend, ...]


def is_sent(endpoint: Endpoint, unready: bool, persistent: bool) -> bool:
    """Whether proxies hear of an endpoint. `unready`: also of those that are not ready; `persistent`: of draining ones."""
    if endpoint.health is Health.TERMINATING or (endpoint.health is Health.UNREADY and not unready):
        return False
    return persistent or not (endpoint.health is Health.DRAINING or endpoint.labels.get(_DRAINING))


def is_reachable(endpoint: Endpoint) -> bool:
    """Whether EDS can name it: it has an address, not a name; a UNIX socket has port 0."""
    return not endpoint.address or not endpoint.port or is_address(endpoint.address)


def by_locality(backends: Iterable[Backend]) -> list[Group]:
    """Backends by their locality, all of one priority."""
    found: dict[str, list[Backend]] = defaultdict(list)
    for backend in backends:
        found[backend.endpoint.locality].append(backend)
    return [Group(locality, 0, _weight(found[locality]), tuple(found[locality])) for locality in sorted(found)]


def balanced(
    groups: Sequence[Group],
    setting: LocalitySetting | None,
    locality: str,
    labels: Mapping[str, str],
    failover: bool,
    by_labels: bool = True,
) -> Sequence[Group]:
    """The groups with the priorities and weights that a proxy at a locality, with these labels, gives them.

    `failover`: outlier detection is in force. `by_labels` False: the cluster does not know the labels of its endpoints.
    """
    if setting is None or setting.idle:
        return groups
    place = parts(locality)
    if setting.shares:
        return _distributed(groups, setting, place)
    if not (failover or setting.forced):
        return groups
    if setting.priority and by_labels:
        groups = _by_labels(groups, setting.priority, labels)
    if setting.zone_aware:
        return _prioritized(groups, lambda there: _region_rank(place, there, setting.failover), 3)
    if setting.priority and not setting.failover:
        return groups
    return _prioritized(groups, lambda there: _rank(place, there, setting.failover), 5)


def depends_on(setting: LocalitySetting | None, failover: bool) -> tuple[bool, Sequence[str]]:
    """Whether the groups depend on the proxy's locality, and on which of its labels."""
    if setting is None or setting.idle or not (setting.shares or failover or setting.forced):
        return False, ()
    return True, () if setting.shares else setting.priority


def parts(locality: str) -> tuple[str, str, str]:
    """Region, zone and subzone."""
    region, zone, subzone = [*locality.split("/"), "", ""][:3]
    return region, zone, subzone


def _weight(backends: Iterable[Backend]) -> int:
    return sum(backend.endpoint.weight or 1 for backend in backends)


def _distributed(groups: Sequence[Group], setting: LocalitySetting, place: tuple[str, str, str]) -> Sequence[Group]:
    """Weights of the first entry that is for the proxy's place; groups in none of its targets are emptied.

    Mirrors `applyLocalityWeights`. Where targets overlap, the first takes the group: istiod's order is random there.
    """
    shares = next((to for where, to in setting.shares if _is_in(place, where)), None)
    if shares is None:
        return groups
    left = dict(enumerate(groups))
    found = dict(left)
    for where, share in shares.items():
        taken = [index for index, group in left.items() if _is_in(parts(group.locality), where)]
        total = sum(left[index].weight for index in taken)
        for index in taken:
            group = left.pop(index)
            weight = ceil(group.weight * share / total)
            found[index] = group._replace(weight=weight or group.weight)
    for index, group in left.items():
        found[index] = group._replace(backends=())
    return list(found.values())


def _is_in(place: tuple[str, str, str], pattern: str) -> bool:
    """Whether a place is in a locality as rules write it: `*` and missing parts take anything (`LocalityMatch`)."""
    region, *rest = parts(pattern)
    return region in ("*", place[0]) and all(
        wanted in ("", "*", have) for wanted, have in zip(rest, place[1:], strict=True)
    )


def _rank(here: tuple[str, str, str], there: tuple[str, str, str], failover: Iterable[tuple[str, str]]) -> int:
    """0 the same place, then the same zone, the same region, another region, a region that is not failed over to."""
    if here[0] == there[0]:
        return 2 if here[1] != there[1] else 1 if here[2] != there[2] else 0
    target = next((to for where, to in failover if where == here[0]), None)
    return 3 if target is None or target == there[0] else 4


def _region_rank(here: tuple[str, str, str], there: tuple[str, str, str], failover: Iterable[tuple[str, str]]) -> int:
    if here[0] == there[0]:
        return 0
    target = next((to for where, to in failover if where == here[0]), None)
    return 1 if target == there[0] else 2


def _prioritized(groups: Sequence[Group], rank: Callable[[tuple[str, str, str]], int], ranks: int) -> Sequence[Group]:
    """Ranks refine the priorities there are; then no number is left out."""
    return _dense([g._replace(priority=g.priority * ranks + rank(parts(g.locality))) for g in groups])


def _by_labels(groups: Sequence[Group], priority: Sequence[str], labels: Mapping[str, str]) -> Sequence[Group]:
    """Each group apart by how many labels, in order, its backends share with the proxy (`applyFailoverPriorities`)."""
    stated = [entry.split("=") for entry in priority]
    wanted = [(name, value[0] if len(value) == 1 else labels.get(name, "")) for name, *value in stated]
    network = priority[0] == _NETWORK
    found = []
    for group in groups:
        by_rank: dict[int, list[Backend]] = defaultdict(list)
        for backend in group.backends:
            by_rank[_label_rank(wanted, backend.endpoint.labels, network)].append(backend)
        for rank in sorted(by_rank):
            found.append(Group(group.locality, rank, _weight(by_rank[rank]), tuple(by_rank[rank])))
    return _dense(found)


def _label_rank(wanted: Sequence[tuple[str, str]], labels: Mapping[str, str], network: bool) -> int:
    """0 = all are equal. A first label that is the `network` counts for itself, beyond all the others."""
    elsewhere = 0
    for index, (name, value) in enumerate(wanted):
        if labels.get(name, "") != value:
            if index == 0 and network:
                elsewhere = len(wanted)
                continue
            return len(wanted) - index + elsewhere
    return elsewhere


def _dense(groups: Sequence[Group]) -> Sequence[Group]:
    """The priorities renumbered from 0 without gaps."""
    numbers = {priority: n for n, priority in enumerate(sorted({group.priority for group in groups}))}
    return [group._replace(priority=numbers[group.priority]) for group in groups]
