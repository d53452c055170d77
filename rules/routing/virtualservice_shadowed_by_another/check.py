from collections import defaultdict
from collections.abc import Iterator, Sequence

from meshlint.mesh.effective import Reason
from meshlint.mesh.subjects import Host, Shadow
from meshlint.rule.rule import Problem


def check(host: Host) -> Iterator[Problem]:
    """One problem per claim that loses, told by the loss that most clients see."""
    by_loser: dict[int, list[Shadow]] = defaultdict(list)
    for shadow in host.shadows:
        by_loser[id(shadow.loser.resource)].append(shadow)
    for shadows in by_loser.values():
        yield _problem(host, max(shadows, key=lambda s: ("*" in s.clients, len(s.clients))), shadows)


def _problem(host: Host, told: Shadow, shadows: Sequence[Shadow]) -> Problem:
    winner, loser = told.winner.resource, told.loser.resource
    others = [shadow for shadow in shadows if shadow is not told]
    return Problem(
        told.loser.location,
        related=[
            Reason(f"{winner} claims the same host", told.winner.location),
            *(Reason(f"{s.winner.resource} takes it{_clients(s)}, too", s.winner.location) for s in others),
            Reason(f"the routes of {loser}", loser.at("spec", "http")),
        ],
        rests_on=[told.overlap],
        host=host,
        verdict=f"{winner} and not {loser}, since {told.why}"
        if told.certain
        else f"only one of {winner} and {loser}, {told.why}",
        clients=_clients(told),
    )


def _clients(shadow: Shadow) -> str:
    """For whom it holds, when not for everybody."""
    return "" if "*" in shadow.clients else f" for clients in {', '.join(shadow.clients)}"
