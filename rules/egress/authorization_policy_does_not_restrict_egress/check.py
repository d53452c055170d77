from collections.abc import Iterator, Sequence

from meshlint.mesh.effective import Reason
from meshlint.mesh.istio.external import Named
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Workload
from meshlint.resource.kinds import AUTHORIZATION_POLICY
from meshlint.resource.match import matches
from meshlint.resource.resource import Resource, get, required
from meshlint.rule.rule import Problem


def check(policy: Resource, mesh: Mesh) -> Iterator[Problem]:
    if not _is_in_force(policy, "ALLOW", "DENY"):
        return
    if mesh.guards_gateways(policy):
        return
    workloads = mesh.selected(policy)
    for hosts in mesh.external.outward(policy):
        yield _problem(policy, hosts, workloads, mesh)


def _is_in_force(policy: Resource, *actions: str) -> bool:
    """Whether a policy has one of these actions and sidecars enforce it."""
    targeted = policy.get("spec", "targetRef") or policy.get("spec", "targetRefs")
    is_dry = policy.annotations.get("istio.io/dry-run") == "true"
    return (policy.get("spec", "action") or "ALLOW") in actions and not targeted and not is_dry


def _problem(policy: Resource, hosts: Sequence[Named], workloads: Sequence[Workload], mesh: Mesh) -> Problem:
    entries = [declared for named in hosts for declared in mesh.external.entries(named.host)]
    return Problem(
        hosts[0].location,
        related=[Reason(f"{declared.entry} declares the host", declared.location) for declared in entries],
        rests_on=[max((named.external for named in hosts), key=lambda external: external.basis.confidence)],
        missing="the ServiceEntries of these hosts",
        policy=policy,
        workloads=workloads or f"the workloads of namespace {policy.namespace}",
        effect=_allows(policy, hosts[0], workloads, mesh)
        if _is_in_force(policy, "ALLOW")
        else "calls to these hosts go out as before",
    )


def _allows(policy: Resource, named: Named, workloads: Sequence[Workload], mesh: Mesh) -> str:
    """What an ALLOW rule with nothing but such hosts does: rules of all ALLOW policies of a workload add up."""
    rule = policy.items("spec", "rules")[named.location.path[2]]
    callers = "the callers it names that send" if get(rule, "from") or get(rule, "when") else "any caller that sends"
    alone = len(policy.items("spec", "rules")) == 1 and not _has_company(policy, workloads, mesh)
    refused = "all their normal traffic" if alone else "what no other rule allows"
    return f"it refuses {refused} and admits {callers} Host {named.host}"


def _has_company(policy: Resource, workloads: Sequence[Workload], mesh: Mesh) -> bool:
    """Whether another ALLOW policy applies to some of the workloads."""
    namespaces = {policy.namespace, mesh.meshconfig.root_namespace}
    policies = (p for n in namespaces for p in mesh.inventory.in_namespace(AUTHORIZATION_POLICY, n))
    others = (p for p in policies if p is not policy and _is_in_force(p, "ALLOW"))
    chosen = (required(other.get("spec", "selector", "matchLabels")) for other in others)
    return any(not labels or any(matches(labels, w.labels) for w in workloads) for labels in chosen)
