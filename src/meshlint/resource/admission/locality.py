"""Where a DestinationRule sends traffic by place (`ValidateLocalityLbSetting`, `ValidateZoneAwareLbSetting`)."""

from ...source.document import Path
from .complaint import Complaint, Complaints
from .decode import Message

_TOPOLOGY = frozenset({"topology.kubernetes.io/region", "topology.kubernetes.io/zone", "topology.istio.io/subzone"})


def locality(setting: Message, path: Path, has_outlier_detection: bool) -> Complaints:
    if "failover" in setting and "distribute" in setting:
        yield Complaint(path, "only one of distribute and failover may be set")
        return
    if "failover" in setting and _TOPOLOGY & set(setting.get("failoverPriority", ())):
        yield Complaint((*path, "failoverPriority"), "labels of the topology exclude failover")
        return
    for index, distribute in enumerate(setting.get("distribute", ())):
        to = distribute.get("to", {})
        if not all(0 < weight <= 100 for weight in to.values()) or sum(to.values()) != 100:
            yield Complaint((*path, "distribute", index, "to"), "the weights must be from 1 to 100 and add up to 100")
            return
        yield from _localities(list(to), (*path, "distribute", index, "to"))
    yield from _localities([part.get("from", "") for part in setting.get("distribute", ())], (*path, "distribute"))
    yield from _failover(setting, path, has_outlier_detection)


def zone_aware(setting: Message, path: Path, has_outlier_detection: bool) -> Complaints:
    for index, label in enumerate(setting.get("failoverPriority", ())):
        if label in _TOPOLOGY:
            yield Complaint((*path, "failoverPriority", index), "regions and zones are taken care of without a label")
    yield from _failover(setting, path, has_outlier_detection)


def _failover(setting: Message, path: Path, has_outlier_detection: bool) -> Complaints:
    if setting.keys() & {"failover", "failoverPriority"} and not has_outlier_detection:
        yield Complaint(path, "failover needs outlierDetection", warns=True)
    for index, failover in enumerate(setting.get("failover", ())):
        ends = (failover.get("from", ""), failover.get("to", ""))
        if ends[0] == ends[1] or any(character in end for end in ends for character in "/*"):
            yield Complaint((*path, "failover", index), "from and to must be two regions, without zones and wildcards")


def _localities(localities: list[str], path: Path) -> Complaints:
    """`validateLocalities`, which stops at the first that is wrong."""
    taken: dict[str, dict[str, set[str]]] = {}
    for text in localities:
        region, *rest = text.split("/", 2)
        if "*" in text.removesuffix("*"):
            yield Complaint(path, f"{text} has a wildcard that is not at its end")
            return
        if not region or not all(rest):
            yield Complaint(path, f"{text!r} has an empty region, zone or subzone")
            return
        if "*" in taken or _is_covered(taken.get(region), rest):
            yield Complaint(path, f"{text} overlaps with one before it")
            return
        zone, subzone = [*rest, "*", "*"][:2]
        taken.setdefault(region, {}).setdefault(zone, set()).add(subzone)


def _is_covered(zones: dict[str, set[str]] | None, rest: list[str]) -> bool:
    """Whether a region has a zone or subzone already. An explicit `*` only covers what comes after it."""
    if zones is None or not rest:
        return zones is not None
    subzones = zones.get(rest[0])
    return "*" in zones or (subzones is not None and (len(rest) == 1 or bool(subzones & {"*", rest[1]})))
