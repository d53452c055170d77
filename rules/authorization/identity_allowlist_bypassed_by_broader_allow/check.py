from collections.abc import Iterator, Mapping
from typing import Any

from meshlint.mesh.istio.authorization.callers import Width, asked
from meshlint.mesh.istio.authorization.overlap import overlap
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import DataPlane, Workload
from meshlint.rule.rule import Problem


def check(workload: Workload, mesh: Mesh, options: Mapping[str, Any]) -> Iterator[Problem]:
    access = mesh.access(workload)
    if not access or not workload.in_mesh.value or workload.data_plane.value is DataPlane.GATEWAY or access.fenced:
        return
    grants = access.guarded(options["open-paths"])
    narrow = [grant for grant in grants if grant.limit.width is Width.ACCOUNT]
    for broad in (grant for grant in grants if not grant.limit.is_identity):
        undone = [grant for grant in narrow if overlap(grant.rule, broad.rule)]
        if undone:
            yield Problem(
                broad.rule.location,
                related=[grant.rule.location for grant in undone],
                rests_on=[*access.doubts],
                broad=broad.rule,
                callers=f"any caller from {', '.join(broad.limit.values)}" if broad.limit.condition else "any caller",
                workload=workload,
                asks=f"it asks for {asked(broad.rule, callers=False)}",
                narrow=[grant.rule.policy for grant in undone],
            )
