"""Whether a caller gets through without being named: by a wider rule, or for want of any."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from .access import Access, Grant
from .callers import Width
from .calls import Caller, Identity, Kind, Request
from .decide import Verdict, decide, verdict
from .filters import Guard
from .known import Known, known
from .policies import Action, Policy
from .reach import relaxed
from .rules import Rule

_FREE = {Kind.HEADER, Kind.PATH, Kind.METHOD, Kind.HOST}
"""What a caller that is in the mesh chooses as it likes."""


class Crossing(NamedTuple):
    """What lets a caller through: a rule, and what it does; None = there is no ALLOW rule, and none is needed."""

    rule: Rule | None
    does: str

    def __str__(self) -> str:
        return f"{self.rule} {self.does}" if self.rule else self.does


def _names(access: Access, identity: Identity) -> bool:
    """Whether an ALLOW rule, or a DENY policy that spares only accounts, decided about a caller by its account."""
    return access.fenced or any(identity in grant.accounts for grant in access.grants)


class Boundary(NamedTuple):
    """What counts: all rules but those that open nothing but paths, and, where naming an account is a decision, but those."""

    open_paths: Collection[str]
    naming_decides: bool


def origins(access: Access, boundary: Boundary) -> Collection[str] | None:
    """The namespaces whose workloads may get through without being named; None = of any namespace."""
    if not any(access.applied.of(Action.ALLOW)):
        return None
    limits = [grant.limit for grant in _counting(access, boundary)]
    if any(one.width is not Width.NAMESPACE for one in limits):
        return None
    return dict.fromkeys(namespace for one in limits for namespace in one.values)


def _counting(access: Access, boundary: Boundary) -> Iterator[Grant]:
    decided = (Width.ACCOUNT, Width.TOKEN) if boundary.naming_decides else (Width.TOKEN,)
    for grant in access.guarded(boundary.open_paths):
        if grant.limit.width not in decided and not grant.outward:
            yield grant


class Crossings:
    """What lets callers through to a workload, found once for all that no policy names."""

    def __init__(self, access: Access, guards: Sequence[Guard], boundary: Boundary) -> None:
        self._asked = access, guards, boundary
        self._found: dict[Identity | None, Sequence[Crossing]] = {}

    def of(self, identity: Identity) -> Sequence[Crossing]:
        key = identity if any(named.has(identity) for named in self._named) else None
        if key not in self._found:
            access, guards, boundary = self._asked
            self._found[key] = tuple(crossings(access, identity, guards, boundary))
        return self._found[key]

    @cached_property
    def _named(self) -> Sequence[Known]:
        return [known(policy) for policy in self._asked[0].applied.policies]


def crossings(access: Access, identity: Identity, guards: Sequence[Guard], boundary: Boundary) -> Iterator[Crossing]:
    """The rules that let a caller through."""
    if boundary.naming_decides and _names(access, identity):
        return
    if not any(access.applied.of(Action.ALLOW)):
        if _passes(guards, identity, None):
            refusing = next(iter(access.refusals), None)
            yield Crossing(
                refusing, _left(refusing, identity, guards) if refusing else "no policy limits who may call it"
            )
        return
    for grant in _counting(access, boundary):
        if _passes(guards, identity, grant.rule):
            yield Crossing(grant.rule, f"admits {grant.limit.scope}")


def _left(rule: Rule, identity: Identity, guards: Sequence[Guard]) -> str:
    """What a DENY rule leaves to a caller that gets through."""
    whole = rule._replace(operations=())
    asked = Caller(identity), Request()
    narrowed = (guard.under(_of(guard, rule, whole)) for guard in guards)
    spared = any(verdict(decide(guard, *asked)) is not Verdict.DENY for guard in narrowed)
    return "refuses only others" if spared else "refuses it only some of what it may ask for"


def _of(guard: Guard, rule: Rule, whole: Rule) -> Iterator[Policy]:
    """The policy of a rule, with another in its place."""
    return (policy._replace(rules=(whole,)) for policy in guard.applied.policies if rule in policy.rules)


def _passes(guards: Sequence[Guard], identity: Identity, rule: Rule | None) -> bool:
    """Whether some call of a caller is allowed by a rule alone."""
    narrowed = (_with(guard, rule) for guard in guards)
    return any(verdict(decide(guard, Caller(identity), Request())) is Verdict.ALLOW for guard in narrowed)


def _with(guard: Guard, rule: Rule | None) -> Guard:
    return guard.under(relaxed(_only(policy, rule), _FREE) for policy in guard.applied.policies)


def _only(policy: Policy, rule: Rule | None) -> Policy:
    if policy.action is not Action.ALLOW:
        return policy
    return policy._replace(rules=tuple(one for one in policy.rules if one is rule))
