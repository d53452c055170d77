from collections.abc import Iterator

from meshlint.mesh.effective import Effective
from meshlint.mesh.istio.authorization.calls import Identity
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Workload
from meshlint.resource.workload import PodTemplate
from meshlint.rule.rule import Evidence, Problem
from meshlint.source.document import Location


def check(workload: Workload, mesh: Mesh) -> Iterator[Problem]:
    pod = workload.pod
    matters = mesh.exposure.matters(workload)
    if not pod or not matters.value or not workload.in_mesh.value or mesh.exposure.tenant_facing(workload).value:
        return
    facing = [(other, why) for other, why in mesh.exposure.running_as(pod) if other.in_mesh.value]
    named = mesh.authorization.naming(Identity(pod.namespace, pod.account)) if pod.account == "default" else ()
    if facing:
        others = [other for other, _ in facing]
        evidence: list[Evidence] = [e for other, why in facing for e in (why, other.place)]
        yield _problem(workload, pod, matters, evidence, others)
    elif named:
        evidence = [rule.location for rule in named]
        yield _problem(workload, pod, matters, evidence, "every other workload without an account of its own")


def _problem(
    workload: Workload, pod: PodTemplate, matters: Effective[bool], evidence: list[Evidence], others: object
) -> Problem:
    return Problem(
        _place(pod),
        related=[matters, *evidence],
        rests_on=[matters, workload.in_mesh],
        internal=workload,
        others=others,
        account=f"service account {pod.namespace}/{pod.account}",
    )


def _place(pod: PodTemplate) -> Location:
    return pod.resource.at(*pod.spec_path, "serviceAccountName")
