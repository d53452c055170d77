"""The most that a caller gets from a port, whatever it sends and whichever tokens are in its hands.

What opens nothing but health checks and metrics lets nobody through.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ...effective import Basis, Effective, Reason
from ...subjects import Port, Workload
from .access import open_ports
from .authorization import Authorization
from .callers import OPEN_PATHS, opens_only
from .calls import Caller, Identity, Request
from .decide import Verdict, decide, verdict
from .dimensions import Callers
from .filters import Guard, reads_http, rules_of
from .policies import Action, Applied, Policy
from .reach import Asked, hosts_of
from .samples import PATHS
from .survey import Answer, Survey

_RANKS = {Verdict.ALLOW: 0, Verdict.UNKNOWN: 1, Verdict.DENY: 2}


class Door(NamedTuple):
    """A port with what decides who is let through. `quiet`: it serves nothing but metrics and probes."""

    port: Port
    guard: Guard
    quiet: bool


class Doors:
    """The ports of workloads, without the rules that open nothing but health checks and metrics."""

    def __init__(self, authorization: Authorization) -> None:
        self._authorization = authorization
        self._applied: dict[tuple[int, frozenset[int] | None], Applied] = {}
        self._policies: dict[tuple[int, frozenset[int] | None], Policy] = {}

    def of(self, workload: Workload, ports: Sequence[Port]) -> list[Door]:
        """Those of a workload, whose ports these are."""
        guards = [self._authorization.of_port(port) for port in ports]
        allowing = {id(p): p for guard in guards for p in guard.applied.of(Action.ALLOW)}.values()
        quiet = open_ports(workload, ports, (rule for policy in allowing for rule in policy.rules))
        guards = [self.serving(guard, quiet) for guard in guards]
        return [Door(port, guard, port.number in (quiet or ())) for port, guard in zip(ports, guards, strict=True)]

    def serving(self, guard: Guard, quiet: frozenset[int] | None) -> Guard:
        """A guard without the rules that open nothing else; `quiet` are the ports for that, None = they are not known."""
        key = (id(guard.applied), quiet)
        if key not in self._applied:
            policies = tuple(self._serving(policy, quiet) for policy in guard.applied.policies)
            self._applied[key] = guard.applied._replace(policies=policies)
        return guard._replace(applied=self._applied[key])

    def _serving(self, policy: Policy, quiet: frozenset[int] | None) -> Policy:
        if policy.action is not Action.ALLOW:
            return policy
        key = (id(policy), quiet)
        if key not in self._policies:
            kept = (rule for rule in policy.rules if not opens_only(rule, OPEN_PATHS, quiet))
            self._policies[key] = policy._replace(rules=tuple(kept))
        return self._policies[key]


def passage(guard: Guard, identity: Identity | None, asked: Asked | None = None) -> Answer:
    """What becomes of the calls of a caller that get furthest; `asked` None = whatever it may send."""
    for request in _requests(guard, asked) if asked else (Request(),):
        outcome = decide(guard, Caller(identity), request)
        if verdict(outcome) is Verdict.ALLOW:
            return Answer((), (), None, Caller(identity), request, outcome)
    return min(_answers(guard, _holding(guard, identity), asked), key=_rank)


def passage_of_somebody(guard: Guard, asked: Asked | None, who: str) -> Answer:
    """The same of a caller that is not known: not certain, unless it is the same for all. `who` says that it is not known."""
    furthest: dict[object, Answer] = {}
    for answer in sorted(_answers(guard, None, asked), key=_rank):
        furthest.setdefault(answer.callers, answer)
    best = next(iter(furthest.values()))
    alike = len({verdict(answer.outcome) for answer in furthest.values()}) == 1
    return best if alike else doubted(best, Reason(who, None, Basis.ASSUMED))


def doubted(answer: Answer, *doubts: Reason) -> Answer:
    """An answer of which it is not known whether it comes to that; a refusal stays one."""
    outcome = answer.outcome
    if not doubts or verdict(outcome) is Verdict.DENY:
        return answer
    decision = outcome.value._replace(verdict=Verdict.UNKNOWN)
    return answer._replace(outcome=Effective(decision, (*doubts, *outcome.because)))


def _rank(answer: Answer) -> int:
    return _RANKS[verdict(answer.outcome)]


def _holding(guard: Guard, identity: Identity | None) -> Mapping[str, Caller]:
    """A caller without a token, and with each kind of token that is told apart."""
    if not guard.applied.tokens or not reads_http(guard, Request()):
        return {"": Caller(identity)}
    tokens = Callers(guard, Request(), [rule for _, rule in rules_of(guard, True)], True, ()).tokens()
    return {f"token {label}": Caller(identity, **fields) for fields, label in tokens}


def _answers(guard: Guard, callers: Mapping[str, Caller] | None, asked: Asked | None) -> Iterable[Answer]:
    if asked is None:
        return Survey(guard, callers).answers
    return (answer for request in _requests(guard, asked) for answer in _of(guard, callers, request, asked))


def _of(guard: Guard, callers: Mapping[str, Caller] | None, request: Request, asked: Asked) -> Iterator[Answer]:
    return Survey(guard, callers, request, asked.path or PATHS, any_header=True).answers


def _requests(guard: Guard, asked: Asked) -> Iterator[Request]:
    rules = [rule for policy in guard.applied.policies for rule in policy.rules]
    path = asked.path.exact if asked.path else None
    return (Request(asked.method, path, host) for host in hosts_of(rules, asked.hosts))
