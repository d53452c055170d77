"""Takes out what the project suppresses, and finds the suppressions that are wrong themselves."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from ..config import suggestion
from ..finding import Finding, RuleInfo
from ..resource.resource import Resource
from ..source.document import Location, Mark
from ..source.suppression import Comment
from .accepted import Entry
from .report import Suppressed, in_order

ANNOTATION = "meshlint.io/ignore"
UNUSED, UNREASONED = "unused-suppression", "suppression-without-reason"

_ENTRY = r"\s*(?P<rules>[^\s,:]+(?:\s*,\s*[^\s,:]+)*)?\s*:?\s*(?P<reason>.*?)\s*"


class Suppression(NamedTuple):
    """One comment, or one entry of an object's annotation, and the ids of rules it was good for."""

    location: Location | Mark
    rules: tuple[str, ...]
    reason: str
    used: set[str]
    lines: frozenset[int] = frozenset()
    resource: Resource | None = None


class _Covered:
    """Finds what a suppression is about, each finding by its rule and the places a suppression can name."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self._in_document: dict[tuple[str, int], list[Finding]] = defaultdict(list)
        self._at_line: dict[tuple[str, str, int], list[Finding]] = defaultdict(list)
        self._in_file: dict[tuple[str, str], list[Finding]] = defaultdict(list)
        for finding in findings:
            rule, where = finding.rule.id, finding.location
            if isinstance(where, Location):
                self._in_document[rule, id(where.document)].append(finding)
            self._in_file[rule, where.file].append(finding)
            for line in _lines(finding):
                self._at_line[rule, where.file, line].append(finding)

    def by(self, suppression: Suppression) -> Iterator[Finding]:
        """All of an object, or what stands on the lines of the comment.

        A comment inside a value that stands on several lines counts for it when nothing stands on the comment's own lines.
        """
        if suppression.resource:
            document = id(suppression.resource.document)
            for rule in suppression.rules:
                yield from self._in_document.get((rule, document), ())
            return
        file = suppression.location.file
        lines = [(rule, file, line) for rule in suppression.rules for line in suppression.lines]
        direct = [finding for line in lines for finding in self._at_line.get(line, ())]
        yield from direct or self._around(suppression)

    def _around(self, comment: Suppression) -> Iterator[Finding]:
        where = comment.location
        for rule in comment.rules:
            for finding in self._in_file.get((rule, where.file), ()):
                if where.span.start_line in _value_lines(finding):
                    yield finding


class Sifted(NamedTuple):
    """The findings that stay, with those about suppressions, and those that go."""

    findings: tuple[Finding, ...]
    suppressed: tuple[Suppressed, ...]


def sift(
    findings: Sequence[Finding],
    comments: Iterable[Comment],
    resources: Iterable[Resource],
    rules: Mapping[str, RuleInfo],
    ran: Collection[str],
    accepted: Sequence[Entry] = (),
    today: date = date.min,
) -> Sifted:
    """Applies the suppressions of an input and of a configuration, as they are in force today.

    Only of rules that ran can be said that nothing was there to suppress.
    """
    suppressions = [*map(_of_comment, comments), *(s for r in resources for s in _of_annotation(r))]
    named = {rule for suppression in suppressions for rule in suppression.rules}
    covered = _Covered(finding for finding in findings if finding.rule.id in named)
    gone: dict[int, Suppressed] = {}
    for suppression in suppressions:
        for finding in covered.by(suppression):
            suppression.used.add(finding.rule.id)
            where = suppression.location
            gone.setdefault(id(finding), Suppressed(finding, suppression.reason, where.file, where.span.start_line))
    found = [*findings, *(finding for suppression in suppressions for finding in _wrong(suppression, rules, ran))]
    wrong: list[Finding] = []
    notes: dict[int, list[str]] = defaultdict(list)
    for entry in accepted:
        used = set()
        for finding in entry.of(found):
            used.add(finding.rule.id)
            if entry.holds(today):
                where = entry.given.place
                gone.setdefault(id(finding), Suppressed(finding, entry.given.reason, where.file, where.span.start_line))
            else:
                notes[id(finding)].append(entry.end)
        if UNUSED in ran:
            wrong += [_finding(rules[UNUSED], place, None, word, "") for place, word in entry.unused(used, ran)]
    kept = [f._replace(notes=(*f.notes, *notes.get(id(f), ()))) for f in found if id(f) not in gone]
    return Sifted(in_order([*kept, *wrong]), tuple(gone[id(f)] for f in found if id(f) in gone))


def _lines(finding: Finding) -> set[int]:
    """The lines a finding is shown at: of its span and of its key."""
    spans = (finding.location.span, finding.location.key)
    return {span.start_line for span in spans if span}


def _value_lines(finding: Finding) -> range:
    value = finding.location.value
    return range(value.start_line, value.end_line + 1)


def _of_comment(comment: Comment) -> Suppression:
    return Suppression(Mark(comment.file, comment.span), comment.rules, comment.reason, set(), comment.lines)


def _of_annotation(resource: Resource) -> Iterator[Suppression]:
    for entry in re.split(r"[;\n]", resource.annotations.get(ANNOTATION, "")):
        match = re.fullmatch(_ENTRY, entry)
        if match and entry.strip():
            rules = tuple(re.findall(r"[^\s,]+", match["rules"] or ""))
            where = resource.at("metadata", "annotations", ANNOTATION)
            yield Suppression(where, rules, match["reason"], set(), resource=resource)


def _wrong(suppression: Suppression, rules: Mapping[str, RuleInfo], ran: Collection[str]) -> Iterator[Finding]:
    unused = [rule for rule in suppression.rules if rule not in suppression.used and (rule in ran or rule not in rules)]
    if UNUSED in ran and (unused or not suppression.rules):
        unknown = [rule for rule in unused if rule not in rules]
        aside = "".join(f" (there is no rule {rule}{suggestion(rule, list(rules))})" for rule in unknown)
        named = " and ".join(unused) or "a suppression without rule ids"
        yield _finding(rules[UNUSED], suppression.location, suppression.resource, named, aside)
    if UNREASONED in ran and suppression.rules and not suppression.reason:
        named = " and ".join(suppression.rules)
        yield _finding(rules[UNREASONED], suppression.location, suppression.resource, named, "")


def _finding(rule: RuleInfo, where: Location | Mark, resource: Resource | None, named: str, unknown: str) -> Finding:
    return Finding(
        rule,
        rule.severity,
        rule.confidence,
        rule.audience,
        rule.message.format(rules=named, unknown=unknown),
        where,
        resource.id if resource else None,
    )
