"""What the webhook asks of parts that several kinds have: selectors, targets, exportTo, destinations, durations."""

from collections.abc import Mapping

from ...source.document import Path
from .complaint import Complaint, Complaints, told
from .decode import Message
from .syntax import bad_host, bad_label, bad_port, is_dns_label

_TARGETS = {
    ("core", "Service"),
    ("networking.istio.io", "ServiceEntry"),
    ("gateway.networking.k8s.io", "Gateway"),
    ("gateway.networking.k8s.io", "GatewayClass"),
}
_MILLISECOND = 1_000_000


def duration(value: int | None, path: Path) -> Complaints:
    """`agent.ValidateDuration`, of nanoseconds."""
    if value is not None and value < _MILLISECOND:
        yield Complaint(path, "a duration must be 1ms or more")
    elif value is not None and value % _MILLISECOND:
        yield Complaint(path, "a duration must be whole milliseconds")


def not_negative(message: Message, names: tuple[str, ...], path: Path) -> Complaints:
    for name in names:
        if message.get(name, 0) < 0:
            yield Complaint((*path, name), f"{name} must not be negative")


def labels(found: Mapping[str, str], path: Path) -> Complaints:
    """`labels.Instance.Validate`."""
    for key, value in found.items():
        yield from told((*path, key), bad_label(key, value))


def selector(message: Message, name: str, labels_name: str, path: Path) -> Complaints:
    """`validateWorkloadSelector` and `ValidateAlphaWorkloadSelector`, where there is a selector at all."""
    if name not in message:
        return
    found: Mapping[str, str] = message[name].get(labels_name, {})
    for key, value in found.items():
        if not key or "*" in key + value:
            yield Complaint((*path, name, labels_name, key), "a selector takes neither empty names nor wildcards")
    if not found:
        yield Complaint((*path, name), "a selector without labels selects all workloads of its namespace", warns=True)


def attachment(message: Message, path: Path) -> Complaints:
    """What a policy stands on: a selector or targets (`validateOneOfSelectorType` and `validatePolicyTargetReferences`)."""
    if sum(name in message for name in ("selector", "targetRef", "targetRefs")) > 1:
        yield Complaint(path, "only one of selector, targetRef and targetRefs may be set")
    yield from selector(message, "selector", "matchLabels", path)
    if "targetRef" in message:
        yield from _target(message["targetRef"], (*path, "targetRef"))
    yield from targets(message, path)


def targets(message: Message, path: Path) -> Complaints:
    for index, target in enumerate(message.get("targetRefs", ())):
        yield from _target(target, (*path, "targetRefs", index))


def _target(target: Message, path: Path) -> Complaints:
    if not target.get("name"):
        yield Complaint(path, "a target must have a name")
    if target.get("namespace"):
        yield Complaint((*path, "namespace"), "targets in other namespaces are not supported")
    kind = (target.get("group") or "core", target.get("kind", ""))
    if kind not in _TARGETS:
        yield Complaint(path, f"{kind[1]} of {kind[0]} is nothing that a policy can be attached to")


def export_to(
    message: Message, namespace: str | None, path: Path, *, to_none: bool = False, private: bool = False
) -> Complaints:
    """`validateExportTo`. `to_none`: `~` is allowed; `private`: only the own namespace is. None is a namespace not known."""
    listed: list[str] = message.get("exportTo", [])
    path = (*path, "exportTo")
    seen: set[str | None] = set()
    for index, written in enumerate(listed):
        meant = namespace if written == "." else written
        if meant in seen:
            yield Complaint((*path, index), f"{written} is listed twice")
        elif written not in (".", "*") and not (written == "~" and to_none) and not is_dns_label(written):
            yield Complaint((*path, index), f"{written!r} is none of ., * and a namespace")
        else:
            seen.add(meant)
    if private and seen and namespace is not None and seen != {namespace}:
        yield Complaint(path, "a rule with a workloadSelector is for its own namespace only")
    for word in ("*", "~"):
        if word in seen and len(listed) > 1:
            yield Complaint(path, f"{word} must be alone")


def one_of(message: Message, *names: str) -> str:
    """The field that counts of those of which a message has only one, in the order of the API; "" where none is set."""
    return next((name for name in reversed(names) if name in message), "")


def destination(found: Message | None, path: Path) -> Complaints:
    """`validateDestination`, where there is one."""
    if found is None:
        return
    host = found.get("host", "")
    yield from told((*path, "host"), "* is no destination" if host == "*" else bad_host(host))
    if found.get("subset") and not is_dns_label(found["subset"]):
        yield Complaint((*path, "subset"), f"{found['subset']!r} is no name of a subset")
    if "port" in found:
        yield from told((*path, "port"), bad_port(found["port"].get("number", 0)))
