from collections.abc import Iterator, Mapping
from typing import Any

from meshlint.finding import Audience
from meshlint.mesh.istio.lifecycle import grace_place
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Answer, DataPlane, Workload
from meshlint.resource.match import duration_ms, duration_text
from meshlint.rule.rule import Problem


def check(workload: Workload, mesh: Mesh, options: Mapping[str, Any]) -> Iterator[Problem]:
    if not workload.pod or not workload.inference or not workload.in_mesh.value:
        return
    if workload.data_plane.value not in (DataPlane.SIDECAR, DataPlane.UNKNOWN):
        return
    routes = [a.route for a in mesh.hops.arrivals(workload) if a.route.generation.value is not Answer.NO]
    limited = [route for route in routes if isinstance(route.timeout.value, int)]
    if limited:
        route = max(limited, key=lambda route: route.timeout.value)
        promised, promise = route.timeout.value, f"lets an answer take {duration_text(route.timeout.value)}"
    else:
        route = next((route for route in routes if route.timeout.value is None), None)
        promised, promise = duration_ms(options["min"]), f"sets no limit for an answer (option min: {options['min']})"
    drain = mesh.lifecycles.drain(workload.pod).holds(lambda left: isinstance(left, int) and left < promised)
    if route and drain:
        decides = drain.because[-1].location
        in_the_pod = decides and decides.document is workload.pod.resource.document
        yield Problem(
            decides if in_the_pod else grace_place(workload.pod),
            related=[drain, route.timeout if limited else route.location],
            rests_on=[drain, route.generation, workload.in_mesh, *workload.inference.because],
            audience=None if limited else Audience.PEDANTIC,
            route=route,
            promise=promise,
            workload=workload,
            drain=duration_text(drain.value),
        )
