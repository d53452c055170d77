"""The rules of AuthorizationPolicies, read as istiod reads them (semantics §5.2 to §5.5).

Mirrors `security/authz/model/model.go New`, `MigrateTrustDomain` and `Generate`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import Any, NamedTuple

from ....resource.resource import Resource, each, get
from ....source.document import Location, Path, Placeholder
from . import matching
from .calls import Attribute, Call, Kind, of_header
from .matching import Block, Pattern
from .trust_domains import TrustDomains
from .truth import Missing, Truth, all_of, any_of, missing, negated


class Test(NamedTuple):
    """What one thing of a call must be like; a Placeholder is not known."""

    attribute: Attribute
    wanted: Pattern | Block | Placeholder

    def of(self, call: Call) -> Truth:
        if isinstance(self.wanted, Placeholder):
            return missing(f"{self.wanted} is not known here")
        values = call.of(self.attribute)
        return values if isinstance(values, Missing) else any(self.wanted.matches(value) for value in values)


class Value(NamedTuple):
    """An item of a list of a policy. All its tests must hold; None = it is nothing that istiod can read."""

    text: str
    tests: tuple[Test, ...] | None
    location: Location

    def of(self, call: Call) -> Truth:
        return all_of(test.of(call) for test in self.tests or ())


class Values(tuple[Value, ...]):
    """Items of a list. Those that a thing of a call must be to the letter are looked up, however many there are."""

    def of(self, call: Call) -> Truth:
        """Whether one of them fits."""
        exact = (_is_among(call, attribute, any_case, texts) for (attribute, any_case), texts in self._exact)
        return any_of(chain(exact, (value.of(call) for value in self._others)))

    @cached_property
    def are_readable(self) -> bool:
        return all(value.tests is not None for value in self)

    @cached_property
    def patterns(self) -> tuple[Pattern, ...]:
        """What a thing of a call is compared with."""
        tests = (test.wanted for value in self for test in value.tests or ())
        return tuple(wanted for wanted in tests if isinstance(wanted, Pattern))

    def of_host(self, host: str) -> Sequence[str]:
        """The texts that name a host, with a port or without; of `pod.SERVICE` also those of a pod behind it."""
        return self._by_host.get(host, ())

    @cached_property
    def _by_host(self) -> Mapping[str, Sequence[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for text in filter(None, (pattern.exact for pattern in self.patterns)):
            host = text.partition(":")[0].lower()
            for name in dict.fromkeys((host, f"pod.{host.partition('.')[2]}")):
                found[name].append(text)
        return found

    @cached_property
    def _exact(self) -> tuple[tuple[tuple[Attribute, bool], frozenset[str]], ...]:
        found: dict[tuple[Attribute, bool], set[str]] = {}
        for attribute, pattern in filter(None, map(_to_the_letter, self)):
            text = str(pattern.exact)
            texts = found.setdefault((attribute, pattern.any_case), set())
            texts.add(text.lower() if pattern.any_case else text)
        return tuple((key, frozenset(texts)) for key, texts in found.items())

    @cached_property
    def _others(self) -> tuple[Value, ...]:
        return tuple(value for value in self if _to_the_letter(value) is None)


def _to_the_letter(value: Value) -> tuple[Attribute, Pattern] | None:
    """The thing that a value is compared with, where nothing else than its text will do."""
    if value.tests is None or len(value.tests) != 1:
        return None
    test = value.tests[0]
    is_exact = isinstance(test.wanted, Pattern) and test.wanted.exact is not None
    return (test.attribute, test.wanted) if is_exact and isinstance(test.wanted, Pattern) else None


def _is_among(call: Call, attribute: Attribute, any_case: bool, texts: Collection[str]) -> Truth:
    values = call.of(attribute)
    if isinstance(values, Missing):
        return values
    return any((value.lower() if any_case else value) in texts for value in values)


class Condition(NamedTuple):
    """A field of a policy and its opposite (`paths` and `notPaths`): one of the values, if there are any, and none of `excluded`.

    `field` is the one without `not`; of a `when`, its key.
    """

    field: str
    kind: Kind
    values: Values
    excluded: Values

    def of(self, call: Call) -> Truth:
        wanted = self.values.of(call) if self.values else True
        if not self.excluded:
            return wanted
        return all_of((wanted, negated(self.excluded.of(call))))

    @property
    def header(self) -> str:
        """The header that it looks at, in lower case; "" for anything else."""
        tests = (test for value in (*self.values, *self.excluded) for test in value.tests or ())
        return next((str(test.attribute.name) for test in tests if test.attribute.kind is Kind.HEADER), "")

    @property
    def readable(self) -> Condition:
        """Without the values that istiod cannot read."""
        kept = (Values(v for v in values if v.tests is not None) for values in (self.values, self.excluded))
        return Condition(self.field, self.kind, *kept)

    @property
    def is_readable(self) -> bool:
        return self.values.are_readable and self.excluded.are_readable


Conditions = tuple[Condition, ...]


class Rule(NamedTuple):
    """A rule of a policy: one of the sources, one of the operations (none listed = any), and every condition of `when`."""

    policy: Resource
    position: int
    sources: tuple[Conditions, ...]
    operations: tuple[Conditions, ...]
    when: Conditions

    @property
    def location(self) -> Location:
        return self.policy.at("spec", "rules", self.position)

    @property
    def name(self) -> str:
        """What istiod calls it; it lists rules in the order of these names."""
        return f"ns[{self.policy.namespace}]-policy[{self.policy.name}]-rule[{self.position}]"

    @property
    def conditions(self) -> Iterator[Condition]:
        yield from (condition for part in (*self.sources, *self.operations, self.when) for condition in part)

    def of(self, call: Call) -> Truth:
        """Whether the rule matches."""
        return all_of(_one_of(parts, call) for parts in (self.sources, self.operations, (self.when,)))

    def in_filter(self, *, http: bool, narrow: bool) -> Rule | None:
        """The rule as the filter of a port has it. What it cannot say, as HTTP fields on TCP, makes an ALLOW rule vanish
        (`narrow`), any other one wider (`rule.checkError`)."""
        if all(condition.is_readable and (http or not condition.kind.is_http) for condition in self.conditions):
            return self
        if narrow:
            return None
        sources, operations = (tuple(_kept(part, http) for part in parts) for parts in (self.sources, self.operations))
        return Rule(self.policy, self.position, sources, operations, _kept(self.when, http))

    def __str__(self) -> str:
        return f"rule {self.position} of {self.policy}"


def rules(policy: Resource, domains: TrustDomains) -> Iterator[Rule]:
    """The rules of a policy; one with a condition that istiod does not know is left out by it."""
    reader = _Reader(policy, domains)
    unknown = policy.get("spec", "rules")
    if isinstance(unknown, Placeholder):
        yield reader.unknown(unknown)
    for index, data in enumerate(policy.items("spec", "rules")):
        rule = reader.rule(index, data)
        if rule:
            yield rule


def _one_of(parts: tuple[Conditions, ...], call: Call) -> Truth:
    return any_of(_each_of(part, call) for part in parts) if parts else True


def _each_of(part: Conditions, call: Call) -> Truth:
    return all_of(condition.of(call) for condition in part)


def _kept(part: Conditions, http: bool) -> Conditions:
    return tuple(condition.readable for condition in part if http or not condition.kind.is_http)


Tests = tuple[Test, ...]
Reading = Callable[[str], Iterable[Tests]]
"""The alternatives that a value stands for; none where istiod cannot read it."""


class _Reader:
    """Reads the rules of one policy."""

    def __init__(self, policy: Resource, domains: TrustDomains) -> None:
        self._policy = policy
        self._domains = domains
        self._sources: Mapping[str, tuple[Kind, Reading]] = {
            "principals": (Kind.IDENTITY, self._principal),
            "requestPrincipals": (Kind.TOKEN, _request_principal),
            "namespaces": (Kind.IDENTITY, _matching(Kind.IDENTITY, matching.namespace)),
            "serviceAccounts": (Kind.IDENTITY, _matching(Kind.IDENTITY, self._account)),
            "trustDomains": (Kind.IDENTITY, self._trust_domain),
            "ipBlocks": (Kind.ADDRESS, _in_block(Kind.ADDRESS)),
            "remoteIpBlocks": (Kind.FORWARDED, _in_block(Kind.FORWARDED)),
        }
        self._operations: Mapping[str, tuple[Kind, Reading]] = {
            "hosts": (Kind.HOST, _matching(Kind.HOST, matching.host)),
            "methods": (Kind.METHOD, _matching(Kind.METHOD, matching.header)),
            "paths": (Kind.PATH, _matching(Kind.PATH, matching.path)),
            "ports": (Kind.PORT, _port),
        }
        self._keys: Mapping[str, tuple[Kind, Reading]] = {
            "source.ip": self._sources["ipBlocks"],
            "remote.ip": self._sources["remoteIpBlocks"],
            "source.namespace": self._sources["namespaces"],
            "source.serviceAccount": self._sources["serviceAccounts"],
            "source.trustDomain": self._sources["trustDomains"],
            "source.principal": self._sources["principals"],
            "request.auth.principal": self._sources["requestPrincipals"],
            "request.auth.audiences": (Kind.CLAIM, _matching(Kind.CLAIM, matching.text, ("aud",))),
            "request.auth.presenter": (Kind.CLAIM, _matching(Kind.CLAIM, matching.text, ("azp",))),
            "destination.ip": (Kind.OWN_ADDRESS, _in_block(Kind.OWN_ADDRESS)),
            "destination.port": self._operations["ports"],
            "connection.sni": (Kind.SNI, _matching(Kind.SNI, matching.text)),
        }

    def unknown(self, item: Placeholder) -> Rule:
        """A rule that stands for rules that another tool fills in."""
        value = self._unknown(item, ("spec", "rules"), Kind.METADATA)
        return Rule(self._policy, 0, (), (), (Condition("rules", Kind.METADATA, Values((value,)), Values()),))

    def rule(self, index: int, data: Any) -> Rule | None:
        if not isinstance(data, dict):
            return None
        base: Path = ("spec", "rules", index)
        when = [self._condition(entry, (*base, "when", at)) for at, entry in enumerate(each(data, "when"))]
        if None in when:
            return None
        sources = self._parts(data, base, ("from", "source"), self._sources)
        operations = self._parts(data, base, ("to", "operation"), self._operations)
        return Rule(self._policy, index, sources, operations, tuple(filter(None, when)))

    def _parts(
        self, data: Any, base: Path, names: tuple[str, str], fields: Mapping[str, tuple[Kind, Reading]]
    ) -> tuple[Conditions, ...]:
        listed, inner = names
        return tuple(
            tuple(self._fields(get(entry, inner), (*base, listed, at, inner), fields))
            for at, entry in enumerate(each(data, listed))
        )

    def _fields(self, data: Any, base: Path, fields: Mapping[str, tuple[Kind, Reading]]) -> Iterator[Condition]:
        for field, (kind, reading) in fields.items() if isinstance(data, dict) else ():
            opposite = f"not{field[0].upper()}{field[1:]}"
            if field not in data and opposite not in data:
                continue
            values, excluded = (self._values(data, name, base, kind, reading) for name in (field, opposite))
            if values or excluded:
                yield Condition(field, kind, values, excluded)

    def _condition(self, data: Any, base: Path) -> Condition | None:
        """An entry of `when`; None where its key says nothing that istiod knows."""
        key = get(data, "key")
        if isinstance(key, Placeholder):
            return Condition(str(key), Kind.METADATA, Values((self._unknown(key, base, Kind.METADATA),)), Values())
        found = (self._keys.get(key) or _keyed(key)) if isinstance(key, str) else None
        if not found:
            return None
        kind, reading = found
        return Condition(
            key, kind, *(self._values(data, name, base, kind, reading) for name in ("values", "notValues"))
        )

    def _values(self, data: Any, field: str, base: Path, kind: Kind, reading: Reading) -> Values:
        listed = get(data, field)
        if isinstance(listed, Placeholder):
            return Values((self._unknown(listed, (*base, field), kind),))
        items = enumerate(each(data, field))
        return Values(value for i, item in items for value in self._value(item, (*base, field, i), kind, reading))

    def _value(self, item: Any, at: Path, kind: Kind, reading: Reading) -> Iterator[Value]:
        if isinstance(item, Placeholder):
            yield self._unknown(item, at, kind)
            return
        where = self._policy.at(*at)
        alternatives = tuple(reading(str(item)))
        yield from (Value(str(item), tests, where) for tests in alternatives or (None,))

    def _unknown(self, item: Placeholder, at: Path, kind: Kind) -> Value:
        return Value(str(item), (Test(Attribute(kind), item),), self._policy.at(*at))

    def _principal(self, value: str) -> Iterator[Tests]:
        names = self._domains.of_principal(value)
        return ((Test(Attribute(Kind.IDENTITY), matching.principal(name)),) for name in names)

    def _trust_domain(self, value: str) -> Iterator[Tests]:
        names = self._domains.of_trust_domain(value)
        return ((Test(Attribute(Kind.IDENTITY), matching.trust_domain(name)),) for name in names)

    def _account(self, value: str) -> Pattern:
        return matching.account(value, self._policy.namespace)


def _matching(kind: Kind, pattern: Callable[[str], Pattern], name: str | tuple[str, ...] = "") -> Reading:
    return lambda value: [(Test(Attribute(kind, name), pattern(value)),)]


def _in_block(kind: Kind) -> Reading:
    def read(value: str) -> Iterator[Tests]:
        block = matching.block(value)
        if block:
            yield (Test(Attribute(kind), block),)

    return read


def _port(value: str) -> Iterator[Tests]:
    if value.isascii() and value.isdecimal() and int(value) <= 65535:
        yield (Test(Attribute(Kind.PORT), Pattern((str(int(value)),))),)


def _request_principal(value: str) -> Iterator[Tests]:
    issuer, subject = matching.issuer_and_subject(value)
    yield Test(Attribute(Kind.TOKEN, ("iss",)), issuer), Test(Attribute(Kind.TOKEN, ("sub",)), subject)


def _unreadable(value: str) -> Iterator[Tests]:
    return iter(())


def _keyed(key: str) -> tuple[Kind, Reading] | None:
    """The keys with a name in brackets; None for one that is none of them."""
    for prefix, read in (
        ("request.headers", _header),
        ("request.auth.claims", _claim),
        ("experimental.envoy.filters.", _metadata),
    ):
        if key.startswith(prefix):
            return read(key.removeprefix(prefix))
    return None


def _header(name: str) -> tuple[Kind, Reading]:
    if not (name.startswith("[") and name.endswith("]")):
        return Kind.HEADER, _unreadable
    attribute = of_header(name[1:-1].lower())
    return attribute.kind, _matching(attribute.kind, matching.header, attribute.name)


def _claim(name: str) -> tuple[Kind, Reading]:
    """`extractNameInNestedBrackets`: `[a][b]` leads to `b` of `a`; what is not of this form is one name, nothing no claim."""
    if not name:
        return Kind.CLAIM, _matching(Kind.CLAIM, matching.text, ())
    steps = name[1:-1].split("][") if name.startswith("[") and name.endswith("]") else None
    if steps is None:
        return Kind.CLAIM, _unreadable
    nested = not any("[" in step or "]" in step for step in steps)
    return Kind.CLAIM, _matching(Kind.CLAIM, matching.text, tuple(steps) if nested else (name[1:-1],))


def _metadata(name: str) -> tuple[Kind, Reading]:
    if "[" not in name:
        return Kind.METADATA, _unreadable
    return Kind.METADATA, _matching(Kind.METADATA, matching.text, name)
