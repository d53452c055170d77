from collections.abc import Iterator, Sequence

from meshlint.finding import Confidence, Severity
from meshlint.mesh.effective import Reason
from meshlint.mesh.istio.mtls import selector
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import MtlsMode, Port
from meshlint.resource.match import ServicePort
from meshlint.resource.resource import Resource
from meshlint.rule.rule import Problem
from meshlint.source.change import Rename

MODES = tuple(mode.value for mode in MtlsMode)
Behind = tuple[Port, Resource, ServicePort]


def check(policy: Resource, mesh: Mesh) -> Iterator[Problem]:
    if not selector(policy) or policy.namespace == mesh.meshconfig.root_namespace:
        return
    workloads = [mesh.ports_of(w) for w in mesh.selected(policy) if w.pod and w.in_mesh.value]
    for key, entry in policy.mapping("spec", "portLevelMtls").items():
        mode = entry.get("mode") if isinstance(entry, dict) else None
        if mode in MODES and key.isdigit():
            missed = [ports for ports in workloads if all(port.number != int(key) for port in ports)]
            behind = [found for ports in missed for found in _behind(ports, int(key))]
            yield from _problems(policy, key, mode, behind, len(missed) < len(workloads))


def _behind(ports: Sequence[Port], number: int) -> Iterator[Behind]:
    """The ports of a workload to which a Service leads from this number of its own."""
    for port in ports:
        for service, exposed in port.services:
            if exposed.number == number:
                yield port, service, exposed


def _problems(policy: Resource, key: str, mode: str, behind: Sequence[Behind], some_listen: bool) -> Iterator[Problem]:
    where = policy.at("spec", "portLevelMtls", key)
    targets = {str(port.number) for port, _, _ in behind}
    mended = not some_listen and len(targets) == 1 and not targets & policy.mapping("spec", "portLevelMtls").keys()
    for port, service, exposed in behind:
        mapping = Reason(f"{service} maps {key} to {port.number}", service.at("spec", "ports", exposed.position))
        yield Problem(
            where,
            related=[mapping, port.mtls],
            rests_on=[port.workload.in_mesh],
            severity=Severity.WARNING if some_listen else None,
            confidence=Confidence.MEDIUM if some_listen else None,
            fix=[Rename(where, str(port.number))] if mended else (),
            policy=policy,
            mode=mode,
            number=key,
            service=service,
            port=port,
            effective=[candidate.value.value for candidate in port.mtls.candidates or (port.mtls,)],
        )
