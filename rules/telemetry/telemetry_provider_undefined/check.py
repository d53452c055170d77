from collections.abc import Iterator, Mapping
from typing import Any

from meshlint.mesh.mesh import Mesh
from meshlint.resource.resource import Resource
from meshlint.rule.rule import Problem


def check(telemetry: Resource, mesh: Mesh, options: Mapping[str, Any]) -> Iterator[Problem]:
    known = {name.lower() for name in options["known-providers"]}
    for claim in mesh.telemetries.providers.claims(telemetry):
        undefined = claim.defined.holds(lambda defined: not defined)
        if undefined and claim.provider.lower() not in known:
            yield Problem(
                claim.place,
                related=[undefined],
                rests_on=[undefined],
                telemetry=telemetry,
                signals=claim.signals,
                problem=claim.problem,
            )
