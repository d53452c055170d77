"""Applies the fixes of findings to a fixed point, in memory: nothing is written here.

Each step takes whole fixes that touch nothing of each other, and lints the result, all files together. It is kept when what
it mends is gone and nothing as bad has come. Else those wait that this may be due to; when it is all of them, those are refused
that alone can be to blame. Where none can be named, half of the step is tried, down to one fix.
"""

from __future__ import annotations

import gc
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from types import MappingProxyType
from typing import NamedTuple

from .finding import Finding, Safety
from .report.report import Refused, Report
from .resource.resource import get
from .source.change import Edit
from .source.document import Document, Failure, Location, Mark, Path, SourceFile, common
from .source.edit import apply, edits

Texts = Mapping[str, str]
"""The texts, by name, of files that differ from what was read."""

Lint = Callable[[Texts], Report]
"""Lints the input with other texts."""

Locked = Callable[[SourceFile], str | None]
"""Why a file is not edited."""

SUPPRESSIONS = "suppressions"
"""The category of rules about suppressions: that one is needed no more is no harm."""

INEXPRESSIBLE = "no edit does this and nothing else (an anchor or a comment may be in the way); mend it by hand"

_RENDERED = re.compile(r"^# Source: (\S+/templates/\S+)", re.MULTILINE)
_GENERATED = re.compile(r"^#.*\bDO NOT EDIT\b", re.MULTILINE)


class EndlessFixes(Exception):
    """Fixes that undo each other."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        rules = " and ".join(sorted({finding.rule.id for finding in findings}))
        super().__init__(f"the fixes of {rules} undo each other, so nothing was written; --ignore one of them")


class Fixed(NamedTuple):
    """What fixes came to: `report` is of the texts after them, `findings` are those mended, as they were."""

    texts: Texts
    report: Report
    findings: tuple[Finding, ...] = ()
    refused: tuple[Refused, ...] = ()


def fix(report: Report, lint: Lint, untold: Iterable[Finding], safeties: Collection[Safety], locked: Locked) -> Fixed:
    """Applies fixes of these safeties, but for findings that are not told, until none is left. Raises EndlessFixes."""
    run = _Run(report, lint, tuple(untold), safeties, locked)
    while batch := run.batch():
        run.step(batch)
    return run.done._replace(refused=tuple(refused for refused, _ in run.refused.values()))


def told(report: Report, untold: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings of a report but those that another report of the same input does not tell."""
    places = frozenset(map(_place, untold))
    return tuple(finding for finding in report.findings if _place(finding) not in places)


def pointless(file: SourceFile) -> str | None:
    """Why an edit of a file would be lost: another program writes it."""
    if file.path is None:
        return "it came from stdin; mend what it is made from"
    if rendered := _RENDERED.search(file.text):
        return f"Helm rendered {file.name}; mend {rendered[1]} of the chart, or its values"
    if _GENERATED.search(file.text):
        return f"{file.name} is generated (it says DO NOT EDIT); mend what it is made from"
    return None


Place = tuple[str, str, str, str]
"""What a finding is known by from step to step: its rule, what it is about, file and path."""

Fix = tuple[Finding, tuple[Edit, ...]]
"""A finding and the edits that mend it."""


class Objection(NamedTuple):
    """Why a batch of fixes is not applied, and by their places those that it may be due to.

    `guilty` are those that alone are to blame for something, each with why.
    """

    reason: str
    suspects: Collection[Place] = ()
    guilty: Mapping[Place, str] = MappingProxyType({})


