"""How far the rules of policies limit who may call (terms `identity-limited rule` and `health or metrics rule`)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

from ....resource.match import name_tokens
from ....source.document import Location
from .calls import Identity, Kind
from .matching import text as pattern
from .policies import Action, Applied
from .rules import Condition, Rule

OPEN_PATHS = ("/health*", "/healthz", "/ready*", "/livez", "/metrics", "/ping", "/v2/health/*", "/wait-for-drain")
"""What may be open to everyone where a rule has no option of its own; the last is asked of Knative's queue-proxy."""


class Width(IntEnum):
    """How many callers a condition lets through, the fewest first."""

    ACCOUNT = 0
    TOKEN = 1
    NAMESPACE = 2
    WILDCARD = 3
    TRUST_DOMAIN = 4
    ADDRESS = 5
    NEGATIVE = 6
    EVERY_IDENTITY = 7
    EVERYBODY = 8


class Limit(NamedTuple):
    """What a rule asks of its callers: the condition that limits them most, None = nothing does.

    `location` is that of its list of values, without one that of the rule. `denies`: it is of a DENY rule, and limits the
    callers by what it leaves out.
    """

    width: Width
    location: Location
    condition: Condition | None = None
    denies: bool = False

    @property
    def values(self) -> tuple[str, ...]:
        """The values as written, each once."""
        listed = (self.condition.values or self.condition.excluded) if self.condition else ()
        return tuple(dict.fromkeys(value.text for value in listed))

    @property
    def is_identity(self) -> bool:
        """Whether it asks who the caller is (term `identity-limited rule`)."""
        return self.width not in (Width.ADDRESS, Width.EVERYBODY)

    @property
    def scope(self) -> str:
        """Who passes it."""
        values = ", ".join(self.values)
        named = bool(self.condition and self.condition.values)
        if not self.condition or self.width is Width.EVERY_IDENTITY:
            return "every workload of the mesh"
        if named is self.denies:
            return f"every workload but those of {values}"
        return f"whatever calls from {values}" if self.width is Width.ADDRESS else f"every workload of {values}"

    def __str__(self) -> str:
        if not self.condition:
            return "nothing limits its callers"
        return f"its only limit on callers is {'a DENY of ' if self.denies else ''}{words(self.condition)}"


_ACCOUNT_OF_A_DOMAIN = re.compile(r"(?:\*|[^/*]*)/ns/([^/*]+)/sa/([^/*]+)")
_ANYWHERE = ("0.0.0.0/0", "::/0")
_WIDTHS = {
    "serviceAccounts": Width.ACCOUNT,
    "source.serviceAccount": Width.ACCOUNT,
    "principals": Width.ACCOUNT,
    "source.principal": Width.ACCOUNT,
    "namespaces": Width.NAMESPACE,
    "source.namespace": Width.NAMESPACE,
    "trustDomains": Width.TRUST_DOMAIN,
    "source.trustDomain": Width.TRUST_DOMAIN,
    "ipBlocks": Width.ADDRESS,
    "source.ip": Width.ADDRESS,
    "remoteIpBlocks": Width.ADDRESS,
    "remote.ip": Width.ADDRESS,
    "requestPrincipals": Width.TOKEN,
}


def limit(rule: Rule) -> Limit:
    """The widest of the sources of a rule, each with the conditions of `when`."""
    sources = (_narrowest(rule, (*source, *rule.when)) for source in rule.sources or ((),))
    return max(sources, key=lambda found: found.width)._replace(denies=rule.policy.get("spec", "action") == "DENY")


def _narrowest(rule: Rule, conditions: Iterable[Condition]) -> Limit:
    found = (Limit(width, place(condition), condition) for condition in conditions for width in _widths(condition))
    return min(found, key=lambda one: one.width, default=Limit(Width.EVERYBODY, rule.location))


def _widths(condition: Condition) -> Iterable[Width]:
    width = _WIDTHS.get(condition.field)
    if width is None and not condition.field.startswith("request.auth."):
        return
    if condition.excluded and not condition.values:
        yield Width.NEGATIVE
    elif condition.values:
        yield max(_width(value.text, Width.TOKEN if width is None else width) for value in condition.values)


def _width(value: str, width: Width) -> Width:
    """How wide one value of a field is."""
    if width is Width.ADDRESS:
        return Width.EVERYBODY if value in _ANYWHERE else width
    if width is Width.TOKEN or "*" not in value:
        return width
    if value.strip("*") == "":
        return Width.EVERY_IDENTITY
    if width is Width.ACCOUNT and _ACCOUNT_OF_A_DOMAIN.fullmatch(value):
        return width
    return max(width, Width.WILDCARD)


def place(condition: Condition) -> Location:
    """The list of a condition's values; of a condition of `when` all of it."""
    where = (condition.values or condition.excluded)[0].location
    path = where.path[:-1] if isinstance(where.path[-1], int) else where.path
    return Location(where.document, path[:-1] if "when" in path else path)


_SECRET = {"authorization", "cookie", "key", "token", "secret", "password", "signature"}


