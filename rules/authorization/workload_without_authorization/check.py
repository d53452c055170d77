from collections.abc import Iterator, Mapping
from typing import Any

from meshlint.mesh.effective import Basis, Effective, Reason
from meshlint.mesh.istio.authorization.policies import DRY_RUN
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import DataPlane, MtlsMode, Workload
from meshlint.rule.rule import Problem


def check(workload: Workload, mesh: Mesh, options: Mapping[str, Any]) -> Iterator[Problem]:
    concerned = Effective(True) if options["scope"] == "all" else mesh.exposure.matters(workload)
    if not concerned.value or not workload.in_mesh.value or workload.data_plane.value is DataPlane.GATEWAY:
        return
    access = mesh.access(workload)
    if not access or not access.is_open or not mesh.ports_of(workload):
        return
    others = mesh.authorization.in_force(workload.namespace)
    default = Reason(
        f"no AuthorizationPolicy of {workload.namespace} or of the mesh applies to it", None, Basis.DEFAULT
    )
    yield Problem(
        workload.place,
        related=[
            concerned,
            *(policy.at("spec", "selector") for policy in others),
            *(policy.resource.at("metadata", "annotations", DRY_RUN) for policy in access.applied.dry),
        ],
        rests_on=[concerned, workload.in_mesh, default, *access.doubts],
        cause=None if others else "Istio's default, which allows every call",
        target=workload if others else f"the workloads of {workload.namespace} ({workload.name})",
        plaintext=", and anything that can send plaintext," if _takes_plaintext(workload, mesh) else "",
    )


def _takes_plaintext(workload: Workload, mesh: Mesh) -> bool:
    return any(port.mtls.holds(lambda mode: mode is not MtlsMode.STRICT) for port in mesh.ports_of(workload))
