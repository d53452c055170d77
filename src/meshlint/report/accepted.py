"""The suppressions of a configuration, before the findings of a run."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from ..config import Accepted
from ..config.scope import Scope, fits_object
from ..finding import Finding
from ..source.document import Location


class Entry(NamedTuple):
    """A suppression, the ids of the rules that each of its words names, and whether all that it can be about was read."""

    given: Accepted
    rules: Mapping[str, Collection[str]]
    known: bool
    scope: Scope

    def of(self, findings: Sequence[Finding]) -> Iterator[Finding]:
        """The findings that it is about, be it over or not."""
        ids = {id for named in self.rules.values() for id in named}
        for finding in findings:
            if finding.rule.id in ids and self._is_about(finding):
                yield finding

    def _is_about(self, finding: Finding) -> bool:
        paths, objects = self.given.paths, self.given.resources
        return (not paths or self.scope.fits(finding.location.source, paths)) and (
            not objects or fits_object(finding.resource, objects)
        )

    def holds(self, today: date) -> bool:
        """Until the end of its last day."""
        return self.given.until is None or today <= self.given.until

    @property
    def end(self) -> str:
        """What is said of a finding that it suppressed until it was over."""
        place = self.given.place
        where = f"{place.file}:{place.span.start_line}"
        return f"the suppression in {where} was good until {self.given.until}: {self.given.reason}"

    def unused(self, used: Collection[str], ran: Collection[str]) -> Iterator[tuple[Location, str]]:
        """The words all of whose rules ran and found nothing that it is about, each with its place."""
        place = self.given.place
        for word, ids in self.rules.items():
            if self.known and set(ids).isdisjoint(used) and set(ids) <= set(ran):
                yield place.document.at(*place.path, "rules", self.given.rules.index(word)), word