class _Run:
    """`refused` has by place what was refused, and how many findings were mended by then; `most` limits a batch.

    `turns` are those of fixes that wait: first come those that do not, then the turns in order.
    """

    def __init__(
        self, report: Report, lint: Lint, untold: Sequence[Finding], safeties: Collection[Safety], locked: Locked
    ) -> None:
        self.done = Fixed({}, report)
        self.refused: dict[Place, tuple[Refused, int]] = {}
        self._lint = lint
        self._untold = untold
        self._safeties = safeties
        self._locked = locked
        self._turns: dict[Place, int] = {}
        self._most: int | None = None
        self._seen: list[Texts] = [{}]
        self._fixes = list(self._found())

    def batch(self) -> list[Fix]:
        """What to try next: fixes whose turn it is that touch nothing of each other.

        What was refused is tried again when others were mended since, so that a second run finds nothing to do.
        """
        left = [(f, found) for f, found in self._fixes if _place(f) not in self.refused]
        stale = [place for place, (_, mended) in self.refused.items() if mended < len(self.done.findings)]
        if left or not stale:
            turns = [self._turns.get(_place(f), 0) for f, _ in left]
            first = min(turns, default=0)
            mine = (fix for fix, turn in zip(left, turns, strict=True) if turn == first)
            return list(islice(_apart(mine), self._most))
        for place in stale:
            del self.refused[place]
        self._fixes = list(self._found())
        return self.batch()

    def step(self, batch: Sequence[Fix]) -> None:
        """Takes a step, or learns why not."""
        texts = {**self.done.texts, **_applied(batch)}
        report = self._lint(texts)
        objection = _objection(batch, self.done.report, report)
        if objection is None:
            self._keep(Fixed(texts, report, (*self.done.findings, *(finding for finding, _ in batch))))
        elif len(batch) == 1:
            self._refuse(batch[0][0], objection.reason)
        elif 0 < len(objection.suspects) < len(batch):
            last = max(self._turns.values(), default=0) + 1
            self._turns.update(dict.fromkeys(objection.suspects, last))
        elif objection.guilty:
            for finding in (finding for finding, _ in batch if _place(finding) in objection.guilty):
                self._refuse(finding, objection.guilty[_place(finding)])
        else:
            self._most = len(batch) // 2

    def _keep(self, done: Fixed) -> None:
        if done.texts in self._seen:
            raise EndlessFixes(done.findings)
        self._seen.append(done.texts)
        self.done = done
        self._most = None
        self._fixes = list(self._found())
        if not gc.isenabled():  # as __main__ leaves it, and each step leaves whole meshes behind
            gc.collect()

    def _refuse(self, finding: Finding, reason: str) -> None:
        self.refused[_place(finding)] = Refused(finding, reason), len(self.done.findings)
        self._most = None

    def _found(self) -> Iterator[Fix]:
        """What could be applied. What no edit does, and what is in a locked file, is refused."""
        for finding in told(self.done.report, self._untold):
            described = finding.described_fix
            if not described or described.safety not in self._safeties or _place(finding) in self.refused:
                continue
            fix = finding.fix
            if fix is None:
                self._refuse(finding, INEXPRESSIBLE)
            elif reason := next(filter(None, (self._locked(edit.file) for edit in fix.edits)), None):
                self._refuse(finding, reason)
            else:
                yield finding, fix.edits


def _apart(fixes: Iterable[Fix]) -> Iterator[Fix]:
    taken: dict[str, list[Edit]] = defaultdict(list)
    for finding, found in fixes:
        if not any(_touch(edit, other) for edit in found for other in taken[edit.file.name]):
            for edit in found:
                taken[edit.file.name].append(edit)
            yield finding, found


def _touch(one: Edit, other: Edit) -> bool:
    return one.start <= other.end and other.start <= one.end


def _applied(batch: Iterable[Fix]) -> dict[str, str]:
    """The texts that the edits of a batch make."""
    by_file: dict[str, list[Edit]] = defaultdict(list)
    for edit in chain.from_iterable(found for _, found in batch):
        by_file[edit.file.name].append(edit)
    return {name: apply(found[0].file.text, found) for name, found in by_file.items()}


def _objection(batch: Sequence[Fix], before: Report, after: Report) -> Objection | None:
    """Why the step from one report to another, by a batch of fixes, is not taken; None where all is well."""
    if not _together(batch):
        return Objection("it does not go together with another")
    if failure := next(_new_failures(before, after), None):
        return Objection(f"{failure.file} could not be checked after it: {failure.message}")
    return _stays(batch, before, after) or _worsens(batch, before, after)


def _stays(batch: Sequence[Fix], before: Report, after: Report) -> Objection | None:
    """Why not, if a finding is there as before."""
    there, left = (Counter(map(_subject, _all(report))) for report in (before, after))
    mended = Counter(_subject(finding) for finding, _ in batch)
    stay = {subject: number for subject, number in mended.items() if left[subject] > there[subject] - number}
    if not stay:
        return None
    reason = "the finding would stay"
    suspects = {_place(f): stay[_subject(f)] for f, _ in batch if _subject(f) in stay}
    return Objection(reason, suspects, {place: reason for place, number in suspects.items() if number == 1})


