"""What becomes of the matches of a delegating rule and of its delegate (semantics §2.4).

Mirrors `pilot/pkg/model/virtualservice.go mergeHTTPMatchRequests`, `hasConflict` and `stringMatchConflict`: the two are
intersected pair by pair, and pairs that contradict themselves are dropped. Compared with istiod.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...resource.resource import each
from ...source.document import Location

Match = tuple[Mapping[str, Any], Location]
"""An HTTPMatchRequest, and where it stands."""

_STRINGS = ("uri", "scheme", "method", "authority")
_STRING_MAPS = ("headers", "withoutHeaders", "queryParams")


def intersected(root: Sequence[Match], leaf: Sequence[Match]) -> list[Match]:
    """The matches of a delegate's rule as they act below those of its root; empty = istiod drops the rule.

    A side without matches takes everything, so that the other's stay as they are. Each match of the delegate must lie
    inside one of the root's: one that does not takes the whole rule with it.
    """
    if not root or not leaf:
        return [*leaf, *root]
    found = []
    for other in leaf:
        inside = [_merged(one, other) for one in root if not _contradict(one[0], other[0])]
        if not inside:
            return []
        found += inside
    return found


def _merged(root: Match, leaf: Match) -> Match:
    merged: dict[str, Any] = {**root[0], **leaf[0]}
    for field in (*_STRING_MAPS, "sourceLabels"):
        if field in root[0] or field in leaf[0]:
            merged[field] = {**_map(root[0], field), **_map(leaf[0], field)}
    return merged, leaf[1] if "uri" in leaf[0] or "uri" not in root[0] else root[1]


def _contradict(root: Mapping[str, Any], leaf: Mapping[str, Any]) -> bool:
    if any(_strings_contradict(root.get(field), leaf.get(field)) for field in _STRINGS):
        return True
    for field in _STRING_MAPS:
        ours, theirs = _map(root, field), _map(leaf, field)
        if any(_strings_contradict(ours[key], theirs[key]) for key in ours.keys() & theirs.keys()):
            return True
    labels, others = _map(root, "sourceLabels"), _map(leaf, "sourceLabels")
    if any(labels[key] != others[key] for key in labels.keys() & others.keys()):
        return True
    if bool(root.get("ignoreUriCase")) != bool(leaf.get("ignoreUriCase")):
        return True
    if root.get("port") and leaf.get("port") and root["port"] != leaf["port"]:
        return True
    if root.get("sourceNamespace") and root["sourceNamespace"] != leaf.get("sourceNamespace"):
        return True
    gateways, narrowed = each(root, "gateways"), each(leaf, "gateways")
    if not gateways or not narrowed:
        return False
    return len(gateways) < len(narrowed) or any(name not in gateways for name in narrowed)


def _strings_contradict(root: Any, leaf: Any) -> bool:
    """Whether a delegate's StringMatch is not inside its root's; regular expressions and empty ones always contradict."""
    if not isinstance(root, dict) or not isinstance(leaf, dict):
        return False
    exact, prefix = root.get("exact"), root.get("prefix")
    if exact:
        return bool(leaf.get("exact") != exact)
    if prefix:
        return not str(leaf.get("exact") or leaf.get("prefix") or "").startswith(str(prefix))
    return True


def _map(match: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    value = match.get(field)
    return value if isinstance(value, dict) else {}
