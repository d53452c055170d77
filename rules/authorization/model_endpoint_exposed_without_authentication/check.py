from collections.abc import Iterator, Sequence

from meshlint.finding import Confidence, Severity
from meshlint.mesh.istio.authorization.edge import Exposed
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Answer, Route
from meshlint.resource.resource import Resource
from meshlint.rule.rule import Problem


def check(route: Route, mesh: Mesh) -> Iterator[Problem]:
    for gateway in mesh.hops.gateways(route) if route.gateway else ():
        for host in mesh.edge.hosts(route.root, gateway):
            exposed = mesh.edge.exposed(route.root, gateway, host)
            if exposed and exposed[0].route is route:
                yield _problem(exposed, gateway, host, mesh)


def _problem(exposed: Sequence[Exposed], gateway: Resource, host: str, mesh: Mesh) -> Problem:
    first = exposed[0]
    last, destination = first.end
    filters = [*mesh.hops.filtered(first.route), *mesh.hops.filtered(last)]
    unknown = f"the pods of {gateway}" if not first.pods.workload else f"what {filters[0]} does" if filters else None
    private = mesh.hops.is_private(gateway)
    maybe = last.generation.value is Answer.MAYBE
    return Problem(
        first.route.location,
        related=[
            *first.servers,
            destination.location,
            last.generation,
            *(policy.at("metadata", "name") for policy in mesh.edge.policies(first.pods)),
            *(other.route.location for other in exposed[1:]),
        ],
        rests_on=[last.generation],
        severity=Severity.WARNING if maybe else None,
        confidence=Confidence.LOW if private or unknown or maybe else None,
        missing=unknown,
        listener=f"{host} at {gateway}",
        backend=destination.host,
    )
