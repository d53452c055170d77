from collections.abc import Iterator, Mapping
from typing import Any

from meshlint.mesh.istio.authorization.callers import Limit, Width
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Workload
from meshlint.rule.rule import Problem


def check(workload: Workload, mesh: Mesh, options: Mapping[str, Any]) -> Iterator[Problem]:
    def is_enough(limit: Limit) -> bool:
        """Whether it admits exact namespaces in which nothing faces tenants."""
        exact = options["accept-namespaces"] and limit.width is Width.NAMESPACE and not limit.denies
        return exact and not any(mesh.exposure.faces_tenants(namespace) for namespace in limit.values)

    matters = mesh.exposure.matters(workload)
    access = mesh.access(workload) if matters.value and workload.in_mesh.value else None
    widest = access.widest(is_enough) if access else None
    if access and widest:
        yield Problem(
            widest.location,
            related=[matters, *(policy.resource.at("metadata", "name") for policy in access.applied.policies)],
            rests_on=[matters, workload.in_mesh, *access.doubts],
            workload=workload,
            limit=widest,
            scope=widest.scope,
        )
