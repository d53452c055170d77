from collections.abc import Iterator, Sequence

from meshlint.finding import Confidence, Severity
from meshlint.mesh.istio.authorization.edge import Exposed
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Answer, Route
from meshlint.resource.resource import Resource
from meshlint.rule.rule import Problem


def check(route: Route, mesh: Mesh) -> Iterator[Problem]:
    if not route.gateway or route.generation.value is Answer.NO:
        return
    for gateway in mesh.hops.gateways(route):
        for host in route.root.items("spec", "hosts"):
            exposed = mesh.edge.exposed(route.root, gateway, host) if isinstance(host, str) else ()
            if exposed and exposed[0].route is route:
                yield _problem(exposed, gateway, host, mesh)


def _problem(exposed: Sequence[Exposed], gateway: Resource, host: str, mesh: Mesh) -> Problem:
    first = exposed[0]
    filters = mesh.hops.filtered(first.route)
    unknown = f"the pods of {gateway}" if not first.pods.workload else f"what {filters[0]} does" if filters else None
    private = mesh.hops.is_private(gateway)
    maybe = first.route.generation.value is Answer.MAYBE
    return Problem(
        first.route.location,
        related=[
            *first.servers,
            first.destination.location,
            first.route.generation,
            *(policy.at("metadata", "name") for policy in mesh.edge.policies(first.pods)),
            *(other.route.location for other in exposed[1:]),
        ],
        rests_on=[first.route.generation],
        severity=Severity.WARNING if maybe else None,
        confidence=Confidence.LOW if private or unknown or maybe else None,
        missing=unknown,
        listener=f"{host} at {gateway}",
        backend=first.destination.host,
    )
