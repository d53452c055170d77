from collections.abc import Iterator

from meshlint.finding import Confidence
from meshlint.mesh.effective import Reason
from meshlint.mesh.subjects import Host
from meshlint.rule.rule import Problem


def check(host: Host) -> Iterator[Problem]:
    for dropped in host.dropped:
        yield Problem(
            dropped.location,
            related=[Reason(f"{rule} describes it too", rule.at(*dropped.path[:2])) for rule in dropped.kept],
            confidence=None if dropped.inevitable else Confidence.LOW,
            host=host,
            rules=[dropped.resource, *dropped.kept],
            why=dropped.why,
            lost=dropped.lost if dropped.certain else " or ".join(dropped.lost),
            effect="never takes effect" if dropped.everywhere else "takes no effect there",
        )
