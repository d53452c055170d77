from collections.abc import Iterator

from meshlint.mesh.istio.authorization.callers import OPEN_PATHS, Width, chosen, limit, opens_only, place, words
from meshlint.mesh.istio.authorization.calls import Kind
from meshlint.mesh.istio.authorization.policies import Action
from meshlint.mesh.istio.authorization.rules import Condition, Rule
from meshlint.mesh.mesh import Mesh
from meshlint.resource.resource import Resource
from meshlint.rule.rule import Problem


def check(resource: Resource, mesh: Mesh) -> Iterator[Problem]:
    policy = mesh.authorization.policy(resource)
    if policy.action is not Action.ALLOW or policy.dry_run:
        return
    workloads = mesh.selected(resource)
    on_gateways = mesh.guards_gateways(resource)
    for rule in policy.rules:
        for condition in _forgeable(rule, resource, mesh, on_gateways):
            yield Problem(
                place(condition),
                related=[workload.place for workload in workloads],
                rests_on=policy.doubt,
                policy=resource,
                what=words(condition),
                where="" if on_gateways else " inside the mesh",
            )


def _forgeable(rule: Rule, resource: Resource, mesh: Mesh, on_gateways: bool) -> Iterator[Condition]:
    """The conditions that a caller chooses, where nothing else limits who it is."""
    found = limit(rule)
    outward = mesh.external.outward_of(resource, rule.position)
    if opens_only(rule, OPEN_PATHS, ()) or (outward and not on_gateways):
        return
    if found.condition and found.condition.kind is Kind.FORWARDED and not on_gateways:
        yield found.condition
    if found.width is Width.EVERYBODY:
        for condition in chosen(rule):
            if condition.kind is Kind.HEADER and not mesh.trusts(resource, condition.header):
                yield condition
            if condition.kind is Kind.HOST and not on_gateways:
                yield condition
