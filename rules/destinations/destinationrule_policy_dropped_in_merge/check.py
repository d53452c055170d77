from collections.abc import Iterator

from meshlint.mesh.effective import Reason
from meshlint.mesh.subjects import Host
from meshlint.rule.rule import Problem


def check(host: Host) -> Iterator[Problem]:
    for dropped in host.dropped:
        yield Problem(
            dropped.location,
            related=[Reason(f"{rule} describes it too", rule.at(*dropped.path[:2])) for rule in dropped.kept],
            host=host,
            rules=[dropped.resource, *dropped.kept],
            why=dropped.why,
            lost=dropped.lost,
        )
