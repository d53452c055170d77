from collections.abc import Iterator, Mapping
from typing import Any

from meshlint.mesh.istio.lifecycle import hold
from meshlint.mesh.istio.proxyconfig import annotation
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.startup import first_calls
from meshlint.mesh.subjects import Workload
from meshlint.rule.rule import Problem

SHOWN = 3
"""How many calls at start a finding names."""


def check(workload: Workload, mesh: Mesh, options: Mapping[str, Any]) -> Iterator[Problem]:
    pod = workload.pod
    if not pod or not workload.has_sidecar:
        return
    native = mesh.lifecycles.native(pod)
    held = mesh.lifecycles.held(pod).holds(lambda value: value is False)
    calls = first_calls(workload)[:SHOWN]
    if native.value or not held or not (calls or options["scope"] == "all"):
        return
    by_default = held.origin is None
    in_the_pod = held.origin and held.origin.document is pod.resource.document
    yield Problem(
        pod.resource.at(*pod.path, "metadata") if by_default else annotation(pod) if in_the_pod else held,
        related=[*(call.reason for call in calls), native],
        rests_on=[native, held, workload.in_mesh, *(call.reason for call in calls[:1])],
        cause="Istio's default start order" if by_default else None,
        fix=hold(pod),
        workload=workload,
        evidence=[call.word for call in calls] or "if it makes any",
    )
