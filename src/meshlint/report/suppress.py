"""Takes out what the project suppresses, and finds the suppressions that are wrong themselves."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ..config import suggestion
from ..finding import Finding, RuleInfo
from ..resource.resource import Resource
from ..source.document import Location, Mark
from ..source.suppression import Comment
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

    def covered(self, findings: Sequence[Finding]) -> list[Finding]:
        """What a comment or annotation is about: all of an object, or what stands on the lines of the comment.

        A comment inside a value that stands on several lines counts for it when nothing stands on the comment's own lines.
        """
        named = [finding for finding in findings if finding.rule.id in self.rules]
        if self.resource:
            document = self.resource.document
            return [f for f in named if isinstance(f.location, Location) and f.location.document is document]
        here = [finding for finding in named if finding.location.file == self.location.file]
        direct = [finding for finding in here if not self.lines.isdisjoint(_lines(finding))]
        return direct or [finding for finding in here if self.location.span.start_line in _value_lines(finding)]


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
) -> Sifted:
    """Applies the suppressions of an input; only of rules that ran can be said that nothing was there to suppress."""
    suppressions = [*map(_of_comment, comments), *(s for r in resources for s in _of_annotation(r))]
    gone: dict[int, Suppressed] = {}
    for suppression in suppressions:
        for finding in suppression.covered(findings):
            suppression.used.add(finding.rule.id)
            where = suppression.location
            gone.setdefault(id(finding), Suppressed(finding, suppression.reason, where.file, where.span.start_line))
    kept = [finding for finding in findings if id(finding) not in gone]
    wrong = [finding for suppression in suppressions for finding in _wrong(suppression, rules, ran)]
    return Sifted(in_order([*kept, *wrong]), tuple(gone[id(f)] for f in findings if id(f) in gone))


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
        yield _finding(rules[UNUSED], suppression, named, aside)
    if UNREASONED in ran and suppression.rules and not suppression.reason:
        yield _finding(rules[UNREASONED], suppression, " and ".join(suppression.rules), "")


def _finding(rule: RuleInfo, suppression: Suppression, named: str, unknown: str) -> Finding:
    return Finding(
        rule,
        rule.severity,
        rule.confidence,
        rule.audience,
        rule.message.format(rules=named, unknown=unknown),
        suppression.location,
        suppression.resource.id if suppression.resource else None,
    )
