from collections.abc import Iterator

from meshlint.mesh.effective import Reason
from meshlint.mesh.mesh import Mesh
from meshlint.resource.resource import Resource
from meshlint.rule.rule import Problem


def check(rule: Resource, mesh: Mesh) -> Iterator[Problem]:
    for found in mesh.double_encryption.of(rule):
        protocol = found.declared.entry.get(*found.spoken.path)
        yield Problem(
            rule.at(*found.block.path, "mode"),
            related=[Reason(f"{found.declared.entry} says {protocol}", found.spoken), found.ground],
            rests_on=[found.ground],
            host=f"{found.declared.host}:{found.port}",
            protocol=protocol,
            rule=rule,
            mode=found.mode,
        )
