from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from meshlint.mesh.effective import Reason
from meshlint.mesh.istio.claims import UNCONDITIONAL, condition_of, is_generated
from meshlint.mesh.istio.matches import described, may_take
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Host, Route
from meshlint.resource.resource import Resource, get
from meshlint.rule.rule import Problem
from meshlint.source.change import Append

PROBES = {
    "health": ("/health", "/healthz", "/ping", "/ready", "/v2/health/ready"),
    "metrics": ("/metrics",),
    "model-list": ("/v1/models",),
}


def check(host: Host, mesh: Mesh) -> Iterator[Problem]:
    if not mesh.unmatched.concerns(host.name):
        return
    complete = [claim for claim in host.claims if mesh.unmatched.takes_everything(claim.resource, host.name)]
    for claim in host.claims:
        gaps = mesh.unmatched.gaps(claim.resource, host.name)
        if not gaps or is_generated(claim.resource) or (complete and mesh.merges_claims):
            continue
        routes = [route for route in mesh.siblings.of(claim.resource) if route.mesh]
        own = [match for route in routes for match, _ in route.matches]
        everybody = UNCONDITIONAL in gaps
        matches = [m for m in own if everybody or any(condition_of(m).holds_under(gap) for gap in gaps)]
        yield Problem(
            claim.resource.at("spec", "http"),
            related=[Reason(f"{c.resource} has a catch-all, but is not merged with it", c.location) for c in complete],
            fix=_fix(claim.resource, routes) if everybody else (),
            host=host,
            where="" if everybody else f" {' or '.join(map(str, gaps))}",
            matches=[described(match) for match in matches],
            including=_including(host, matches, mesh),
        )


def _including(host: Host, matches: Sequence[Mapping[str, Any]], mesh: Mesh) -> str:
    """The calls that every mesh has, without headers of their own, and that no match may take."""
    plain = [match for match in matches if not match.get("headers") and not match.get("queryParams")]
    names = [name for name, paths in PROBES.items() if not any(may_take(m, path) for m in plain for path in paths)]
    if "model-list" in names and not mesh.workloads.inference_of(host.name):
        names.remove("model-list")
    return f", including {' and '.join(filter(None, [', '.join(names[:-1]), *names[-1:]]))} calls" if names else ""


def _fix(virtual_service: Resource, routes: Sequence[Route]) -> list[Append]:
    """A last rule to the destination that most rules have, the first of several."""
    targets = [target for route in routes for target in route.destinations]
    used = Counter((target.host, target.port, target.subset) for target in targets)
    for target in sorted(targets, key=lambda t: -used[t.host, t.port, t.subset])[:1]:
        where = target.location
        own = get(where.document.data, *where.path) if where.document is virtual_service.document else target.host
        fields = {"host": own, "port": target.port and {"number": target.port}, "subset": target.subset}
        destination = {name: value for name, value in fields.items() if value}
        return [Append(virtual_service.at("spec", "http"), {"route": [{"destination": destination}]})]
    return []
