from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from meshlint.finding import Confidence
from meshlint.mesh.istio.hops import gateway_names
from meshlint.mesh.istio.matches import header_text, without_header
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Route
from meshlint.resource.match import name_tokens
from meshlint.rule.rule import Problem

NO_TENANT = {"agent", "cohort", "canary", "experiment", "variant", "segment", "version", "model", "ab", "beta"}
"""Words in the name of a header that say what kind of traffic it is, not whose."""


def check(route: Route, mesh: Mesh, options: Mapping[str, Any]) -> Iterator[Problem]:
    for match, where in route.matches if route.gateway else ():
        for header, value in _identities(match, options):
            others = [other for other in mesh.siblings.rivals(route) if _differs(other, route, match, header)]
            trust = mesh.trusted_headers.before(route, header)
            if not others or trust.value or mesh.authorizer_writes(header):
                continue
            filtered = mesh.hops.filtered(route)
            yield Problem(
                where.document.at(*where.path, "headers", header),
                related=[trust, *(other.location for other in others), *(d.location for d in route.destinations)],
                confidence=Confidence.LOW if filtered else None,
                missing=f"what {filtered[0]} does to the header" if filtered else None,
                header=header,
                value=header_text(value),
                gateway=[f"gateway {name}" for name in gateway_names(route)],
                destination=[f"{d.host} ({d.subset})" if d.subset else d.host for d in route.destinations],
            )


def _identities(match: Mapping[str, Any], options: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The headers of a match that stand for an identity."""
    trusted = {name.lower() for name in options["trusted-headers"]}
    headers = match.get("headers")
    for header, value in headers.items() if isinstance(headers, dict) else ():
        name = str(header).lower()
        named = any(fnmatchcase(name, pattern.lower()) for pattern in options["headers"])
        if named and name not in trusted and not name.startswith("@") and not NO_TENANT & set(name_tokens(name)):
            yield header, value


def _differs(other: Route, route: Route, match: Mapping[str, Any], header: str) -> bool:
    """Whether another value of the header, or none, leads elsewhere: another route takes the rest of what the match takes."""
    if other is route or _target(other) == _target(route) or not other.gateway:
        return False
    return without_header(other, match, header)


def _target(route: Route) -> object:
    return [(d.host, d.subset) for d in route.destinations], route.rewrite and route.rewrite[0].get("uri")
