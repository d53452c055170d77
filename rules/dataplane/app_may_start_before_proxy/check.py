from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from meshlint.mesh.effective import Reason
from meshlint.mesh.istio.injection import captures_calls_to
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.startup import calls, loads_locally
from meshlint.mesh.subjects import DataPlane, Workload
from meshlint.rule.rule import Problem

SHOWN = 3
"""How many signs of a call at start a finding names."""


def check(workload: Workload, mesh: Mesh, options: Mapping[str, Any]) -> Iterator[Problem]:
    pod = workload.pod
    if not pod or not workload.in_mesh.value or workload.data_plane.value not in (DataPlane.SIDECAR, DataPlane.UNKNOWN):
        return
    native = mesh.lifecycles.native(pod)
    held = mesh.lifecycles.held(pod).holds(lambda value: value is False)
    evidence = _evidence(workload)
    if native.value or not held or (not evidence and options["scope"] != "all"):
        return
    by_default = held.origin is None
    yield Problem(
        pod.resource.at(*pod.path, "metadata") if by_default else held,
        related=[*evidence, native],
        rests_on=[native, held, workload.in_mesh, *evidence[:1]],
        cause="Istio's default start order" if by_default else None,
        workload=workload,
        evidence=[reason.text for reason in evidence] or "if it makes any",
    )


def _evidence(workload: Workload) -> Sequence[Reason]:
    """What shows that the workload calls something through its proxy as soon as it starts."""
    pod = workload.pod
    found = [Reason(call.shown_by, call.location) for call in calls(pod) if captures_calls_to(pod, call.port)]
    if found or not workload.inference or loads_locally(pod) or not captures_calls_to(pod, 443):
        return found[:SHOWN]
    return workload.inference.because[:1]