def chosen(rule: Rule) -> Iterator[Condition]:
    """The headers and hosts that a rule asks for; not the headers that hold a secret, nor what every request has."""
    for condition in (*rule.when, *(condition for part in rule.operations for condition in part)):
        if condition.kind is Kind.HOST and condition.values and not _takes_all(condition):
            yield condition
        if condition.kind is Kind.HEADER and condition.values and not condition.header.startswith(":"):
            exact = not any("*" in value.text for value in condition.values)
            if not (exact and _SECRET & set(name_tokens(condition.header))):
                yield condition


def accounts(rule: Rule) -> Iterator[Identity]:
    """The service accounts that a rule names one by one, whatever their trust domain."""
    for condition in rule.conditions:
        if _WIDTHS.get(condition.field) is Width.ACCOUNT:
            for value in condition.values:
                if "serviceAccount" in condition.field:
                    namespace, slash, name = value.text.rpartition("/")
                    yield Identity(namespace if slash else rule.policy.namespace, name)
                elif named := _ACCOUNT_OF_A_DOMAIN.fullmatch(value.text):
                    yield Identity(named[1], named[2])


def words(*conditions: Condition) -> str:
    """Conditions as people read them in a policy: `paths /v1/chat, /v1/models; not methods GET`."""
    parts = []
    for condition in conditions:
        for sign, values in (("", condition.values), ("not ", condition.excluded)):
            texts = ", ".join(dict.fromkeys(value.text for value in values))
            parts += [f"{sign}{condition.field} {texts}"] if values else []
    return "; ".join(parts)


def asked(rule: Rule, *, callers: bool = True) -> str:
    """What a rule asks for, with or without what it says of the callers."""
    sources = [words(*source) for source in rule.sources] if callers else []
    operations = [words(*operation) for operation in rule.operations]
    parts = (" or ".join(filter(None, listed)) for listed in (sources, operations, [words(*rule.when)]))
    return "; ".join(filter(None, parts)) or "nothing"


def asks_for_nothing(rule: Rule) -> bool:
    """Whether a rule takes every request of the callers that it admits: what else it asks for is `*`."""
    operations = rule.operations or ((),)
    return any(all(map(_takes_all, part)) for part in operations) and all(
        _takes_all(condition) for condition in rule.when if not tuple(_widths(condition))
    )


def _takes_all(condition: Condition) -> bool:
    return not condition.excluded and any(value.text == "*" for value in condition.values)


def opens_only(rule: Rule, paths: Collection[str], ports: Collection[int] | None) -> bool:
    """Whether every operation of a rule is confined to these ports or to paths that these patterns cover.

    `ports` None = it is not known which ports serve nothing but metrics and probes: any may.
    """
    operations = rule.operations
    return bool(operations) and all(any(_confined(c, paths, ports) for c in operation) for operation in operations)


def ports_of(rule: Rule) -> Iterator[int]:
    """The ports that the operations of a rule name."""
    conditions = (condition for operation in rule.operations for condition in operation if condition.kind is Kind.PORT)
    texts = (value.text for condition in conditions for value in condition.values)
    return (int(text) for text in texts if text.isdecimal())


def _confined(condition: Condition, paths: Collection[str], ports: Collection[int] | None) -> bool:
    texts = [value.text for value in condition.values]
    match condition.kind:
        case Kind.PORT if texts:
            return ports is None or all(text.isdecimal() and int(text) in ports for text in texts)
        case Kind.PATH if texts:
            return all(any(_covers(path, text) for path in paths) for text in texts)
    return False


def _covers(path: str, value: str) -> bool:
    """Whether all that a path of a policy matches fits a pattern; `/health*` covers `/healthz` and `/health/*`."""
    if value.endswith("*"):
        return path.endswith("*") and value[:-1].startswith(path[:-1])
    return pattern(path).matches(value)


def is_fenced(applied: Applied) -> bool:
    """Whether a DENY policy refuses every caller but service accounts that it lists, or those with a token: everything, or all
    but what may be open."""
    rules = (rule for policy in applied.of(Action.DENY) for rule in policy.rules if _is_for_all(rule))
    return any(width <= Width.TOKEN for rule in rules if (width := _spared(rule)) is not None)


def _is_for_all(rule: Rule) -> bool:
    """Whether a DENY rule asks for nothing but that a path is none of those that may be open."""

    def leaves_out(condition: Condition) -> bool:
        texts = [value.text for value in condition.excluded]
        covered = all(any(_covers(path, text) for path in OPEN_PATHS) for text in texts)
        return condition.kind is Kind.PATH and not condition.values and covered

    return not rule.operations or any(all(map(leaves_out, operation)) for operation in rule.operations)


def _spared(rule: Rule) -> Width | None:
    """How wide the callers are that a DENY rule leaves out, where it asks for nothing else; None = it names none."""
    if len(rule.sources) != 1 or len(rule.sources[0]) != 1 or rule.when:
        return None
    (condition,) = rule.sources[0]
    if condition.values or condition.field not in _WIDTHS:
        return None
    return max(_width(value.text, _WIDTHS[condition.field]) for value in condition.excluded)
