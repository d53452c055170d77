from collections.abc import Iterator

from meshlint.mesh.mesh import Mesh
from meshlint.resource.resource import Resource
from meshlint.rule.rule import Problem


def check(policy: Resource, mesh: Mesh) -> Iterator[Problem]:
    if policy.get("spec", "portLevelMtls") is not None and not policy.mapping("spec", "selector", "matchLabels"):
        mode = mesh.peer_authentications.of_namespace(policy.namespace)
        yield Problem(
            policy.at("spec", "portLevelMtls"),
            related=[mode],
            policy=policy,
            ports=[f"port {number}" for number in policy.mapping("spec", "portLevelMtls")] or "all ports",
            mode=[candidate.value.value for candidate in mode.candidates or (mode,)],
        )
