from collections.abc import Iterator

from meshlint.mesh.istio.authorization.tokens import requires_token
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import DataPlane, Workload
from meshlint.rule.rule import Problem


def check(workload: Workload, mesh: Mesh) -> Iterator[Problem]:
    applied = mesh.authorization.applied(workload.namespace, workload.labels)
    resources = {id(token.resource): token.resource for token in applied.tokens}.values()
    if not resources or not workload.in_mesh.value:
        return
    gateway = workload.data_plane.value is DataPlane.GATEWAY
    facing = mesh.exposure.tenant_facing(workload)
    if not gateway and (not facing.value or mesh.edge.asks_for_tokens(workload)):
        return
    if requires_token(applied, mesh.edge.served(workload) if gateway else (), gateway=gateway):
        return
    for resource in resources:
        yield Problem(
            resource.at("spec", "jwtRules"),
            related=[
                workload.place if gateway else facing,
                *(policy.resource.at("metadata", "name") for policy in applied.policies),
            ],
            rests_on=[workload.in_mesh, *(reason for policy in applied.policies for reason in policy.doubt)],
            resource=resource,
            workload=workload,
        )
