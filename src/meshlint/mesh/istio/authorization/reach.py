"""Whether any call of a kind gets through: calls are made up that the rules may let in, and decided one by one.

What callers choose freely counts as chosen well: headers, and tokens where some are accepted. So an answer of "none" is sound.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from .calls import Caller, Identity, Kind, Request
from .decide import Outcome, Verdict, decide, verdict
from .filters import Guard
from .matching import Pattern
from .policies import Action, Policy
from .rules import Conditions, Rule, Values
from .samples import Named, texts

_MOST = 4000
"""How many calls are tried; where more would have to be, some may get through."""


class Asked(NamedTuple):
    """The requests in question. No `hosts` = whatever host, `path` and `method` None = whatever they are."""

    hosts: tuple[str, ...] = ()
    path: Pattern | None = None
    method: str | None = None


def refusal(guard: Guard, asked: Asked) -> Outcome | None:
    """The decision about such calls, where every one is refused whoever the caller is; None where one gets through, or may."""
    generous = _generous(guard)
    outcome = None
    for tried, outcome in enumerate(_outcomes(generous, asked)):
        if verdict(outcome) is not Verdict.DENY or tried == _MOST:
            return None
    return outcome


def matter(guard: Guard, asked: Asked) -> Asked:
    """What the rules of a guard look at of some requests."""
    kinds = {c.kind for policy in guard.applied.policies for rule in policy.rules for c in rule.conditions}
    return Asked(
        asked.hosts if Kind.HOST in kinds else (),
        asked.path if Kind.PATH in kinds else None,
        asked.method if Kind.METHOD in kinds else None,
    )


def without_denials(guard: Guard) -> Guard:
    """The guard as if there were no DENY policies."""
    return guard.under(policy for policy in guard.applied.policies if policy.action is not Action.DENY)


def _outcomes(guard: Guard, asked: Asked) -> Iterator[Outcome]:
    """The decisions about each caller, whatever it asks for; where that does not settle it, about each request."""
    rules = [rule for policy in guard.applied.policies for rule in policy.rules]
    hosts = hosts_of(rules, asked.hosts)
    paths = _paths(rules, asked.path)
    for identity in identities(guard):
        caller = Caller(identity)
        outcome = decide(guard, caller, Request(asked.method))
        if verdict(outcome) is Verdict.UNKNOWN and (hosts != [None] or paths != [None]):
            for host in hosts:
                yield from (decide(guard, caller, Request(asked.method, path, host)) for path in paths)
        else:
            yield outcome


def _generous(guard: Guard) -> Guard:
    free = {Kind.HEADER, *((Kind.TOKEN, Kind.CLAIM) if guard.applied.tokens else ())}
    return guard.under(relaxed(policy, free) for policy in guard.applied.policies)


def relaxed(policy: Policy, free: Collection[Kind]) -> Policy:
    """A policy as it is for those who choose freely what they can: what it allows asks less, what it refuses is avoided."""
    if policy.action is not Action.ALLOW:
        kept = (rule for rule in policy.rules if not any(condition.kind in free for condition in rule.conditions))
        return policy._replace(rules=tuple(kept))
    return policy._replace(rules=tuple(_asking_less(rule, free) for rule in policy.rules))


def _asking_less(rule: Rule, free: Collection[Kind]) -> Rule:
    def part(conditions: Conditions) -> Conditions:
        return tuple(condition for condition in conditions if condition.kind not in free)

    sources, operations = (tuple(map(part, parts)) for parts in (rule.sources, rule.operations))
    return rule._replace(sources=sources, operations=operations, when=part(rule.when))


def _values(rules: Sequence[Rule], kind: Kind) -> Iterator[Values]:
    """What the rules say of one thing of a call."""
    return (values for rule in rules for c in rule.conditions if c.kind is kind for values in (c.values, c.excluded))


def _patterns(rules: Sequence[Rule], kind: Kind) -> Iterator[Pattern]:
    """What the rules compare one thing of a call with."""
    return (pattern for values in _values(rules, kind) for pattern in values.patterns)


# ---- who calls -------------------------------------------------------------------------------------------------------

_NAMESPACE = re.compile(r"/ns/([^/]+)")
_ACCOUNT = re.compile(r"/sa/([^/]+)")
_DOMAIN = re.compile(r"spiffe://([^/]+)/")
_OTHER = "any"
_ANYBODY = Identity(_OTHER, _OTHER)


def identities(guard: Guard) -> Iterator[Identity | None]:
    """One caller of each sort that the rules tell apart, those first of whom nothing else is asked, one that none of them names,
    and one without an identity."""
    rules = sorted(
        (r for policy in guard.applied.policies for r in policy.rules), key=lambda rule: bool(rule.operations)
    )
    yielded: set[Identity] = set()
    for pattern in _patterns(rules, Kind.IDENTITY):
        if (named := _identity(pattern)) not in yielded:
            yielded.add(named)
            yield named
    yield from (() if _ANYBODY in yielded else (_ANYBODY,))
    yield None


def _identity(pattern: Pattern) -> Identity:
    text = "".join(part if isinstance(part, str) else "" for part in pattern.parts)
    domain, namespace, account = (found.search(text) for found in (_DOMAIN, _NAMESPACE, _ACCOUNT))
    structured = domain or namespace or account
    end = text.rpartition("/")[2] or _OTHER
    return Identity(
        namespace[1] if namespace else _OTHER,
        account[1] if account else _OTHER if structured else end,
        domain[1] if domain else None,
    )


# ---- what is asked for -----------------------------------------------------------------------------------------------


def hosts_of(rules: Sequence[Rule], asked: Sequence[str]) -> list[str | None]:
    """The hosts in question, with and without a port."""
    named = list(filter(None, _values(rules, Kind.HOST)))
    if not asked or not named:
        return [None]
    called = (text for values in named for host in asked for text in values.of_host(host))
    return list(dict.fromkeys((*asked, *called, *(f"{host}:80" for host in asked))))


def _paths(rules: Sequence[Rule], asked: Pattern | None) -> list[str | None]:
    """A path of each sort that the rules tell apart among those in question, those that a rule names first."""
    if asked is None:
        return [None]
    named = [Named(pattern, "named") for pattern in dict.fromkeys(_patterns(rules, Kind.PATH))]
    return [sample.value for sample in sorted(texts(named, asked, ""), key=lambda sample: not sample.label)]
