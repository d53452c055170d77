"""Who issues the tokens that are accepted, and whether a rule asks for whom they were made (semantics §6)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any

from .calls import Kind
from .matching import Pattern
from .policies import Action, Applied
from .rules import Condition, Rule, Value

_FOR_WHOM = {"aud", "azp", "client_id", "hd", "tid", "repository_owner"}
_KEYS = {"request.auth.audiences", "request.auth.presenter"}
_NOBODYS = tuple(f"login.microsoftonline.com/{word}" for word in ("common", "organizations", "consumers"))
"""Where tokens are fetched, but issued under the name of a tenant."""


def is_issuer(issuer: Any, known: Sequence[str]) -> bool:
    """Whether an issuer is one of these; the scheme and a slash at the end make no difference, `*` stands for any text."""
    if not isinstance(issuer, str) or _bare(issuer).startswith(_NOBODYS):
        return False
    return any(fnmatchcase(_bare(issuer), _bare(one)) for one in known)


def _bare(issuer: str) -> str:
    return issuer.removeprefix("https://").removesuffix("/").lower()


def tells_for_whom(rule: Rule, issuer: str) -> bool:
    """Whether a rule tests for which application, customer or project a token of an issuer was made."""
    sources = ((*source, *rule.when) for source in rule.sources or ((),))
    if not any(all(_is_of(condition, issuer) for condition in conditions) for conditions in sources):
        return False
    for condition in rule.when:
        tests = (test for value in (*condition.values, *condition.excluded) for test in value.tests or ())
        names = {test.attribute.name[0] for test in tests if test.attribute.kind is Kind.CLAIM and test.attribute.name}
        if condition.field in _KEYS or names & _FOR_WHOM:
            return True
    return False


def _is_of(condition: Condition, issuer: str) -> bool:
    """Whether a condition leaves a chance to tokens of an issuer."""
    wanted = [_issuers(value) for value in condition.values]
    return not wanted or any(all(one.matches(issuer) for one in patterns) for patterns in wanted)


def _issuers(value: Value) -> list[Pattern]:
    """What a value asks of the issuer."""
    tests = (test for test in value.tests or () if test.attribute.name == ("iss",))
    return [test.wanted for test in tests if isinstance(test.wanted, Pattern)]


def requires_token(applied: Applied, hosts: Collection[str], *, gateway: bool) -> bool:
    """Whether policies refuse a request from outside that has no token, or may do so for some paths: for each of these hosts,
    without any for whatever host.

    A rule for certain paths opens these on purpose. At a gateway no caller from outside has an identity of the mesh.
    """
    return all(_requires(applied, host, (Kind.IDENTITY,) if gateway else ()) for host in hosts or (None,))


def _requires(applied: Applied, host: str | None, shut: Collection[Kind]) -> bool:
    """`shut`: what no caller has."""

    def rules(action: Action) -> Iterator[Rule]:
        found = (rule for policy in applied.of(action) for rule in policy.rules)
        return (rule for rule in found if host is None or _takes_host(rule, host))

    if any(rules(Action.CUSTOM)) or any(map(_misses, rules(Action.DENY))):
        return True
    free = (rule for rule in rules(Action.ALLOW) if not _needs_token(rule))
    return any(applied.of(Action.ALLOW)) and all(
        any(condition.kind in shut and condition.values for condition in rule.conditions) or _is_for_paths(rule)
        for rule in free
    )


def _takes_host(rule: Rule, host: str) -> bool:
    """Whether a rule may be about requests for a host."""

    def meant(values: Sequence[Value]) -> bool:
        wanted = (test.wanted for value in values for test in value.tests or ())
        return any(not isinstance(one, Pattern) or one.matches(host) for one in wanted)

    conditions = [[c for c in operation if c.kind is Kind.HOST] for operation in rule.operations or ((),)]
    return any(
        all(not (c.values and not meant(c.values)) and not meant(c.excluded) for c in part) for part in conditions
    )


def _misses(rule: Rule) -> bool:
    """Whether a DENY rule refuses what has no token, or not the right one."""
    return any(condition.kind in _OF_TOKENS and condition.excluded for condition in rule.conditions)


def _needs_token(rule: Rule) -> bool:
    sources = ((*source, *rule.when) for source in rule.sources or ((),))
    return all(any(c.kind in _OF_TOKENS and c.values for c in conditions) for conditions in sources)


def _is_for_paths(rule: Rule) -> bool:
    wanted = [[c for c in operation if c.kind is Kind.PATH and c.values] for operation in rule.operations]
    return bool(wanted) and all(found and not _takes_all(found[0]) for found in wanted)


def _takes_all(condition: Condition) -> bool:
    return any(value.text in ("*", "/*", "/{**}") for value in condition.values)


_OF_TOKENS = (Kind.TOKEN, Kind.CLAIM)