def _worsens(batch: Sequence[Fix], before: Report, after: Report) -> Objection | None:
    """Why not, if there are new findings as bad as one that is mended.

    To blame are the fixes of the object that such a finding is about, else of those it points to. Where that is all of them
    and nobody is guilty, half of those that each finding names wait.
    """
    severities = {_place(finding): finding.severity for finding, _ in batch}
    worse = [finding for finding in _new(before, after) if finding.severity >= min(severities.values())]
    fixes = _by_object(batch)
    suspects: set[Place] = set()
    halves: set[Place] = set()
    guilty: dict[Place, str] = {}
    for finding in worse:
        places = (finding.location, *(related.location for related in finding.related))
        near = [found for place in places if (found := _closest(fixes, place))]
        suspects.update(*near[:1])
        named = sorted(set().union(*near))
        halves.update(named[: (len(named) + 1) // 2])
        if len(named) == 1 and severities[named[0]] <= finding.severity:
            guilty.setdefault(named[0], _would_bring(finding))
    waiting = suspects if guilty or len(suspects) < len(batch) else halves
    return Objection(_would_bring(worse[0]), waiting, guilty) if worse else None


def _by_object(batch: Iterable[Fix]) -> Mapping[object, list[tuple[Place, Path]]]:
    """The places of fixes, and where they change something, by object."""
    found: dict[object, list[tuple[Place, Path]]] = defaultdict(list)
    for finding, _ in batch:
        for change in finding.changes:
            found[_object(change.location.document)].append((_place(finding), change.location.path))
    return found


def _closest(fixes: Mapping[object, list[tuple[Place, Path]]], place: Location | Mark) -> set[Place]:
    """The fixes of the object that a place is in which share most of the way to it."""
    if not isinstance(place, Location):
        return set()
    found = [(len(common((path, place.path))), fix) for fix, path in fixes.get(_object(place.document), ())]
    most = max((length for length, _ in found), default=0)
    return {fix for length, fix in found if length == most}


def _object(document: Document) -> tuple[object, ...]:
    """What a document is about, whatever else changes in it."""
    named = (get(document.data, *path) for path in (("kind",), ("metadata", "namespace"), ("metadata", "name")))
    return (document.file.name, *map(str, named))


def _together(batch: Sequence[Fix]) -> bool:
    """Whether the edits of several fixes are those of all their changes, of which the result is proved."""
    found = sorted(chain.from_iterable(edits for _, edits in batch), key=_position)
    return len(batch) == 1 or found == sorted(edits(chain.from_iterable(f.changes for f, _ in batch)), key=_position)


def _position(edit: Edit) -> tuple[str, int, int]:
    return edit.file.name, edit.start, edit.end


def _new_failures(before: Report, after: Report) -> Iterator[Failure]:
    known = {(failure.kind, failure.file) for failure in before.failures}
    return (failure for failure in after.failures if (failure.kind, failure.file) not in known)


def _new(before: Report, after: Report) -> Iterator[Finding]:
    """What is found after and was not there before, be it hidden, suppressed or superseded."""
    left = Counter(map(_subject, _all(before)))
    for finding in after.findings:
        left[_subject(finding)] -= 1
        if left[_subject(finding)] < 0 and finding.rule.category != SUPPRESSIONS:
            yield finding


def _all(report: Report) -> Iterator[Finding]:
    return chain(report.findings, report.hidden, report.superseded, (entry.finding for entry in report.suppressed))


def _subject(finding: Finding) -> tuple[str, str]:
    """What a finding is about, wherever it stands: edits move lines, and items of lists."""
    return finding.rule.id, finding.cause or str(finding.resource or finding.location.file)


def _place(finding: Finding) -> Place:
    return (*_subject(finding), finding.location.file, finding.location.pointer)


def _would_bring(finding: Finding) -> str:
    where = finding.resource or finding.location.file
    return f"it would bring {finding.severity}[{finding.rule.id}] of {where}"
