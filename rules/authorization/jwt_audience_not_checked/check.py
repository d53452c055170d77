from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from meshlint.finding import Audience, Severity
from meshlint.mesh.istio.authorization.policies import Applied, Policy
from meshlint.mesh.istio.authorization.tokens import is_issuer, tells_for_whom
from meshlint.mesh.mesh import Mesh
from meshlint.resource.resource import Resource, get
from meshlint.rule.rule import Problem

STRANGER = "to a stranger's application"
COLLEAGUE = "for another application of the same organisation"


def check(resource: Resource, mesh: Mesh, options: Mapping[str, Any]) -> Iterator[Problem]:
    workloads = mesh.selected(resource)
    applied = mesh.authorization.applied_with(resource, workloads)
    for position, rule in enumerate(resource.items("spec", "jwtRules")):
        issuer = get(rule, "issuer")
        public = is_issuer(issuer, options["public-issuers"])
        if get(rule, "audiences") or not (public or is_issuer(issuer, options["shared-issuers"])):
            continue
        if any(_is_checked(one, issuer) for one in applied):
            continue
        yield Problem(
            resource.at("spec", "jwtRules", position, "issuer"),
            related=[
                *(policy.resource.at("metadata", "name") for policy in _policies(applied)),
                *(workload.place for workload in workloads),
            ],
            severity=None if public else Severity.INFO,
            audience=None if public else Audience.PEDANTIC,
            resource=resource,
            issuer=issuer,
            whom=STRANGER if public else COLLEAGUE,
            workload=workloads or f"what {resource} is for",
        )


def _is_checked(applied: Applied, issuer: str) -> bool:
    """Whether some policy asks for whom a token of an issuer was made."""
    return any(tells_for_whom(rule, issuer) for policy in applied.policies for rule in policy.rules)


def _policies(applied: Sequence[Applied]) -> list[Policy]:
    return [policy for one in applied for policy in one.policies]
