from collections.abc import Iterator, Sequence

from meshlint.finding import Confidence, Severity
from meshlint.mesh.effective import Reason
from meshlint.mesh.istio.mtls import selector
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import MtlsMode, Port
from meshlint.resource.resource import Resource
from meshlint.rule.rule import Problem

MODES = tuple(mode.value for mode in MtlsMode)


def check(policy: Resource, mesh: Mesh) -> Iterator[Problem]:
    if not selector(policy) or policy.namespace == mesh.meshconfig.root_namespace:
        return
    workloads = [mesh.ports_of(w) for w in mesh.selected(policy) if w.pod and w.in_mesh.value]
    for key, entry in policy.mapping("spec", "portLevelMtls").items():
        mode = entry.get("mode") if isinstance(entry, dict) else None
        if mode in MODES and key.isdigit():
            listening = [any(port.number == int(key) for port in ports) for ports in workloads]
            for ports, listens in zip(workloads, listening, strict=True):
                if not listens:
                    yield from _behind(policy, key, mode, ports, any(listening))


def _behind(policy: Resource, key: str, mode: str, ports: Sequence[Port], others_listen: bool) -> Iterator[Problem]:
    """The ports of a workload that a Service leads to from the number that the policy takes for a container port."""
    for port in ports:
        for service, exposed in port.services:
            if exposed.number == int(key):
                where = service.at("spec", "ports", exposed.position)
                yield Problem(
                    policy.at("spec", "portLevelMtls", key),
                    related=[Reason(f"{service} maps {key} to {port.number}", where), port.mtls],
                    rests_on=[port.workload.in_mesh],
                    severity=Severity.WARNING if others_listen else None,
                    confidence=Confidence.MEDIUM if others_listen else None,
                    policy=policy,
                    mode=mode,
                    number=key,
                    service=service,
                    port=port,
                    effective=[candidate.value.value for candidate in port.mtls.candidates or (port.mtls,)],
                )
