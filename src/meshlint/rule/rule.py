"""A rule, and what its check yields."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from ..finding import Audience, Confidence, RuleInfo, Severity
from ..mesh.effective import Effective, Reason
from ..mesh.mesh import Mesh
from ..mesh.subjects import Egress, Host, Port, Route, WantedHost, Workload
from ..resource.resource import Resource
from ..source.change import Change
from ..source.document import Location

SUBJECTS: tuple[type, ...] = (Port, Route, Host, Egress, WantedHost, Workload, Resource, Mesh)
"""What a check may judge: the type of its first parameter is one of them."""

Evidence = Reason | Effective[Any] | Location
"""What may stand in `Problem.related`: a Location is shown with the name of its object."""


class Problem:
    """What a check yields: a place, and the facts of the message.

    `at` is the deciding place; an Effective brings its reasons along as related places and weakens the confidence as they
    do. `rests_on` are further values the conclusion depends on. `severity` and `audience` may only be quieter than the
    rule's, `confidence` only lower. Problems of one rule with the same place are one finding; `cause` makes problems one
    finding although their places differ (a default of the mesh decided): the first place in input order is shown.
    `missing` names the input that would decide, when the confidence is lowered for want of it. `fix` are the changes that
    the `fix` of the rule's metadata describes; where no edit makes them, the finding has no fix. When problems are grouped,
    all of theirs are made, or none. `values` fill the rule's message; when problems are grouped, values that differ are listed.
    """

    __slots__ = ("at", "audience", "cause", "confidence", "fix", "missing", "related", "rests_on", "severity", "values")

    def __init__(
        self,
        at: Location | Effective[Any],
        *,
        related: Iterable[Evidence] = (),
        rests_on: Iterable[Effective[Any] | Reason] = (),
        severity: Severity | None = None,
        confidence: Confidence | None = None,
        audience: Audience | None = None,
        cause: str | None = None,
        missing: str | None = None,
        fix: Iterable[Change] = (),
        **values: Any,
    ) -> None:
        self.at = at
        self.related = tuple(related)
        self.rests_on = tuple(rests_on)
        self.severity = severity
        self.confidence = confidence
        self.audience = audience
        self.cause = cause
        self.missing = missing
        self.fix = tuple(fix)
        self.values = values


class Rule(NamedTuple):
    """A rule that can run: `check(subject, ...)` yields Problems.

    `subject` is the type of what it judges; the check's further parameters (`wants`) are filled by name: `mesh`, `options`.
    """

    info: RuleInfo
    subject: type
    check: Callable[..., Iterable[Problem]]
    wants: frozenset[str]
