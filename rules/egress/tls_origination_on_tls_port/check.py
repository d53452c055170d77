from collections.abc import Iterator

from meshlint.mesh.effective import Reason
from meshlint.mesh.istio.double_tls import DoubleTls
from meshlint.mesh.istio.entries import encrypted_ports
from meshlint.mesh.mesh import Mesh
from meshlint.resource.resource import Resource
from meshlint.rule.rule import Problem
from meshlint.source.change import Remove


def check(rule: Resource, mesh: Mesh) -> Iterator[Problem]:
    for found in mesh.double_encryption.of(rule):
        protocol = found.declared.entry.get(*found.spoken.path)
        yield Problem(
            rule.at(*found.block.path, "mode"),
            related=[Reason(f"{found.declared.entry} says {protocol}", found.spoken), found.ground],
            rests_on=[found.ground],
            fix=[Remove(found.block, prune=True)] if _has_no_other_use(rule, found) else (),
            host=f"{found.declared.host}:{found.port}",
            protocol=protocol,
            rule=rule,
            mode=found.mode,
        )


def _has_no_other_use(rule: Resource, found: DoubleTls) -> bool:
    """Whether the block is for this host and encrypted ports alone, and not all that is said of a port."""
    entry = found.declared.entry
    if "portLevelSettings" in found.block.path:
        return len(rule.mapping(*found.block.path[:-1])) > 2
    ports = entry.items("spec", "ports")
    return not str(rule.get("spec", "host")).startswith("*") and len(list(encrypted_ports(entry))) == len(ports)
