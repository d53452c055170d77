from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from meshlint.finding import Severity
from meshlint.mesh.effective import Effective
from meshlint.mesh.istio.ejection import Ejection
from meshlint.mesh.istio.host_policies import HostPolicy
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Host, ModelKind
from meshlint.rule.rule import Problem
from meshlint.source.change import Put

FEW = 3
"""A pool of this many endpoints or fewer, of a model that generates, makes it an error."""

COUNTERS = ("consecutive5xxErrors", "consecutiveGatewayErrors")


def check(host: Host, mesh: Mesh, options: Mapping[str, Any]) -> Iterator[Problem]:
    """One problem per outlierDetection block, for the pool that is left smallest."""
    blocks = defaultdict(list)
    for one, ejection in mesh.host_policies.ejections(host):
        for found in _dangerous(one, ejection, mesh, options):
            blocks[found.value.block.location].append((one, found))
    for pools in blocks.values():
        yield _problem(*min(pools, key=_what_is_left), mesh, options)


def _dangerous(
    one: HostPolicy, ejection: Effective[Ejection | None], mesh: Mesh, options: Mapping[str, Any]
) -> list[Effective[Ejection]]:
    return ejection.fitting(lambda outcome: outcome is not None and _field(one, outcome, mesh, options) is not None)


def _field(one: HostPolicy, ejection: Ejection, mesh: Mesh, options: Mapping[str, Any]) -> str | None:
    """The field that makes it dangerous, if one does."""
    if ejection.ends_in_panic:
        return None
    is_small = ejection.pool is not None and ejection.pool.least <= options["small-pool"] and ejection.ejectable
    takes_all = ejection.percent == 100 and not ejection.min_health
    drains = takes_all or (is_small and _leaves_too_few(ejection, options))
    if drains and not mesh.host_policies.has_elsewhere(one, ejection.policy):
        return "maxEjectionPercent"
    return _hasty_counter(ejection) if is_small else None


def _hasty_counter(ejection: Ejection) -> str | None:
    """The counter for which a single error is enough."""
    counts = (ejection.counters.consecutive_5xx.value, ejection.counters.consecutive_gateway.value)
    return COUNTERS[counts.index(1)] if 1 in counts else None


def _leaves_too_few(ejection: Ejection, options: Mapping[str, Any]) -> bool:
    least = 1 if ejection.pool.least == 2 else options["min-remaining"]
    return ejection.percent > options["max-percent"] and ejection.left < least


def _what_is_left(pool: tuple[HostPolicy, Effective[Ejection]]) -> tuple[bool, int]:
    left = pool[1].value.left
    return left is None, left or 0


def _problem(one: HostPolicy, found: Effective[Ejection], mesh: Mesh, options: Mapping[str, Any]) -> Problem:
    ejection = found.value
    field, pool = _field(one, ejection, mesh, options), ejection.pool
    inference = mesh.workloads.inference_of(one.host)
    generates = inference is not None and inference.sure and inference.kind is ModelKind.GENERATION
    health = ejection.block.at("minHealthPercent")
    hasty = "" if field == "maxEjectionPercent" else ", each after a single error"
    return Problem(
        ejection.block.at(field),
        related=[ejection.size, *([health] if ejection.min_health else [])],
        rests_on=[found],
        fix=[]
        if not found.declared or _hasty_counter(ejection)
        else [Put(ejection.block.at(field), options["max-percent"])],
        severity=None if generates and pool and pool.least <= FEW else Severity.WARNING,
        pools=f"{_share(ejection)} of {one}{hasty}",
        left=ejection.left or "none",
        outcome=" to carry the load" if ejection.left else ": every call gets 503",
    )


def _share(ejection: Ejection) -> str:
    if ejection.pool is None:
        return "all endpoints"
    is_single = ejection.pool.most == 1
    return "the only endpoint" if is_single else f"{ejection.ejectable} of {ejection.pool} endpoints"
