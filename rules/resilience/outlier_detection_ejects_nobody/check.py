from collections import defaultdict
from collections.abc import Iterator
from math import ceil

from meshlint.mesh.effective import Effective
from meshlint.mesh.istio.ejection import Ejection
from meshlint.mesh.istio.host_policies import HostPolicy
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Host
from meshlint.rule.rule import Problem
from meshlint.source.change import Put


def check(host: Host, mesh: Mesh) -> Iterator[Problem]:
    """A block that can eject an endpoint of one pool of the host does what it is for."""
    blocks, working = defaultdict(list), set()
    for one, ejection in mesh.host_policies.ejections(host):
        for found in ejection.fitting(lambda outcome: outcome is not None and _ejects_nobody(outcome)):
            blocks[found.value.block.location].append((one, found))
        known = [outcome.value for outcome in ejection.outcomes if outcome.value]
        working |= {found.block.location for found in known if found.ejectable and not found.is_idle}
    for location, pools in blocks.items():
        if location not in working:
            least = min((found.value.pool.least for _, found in pools if found.value.pool), default=None)
            yield from (_problem(one, found, mesh, least) for one, found in pools)


def _ejects_nobody(ejection: Ejection) -> bool:
    """A single endpoint is better left in."""
    if ejection.pool is None or ejection.is_idle:
        return ejection.is_idle and not (ejection.pool and ejection.pool.most == 1)
    return ejection.ejectable == 0 and ejection.pool.least > 1


def _problem(one: HostPolicy, found: Effective[Ejection], mesh: Mesh, least: int | None) -> Problem:
    """`least` is the size of the smallest pool of the block."""
    ejection = found.value
    failover = mesh.host_policies.failover(one, ejection.policy)
    is_mended = found.declared and least and not ejection.is_idle
    too_few = f"{ejection.percent}% of fewer than {ejection.needed} is less than one"
    return Problem(
        ejection.block.at("consecutive5xxErrors" if ejection.is_idle else "maxEjectionPercent"),
        related=[ejection.size, *([failover.location] if failover else [])],
        rests_on=[found],
        fix=[Put(ejection.block.at("maxEjectionPercent"), ceil(100 / least))] if is_mended else [],
        host=one if ejection.is_idle else f"{one} ({ejection.pool} endpoints)",
        failover=", and failover never starts" if failover else "",
        why="every error counter is 0" if ejection.is_idle else too_few,
    )
