from collections.abc import Iterator, Sequence

from meshlint.finding import Confidence
from meshlint.mesh.effective import Effective, Reason
from meshlint.mesh.istio.destinations import Merged
from meshlint.mesh.istio.host_policies import HostPolicy, names
from meshlint.mesh.istio.order import spread
from meshlint.mesh.istio.xds.limits import Pool
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Answer, Host, Inference
from meshlint.rule.rule import Problem
from meshlint.source.document import Location

DETECTION, LIMIT = "outlier detection", "request limit"
CONSEQUENCES = {
    DETECTION: "a failing replica keeps its share of the traffic",
    LIMIT: "overload queues without bound",
}


def check(host: Host, mesh: Mesh) -> Iterator[Problem]:
    inference = _served(host, mesh)
    called = _called(host, mesh) if inference else []
    if inference is None or not called:
        return
    merged = called[0].merged
    missing = spread(merged, lambda rule: Effective(_missing(rule.value, called, mesh), rule.because), "they are tied")
    lacking = missing.holds(bool)
    place = _place(host, merged, called, mesh)
    if lacking and place:
        yield Problem(
            place,
            related=[*inference.because, *_routes(called)],
            rests_on=[lacking],
            confidence=None if inference.sure else Confidence.LOW,
            missing=None if inference.sure else "the workloads behind the host, or a label meshlint.io/inference",
            host=host,
            parts=" and no ".join(part + where for part, where in lacking.value),
            consequence=", and ".join(CONSEQUENCES[part] for part, _ in lacking.value),
        )


def _served(host: Host, mesh: Mesh) -> Inference | None:
    """What a host serves that its callers' proxies have to protect: not by an endpoint picker, and not an API gateway."""
    found = mesh.workloads.inference_of(host.name)
    if (
        found is None
        or not mesh.external.is_inside(host.name)
        or (mesh.workloads.is_proxy(host.name) and not found.stated)
    ):
        return None
    is_routed = bool(mesh.host_policies.destinations(host.name))
    picked = [mesh.workloads.pools_of(workload) for workload in mesh.workloads.behind(host.name)]
    if (picked and all(picked) and not is_routed) or not (is_routed or mesh.has_members):
        return None
    return found


def _called(host: Host, mesh: Mesh) -> list[HostPolicy]:
    """What clients of the host's own namespace get where routes lead, without any where they call."""
    home = mesh.destination_rules.owner(host.name)
    seen = mesh.host_policies.seen_from(home, host) if home and not host.name.startswith("*") else []
    called = [one for one in seen if one.use is Answer.YES and one.balanced]
    return [one for one in called if one.destinations] or called


def _missing(merged: Merged | None, called: Sequence[HostPolicy], mesh: Mesh) -> tuple[tuple[str, str], ...]:
    """What not every port and subset has under a rule, and where."""
    policies = [(one, policy) for one in called if (policy := mesh.host_policies.under(merged, one.port, one.subset))]
    without = {
        DETECTION: [one for one, policy in policies if policy.outlier_detection.value is None],
        LIMIT: [one for one, policy in policies if Pool(policy, mesh.meshconfig).is_unlimited],
    }
    return tuple((part, _where(names(some), some[0].host)) for part, some in without.items() if some)


def _where(lacking: Sequence[str], host: str) -> str:
    """The ports and subsets of a host that lack something; nothing where all of it does."""
    return (
        "" if host in lacking else f" for calls to {' and '.join(name.removesuffix(f' of {host}') for name in lacking)}"
    )


def _place(host: Host, merged: Effective[Merged | None], called: Sequence[HostPolicy], mesh: Mesh) -> Location | None:
    """The trafficPolicy of a rule, of one with a routed subset first; else the Service, what leads there, or a claim of the host."""
    subsets = {one.subset for one in called if one.subset}
    rules = [
        (
            not rule.mapping("spec", "trafficPolicy"),
            not subsets & {n for n, r, _ in one.subsets if r is rule},
            rule.name,
            rule,
        )
        for one in (outcome.value for outcome in merged.outcomes)
        if one
        for rule in one.rules
    ]
    if rules:
        bare, *_, rule = min(rules, key=lambda ranked: ranked[:3])
        return rule.at("metadata", "name") if bare else rule.at("spec", "trafficPolicy")
    if called[0].service:
        return called[0].service.at("metadata", "name")
    routes, destinations = mesh.host_policies.routes_to(host.name), mesh.host_policies.destinations(host.name)
    return next((place.location for group in (routes, destinations, host.claims) for place in group), None)


def _routes(called: Sequence[HostPolicy]) -> Iterator[Reason]:
    return (Reason("a route leads there", d.location) for one in called for d in one.destinations)
