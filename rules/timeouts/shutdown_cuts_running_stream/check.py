from collections.abc import Iterator, Mapping
from typing import Any

from meshlint.finding import Audience
from meshlint.mesh.istio.lifecycle import grace_place
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import DataPlane, Workload
from meshlint.resource.match import duration_ms, duration_text
from meshlint.rule.rule import Problem


def check(workload: Workload, mesh: Mesh, options: Mapping[str, Any]) -> Iterator[Problem]:
    pod, served, route = workload.pod, workload.inference, mesh.hops.longest_answer(workload)
    proxied = workload.has_sidecar or workload.data_plane.value is DataPlane.AMBIENT
    if not pod or not served or not route or not proxied:
        return
    limit = route.timeout.value
    promised = limit or duration_ms(options["min"])
    drain = mesh.lifecycles.drain(workload).holds(lambda left: isinstance(left, int) and left < promised)
    if not drain:
        return
    decides = drain.because[-1].location
    in_the_pod = decides and decides.document is pod.resource.document
    yield Problem(
        decides if in_the_pod else grace_place(pod),
        related=[drain, route.timeout if limit else route.location],
        rests_on=[drain, route.generation, workload.in_mesh, *served.because],
        audience=None if limit else Audience.PEDANTIC,
        route=route,
        promise=f"lets an answer take {duration_text(limit)}"
        if limit
        else f"sets no limit for an answer (option min: {options['min']})",
        workload=workload,
        drain=duration_text(drain.value),
    )
