from collections.abc import Iterator
from itertools import takewhile

from meshlint.mesh.istio.authorization.refusals import Refusal
from meshlint.mesh.istio.matches import described, takes
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Route
from meshlint.rule.rule import Problem


def check(route: Route, mesh: Mesh) -> Iterator[Problem]:
    for match, where in route.matches:
        refusals = [(d, r) for d in route.destinations for r in mesh.refusals.of_route(route, match, d)]
        earlier = takewhile(lambda other: other is not route, mesh.siblings.of(route.root))
        if not refusals or any(takes(other, match) for other in earlier):
            continue
        for destination, refusal in refusals:
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
                policies=_policies(refusal),
            )


def _policies(refusal: Refusal) -> list[str]:
    denials = [rule.policy for rule in refusal.denials] if refusal.by_denial else []
    return [str(policy) for policy in (*(p.resource for p in refusal.allowing), *denials)]
