from collections.abc import Iterator
from itertools import takewhile

from meshlint.mesh.effective import Reason
from meshlint.mesh.inference import path_of
from meshlint.mesh.istio.matches import covers, takes
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Route
from meshlint.resource.resource import get
from meshlint.rule.rule import Problem


def check(route: Route, mesh: Mesh) -> Iterator[Problem]:
    rewrite, where = route.rewrite or ({}, route.location)
    uri = rewrite.get("uri")
    if (
        not isinstance(uri, str)
        or not uri.endswith("/")
        or rewrite.get("uriRegexRewrite")
        or mesh.merges_slashes(route)
    ):
        return
    for index, (match, at) in enumerate(route.matches):
        prefix = get(match, "uri", "prefix")
        if not isinstance(prefix, str) or prefix.endswith("/"):
            continue
        below = {**match, "uri": {"prefix": f"{prefix}/"}}
        earlier = takewhile(lambda other: other is not route, mesh.siblings.of(route.root))
        if any(covers(own, below) for own, _ in route.matches[:index]) or any(takes(other, below) for other in earlier):
            continue
        yield Problem(
            where.document.at(*where.path, "uri"),
            related=[Reason("this prefix is cut off", path_of(at))],
            route=route,
            before=f"{prefix}/…",
            after=f"{uri}/…",
        )
