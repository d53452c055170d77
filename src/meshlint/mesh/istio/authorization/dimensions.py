"""What calls to a port may differ in, as far as its rules tell one from another."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import islice, product
from typing import Any, NamedTuple

from .calls import Attribute, Call, Caller, Identity, Kind, Request
from .filters import Guard, checked, reads_http, seen
from .matching import SPIFFE, Block, Pattern
from .rules import Condition, Conditions, Rule, Test, Value
from .samples import ANYTHING, SOMETHING, Named, addresses, identities, meet, texts
from .truth import Truth

OF_REQUESTS = (Kind.METHOD, Kind.PATH, Kind.HOST, Kind.HEADER)
OTHER = "any other"
"""What stands for the values of a thing that no rule names."""

MOST_TOKENS = 10_000
"""Combinations of claims that are looked at."""

_ANYBODY = "any identity"
_FOREIGN = identities(None)


Mark = tuple[str, Truth]
"""Something that is true of a call, or may be, besides what conditions ask."""


class Choice(NamedTuple):
    """Values that no condition tells apart: the fields of a call that have one of them, the words for all, and what the conditions
    answer. `marks` are what else sets them apart.
    """

    fields: Mapping[str, Any]
    labels: tuple[str, ...]
    answers: tuple[Truth, ...]
    marks: frozenset[Mark] = frozenset()


class Dimension(NamedTuple):
    """A thing that calls differ in, and the conditions on it."""

    name: str
    conditions: Conditions
    choices: Sequence[Choice]


Sampled = Iterable[tuple[Mapping[str, Any], str]]
"""Fields of a call, and the words for them."""

Asked = Callable[[Mapping[str, Any]], tuple[tuple[Truth, ...], frozenset[Mark]]]
"""Answers and marks of a call with some fields."""


def told_apart(samples: Sampled, asked: Asked) -> Sequence[Choice]:
    """Those with different answers, each with the words of all that share them."""
    found: dict[Hashable, Choice] = {}
    for fields, label in samples:
        answers, marks = asked(fields)
        known = found.setdefault((answers, marks), Choice(fields, (), answers, marks))
        if label not in known.labels:
            found[answers, marks] = known._replace(labels=(*known.labels, label))
    return list(found.values())


class Callers:
    """The callers that rules tell apart: by identity, address, and token where tokens are checked."""

    def __init__(
        self, guard: Guard, request: Request, rules: Sequence[Rule], proven: bool, before_tokens: Collection[int]
    ) -> None:
        self._guard = guard
        self._request = request
        self._proven = proven
        self._before_tokens = before_tokens
        self._conditions = tuple(c for rule in rules for c in rule.conditions if c.kind not in OF_REQUESTS)

    def named(self, callers: Mapping[str, Caller]) -> list[Dimension]:
        """Certain callers."""
        samples = ((caller._asdict(), name) for name, caller in callers.items())
        return [Dimension("caller", self._conditions, told_apart(samples, self._asked(self._conditions)))]

    def all(self) -> list[Dimension]:
        """Whoever there may be."""
        return list(self._dimensions())

    def _dimensions(self) -> Iterator[Dimension]:
        yield self._dimension("caller", self._identities(), Kind.IDENTITY)
        for field, kind in (("address", Kind.ADDRESS), ("forwarded", Kind.FORWARDED)):
            blocks = [
                (test.wanted, value.text) for _, value, test in self._tests(kind) if isinstance(test.wanted, Block)
            ]
            if blocks:
                samples = addresses(blocks, OTHER)
                yield self._dimension(field, (({field: value}, label) for value, label in samples), kind)
        if self._guard.applied.tokens and reads_http(self._guard, self._request):
            yield self._dimension("token", self.tokens(), Kind.TOKEN, Kind.CLAIM)

    def _dimension(self, name: str, samples: Sampled, *kinds: Kind) -> Dimension:
        conditions = tuple(condition for condition in self._conditions if condition.kind in kinds)
        return Dimension(name, conditions, told_apart(samples, self._asked(conditions)))

    def _asked(self, conditions: Conditions) -> Asked:
        return lambda fields: self.told(Caller(**{"identity": None, **fields}), conditions)

    def told(self, caller: Caller, conditions: Conditions) -> tuple[tuple[Truth, ...], frozenset[Mark]]:
        """What conditions answer about a caller, whether it has a certificate, and whether its token is refused."""
        call = seen(self._guard, caller, self._request, self._proven)
        refused = checked(self._guard, caller, self._request).refuses
        marks: Sequence[Mark] = ("certificate", caller.identity is not None), ("token is refused", refused)
        early = call._replace(claims=None)
        answers = (c.of(early if id(c) in self._before_tokens else call) for c in conditions)
        return tuple(answers), frozenset(mark for mark in marks if mark[1] is not False)

    def _tests(self, *kinds: Kind) -> Iterator[tuple[Condition, Value, Test]]:
        for condition in self._conditions:
            for value in (*condition.values, *condition.excluded):
                yield from ((condition, value, test) for test in value.tests or () if test.attribute.kind in kinds)

    def _identities(self) -> Sampled:
        domain = self._guard.domain
        named = [
            Named(test.wanted, _called(condition, value))
            for condition, value, test in self._tests(Kind.IDENTITY)
            if isinstance(test.wanted, Pattern)
        ]
        own = identities(domain)
        foreign = [one for one in named if not meet(one.pattern, own)]
        yield {"identity": None}, "plaintext"
        other = "any other identity" if named else _ANYBODY
        for value, label in (*texts(named, own, other), *(s for s in texts(foreign, _FOREIGN, "") if s.label)):
            identity = _identity(value, domain)
            yield {"identity": identity}, str(identity) if label == value.removeprefix(SPIFFE) else label

    def tokens(self) -> Sampled:
        """No token, and tokens that differ in claims that are asked for. Their issuers are known ones, or named by a rule."""
        yield {"claims": None}, "absent"
        names = dict.fromkeys(_claim(test) for _, _, test in self._tests(Kind.TOKEN, Kind.CLAIM))
        claims = [self._issuers(), *(self._values(name) for name in names if name not in ((), ("iss",)))]
        for chosen in islice(product(*claims), MOST_TOKENS):
            given: dict[str, Any] = {}
            for name, value in (pair for pair, _ in chosen):
                _put(given, name, value)
            yield {"claims": given}, "with " + ", ".join(label for _, label in chosen if label)

    def _issuers(self) -> list[tuple[tuple[tuple[str, ...], Any], str]]:
        known = [token.issuer for token in self._guard.applied.tokens if isinstance(token.issuer, str) and token.issuer]
        named = self._named(("iss",))
        found = [(issuer, f"iss {issuer}") for issuer in dict.fromkeys(known)]
        found += [(value, f"iss {label}") for value, label in texts(named, SOMETHING, OTHER) if value not in known]
        return [((("iss",), value), label) for value, label in found]

    def _values(self, name: tuple[str, ...]) -> list[tuple[tuple[tuple[str, ...], Any], str]]:
        """The values of a claim that tests tell apart; none at all is one of them."""
        called, tests = ".".join(name), [t for _, _, t in self._tests(Kind.TOKEN, Kind.CLAIM) if _claim(t) == name]
        samples: list[tuple[Any, str]] = [(None, "absent"), *texts(self._named(name), ANYTHING, OTHER)]
        found: dict[Hashable, tuple[Any, list[str]]] = {}
        for value, label in samples:
            fits = tuple(
                value is not None and test.wanted.matches(value) for test in tests if isinstance(test.wanted, Pattern)
            )
            labels = found.setdefault(fits, (value, []))[1]
            if label not in labels:
                labels.append(label)
        return [((name, value), f"{called} {' or '.join(labels)}") for value, labels in found.values()]

    def _named(self, name: tuple[str, ...]) -> list[Named]:
        return [
            Named(test.wanted, _text(test.wanted))
            for _, _, test in self._tests(Kind.TOKEN, Kind.CLAIM)
            if _claim(test) == name and isinstance(test.wanted, Pattern)
        ]


def requests(
    rules: Sequence[Rule], request: Request, within: Pattern, any_header: bool, call_of: Callable[[Request], Call]
) -> list[Dimension]:
    """The requests that rules tell apart, of those that fit what is known of one; `any_header`: it may have others."""
    return [
        _of_requests(
            attribute,
            tuple(conditions),
            _of_attribute(attribute, conditions, request, within, any_header),
            request,
            call_of,
        )
        for attribute, conditions in _by_attribute(rules).items()
    ]


def answered(conditions: Conditions, call: Call) -> tuple[Truth, ...]:
    """What conditions answer about a call."""
    return tuple(condition.of(call) for condition in conditions)


def _of_requests(
    attribute: Attribute,
    conditions: Conditions,
    samples: Sampled,
    request: Request,
    call_of: Callable[[Request], Call],
) -> Dimension:
    def asked(fields: Mapping[str, Any]) -> tuple[tuple[Truth, ...], frozenset[Mark]]:
        return answered(conditions, call_of(changed(request, fields))), frozenset()

    return Dimension(_word(attribute), conditions, told_apart(samples, asked))


def _by_attribute(rules: Sequence[Rule]) -> dict[Attribute, list[Condition]]:
    """The conditions of rules about requests, by what they are about; the raw path is the path."""
    found: dict[Attribute, list[Condition]] = {}
    about = {
        id(condition): condition for rule in rules for condition in rule.conditions if condition.kind in OF_REQUESTS
    }
    for condition in about.values():
        found.setdefault(_attribute(condition), []).append(condition)
    return found


def changed(request: Request, fields: Mapping[str, Any]) -> Request:
    """A request with some fields, and with its headers and those given."""
    headers = {k: v for k, v in {**request.headers, **fields.get("headers", {})}.items() if v is not None}
    return request._replace(**{**fields, "headers": headers})


def _of_attribute(
    attribute: Attribute, conditions: Sequence[Condition], request: Request, within: Pattern, any_header: bool
) -> Sampled:
    if attribute.kind is Kind.HEADER:
        name = str(attribute.name)
        if name in request.headers:
            yield {}, request.headers[name]
            return
        yield {"headers": {name: None}}, "absent"
        if any_header:
            yield from (
                ({"headers": {name: value}}, label) for value, label in texts(_compared(conditions), ANYTHING, OTHER)
            )
        return
    field = attribute.kind.name.lower()
    given = getattr(request, field)
    if given is not None:
        yield {}, given
        return
    where = within if attribute.kind is Kind.PATH else SOMETHING
    yield from (({field: value}, label) for value, label in texts(_compared(conditions), where, OTHER))


def _compared(conditions: Sequence[Condition]) -> list[Named]:
    """What conditions compare with, each in words."""
    return [
        Named(test.wanted, _said(test.wanted, value))
        for condition in conditions
        for value in (*condition.values, *condition.excluded)
        for test in value.tests or ()
        if isinstance(test.wanted, Pattern)
    ]


def _said(pattern: Pattern, value: Value) -> str:
    """A value of a policy in words: a `*` that is no wildcard is told as such."""
    return f"{value.text} literally" if pattern.exact and "*" in pattern.exact else value.text


def _attribute(condition: Condition) -> Attribute:
    tests = (
        test for values in (condition.values, condition.excluded) for value in values for test in value.tests or ()
    )
    attribute = next((test.attribute for test in tests), Attribute(condition.kind))
    return Attribute(Kind.PATH) if attribute == Attribute(Kind.HEADER, ":path") else attribute


def _word(attribute: Attribute) -> str:
    return f"header {attribute.name}" if attribute.kind is Kind.HEADER else attribute.kind.name.lower()


def _claim(test: Test) -> tuple[str, ...]:
    return tuple(test.attribute.name)


def _put(claims: dict[str, Any], name: tuple[str, ...], value: Any) -> None:
    """Sets a claim, or one inside of another; None = leaves it out."""
    *outer, last = name
    for step in outer:
        inner = claims.setdefault(step, {})
        if not isinstance(inner, dict):
            return
        claims = inner
    if value is not None:
        claims.setdefault(last, value)


def _identity(spiffe: str, own: str) -> Identity:
    domain, _, namespace, _, account = spiffe.removeprefix(SPIFFE).split("/")
    return Identity(namespace, account, None if domain == own else domain)


def _called(condition: Condition, value: Value) -> str:
    """The callers that a value of a policy means, in words."""
    match condition.field.removeprefix("source.").rstrip("s"):
        case "principal" if value.text == "*":
            return _ANYBODY
        case "namespace":
            return f"namespace {value.text}"
        case "trustDomain":
            return f"trust domain {value.text}"
        case "serviceAccount" if "/" not in value.text:
            return f"{value.location.document.data['metadata'].get('namespace')}/{value.text}"
    return value.text


def _text(pattern: Pattern) -> str:
    return "".join(part if isinstance(part, str) else "*" for part in pattern.parts)
