"""Three-valued answers: yes, no, or not known, with what is missing (Kleene's logic)."""

from collections.abc import Iterable
from typing import NamedTuple

from ....source.document import Location
from ...effective import Basis, Reason


class Missing(NamedTuple):
    """An answer that the input cannot tell, and why."""

    because: tuple[Reason, ...]


Truth = bool | Missing


def missing(text: str, location: Location | None = None) -> Missing:
    """An answer that lacks one thing."""
    return Missing((Reason(text, location, Basis.ASSUMED),))


def all_of(answers: Iterable[Truth]) -> Truth:
    """Yes where every answer is; no where one is no, whatever the others are."""
    return _settled(answers, False)


def any_of(answers: Iterable[Truth]) -> Truth:
    """No where every answer is; yes where one is yes, whatever the others are."""
    return _settled(answers, True)


def _settled(answers: Iterable[Truth], by: bool) -> Truth:
    """What one answer settles, whatever the others are; without it the opposite, as far as all are known."""
    lacking: dict[Reason, None] = {}
    for answer in answers:
        if answer is by:
            return by
        if isinstance(answer, Missing):
            lacking.update(dict.fromkeys(answer.because))
    return Missing(tuple(lacking)) if lacking else not by


def negated(answer: Truth) -> Truth:
    return answer if isinstance(answer, Missing) else not answer
