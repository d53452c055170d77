from collections.abc import Iterator

from meshlint.mesh.istio.authorization.callers import Width, asks_for_nothing, limit
from meshlint.mesh.istio.authorization.policies import Action
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import DataPlane
from meshlint.resource.resource import Resource
from meshlint.rule.rule import Problem


def check(resource: Resource, mesh: Mesh) -> Iterator[Problem]:
    policy = mesh.authorization.policy(resource)
    if policy.action is not Action.ALLOW or policy.dry_run or mesh.guards_gateways(resource):
        return
    workloads = [w for w in mesh.selected(resource) if w.data_plane.value is not DataPlane.GATEWAY]
    for rule in policy.rules:
        width = limit(rule).width
        if asks_for_nothing(rule) and width in (Width.EVERYBODY, Width.EVERY_IDENTITY):
            others = [other for other in policy.rules if other is not rule]
            yield Problem(
                rule.location,
                related=[*(other.location for other in others), *(w.place for w in workloads)],
                rests_on=policy.doubt,
                policy=resource,
                callers="every caller" if width is Width.EVERYBODY else "every caller with a certificate of the mesh",
                workloads=workloads or f"the pods of {resource.namespace} that it selects",
                pointless=f", and makes its other {_count(len(others))} pointless" if others else "",
            )


def _count(rules: int) -> str:
    return f"{rules} rules" if rules > 1 else "rule"
