from collections.abc import Iterator

from meshlint.mesh.istio.xds.balancing import Clash, clash, locality_settings
from meshlint.mesh.istio.xds.traffic_policy import Block
from meshlint.mesh.mesh import Mesh
from meshlint.resource.kinds import DESTINATION_RULE
from meshlint.resource.resource import Resource, each, get
from meshlint.rule.rule import Problem


def check(resource: Resource, mesh: Mesh) -> Iterator[Problem]:
    for setting in locality_settings(resource, mesh.meshconfig):
        found = clash(setting)
        if found:
            verdict, effect = _consequence(resource, setting, found)
            yield Problem(
                setting.at(found.loser),
                related=[setting.at(found.winner)],
                resource=resource,
                verdict=verdict,
                winner=found.winner,
                loser=found.loser,
                effect=effect,
            )


def _consequence(resource: Resource, setting: Block, found: Clash) -> tuple[str, str]:
    """What becomes of the object, and of the settings."""
    if not found.refused:
        return f"has a {found.loser} without effect", f"{found.winner} decides alone"
    if resource.group_kind != DESTINATION_RULE:
        return (
            "holds mesh settings that istiod refuses as a whole",
            "istiod keeps those it had, and has Istio's defaults after a restart",
        )
    if found.winner == "failoverPriority":
        return "is rejected at admission", "where it is stored already, both order the localities"
    moves = [f"from {get(entry, 'from')} to {get(entry, 'to')}" for entry in each(setting.data, "failover")]
    return "is rejected at admission", f"where it is stored already, failover {' and '.join(moves)} never happens"
