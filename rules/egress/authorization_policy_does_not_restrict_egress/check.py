from collections.abc import Iterator, Sequence

from meshlint.mesh.effective import Effective, Reason
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import DataPlane, Workload
from meshlint.resource.resource import Resource, get
from meshlint.rule.rule import Problem
from meshlint.source.document import Path

Named = tuple[Path, str, Effective[bool]]


def check(policy: Resource, mesh: Mesh) -> Iterator[Problem]:
    action = policy.get("spec", "action") or "ALLOW"
    targeted = policy.get("spec", "targetRef") or policy.get("spec", "targetRefs")
    if action not in ("ALLOW", "DENY") or targeted or policy.annotations.get("istio.io/dry-run") == "true":
        return
    workloads = mesh.selected(policy)
    if _selects_gateways(policy, workloads):
        return
    for index in range(len(policy.items("spec", "rules"))):
        hosts = _external_hosts(policy, index, mesh)
        if hosts:
            yield _problem(policy, action, hosts, workloads, mesh)


def _problem(
    policy: Resource, action: str, hosts: Sequence[Named], workloads: Sequence[Workload], mesh: Mesh
) -> Problem:
    path, first, _ = hosts[0]
    grounds = [external for _, _, external in hosts]
    entries = [entry for _, host, _ in hosts for entry in mesh.external.entries(host)]
    refuses = f"it refuses all their normal traffic and admits any caller that sends Host {first}"
    return Problem(
        policy.at(*path),
        related=[Reason(f"{entry} declares the host", where) for entry, where in entries],
        rests_on=[max(grounds, key=lambda ground: ground.basis.confidence)],
        missing="the ServiceEntries of these hosts",
        policy=policy,
        workloads=workloads or f"the workloads of namespace {policy.namespace}",
        effect=refuses if action == "ALLOW" else "calls to these hosts go out as before",
    )


def _external_hosts(policy: Resource, rule: int, mesh: Mesh) -> list[Named]:
    """The hosts of a rule whose every operation names nothing but hosts outside the mesh."""
    found: list[Named] = []
    operations = policy.items("spec", "rules", rule, "to")
    for index, to in enumerate(operations):
        hosts = get(to, "operation", "hosts")
        if not isinstance(hosts, list) or not hosts:
            return []
        for position, host in enumerate(hosts):
            external = mesh.external.of(host) if isinstance(host, str) else None
            if external is None or not external.value:
                return []
            found.append((("spec", "rules", rule, "to", index, "operation", "hosts", position), host, external))
    return found


def _selects_gateways(policy: Resource, workloads: Sequence[Workload]) -> bool:
    """On an egress gateway the policy does work; a gateway's labels tell where its pods are not in the input."""
    if workloads and all(w.data_plane.value is DataPlane.GATEWAY for w in workloads):
        return True
    labels = policy.mapping("spec", "selector", "matchLabels").values()
    return any("gateway" in str(label) for label in labels) and all(w.implied for w in workloads)
