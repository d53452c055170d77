from collections.abc import Iterator

from meshlint.finding import Confidence
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Workload
from meshlint.rule.rule import Problem


def check(workload: Workload, mesh: Mesh) -> Iterator[Problem]:
    if not workload.inference:
        return
    for hole in mesh.telemetries.holes([workload, *mesh.hops.before(workload)]):
        meant = mesh.telemetries.sets_tracing
        unknown = not meant and not mesh.telemetries.providers.known
        yield Problem(
            hole.tracing if hole.tracing.origin else hole.hop.resource.at("metadata", "name"),
            related=hole.others,
            rests_on=[hole.tracing, hole.hop.in_mesh, workload.in_mesh, *workload.inference.because],
            confidence=Confidence.LOW if unknown else None,
            missing="the mesh settings and the Telemetries of the root namespace" if unknown else None,
            cause=None if meant else "nothing sets tracing",
            workload=workload,
            trouble=hole.trouble,
            hop=hole.hop,
        )
