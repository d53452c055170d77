from collections.abc import Iterator

from meshlint.mesh.istio.matches import described, takes
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Route
from meshlint.rule.rule import Problem


def check(route: Route, mesh: Mesh) -> Iterator[Problem]:
    siblings = mesh.siblings.of(route.root)
    earlier = [other for other in siblings if siblings.index(other) < siblings.index(route)]
    for match, where in route.matches:
        if any(takes(other, match) for other in earlier):
            continue
        for destination in route.destinations:
            for refusal in mesh.refusals.of_route(route, match, destination):
                policies = (*refusal.allowing, *(rule.policy for rule in refusal.denials if refusal.by_denial))
                yield Problem(
                    where.document.at(*where.path, "uri"),
                    related=[
                        destination.location,
                        *(rule.location for policy in refusal.allowing for rule in policy.rules),
                        *(rule.location for rule in refusal.denials),
                    ],
                    rests_on=[refusal.workload.in_mesh, refusal.outcome],
                    route=route,
                    path=described(match),
                    workload=refusal.workload,
                    policies=[str(getattr(policy, "resource", policy)) for policy in policies],
                )
