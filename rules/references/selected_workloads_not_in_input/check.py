from collections.abc import Iterator

from meshlint.mesh.mesh import Mesh
from meshlint.rule.rule import Problem

SHOWN = 8
"""How many places the finding names."""


def check(mesh: Mesh) -> Iterator[Problem]:
    named = mesh.unsupplied
    if named and not mesh.settings.closed:
        yield Problem(
            named[0].location,
            related=[other.location for other in named[1:SHOWN]],
            cause="workloads that are not in the input",
            namespaces=[other.namespace for other in named],
            named=[other.host or f"the pods labelled {other.labels}" for other in named],
        )
