from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from meshlint.mesh.effective import Effective
from meshlint.mesh.istio.egress import CLOSED, OPEN
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Egress
from meshlint.rule.rule import Problem
from meshlint.source.change import Put

SHOWN = 6
"""How many places that show approved hosts a finding names."""


def check(egress: Egress, mesh: Mesh, options: Mapping[str, Any]) -> Iterator[Problem]:
    posture = egress.posture.holds(lambda value: value in OPEN)
    concerned = egress.intent or egress.confined or options["scope"] == "all"
    if not posture or egress.limited or not egress.in_mesh.value or not concerned:
        return
    decided = posture.origin
    yield Problem(
        posture if decided else mesh.egress_intent or egress.first,
        related=egress.intent[:SHOWN],
        rests_on=[posture, egress.in_mesh, *_concern(egress, mesh, options)],
        missing=None if decided else "the mesh settings (ConfigMap istio, IstioOperator or istiod values)",
        cause=None if decided else "Istio's default outbound policy",
        fix=[Put(sidecar.at("spec", "outboundTrafficPolicy", "mode"), CLOSED) for sidecar in egress.sidecars],
        namespaces=egress.namespace,
        mode=posture.value,
        reason=posture.because[-1].text if decided else "Istio's default, which nothing in the input changes",
        intent=", so the approved hosts (" if egress.hosts else "",
        hosts=egress.hosts,
        futility=") are a list, not a limit" if egress.hosts else "",
    )


def _concern(egress: Egress, mesh: Mesh, options: Mapping[str, Any]) -> Iterable[Effective[bool]]:
    """What shows that the namespace matters: that its surest workload without business outside is one, where nobody's intent does."""
    if egress.intent or options["scope"] == "all":
        return ()
    grounds = [(mesh.exposure.matters(workload), workload.in_mesh) for workload in egress.confined]
    return max(grounds, key=lambda pair: min(ground.basis.confidence for ground in pair))
