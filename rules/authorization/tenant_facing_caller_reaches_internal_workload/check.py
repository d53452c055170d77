from collections.abc import Iterator, Mapping
from typing import Any

from meshlint.mesh.effective import Effective
from meshlint.mesh.istio.authorization.access import Access
from meshlint.mesh.istio.authorization.calls import Identity
from meshlint.mesh.istio.authorization.crossing import Boundary, Crossing, Crossings, origins
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Workload
from meshlint.rule.rule import Problem

SHOWN = 9
"""How many clients that one rule lets through a finding is made of."""

Client = tuple[Workload, Effective[bool]]


def check(workload: Workload, mesh: Mesh, options: Mapping[str, Any]) -> Iterator[Problem]:
    internal = mesh.exposure.internal(workload)
    access = mesh.access(workload) if internal.value and workload.in_mesh.value else None
    if not access:
        return
    for crossing, clients in _crossed(access, mesh, options):
        yield from (_problem(crossing, client, facing, internal, access, mesh) for client, facing in clients)


def _crossed(access: Access, mesh: Mesh, options: Mapping[str, Any]) -> Iterator[tuple[Crossing, list[Client]]]:
    """The rules that let tenant-facing workloads through, each with the first of these."""
    found: dict[tuple[int, str], tuple[Crossing, list[Client]]] = {}
    guards = [mesh.guard(port) for port in mesh.ports_of(access.workload)]
    boundary = Boundary(options["open-paths"], options["require-explicit"])
    crossings = Crossings(access, guards, boundary)
    for client, facing in mesh.exposure.strangers_to(access.workload, origins(access, boundary)):
        for crossing in crossings.of(Identity(client.namespace, client.account)):
            found.setdefault((id(crossing.rule), crossing.does), (crossing, []))[1].append((client, facing))
    yield from ((crossing, clients[:SHOWN]) for crossing, clients in found.values())


def _problem(
    crossing: Crossing, client: Workload, facing: Effective[bool], internal: Effective[bool], access: Access, mesh: Mesh
) -> Problem:
    server = access.workload
    default = crossing.rule is None and not mesh.authorization.in_force(server.namespace)
    return Problem(
        crossing.rule.location if crossing.rule else server.place,
        related=[facing, internal, *(policy.resource.at("metadata", "name") for policy in access.applied.policies)],
        rests_on=[facing, internal, client.in_mesh, server.in_mesh, *access.doubts],
        cause="Istio's default, which allows every call" if default else None,
        client=client,
        server=server,
        reason=crossing,
    )
