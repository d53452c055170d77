from collections.abc import Iterator

from meshlint.mesh.effective import Reason
from meshlint.mesh.istio.double_tls import DoubleTls
from meshlint.mesh.mesh import Mesh
from meshlint.mesh.subjects import Host
from meshlint.resource.match import entry_ports
from meshlint.rule.rule import Problem
from meshlint.source.change import Remove


def check(host: Host, mesh: Mesh) -> Iterator[Problem]:
    for found in mesh.double_encryption.of(host):
        where = found.declared.entry.at("spec", "ports", found.port.position, "protocol")
        protocol = found.declared.entry.get(*where.path)
        yield Problem(
            found.block.at("mode"),
            related=[Reason(f"{found.declared.entry} says {protocol}", where), found.ground],
            rests_on=[found.ground],
            fix=[Remove(found.block.location, prune=True)] if _has_no_other_use(found) else (),
            host=f"{host}:{found.port.number}",
            protocol=protocol,
            rule=found.rule,
            mode=found.block.get("mode"),
        )


def _has_no_other_use(found: DoubleTls) -> bool:
    """Whether the block is for this host and encrypted ports alone, and not all that is said of a port."""
    path = found.block.location.path
    if "portLevelSettings" in path:
        return len(found.rule.mapping(*path[:-1])) > 2
    encrypted = all(port.protocol == found.port.protocol for port in entry_ports(found.declared.entry))
    return encrypted and not str(found.rule.get("spec", "host")).startswith("*")
