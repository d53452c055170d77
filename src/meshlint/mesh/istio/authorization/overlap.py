"""Whether two rules may match one request."""

from __future__ import annotations

from itertools import product

from .calls import Kind
from .matching import Pattern
from .rules import Conditions, Rule
from .samples import meet

_JUDGED = (Kind.PATH, Kind.PORT, Kind.METHOD)
"""What a caller cannot choose without asking for something else."""


def overlap(one: Rule, other: Rule) -> bool:
    """Whether some request has a path, a port and a method that both rules ask for; hosts and headers are the caller's choice."""
    return any(_meet(mine, theirs) for mine, theirs in product(one.operations or ((),), other.operations or ((),)))


def _meet(one: Conditions, other: Conditions) -> bool:
    return all(
        any(meet(mine, theirs) for mine, theirs in product(_wanted(one, kind), _wanted(other, kind)))
        for kind in _JUDGED
        if _wanted(one, kind) and _wanted(other, kind)
    )


def _wanted(conditions: Conditions, kind: Kind) -> list[Pattern]:
    values = (value for condition in conditions if condition.kind is kind for value in condition.values)
    tests = (test.wanted for value in values for test in value.tests or ())
    return [wanted for wanted in tests if isinstance(wanted, Pattern)]
