"""Who may call a port, and what: every kind of call, with what becomes of it.

Calls that no condition tells apart are one class, decided by one of its members (`samples`). The rules are asked about callers
first; callers that are the same to all of them share what is found about requests, which only the rules that take these callers
tell apart. So the cost follows the rules of a port, not the workloads of the mesh.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import product
from typing import Any, NamedTuple

from ...subjects import MtlsMode
from ..xds.protocols import Listening
from .calls import Call, Caller, Request
from .decide import Outcome, decide
from .dimensions import OF_REQUESTS, Callers, Choice, Dimensions, by_attribute, changed, requests
from .filters import Guard, checked, reads_http, rules_of, seen
from .matching import Pattern
from .rules import Condition, Rule
from .samples import PATHS
from .truth import Truth, all_of, any_of

_Combination = tuple[int, ...]
"""A choice of each dimension, by position."""


class Extent(NamedTuple):
    """Some callers, or some requests: per thing that matters the values it may have, in words. What is left out may be anything."""

    parts: tuple[tuple[str, tuple[str, ...]], ...]


class Answer(NamedTuple):
    """What becomes of some requests of some callers; `caller` and `request` are an example.

    `tcp`: of bytes that are no HTTP; None = of whatever is sent.
    """

    callers: tuple[Extent, ...]
    requests: tuple[Extent, ...]
    tcp: bool | None
    caller: Caller
    request: Request
    outcome: Outcome


class Survey:
    """What becomes of the calls to a port.

    `callers`, by their names; None = whoever there may be. What `request` says is fixed; what it leaves open (a method, path or
    host that is None, headers that it does not have) may be anything, and where it is None, bytes that are no HTTP are asked
    about as well. `within` limits the paths.
    """

    def __init__(
        self,
        guard: Guard,
        callers: Mapping[str, Caller] | None = None,
        request: Request | None = None,
        within: Pattern = PATHS,
    ) -> None:
        asked = request or Request()
        both = guard.protocol is Listening.AUTO and request is None
        forms = (False, True) if both else (asked.tcp or guard.protocol is Listening.TCP,)
        self._forms = {tcp: _Form(guard, asked._replace(tcp=tcp), callers, within) for tcp in forms}

    @property
    def answers(self) -> Iterator[Answer]:
        """One for each set of deciding rules."""
        return (answer for form in self._forms.values() for answer in form.answers(_decided))

    @property
    def summary(self) -> Iterator[Answer]:
        """One for each verdict, with the rules and reasons of all that share it."""
        forms = [list(form.answers(_verdicts)) for form in self._forms.values()]
        return _merged(*forms) if len(forms) == 2 else iter(forms[0])

    def of(self, caller: Caller, request: Request) -> Outcome:
        """What becomes of the class that a call belongs to. Raises KeyError where it belongs to none of them."""
        return self._forms[request.tcp].of(caller, request)


class _Form:
    """The calls to a port that are HTTP, or those that are not."""

    def __init__(self, guard: Guard, request: Request, callers: Mapping[str, Caller] | None, within: Pattern) -> None:
        self._guard = guard
        self._request = request
        self._proven = any(mode.value is not MtlsMode.DISABLE for mode in guard.mtls.outcomes)
        self._rules = tuple(rules_of(guard, reads_http(guard, request)))
        anybody = Callers(guard, request, self._rules, self._proven)
        self._callers = anybody.dimensions() if callers is None else _stated(callers)
        self._members: dict[Hashable, list[_Combination]] = {}
        self._groups: dict[Hashable, _Group] = {}
        for combination, chosen in _combined(self._callers):
            caller = Caller(**{field: value for choice in chosen for field, value in choice.fields.items()})
            signature = self._signature(caller)
            self._members.setdefault(signature, []).append(combination)
            if signature not in self._groups:
                live = [rule for rule, asked in zip(self._rules, signature[2:], strict=True) if asked is not False]
                self._groups[signature] = _Group(guard, caller, request, live, self._proven, within)

    def answers(self, key: Callable[[Outcome], Hashable]) -> Iterator[Answer]:
        """By what `key` says of an outcome; callers whose requests all have the same answers are put together."""
        alike: dict[Hashable, tuple[list[_Combination], _Group]] = {}
        for signature, group in self._groups.items():
            answers = tuple((found, key(outcome), outcome.because) for found, _, outcome in group.answers(key))
            alike.setdefault(answers, ([], group))[0].extend(self._members[signature])
        for members, group in alike.values():
            callers = tuple(_extents(self._callers, members))
            for found, request, outcome in group.answers(key):
                yield Answer(callers, found, self._request.tcp, group.caller, request, outcome)

    def of(self, caller: Caller, request: Request) -> Outcome:
        return self._groups[self._signature(caller)].of(request)

    def _signature(self, caller: Caller) -> tuple[Any, ...]:
        """All that the filters can tell of a caller: whether it has an identity, whether its token is refused, and what each
        rule makes of it."""
        call = seen(self._guard, caller, self._request, self._proven)
        refused = checked(self._guard, caller, self._request).refuses
        return (caller.identity is None, refused, *(_takes_caller(rule, call) for rule in self._rules))


class _Group:
    """The requests of callers that all rules treat alike. `live` are the rules that take such callers, or may."""

    def __init__(
        self, guard: Guard, caller: Caller, request: Request, live: Sequence[Rule], proven: bool, within: Pattern
    ) -> None:
        self.caller = caller
        self._guard = guard
        self._proven = proven
        self._live = live
        self._dimensions = requests(live, request, within, self._call)
        self._outcomes: dict[Hashable, tuple[Request, Outcome]] = {}
        self._members: dict[Hashable, list[_Combination]] = {}
        constant = {id(condition): condition.of(self._call(request)) for rule in live for condition in rule.conditions}
        varying = [id(condition) for conditions in by_attribute(live).values() for condition in conditions]
        for combination, chosen in _combined(self._dimensions):
            answers = (answer for choice in chosen for answer in choice.answers)
            known: dict[int, Any] = constant | dict(zip(varying, answers, strict=True))
            signature = tuple(_takes_request(rule, lambda condition: known[id(condition)]) for rule in live)  # noqa: B023
            self._members.setdefault(signature, []).append(combination)
            if signature not in self._outcomes:
                asked = reduce(changed, (choice.fields for choice in chosen), request)
                self._outcomes[signature] = asked, decide(guard, caller, asked)

    def answers(self, key: Callable[[Outcome], Hashable]) -> Iterator[tuple[tuple[Extent, ...], Request, Outcome]]:
        """The requests whose outcomes have one key, an example of them, and the outcomes together."""
        alike: dict[Hashable, list[Hashable]] = {}
        for signature, (_, outcome) in self._outcomes.items():
            alike.setdefault(key(outcome), []).append(signature)
        for signatures in alike.values():
            members = [combination for signature in signatures for combination in self._members[signature]]
            example = self._outcomes[signatures[0]][0]
            extents = tuple(_extents(self._dimensions, members))
            yield extents, example, _together([self._outcomes[signature][1] for signature in signatures])

    def of(self, request: Request) -> Outcome:
        call = self._call(request)
        signature = tuple(_takes_request(rule, lambda condition: condition.of(call)) for rule in self._live)
        return self._outcomes[signature][1]

    def _call(self, request: Request) -> Call:
        return seen(self._guard, self.caller, request, self._proven)


def _merged(requests: Sequence[Answer], bytes_: Sequence[Answer]) -> Iterator[Answer]:
    """The answers about HTTP and about other bytes, as one where all of either is treated alike."""

    def key(answer: Answer) -> Hashable:
        return answer.callers, answer.requests, _decided(answer.outcome), answer.outcome.because

    alike = {key(answer) for answer in requests} & {key(a) for a in bytes_ if a.requests == (Extent(()),)}
    yield from (answer._replace(tcp=None) if key(answer) in alike else answer for answer in requests)
    yield from (answer for answer in bytes_ if key(answer) not in alike)


def _takes_caller(rule: Rule, call: Call) -> Truth:
    """What a rule makes of a caller, whatever is asked for."""
    sources = [all_of(condition.of(call) for condition in source) for source in rule.sources]
    when = (condition.of(call) for condition in rule.when if condition.kind not in OF_REQUESTS)
    return all_of((any_of(sources) if sources else True, *when))


def _takes_request(rule: Rule, answer: Callable[[Condition], Truth]) -> Truth:
    """What a rule makes of a request, whoever sends it, by what its conditions answer."""
    operations = [all_of(map(answer, operation)) for operation in rule.operations]
    when = (answer(condition) for condition in rule.when if condition.kind in OF_REQUESTS)
    return all_of((any_of(operations) if operations else True, *when))


def _stated(callers: Mapping[str, Caller]) -> Dimensions:
    return {"caller": [Choice(caller._asdict(), (name,)) for name, caller in callers.items()]}


def _combined(dimensions: Dimensions) -> Iterator[tuple[_Combination, list[Choice]]]:
    """Every combination of choices, with the choices."""
    for chosen in product(*(enumerate(choices) for choices in dimensions.values())):
        yield tuple(index for index, _ in chosen), [choice for _, choice in chosen]


def _decided(outcome: Outcome) -> Hashable:
    """What makes two outcomes the same answer."""
    return tuple((e.value.verdict, e.value.layer, tuple(map(str, e.value.rules))) for e in outcome.outcomes)


def _verdicts(outcome: Outcome) -> Hashable:
    return tuple((e.value.verdict, e.value.layer) for e in outcome.outcomes)


def _together(outcomes: Sequence[Outcome]) -> Outcome:
    """The first of some outcomes of one verdict, with the rules and the reasons of all."""
    first = outcomes[0]
    rules = tuple({str(rule): rule for outcome in outcomes for rule in outcome.value.rules}.values())
    because = tuple(dict.fromkeys(reason for outcome in outcomes for reason in outcome.because))
    return first._replace(value=first.value._replace(rules=rules), because=because)


def _extents(dimensions: Dimensions, combinations: Sequence[_Combination]) -> Iterator[Extent]:
    """Combinations in few words: as boxes that are as wide as they may be, and overlap where they like."""
    wanted, covered = set(combinations), set[_Combination]()
    every = [range(len(choices)) for choices in dimensions.values()]
    for combination in combinations:
        if combination not in covered:
            box = [{choice} for choice in combination]
            for position, choices in enumerate(every):
                box[position] = {
                    choice
                    for choice in choices
                    if wanted.issuperset(product(*box[:position], {choice}, *box[position + 1 :]))
                }
            covered.update(product(*box))
            yield Extent(tuple(_parts(dimensions, box)))


def _parts(dimensions: Dimensions, box: Sequence[set[int]]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for (name, choices), chosen in zip(dimensions.items(), box, strict=True):
        if len(chosen) < len(choices):
            yield name, tuple(label for index in sorted(chosen) for label in choices[index].labels)
