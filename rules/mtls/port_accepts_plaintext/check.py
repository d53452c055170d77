from collections.abc import Iterator, Mapping
from typing import Any

from meshlint.finding import Confidence
from meshlint.mesh.effective import Effective
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import MtlsMode, Port
from meshlint.rule.rule import Problem
from meshlint.source.change import Put


def check(port: Port, mesh: Mesh, options: Mapping[str, Any]) -> Iterator[Problem]:
    mode = port.mtls.holds(lambda value: value is MtlsMode.PERMISSIVE)
    if not mode or not port.captured or not port.workload.in_mesh.value or port.number in options["allow"]:
        return
    if options["allow-plaintext-callers"] and port.plaintext_use:
        return
    if mode.origin:
        yield Problem(
            mode,
            rests_on=[port.workload.in_mesh],
            fix=[Put(mode.declared, MtlsMode.STRICT.value)] if mode.declared else (),
            port=port,
            reason=mode.because[-1].text,
        )
    else:
        yield _by_default(port, mode, mesh)


def _by_default(port: Port, mode: Effective[MtlsMode], mesh: Mesh) -> Problem:
    """Nothing in the input decides; that is worth showing only where the input has mTLS policies at all."""
    certain = mesh.peer_authentications.all or mesh.settings.closed
    return Problem(
        mesh.place_of(port.workload.namespace, port.workload),
        rests_on=[mode, port.workload.in_mesh],
        confidence=None if certain else Confidence.LOW,
        missing="the PeerAuthentications of the root namespace",
        cause="Istio's default mTLS mode",
        port=f"the ports of namespace {port.workload.namespace}",
        reason="Istio's default, which no PeerAuthentication of the input changes",
    )
