from collections.abc import Iterator

from meshlint.mesh.effective import Basis, Reason
from meshlint.mesh.istio.host_policies import names
from meshlint.mesh.istio.overrides import overrides
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Host
from meshlint.rule.rule import Problem
from meshlint.source.change import Put


def check(host: Host, mesh: Mesh) -> Iterator[Problem]:
    for override in overrides(mesh.host_policies, host, mesh.meshconfig):
        certain = override.ground.basis is Basis.DECLARED
        yield Problem(
            override.location,
            related=[
                Reason(f"{name} is set here", setting.location)
                for name, setting in zip(override.names, override.settings, strict=True)
            ],
            rests_on=[override.ground],
            fix=[Put(place, value) for place, value in override.restored] if certain else [],
            calls=names(override.parts),
            settings=override.names,
            owner=override.owners,
            how=f"the {override.block} of a subset replaces the whole block instead of adding to it"
            if override.block
            else "an entry of portLevelSettings replaces everything for its port and inherits nothing",
        )
