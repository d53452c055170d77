from collections.abc import Iterator, Sequence

from meshlint.mesh.effective import Reason
from meshlint.mesh.istio.external import Named
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import DataPlane, Workload
from meshlint.resource.resource import Resource
from meshlint.rule.rule import Problem


def check(policy: Resource, mesh: Mesh) -> Iterator[Problem]:
    action = policy.get("spec", "action") or "ALLOW"
    targeted = policy.get("spec", "targetRef") or policy.get("spec", "targetRefs")
    if action not in ("ALLOW", "DENY") or targeted or policy.annotations.get("istio.io/dry-run") == "true":
        return
    workloads = mesh.selected(policy)
    if _selects_gateways(policy, workloads):
        return
    for hosts in mesh.external.outward(policy):
        yield _problem(policy, action, hosts, workloads, mesh)


def _problem(
    policy: Resource, action: str, hosts: Sequence[Named], workloads: Sequence[Workload], mesh: Mesh
) -> Problem:
    entries = [declared for named in hosts for declared in mesh.external.entries(named.host)]
    refuses = f"it refuses all their normal traffic and admits any caller that sends Host {hosts[0].host}"
    return Problem(
        hosts[0].location,
        related=[Reason(f"{declared.entry} declares the host", declared.location) for declared in entries],
        rests_on=[max((named.external for named in hosts), key=lambda external: external.basis.confidence)],
        missing="the ServiceEntries of these hosts",
        policy=policy,
        workloads=workloads or f"the workloads of namespace {policy.namespace}",
        effect=refuses if action == "ALLOW" else "calls to these hosts go out as before",
    )


def _selects_gateways(policy: Resource, workloads: Sequence[Workload]) -> bool:
    """On an egress gateway the policy does work; a gateway's labels tell where its pods are not in the input."""
    if workloads and all(w.data_plane.value is DataPlane.GATEWAY for w in workloads):
        return True
    labels = policy.mapping("spec", "selector", "matchLabels").values()
    return any("gateway" in str(label) for label in labels) and all(w.implied for w in workloads)
