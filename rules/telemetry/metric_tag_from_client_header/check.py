from collections.abc import Iterator, Mapping
from typing import Any

from meshlint.finding import Confidence
from meshlint.mesh.dimensions import Dimension, dimension
from meshlint.mesh.effective import Effective
from meshlint.mesh.istio.expressions import Read, reads
from meshlint.mesh.istio.telemetry import selector, written_tags
from meshlint.mesh.mesh import Mesh
from meshlint.resource.resource import Resource
from meshlint.rule.rule import Problem


def check(telemetry: Resource, mesh: Mesh, options: Mapping[str, Any]) -> Iterator[Problem]:
    trusted = {name.lower() for name in options["trusted-headers"]}
    for tag in written_tags(telemetry):
        free = [(read, _trust(read, telemetry, mesh)) for read in reads(tag.value) if read.header not in trusted]
        chosen = [(read, trust) for read, trust in free if not trust or not trust.value]
        if chosen:
            unseen = all(trust for _, trust in chosen) and _selects_nobody(telemetry, mesh)
            yield Problem(
                tag.place,
                related=[trust for _, trust in chosen if trust],
                confidence=Confidence.LOW if unseen else None,
                missing="the workloads that the Telemetry selects" if unseen else None,
                tag=tag.name,
                header=[read.text for read, _ in chosen],
                forging=", so tenants can also be billed or blamed for each other"
                if any(dimension(read.text) is Dimension.TENANT for read, _ in chosen)
                else "",
            )


def _selects_nobody(telemetry: Resource, mesh: Mesh) -> bool:
    """Whether it is for some pods and none of them is in the input: what writes their headers may not be, either."""
    return bool(selector(telemetry)) and all(w.implied for w in mesh.telemetries.concerned(telemetry))


def _trust(read: Read, telemetry: Resource, mesh: Mesh) -> Effective[bool] | None:
    """Whether the header is trusted at every workload the Telemetry is for: the first answer that is no. None = no header."""
    if read.header is None:
        return None
    workloads = mesh.telemetries.concerned(telemetry)
    answers = [mesh.trusted_headers.of(workload, read.header) for workload in workloads]
    answers = answers or [mesh.trusted_headers.at_gateways(read.header)]
    return next((answer for answer in answers if not answer.value), answers[0])
