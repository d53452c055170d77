"""Who may call a port, and what: every kind of call, with what becomes of it.

Calls that no condition tells apart are one class, decided by one of its members (`samples`). The rules are asked about callers
first; callers that are the same to all of them share what is found about requests, which only the rules that take these callers
tell apart. A rule that settles a call leaves the others without a say (`progress`), so that the cost follows the rules of a
port, not the workloads of the mesh, nor the combinations of what rules ask for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

from ...effective import Basis, Effective, Reason
from ...subjects import MtlsMode
from ..xds.protocols import Listening
from .branches import Branches
from .calls import Call, Caller, Kind, Request, forwarded
from .decide import Decision, Outcome, Verdict, decide
from .dimensions import OF_REQUESTS, Callers, Choice, Dimension, Mark, answered, changed, requests
from .filters import Guard, Layer, reads_http, rules_of, seen
from .matching import Pattern
from .policies import Action, Policy
from .progress import Clause, Course, Precedence, State
from .rules import Conditions, Rule
from .samples import PATHS
from .truth import Truth, all_of


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


_BEYOND = Effective(
    Decision(Verdict.UNKNOWN, Layer.NONE),
    (Reason("the rules of the port tell more kinds of calls apart than are looked at", None, Basis.ASSUMED),),
)


class Survey:
    """What becomes of the calls to a port.

    `callers`, by their names; None = whoever there may be. `request` None = whatever is sent; else what it says is fixed, and a
    method, path or host that is None may be any. `within` limits the paths; `any_header`: headers that the
    request does not have may be sent all the same.
    """

    def __init__(
        self,
        guard: Guard,
        callers: Mapping[str, Caller] | None = None,
        request: Request | None = None,
        within: Pattern = PATHS,
        *,
        any_header: bool = False,
    ) -> None:
        asked = request or Request()
        both = guard.protocol is Listening.AUTO and request is None
        forms = (False, True) if both else (asked.tcp or guard.protocol is Listening.TCP,)
        self._forms = {
            tcp: _Form(_Asked(guard, asked._replace(tcp=tcp), within, any_header or request is None), callers)
            for tcp in forms
        }

    @property
    def answers(self) -> Iterator[Answer]:
        """One for each verdict and layer on calls of callers that are treated alike, with the rules and reasons of each kind of
        call among these."""
        forms = [list(form.answers()) for form in self._forms.values()]
        return _merged(*forms) if len(forms) == 2 else iter(forms[0])

    def of(self, caller: Caller, request: Request) -> Outcome:
        """What becomes of the class that a call belongs to."""
        return self._forms[request.tcp].of(caller, request)


class _Asked:
    """What is asked about: a port, what is known of a request, and the rules that have a say."""

    def __init__(self, guard: Guard, request: Request, within: Pattern, any_header: bool) -> None:
        self.guard = guard
        self.request = request
        self.within = within
        self.any_header = any_header
        proven = {mode.value is not MtlsMode.DISABLE for mode in guard.mtls.outcomes}
        self._proven = True in proven
        found = list(rules_of(guard, reads_http(guard, request)))
        policies = [policy for policy, _ in found]
        before_tokens = {id(c) for p, rule in found if p.action is Action.CUSTOM for c in rule.conditions}
        self.rules = [rule for _, rule in found]
        self.callers = Callers(guard, request, self.rules, self._proven, before_tokens)
        self._modes = [dict(enumerate(policies))]
        """The policies of rules by their index, where callers are known; by a tie also where they are not."""
        if len(proven) == 2:
            self.rules = [*self.rules, *map(_of_nobody, self.rules)]
            self._modes.append(dict(enumerate(policies, len(policies))))

    def call(self, caller: Caller, request: Request) -> Call:
        return seen(self.guard, caller, request, self._proven)

    def precedence(self, chosen: Sequence[int], decisive: Callable[[int], bool]) -> Iterator[Precedence]:
        """Which of some rules settle a call once they match, where `decisive` says that nothing else is asked of one."""
        for mode in self._modes:
            policies = [(place, mode[index]) for place, index in enumerate(chosen) if index in mode]
            sure = [(place, policy) for place, policy in policies if not policy.doubt and decisive(chosen[place])]
            yield Precedence(_places(sure, Action.DENY), _places(policies, Action.DENY, Action.ALLOW, None))
            yield Precedence(_places(sure, Action.ALLOW), _places(policies, Action.ALLOW))


class _Walk:
    """Rules along the dimensions of calls."""

    def __init__(self, dimensions: Sequence[Dimension], course: Course) -> None:
        def step(state: State, place: int, choice: int) -> State:
            _, _, answers, marks = dimensions[place].choices[choice]
            return course.after(state, place, marks, answers)

        self._dimensions = dimensions
        self._course = course
        self._branches = Branches(course.start, [len(dimension.choices) for dimension in dimensions], step)

    @property
    def ends(self) -> Iterator[tuple[State | None, list[Choice]]]:
        """What is known of the rules in the end, with choices that lead to it; None = more than is looked at."""
        for state, chosen in self._branches.ends.items():
            places = zip(self._dimensions, chosen, strict=True)
            yield state, [dimension.choices[choice] for dimension, choice in places]

    def end(self, told: Callable[[Dimension], tuple[tuple[Truth, ...], frozenset[Mark]]]) -> State | None:
        """Where answers and marks lead, as far as that was looked at."""
        state = self._course.start
        for place, dimension in enumerate(self._dimensions):
            found, marks = told(dimension)
            state = self._course.after(state, place, marks, found)
        return state if state in self._branches.ends else None

    def extents(self, wanted: Collection[State | None]) -> tuple[Extent, ...]:
        """What leads to some ends."""
        return tuple(
            Extent(
                tuple(
                    (
                        dimension.name,
                        tuple(label for choice in sorted(chosen) for label in dimension.choices[choice].labels),
                    )
                    for dimension, chosen in zip(self._dimensions, box, strict=True)
                    if len(chosen) < len(dimension.choices)
                )
            )
            for box in self._branches.boxes(wanted)
        )


class _Form:
    """The calls to a port that are HTTP, or those that are not."""

    def __init__(self, asked: _Asked, callers: Mapping[str, Caller] | None) -> None:
        self._tcp = asked.request.tcp
        self._who = asked.callers
        dimensions = self._who.all() if callers is None else self._who.named(callers)
        nobody = asked.call(Caller(None), asked.request)
        every = range(len(asked.rules))
        precedence = asked.precedence(every, lambda index: _takes_all(asked.rules[index], nobody))
        clauses = [_of_caller(rule) for rule in asked.rules]
        self._walk = _Walk(dimensions, Course(clauses, _conditions(dimensions), nobody, precedence))
        self._groups = {
            state: _Group(asked, state, Caller(**{field: v for choice in chosen for field, v in choice.fields.items()}))
            for state, chosen in self._walk.ends
        }

    def answers(self) -> Iterator[Answer]:
        """Callers whose requests all have the same answers are put together."""
        alike: dict[Hashable, tuple[list[State | None], _Group, Sequence[_Found]]] = {}
        for state, group in self._groups.items():
            found = tuple(group.answers())
            same = tuple((extents, _verdicts(outcome), outcome.because) for extents, _, outcome in found)
            alike.setdefault(same, ([], group, found))[0].append(state)
        for states, group, answers in alike.values():
            callers = self._walk.extents(states)
            for extents, request, outcome in answers:
                yield Answer(callers, extents, self._tcp, group.caller, request, outcome)

    def of(self, caller: Caller, request: Request) -> Outcome:
        caller = caller._replace(forwarded=caller.forwarded or forwarded(request))
        state = self._walk.end(lambda dimension: self._who.told(caller, dimension.conditions))
        return self._groups[state].of(request) if state in self._groups else _BEYOND


_Found = tuple[tuple[Extent, ...], Request, Outcome]
"""Requests with one verdict, an example, and what becomes of it."""


class _Group:
    """The requests of callers that all rules treat alike; `state` is what they make of these."""

    def __init__(self, asked: _Asked, state: State | None, caller: Caller) -> None:
        self.caller = caller
        self._asked = asked
        takes = state.clauses if state else ()
        live = [index for index, taken in enumerate(takes) if taken is not False]
        rules = [asked.rules[index] for index in live]
        dimensions = requests(rules, asked.request, asked.within, asked.any_header, self._call)
        precedence = asked.precedence(live, lambda index: takes[index] is True)
        clauses = [_of_request(rule) for rule in rules]
        self._walk = _Walk(dimensions, Course(clauses, _conditions(dimensions), self._call(asked.request), precedence))
        self._outcomes: dict[State | None, tuple[Request, Outcome]] = {}
        for end, chosen in self._walk.ends:
            request = reduce(changed, (choice.fields for choice in chosen), asked.request)
            is_beyond = state is None or end is None
            self._outcomes[end] = request, _BEYOND if is_beyond else decide(asked.guard, caller, request)

    def answers(self) -> Iterator[_Found]:
        alike: dict[Hashable, list[State | None]] = {}
        for state, (_, outcome) in self._outcomes.items():
            alike.setdefault(_verdicts(outcome), []).append(state)
        for states in alike.values():
            outcome = _together([self._outcomes[state][1] for state in states])
            yield self._walk.extents(states), self._outcomes[states[0]][0], outcome

    def of(self, request: Request) -> Outcome:
        call = self._call(request)
        state = self._walk.end(lambda dimension: (answered(dimension.conditions, call), frozenset()))
        return self._outcomes[state][1] if state in self._outcomes else _BEYOND

    def _call(self, request: Request) -> Call:
        return self._asked.call(self.caller, request)


def _merged(requests: Sequence[Answer], bytes_: Sequence[Answer]) -> Iterator[Answer]:
    """The answers about HTTP and about other bytes, as one where all of either is treated alike."""

    def key(answer: Answer) -> Hashable:
        decided = tuple(
            (e.value.verdict, e.value.layer, tuple(map(str, e.value.rules))) for e in answer.outcome.outcomes
        )
        return answer.callers, answer.requests, decided, answer.outcome.because

    alike = {key(answer) for answer in requests} & {key(a) for a in bytes_ if a.requests == (Extent(()),)}
    yield from (answer._replace(tcp=None) if key(answer) in alike else answer for answer in requests)
    yield from (answer for answer in bytes_ if key(answer) not in alike)


def _of_nobody(rule: Rule) -> Rule:
    """A rule where no caller has an identity: its conditions on that are none that callers answer, but all have one answer."""

    def own(part: Conditions) -> Conditions:
        return tuple(condition._replace() if condition.kind is Kind.IDENTITY else condition for condition in part)

    return rule._replace(sources=tuple(map(own, rule.sources)), when=own(rule.when))


def _of_caller(rule: Rule) -> Clause:
    """What a rule asks of a caller."""
    when = [condition for condition in rule.when if condition.kind not in OF_REQUESTS]
    return [(*source, *when) for source in rule.sources or ((),)]


def _of_request(rule: Rule) -> Clause:
    """What a rule asks of a request."""
    when = [condition for condition in rule.when if condition.kind in OF_REQUESTS]
    return [(*operation, *when) for operation in rule.operations or ((),)]


def _takes_all(rule: Rule, call: Call) -> bool:
    """Whether a rule takes every request to the port."""
    return any(
        all(condition.kind not in OF_REQUESTS for condition in conditions)
        and all_of(condition.of(call) for condition in conditions) is True
        for conditions in _of_request(rule)
    )


def _conditions(dimensions: Sequence[Dimension]) -> list[Any]:
    return [dimension.conditions for dimension in dimensions]


def _places(policies: Sequence[tuple[int, Policy]], *actions: Action | None) -> list[int]:
    return [place for place, policy in policies if policy.action in actions]


def _verdicts(outcome: Outcome) -> Hashable:
    return tuple((each.value.verdict, each.value.layer) for each in outcome.outcomes)


def _together(outcomes: Sequence[Outcome]) -> Outcome:
    """The first of some outcomes of one verdict, with the rules and the reasons of all."""
    first = outcomes[0]
    rules = tuple({str(rule): rule for outcome in outcomes for rule in outcome.value.rules}.values())
    because = tuple(dict.fromkeys(reason for outcome in outcomes for reason in outcome.because))
    return first._replace(value=first.value._replace(rules=rules), because=because)
