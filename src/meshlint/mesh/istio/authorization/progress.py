"""How far rules are decided while one thing of a call after the other is known."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple

from .calls import Call
from .rules import Conditions
from .truth import Truth, all_of, any_of

Clause = Sequence[Conditions]
"""A part of a rule: one of these alternatives must hold."""


class Open(NamedTuple):
    """A clause that is not decided: the answers so far of its alternatives."""

    answers: tuple[Truth, ...]


Progress = Truth | Open


class State(NamedTuple):
    """What is known of each clause, and `marks`: what else matters of a call."""

    marks: frozenset[Hashable]
    clauses: tuple[Progress, ...]


class Precedence(NamedTuple):
    """Once one of `deciding` is true, the clauses `idle` have no say. Of several the first one stands for all."""

    deciding: Sequence[int]
    idle: Sequence[int]

    def apply(self, clauses: list[Progress]) -> None:
        """Leaves out clauses that have nothing to say any more."""
        first = next((index for index in self.deciding if clauses[index] is True), None)
        if first is not None:
            for index in self.idle:
                clauses[index] = index == first


class Course:
    """Decides clauses along a sequence of dimensions, each of which answers some conditions; what none does, `call` answers."""

    def __init__(
        self, clauses: Sequence[Clause], dimensions: Sequence[Conditions], call: Call, precedence: Iterable[Precedence]
    ) -> None:
        at = {id(c): (place, i) for place, conditions in enumerate(dimensions) for i, c in enumerate(conditions)}
        self._precedence = tuple(precedence)
        self._asked: list[dict[int, list[list[int]]]] = [{} for _ in dimensions]
        self._last: list[list[int]] = []
        begun: list[Progress] = []
        for index, clause in enumerate(clauses):
            needed = [[at[id(c)] for c in conditions if id(c) in at] for conditions in clause]
            for place in {place for each in needed for place, _ in each}:
                self._asked[place][index] = [[i for p, i in each if p == place] for each in needed]
            self._last.append([max((place for place, _ in each), default=-1) for each in needed])
            known = tuple(all_of(c.of(call) for c in conditions if id(c) not in at) for conditions in clause)
            begun.append(self._decided(index, known, -1))
        self.start = self._state(frozenset(), begun)

    def after(self, state: State, place: int, marks: frozenset[Hashable], answers: Sequence[Truth]) -> State:
        """The state once the conditions of a dimension are answered."""
        found = list(state.clauses)
        for index, asked in self._asked[place].items():
            before = found[index]
            if isinstance(before, Open):
                pairs = zip(before.answers, asked, strict=True)
                now = tuple(all_of((known, *(answers[i] for i in each))) for known, each in pairs)
                found[index] = self._decided(index, now, place)
        return self._state(state.marks | marks, found)

    def _state(self, marks: frozenset[Hashable], clauses: list[Progress]) -> State:
        for precedence in self._precedence:
            precedence.apply(clauses)
        return State(marks, tuple(clauses))

    def _decided(self, index: int, answers: tuple[Truth, ...], place: int) -> Progress:
        """The answer of a clause that nothing after a dimension can change; else its alternatives."""
        done = [last <= place for last in self._last[index]]
        if any(answer is True and is_done for answer, is_done in zip(answers, done, strict=True)):
            return True
        waits = any(answer is not False and not is_done for answer, is_done in zip(answers, done, strict=True))
        return Open(answers) if waits else any_of(answers)
